//! The text of the spec.

use super::column::ColumnSurvey;
use super::dialect::Dialect;
use super::feature::Drafted;
use super::label::Target;
use super::survey::Survey;
use super::text::{count, key, list, quoted, shown};
use std::path::Path;
use trainyard_data::{Format, OnError, PathSpec, SourceConfig};
use trainyard_features::ColumnType;

/// All that a spec is written from.
pub(super) struct Page<'a> {
    pub dialect: &'a Dialect,
    pub survey: &'a Survey,
    pub target: &'a Target,
    pub drafted: &'a Drafted,
}

/// Writes the spec.
pub(super) fn write(page: &Page<'_>) -> String {
    let sections = [head(page), data(page), types(page), features(page.drafted), model(page), train(page.survey.rows)];
    sections.join("\n\n") + "\n"
}

fn head(page: &Page<'_>) -> String {
    let (rows, columns) = (count(page.survey.rows), page.survey.columns.len());
    let (label, config) = (shown(&page.target.name), &page.dialect.config);
    format!(
        "# Learns {label}. Drafted after a look at all {rows} rows of {columns} columns; it runs as it is.\n\
         # The evidence stands beside each choice: change what you know better.\n\
         name = {}",
        quoted(&run_name(&config.path))
    )
}

fn data(page: &Page<'_>) -> String {
    let (target, keys) = (page.target, &page.drafted.keys);
    let mut lines = vec!["[data]".to_owned(), format!("train = {}", paths(&page.dialect.config.path))];
    lines.push(
        "# Without `eval = \"..\"`, one row in ten is held out to judge the model by. Rows that belong together, of a"
            .to_owned(),
    );
    lines.push("# user say, are kept together by `split = { by = [\"user\"], eval = 0.1, test = 0.1 }`.".to_owned());
    lines.push(
        "# Joins, windows and filters before the features: `[view]`, a query over the rows; see docs/spec.md."
            .to_owned(),
    );
    lines.push(format!("label = {}", quoted(&target.name)));
    lines.push(format!("# {}", target.why));
    lines.push(format!("task = \"{}\"", target.task));
    if !keys.is_empty() {
        lines.push("# Names of rows: no features, but predictions carry them through.".to_owned());
        lines.extend(keys.iter().map(|(name, why)| format!("# {}: {why}", shown(name))));
        lines.push(format!("keys = {}", list(keys.iter().map(|(name, _)| name))));
    }
    lines.extend(files(&page.dialect.config, &page.survey.missing));
    lines.join("\n")
}

/// How the files are written, where it is not the default.
fn files(config: &SourceConfig, found: &[String]) -> Vec<String> {
    let mut lines = Vec::new();
    let format = config.format.map(Format::name);
    lines.extend(format.map(|format| format!("format = \"{format}\"")));
    if !config.header {
        lines.push(format!("header = false\ncolumns = {}", list(&config.columns)));
    }
    lines.extend(config.delimiter.map(|delimiter| format!("delimiter = {}", quoted(&delimiter.to_string()))));
    let flags = [("quotes", config.quotes, true), ("trim", config.trim, false)];
    lines.extend(flags.iter().filter(|(_, is, default)| is != default).map(|(name, is, _)| format!("{name} = {is}")));
    if !found.is_empty() {
        lines.push("# Texts that were found where values are missing; the empty text always is one.".to_owned());
    }
    if !config.missing.is_empty() {
        lines.push(format!("missing = {}", list(&config.missing)));
    }
    if config.on_error == OnError::Skip {
        lines.push("on_error = \"skip\"".to_owned());
    }
    lines
}

fn types(page: &Page<'_>) -> String {
    let columns = page.survey.columns.iter();
    // A time is no label.
    let declared = |column: &ColumnSurvey| match column.column_type() {
        ColumnType::Time if column.name == page.target.name => ColumnType::Text,
        column_type => column_type,
    };
    let types: Vec<String> =
        columns.map(|column| format!("{} = \"{}\"", key(&column.name), declared(column))).collect();
    format!("# As found in all rows.\n[data.types]\n{}", types.join("\n"))
}

fn features(drafted: &Drafted) -> String {
    let mut lines = vec![
        "# Numbers: `z_score`, after `log1p` where the tail is long; to try: `clip`, `bucketize` with `quantiles = 10`.".to_owned(),
        "# Categories: `vocabulary`; to try: `cross` of two, another `min_count`, `hash` where there are very many.".to_owned(),
        "[features]".to_owned(),
    ];
    lines.extend(drafted.features.iter().cloned());
    if let Some(suggestion) = &drafted.suggestion {
        lines.push(format!("# To try, the distance between the two places:\n# {suggestion}"));
    }
    if !drafted.left_out.is_empty() {
        lines.push("# Left out:".to_owned());
        lines.extend(drafted.left_out.iter().map(|(name, why)| format!("# {}: {why}", shown(name))));
    }
    lines.join("\n")
}

fn model(page: &Page<'_>) -> String {
    let (kind, why) = if page.drafted.has_categories {
        ("wide_deep", "A linear part that remembers categories, and a deep one; to try: `dnn`, `linear`.")
    } else {
        ("dnn", "Hidden layers over the numbers; to try: `linear`, which is faster and easier to explain.")
    };
    let units = match page.survey.rows {
        0..2_000 => "[16]",
        2_000..200_000 => "[64, 32]",
        _ => "[128, 64]",
    };
    format!(
        "# {why}\n[model]\ntype = \"{kind}\"\n# By the number of rows; to try: twice or half as many, and `dropout = 0.1`.\nhidden_units = {units}"
    )
}

fn train(rows: u64) -> String {
    let (batch_size, epochs) = match rows {
        0..20_000 => (64, 30),
        20_000..200_000 => (128, 20),
        200_000..2_000_000 => (256, 10),
        _ => (1024, 5),
    };
    format!(
        "# Training ends earlier when the held-out rows do not get better for 5 evaluations (`early_stopping.patience`).\n\
         [train]\nbatch_size = {batch_size}\nepochs = {epochs}"
    )
}

fn paths(path: &PathSpec) -> String {
    match path {
        PathSpec::One(path) => quoted(path),
        PathSpec::Many(paths) => list(paths),
    }
}

/// The name of the first file, or of its directory where the file's says nothing.
fn run_name(path: &PathSpec) -> String {
    let path = Path::new(path.paths().first().map_or("", String::as_str));
    let tame = |name: Option<&std::ffi::OsStr>| {
        let name: String = (name.unwrap_or_default().to_string_lossy().chars())
            .map(|c| if c.is_alphanumeric() || c == '-' { c } else { '_' })
            .collect();
        name.trim_matches('_').to_owned()
    };
    let names = [tame(path.file_stem()), tame(path.parent().and_then(Path::file_name))];
    let says_something = |name: &&String| !["", "train", "training", "data", "rows"].contains(&name.as_str());
    let name = names.iter().find(says_something).or_else(|| names.iter().find(|name| !name.is_empty()));
    name.map_or("model", String::as_str).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expected: &str) {
        assert_eq!(run_name(&path.into()), expected);
    }

    #[test]
    fn a_run_is_named_after_its_file_or_folder() {
        check("taxi.csv", "taxi");
        check("data/taxi/train.csv", "taxi");
        check("train.csv", "train");
        check("rows/*.csv", "rows");
        check("fares/*.csv", "fares");
        check("my rows (1).csv", "my_rows__1");
        check("*", "model");
        check("../.csv", "csv");
    }
}
