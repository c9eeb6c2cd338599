//! Whether rows that were served would be made the same from data now.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Float64Type, Int64Type, TimestampSecondType};
use arrow::record_batch::RecordBatch;
use serde::Serialize;
use serde_json::Value;
use trainyard_features::{EncodedFeature, FittedFeatures, ServedRow, time};

use crate::{Error, Result, Source};

/// Served rows that are held at a time, some 200 MB; a longer log takes a pass over the data for each so many.
const ROWS: usize = 200_000;

/// Mismatches that are told one by one.
const EXAMPLES: usize = 20;

/// What a comparison has found.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Skew {
    /// Rows in the log.
    pub logged: u64,
    /// Those of other features than the model's, which are not compared.
    pub other_features: u64,
    /// Those without a key, which are not compared.
    pub without_key: u64,
    /// Those whose key no row of the data has.
    pub not_found: u64,
    /// Pairs of a served row and a row of the data with its key.
    pub compared: u64,
    /// Those in which a feature differs.
    pub mismatched: u64,
    /// How often each feature differs.
    pub features: BTreeMap<String, u64>,
    /// The first mismatches.
    pub examples: Vec<SkewExample>,
}

/// A feature that was served and would be made otherwise now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SkewExample {
    /// The key of the row: the values of the key columns, with `, ` between them.
    pub key: String,
    /// Name of the feature.
    pub feature: String,
    /// What was served; `None` if there was no such feature.
    pub logged: Option<EncodedFeature>,
    /// What is made now.
    pub recomputed: Option<EncodedFeature>,
}

/// Compares the rows of feature logs with what `features` make of the rows of `source` that have the same values of the columns
/// `keys`: bit for bit, since serving and training share their code.
///
/// # Errors
///
/// [`Error::FeatureLog`] when a line is none of a log, and when a row of the data cannot be read or transformed.
pub fn compare_served(features: &FittedFeatures, logs: &[PathBuf], source: &Source, keys: &[String]) -> Result<Skew> {
    let fingerprint = features.fingerprint();
    let mut skew = Skew::default();
    let mut served = Served::default();
    for log in logs {
        for (number, line) in lines(log)?.enumerate() {
            let row = row(log, number as u64 + 1, line)?;
            skew.logged += 1;
            match key_of_row(&row, keys) {
                _ if row.fingerprint != fingerprint => skew.other_features += 1,
                None => skew.without_key += 1,
                Some(key) => served.add(key, row),
            }
            if served.rows >= ROWS {
                std::mem::take(&mut served).compare(features, source, keys, &mut skew)?;
            }
        }
    }
    served.compare(features, source, keys, &mut skew)?;
    Ok(skew)
}

fn lines(path: &Path) -> Result<impl Iterator<Item = std::io::Result<String>>> {
    Ok(BufReader::new(File::open(path).map_err(Error::io("open", path))?).lines())
}

fn row(path: &Path, number: u64, line: std::io::Result<String>) -> Result<ServedRow> {
    let line = line.map_err(Error::io("read", path))?;
    ServedRow::from_json(&line).map_err(|source| Error::FeatureLog { path: path.to_owned(), line: number, source })
}

/// Served rows by key.
#[derive(Default)]
struct Served {
    rows: usize,
    by_key: HashMap<String, (Vec<ServedRow>, bool)>,
}

impl Served {
    fn add(&mut self, key: String, row: ServedRow) {
        self.rows += 1;
        self.by_key.entry(key).or_default().0.push(row);
    }

