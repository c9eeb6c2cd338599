//! Figures as a table.

use comfy_table::{Cell, CellAlignment, Table, presets};
use trainyard::data::Skew;
use trainyard::features::profile::{Association, ColumnProfile, Profile, distances};
use trainyard::features::validation::Anomaly;
use trainyard::train::report::MetricRow;

/// A table of figures: a row each, with a value for each column.
pub fn figures(columns: &[String], rows: &[MetricRow]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(std::iter::once("metric").chain(columns.iter().map(String::as_str)));
    for MetricRow { name, values } in rows {
        let cells = values
            .iter()
            .map(|value| Cell::new(value.map_or_else(String::new, number)).set_alignment(CellAlignment::Right));
        table.add_row(std::iter::once(Cell::new(name)).chain(cells));
    }
    table.to_string()
}

/// What the columns of data are like: a row each, those that are most different from `other` first.
pub fn profile(profile: &Profile, other: Option<&Profile>) -> String {
    let distances = other.map(|other| distances(profile, other)).unwrap_or_default();
    let place = |name: &str| distances.iter().position(|distance| distance.column == name).unwrap_or(usize::MAX);
    let mut columns: Vec<&ColumnProfile> = profile.columns.iter().collect();
    columns.sort_by_key(|column| if distances.is_empty() { 0 } else { place(&column.name) });
    let names = [
        "column",
        "type",
        "rows",
        "missing",
        "zeros",
        "NaN",
        "mean",
        "std",
        "min",
        "median",
        "max",
        "unique",
        "most frequent",
        "length",
    ];
    let extra = [(profile.label.is_some(), "with the label"), (other.is_some(), "distance")];
    let extra: Vec<&str> = extra.into_iter().filter(|(is_there, _)| *is_there).map(|(_, name)| name).collect();
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(names.iter().chain(&extra));
    for column in columns {
        let mut cells = column_cells(column);
        cells.extend(profile.label.as_ref().map(|_| column.associations.first().map(association).unwrap_or_default()));
        let distance = distances.iter().find(|distance| distance.column == column.name);
        cells.extend(
            other.map(|_| distance.and_then(|distance| distance.jensen_shannon).map(number).unwrap_or_default()),
        );
        let right = |(i, text): (usize, String)| {
            let alignment = if i < 2 { CellAlignment::Left } else { CellAlignment::Right };
            Cell::new(text).set_alignment(alignment)
        };
        table.add_row(cells.into_iter().enumerate().map(right));
    }
    let duplicates = profile.duplicate_rows().filter(|(rows, _)| *rows > 0);
    let duplicates = duplicates.map(|(rows, exact)| format!(", {} equal to an earlier one", estimate(rows, exact)));
    format!("{table}\n{} rows{}", profile.rows, duplicates.unwrap_or_default())
}

fn column_cells(column: &ColumnProfile) -> Vec<String> {
    let numbers = column.numbers.as_ref().filter(|numbers| numbers.count > 0);
    let figure = |value: Option<f64>| value.map(number).unwrap_or_default();
    let place =
        |value: Option<f64>| value.map(|value| column.time(value).unwrap_or_else(|| number(value))).unwrap_or_default();
    let nan = column.numbers.as_ref().map(|numbers| numbers.nan.to_string()).unwrap_or_default();
    let values = column.values.as_ref();
    let exact = numbers.is_none_or(|numbers| numbers.exact);
    let median = place(numbers.and_then(|numbers| numbers.quantile(0.5)));
    let top = values.and_then(|values| values.top.first().map(|top| (top, values.count)));
    let list = column.lists.map(|lists| format!("[{}-{}]", lists.min, lists.max)).unwrap_or_default();
    vec![
        column.name.clone(),
        format!("{}{list}", column.column_type),
        column.count.to_string(),
        column.missing.to_string(),
        numbers.map(|numbers| numbers.zeros.to_string()).unwrap_or_default(),
        nan,
        place(numbers.map(|numbers| numbers.mean)),
        figure(numbers.map(|numbers| numbers.std)),
        place(numbers.map(|numbers| numbers.min)),
        if exact { median } else { format!("~{median}") },
        place(numbers.map(|numbers| numbers.max)),
        values.map(|values| estimate(values.unique, values.exact)).unwrap_or_default(),
        top.map(|(top, all)| {
            format!("{} ({:.1} %)", shortened(&top.value), 100.0 * top.count as f64 / all.max(1) as f64)
        })
        .unwrap_or_default(),
        figure(values.and_then(|values| values.mean_length)),
    ]
}

fn association(association: &Association) -> String {
    format!("{} {}", association.measure.name(), number(association.value))
}

fn estimate(value: u64, exact: bool) -> String {
    format!("{}{value}", if exact { "" } else { "~" })
}

/// Text of at most 24 characters on one line.
fn shortened(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let more = if text.chars().nth(24).is_some() { "…" } else { "" };
    text.chars().take(24).map(plain).chain(more.chars()).collect()
}

/// Anomalies, a row each.
pub fn anomalies(anomalies: &[Anomaly]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["severity", "anomaly", "column", "expected", "found"]);
    for anomaly in anomalies {
        let column = anomaly.column.as_deref().map(shortened).unwrap_or_default();
        let severity = anomaly.severity.to_string();
        table.add_row([severity.as_str(), anomaly.kind.code(), &column, &anomaly.expected, &anomaly.found]);
    }
    table.to_string()
}

/// How often each feature differs, then the first rows in which one does.
pub fn skew(skew: &Skew) -> String {
    let mut features = Table::new();
    features.load_style(presets::NOTHING);
    features.set_header(["feature", "differs in rows"]);
    for (feature, rows) in &skew.features {
        features.add_row([feature.clone(), rows.to_string()]);
    }
    let mut rows = Table::new();
    rows.load_style(presets::NOTHING);
    rows.set_header(["key", "feature", "logged", "recomputed"]);
    let text = |value: &Option<trainyard::features::EncodedFeature>| {
        value.as_ref().and_then(|value| serde_json::to_string(value).ok()).unwrap_or_else(|| "none".to_owned())
    };
    for example in &skew.examples {
        rows.add_row([
            shortened(&example.key),
            example.feature.clone(),
            text(&example.logged),
            text(&example.recomputed),
        ]);
    }
    format!("{features}\n\n{rows}\n")
}

/// A number with five digits that count.
fn number(value: f64) -> String {
    let digits = if value == 0.0 { 0 } else { value.abs().log10().floor() as i32 };
    if (-4..6).contains(&digits) { format!("{value:.*}", (4 - digits).max(1) as usize) } else { format!("{value:.4e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_five_digits() {
        for (value, expected) in [(0.0, "0.0000"), (3.906_25, "3.9062"), (12_345.678, "12345.7"), (1e-9, "1.0000e-9")] {
            assert_eq!(number(value), expected);
        }
    }
}
