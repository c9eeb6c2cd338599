//! What the tests of operations share: features from TOML, fitted on some rows and applied to the same or others.

use crate::{Batch, ColumnType, Features, FittedFeatures, Result, Schema};
use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray};
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use std::sync::Arc;

pub type Columns = Vec<(&'static str, ArrayRef)>;

/// Floats; NaN is null.
pub fn floats(values: &[f64]) -> ArrayRef {
    Arc::new(values.iter().map(|&value| (!value.is_nan()).then_some(value)).collect::<Float64Array>())
}

pub fn ints(values: &[Option<i64>]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

pub fn bools(values: &[Option<bool>]) -> ArrayRef {
    Arc::new(BooleanArray::from(values.to_vec()))
}

/// Text; `"-"` is null.
pub fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(values.iter().map(|&value| (value != "-").then_some(value)).collect::<StringArray>())
}

pub fn rows(columns: &Columns) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.iter().map(|(name, array)| (*name, array.clone(), true))).unwrap()
}

pub fn schema(columns: &Columns) -> Schema {
    let column_type = |array: &ArrayRef| match array.data_type() {
        DataType::Float64 => ColumnType::Float,
        DataType::Int64 => ColumnType::Int,
        DataType::Boolean => ColumnType::Bool,
        _ => ColumnType::Text,
    };
    Schema::new(columns.iter().map(|(name, array)| (*name, column_type(array))))
}

pub fn features(toml: &str, columns: &Columns) -> Result<Features> {
    Features::new(toml::from_str(toml).unwrap(), &schema(columns), None, None)
}

pub fn fit(toml: &str, columns: &Columns) -> Result<FittedFeatures> {
    fit_features(features(toml, columns)?, columns)
}

pub fn fit_features(features: Features, columns: &Columns) -> Result<FittedFeatures> {
    let mut fitting = features.fit();
    while !fitting.finished() {
        let collector = fitting.collector();
        collector.update(&rows(columns))?;
        fitting.absorb(collector)?;
    }
    fitting.finish()
}

pub fn run(toml: &str, columns: &Columns) -> Result<Batch> {
    fit(toml, columns)?.transform(&rows(columns))
}

/// Fits on some rows, applies to the same, and compares the numbers.
#[track_caller]
pub fn check_numeric(toml: &str, columns: Columns, expected: &[f32]) {
    assert_eq!(run(toml, &columns).unwrap().numeric, expected);
}

/// Fits on some rows, applies to others, and compares the numbers.
#[track_caller]
pub fn check_applied(toml: &str, training: Columns, applied: Columns, expected: &[f32]) {
    assert_eq!(fit(toml, &training).unwrap().transform(&rows(&applied)).unwrap().numeric, expected);
}

/// Fits on some rows, applies to the same, and compares the ids of the first categorical feature and its buckets.
#[track_caller]
pub fn check_ids(toml: &str, columns: Columns, expected: &[&[u64]], buckets: u64) {
    check_applied_ids(toml, columns.clone(), columns, expected, buckets);
}

/// Fits on some rows, applies to others, and compares the ids of the first categorical feature and its buckets.
#[track_caller]
pub fn check_applied_ids(toml: &str, training: Columns, applied: Columns, expected: &[&[u64]], buckets: u64) {
    let fitted = fit(toml, &training).unwrap();
    let batch = fitted.transform(&rows(&applied)).unwrap();
    let found: Vec<&[u64]> = (0..batch.rows).map(|row| batch.ids[0].row(row)).collect();
    assert_eq!(found, expected);
    assert_eq!(fitted.encoding().categorical[0].buckets, buckets);
}

/// Fits on some rows, applies to the same, and compares the ids and weights of the first categorical feature and its buckets.
#[track_caller]
pub fn check_weighted(toml: &str, columns: Columns, expected: &[&[(u64, f32)]], buckets: u64) {
    let fitted = fit(toml, &columns).unwrap();
    let found = fitted.transform(&rows(&columns)).unwrap().ids.swap_remove(0);
    let weights = found.weights.as_ref().unwrap();
    let bounds = found.offsets.windows(2).map(|ends| ends[0] as usize..ends[1] as usize);
    let found: Vec<Vec<(u64, f32)>> = bounds.map(|row| row.map(|i| (found.ids[i], weights[i])).collect()).collect();
    assert_eq!(found, expected);
    assert_eq!(fitted.encoding().categorical[0].buckets, buckets);
}

#[track_caller]
pub fn check_error(toml: &str, columns: Columns, expected: &str) {
    let message = run(toml, &columns).unwrap_err().to_string();
    assert!(message.contains(expected), "{message}");
}