    /// One pass over the data.
    fn compare(mut self, features: &FittedFeatures, source: &Source, keys: &[String], skew: &mut Skew) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        for batch in source.scan()? {
            let batch = batch?;
            let row_keys = keys_of_batch(&batch, keys)?;
            let is_served = |key: &Option<String>| key.as_ref().is_some_and(|key| self.by_key.contains_key(key));
            let mask: BooleanArray = row_keys.iter().map(|key| Some(is_served(key))).collect();
            if mask.true_count() > 0 {
                let found =
                    row_keys.into_iter().flatten().filter(|key| self.by_key.contains_key(key)).collect::<Vec<_>>();
                self.compare_rows(features, &filter_record_batch(&batch, &mask)?, &found, skew)?;
            }
        }
        let left = self.by_key.values().filter(|(_, is_found)| !is_found);
        skew.not_found += left.map(|(rows, _)| rows.len() as u64).sum::<u64>();
        Ok(())
    }

    fn compare_rows(
        &mut self,
        features: &FittedFeatures,
        rows: &RecordBatch,
        keys: &[String],
        skew: &mut Skew,
    ) -> Result<()> {
        let made = features.transform(rows)?;
        for (i, key) in keys.iter().enumerate() {
            let now = features.encoding().row(&made, i);
            let Some((served, is_found)) = self.by_key.get_mut(key) else { continue };
            *is_found = true;
            for row in served {
                skew.compared += 1;
                let mismatches = row.mismatches(&now);
                skew.mismatched += u64::from(!mismatches.is_empty());
                for mismatch in mismatches {
                    *skew.features.entry(mismatch.feature.clone()).or_default() += 1;
                    if skew.examples.len() < EXAMPLES {
                        let (feature, logged, recomputed) = (mismatch.feature, mismatch.logged, mismatch.recomputed);
                        skew.examples.push(SkewExample { key: key.clone(), feature, logged, recomputed });
                    }
                }
            }
        }
        Ok(())
    }
}

/// The key of a served row: its key columns, or raw columns of their names; `None` when one has no value.
fn key_of_row(row: &ServedRow, keys: &[String]) -> Option<String> {
    let parts = keys.iter().map(|key| match row.keys.get(key).or_else(|| row.inputs.get(key))? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => {
            Some(number.as_i64().map_or_else(|| float_text(number.as_f64()), |int| int.to_string()))
        }
        other => Some(other.to_string()),
    });
    Some(parts.collect::<Option<Vec<_>>>()?.join(", "))
}

/// The key of each row of a batch; `None` where a part of it is missing.
fn keys_of_batch(batch: &RecordBatch, keys: &[String]) -> Result<Vec<Option<String>>> {
    let columns = keys.iter().map(|key| Ok::<_, Error>(batch.column(batch.schema_ref().index_of(key)?)));
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let key = |row: usize| {
        let parts = columns.iter().map(|array| text(array, row)).collect::<Option<Vec<_>>>()?;
        Some(parts.join(", "))
    };
    Ok((0..batch.num_rows()).map(key).collect())
}

fn text(array: &ArrayRef, row: usize) -> Option<String> {
    if array.is_null(row) {
        return None;
    }
    if let Some(ints) = array.as_primitive_opt::<Int64Type>() {
        return Some(ints.value(row).to_string());
    }
    if let Some(floats) = array.as_primitive_opt::<Float64Type>() {
        return Some(float_text(Some(floats.value(row))));
    }
    if let Some(bools) = array.as_boolean_opt() {
        return Some(bools.value(row).to_string());
    }
    if let Some(times) = array.as_primitive_opt::<TimestampSecondType>() {
        return Some(time::text(times.value(row)));
    }
    array.as_string_opt::<i32>().map(|texts| texts.value(row).to_owned())
}

