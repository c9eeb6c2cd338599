//! What tests of several modules use.

use arrow::util::display::{ArrayFormatter, FormatOptions};

use tempfile::TempDir;
use trainyard_features::ColumnType::{Float, Int, Text};
use trainyard_features::{Features, FittedFeatures, LabelSpec, LabelTask};
use trainyard_graph::random;

use crate::{Result, Source, SourceConfig};

/// The rows of a source as texts, with `|` between the fields and nothing for a missing value.
pub(crate) fn rows(source: &Source) -> Result<Vec<String>> {
    let mut rows = Vec::new();
    for batch in source.scan()? {
        let batch = batch?;
        let columns = batch.columns().iter().map(|array| ArrayFormatter::try_new(array, &FormatOptions::default()));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let row = |i| columns.iter().map(|column| column.value(i).to_string()).collect::<Vec<_>>().join("|");
        rows.extend((0..batch.num_rows()).map(row));
    }
    Ok(rows)
}

/// A CSV of people: `age` (sometimes missing), `city`, `income` and the label `rich`.
pub(crate) fn people(rows: u64) -> (TempDir, SourceConfig) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("people.csv");
    let mut text = String::from("age,city,income,rich\n");
    let stream = random::stream(1, "people");
    for row in 0..rows {
        let age = 18 + random::below(stream, 4 * row, 60);
        let age = if row % 7 == 3 { String::new() } else { age.to_string() };
        let city = ["Bern", "Basel", "Chur", ""][random::below(stream, 4 * row + 1, 4) as usize];
        let income = random::uniform(stream, 4 * row + 2) * 100.0;
        let rich = u8::from(random::below(stream, 4 * row + 3, 3) == 0);
        text += &format!("{age},{city},{income},{rich}\n");
    }
    std::fs::write(&path, text).unwrap();
    let types = [("age", Float), ("city", Text), ("income", Float), ("rich", Int)];
    let types = types.into_iter().map(|(name, column_type)| (name.to_owned(), column_type)).collect();
    (folder, SourceConfig { path: path.as_path().into(), types, ..SourceConfig::default() })
}

/// Features of [`people`], two of numbers and two of ids, and the source.
pub(crate) fn unfitted(config: &SourceConfig) -> Result<(Features, Source)> {
    let source = Source::open(config, &[("age", None), ("city", None), ("income", None), ("rich", None)])?;
    let specs = r#"{
        "age_z": { "op": "z_score", "input": "age" },
        "income": { "op": "numeric" },
        "city": { "op": "vocabulary" },
        "income_bucket": { "op": "bucketize", "input": "income", "quantiles": 4 }
    }"#;
    let specs = serde_json::from_str(specs).expect("the features are well formed");
    let label = LabelSpec::new("rich", LabelTask::Binary);
    Ok((Features::new(specs, source.schema(), Some(label), None)?, source))
}

/// The same, fitted.
pub(crate) fn features(config: &SourceConfig, threads: usize) -> Result<(FittedFeatures, Source)> {
    let (features, source) = unfitted(config)?;
    Ok((crate::fit(features, &source, threads, &|_| {})?, source))
}