fn float_text(number: Option<f64>) -> String {
    number.unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SourceConfig;
    use arrow::array::TimestampSecondArray;
    use serde_json::{Map, json};
    use std::sync::Arc;
    use trainyard_features::{Features, Schema};

    #[test]
    fn keys_of_all_types_have_a_text() {
        let times: ArrayRef = Arc::new(TimestampSecondArray::from(vec![Some(1_714_571_100), None]));
        assert_eq!((text(&times, 0).as_deref(), text(&times, 1)), (Some("2024-05-01 13:45:00"), None));
    }

    const ROWS: &str = "id,size,town\n1,2.5,Bern\n2,4.5,Chur\n3,,Bern\n";

    fn source(folder: &Path, name: &str, text: &str) -> Source {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        Source::open_all(&SourceConfig { path: path.as_path().into(), ..SourceConfig::default() }).unwrap()
    }

    fn fitted(source: &Source) -> FittedFeatures {
        let specs = serde_json::from_str(r#"{ "size": { "op": "z_score" }, "town": { "op": "vocabulary" } }"#).unwrap();
        let schema = Schema { fields: source.schema().fields[1..].to_vec() };
        crate::fit(Features::new(specs, &schema, None, None).unwrap(), source, 1, &|_| {}).unwrap()
    }

    /// The log of a server that answered all rows.
    fn log(features: &FittedFeatures, source: &Source) -> Vec<String> {
        let batch = source.scan().unwrap().next().unwrap().unwrap();
        let made = features.transform(&batch).unwrap();
        let line = |i: usize| {
            let row = ServedRow {
                model: "m".to_owned(),
                version: 1,
                fingerprint: features.fingerprint(),
                keys: Map::from_iter([("id".to_owned(), json!(i + 1))]),
                inputs: Map::new(),
                features: features.encoding().row(&made, i),
            };
            serde_json::to_string(&row).unwrap()
        };
        (0..batch.num_rows()).map(line).collect()
    }

    #[track_caller]
    fn check(change_log: impl Fn(String) -> String, data: &str) -> Result<Skew> {
        let folder = tempfile::tempdir().unwrap();
        let before = source(folder.path(), "before.csv", ROWS);
        let features = fitted(&before);
        let path = folder.path().join("served.jsonl");
        std::fs::write(&path, change_log(log(&features, &before).join("\n"))).unwrap();
        compare_served(&features, &[path], &source(folder.path(), "now.csv", data), &["id".to_owned()])
    }

    #[test]
    fn rows_that_are_the_same_have_no_skew() {
        let skew = check(|log| log, ROWS).unwrap();
        assert_eq!(skew, Skew { logged: 3, compared: 3, ..Skew::default() });
    }

    #[test]
    fn raw_data_that_changed_later_is_found() {
        let skew = check(|log| log, "id,size,town\n1,2.5,Bern\n2,4.6,Bern\n4,1,Bern\n").unwrap();
        assert_eq!((skew.compared, skew.mismatched, skew.not_found), (2, 1, 1));
        assert_eq!(skew.features, BTreeMap::from([("size".to_owned(), 1), ("town".to_owned(), 1)]));
        assert_eq!((skew.examples[1].key.as_str(), skew.examples[1].feature.as_str()), ("2", "town"));
        assert_eq!(skew.examples[1].logged, Some(EncodedFeature::Ids(vec![1])));
        assert_eq!(skew.examples[1].recomputed, Some(EncodedFeature::Ids(vec![0])));
    }

    #[test]
    fn a_served_feature_that_was_tampered_with_is_found() {
        let skew = check(|log| log.replacen("{\"ids\":[0]}", "{\"ids\":[1]}", 1), ROWS).unwrap();
        assert_eq!((skew.mismatched, skew.examples[0].key.as_str()), (1, "1"));
        assert_eq!(skew.features, BTreeMap::from([("town".to_owned(), 1)]));
    }

    #[test]
    fn rows_that_cannot_be_compared_are_counted() {
        let skew = check(
            |log| log.replacen("\"id\":2", "\"id\":null", 1).replacen("\"fingerprint\":\"", "\"fingerprint\":\"x", 1),
            ROWS,
        );
        let skew = skew.unwrap();
        assert_eq!((skew.logged, skew.other_features, skew.without_key, skew.compared), (3, 1, 1, 1));
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        let error = check(|log| log + "\n{\"model\":", ROWS).unwrap_err().to_string();
        assert!(error.starts_with("line 4 of `") && error.contains("no row of a feature log"), "{error}");
    }
}
