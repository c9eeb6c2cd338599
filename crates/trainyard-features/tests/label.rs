//! Labels and weights, from fitting to batches.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray, TimestampSecondArray};
use arrow::record_batch::RecordBatch;
use std::sync::Arc;
use trainyard_features::{ColumnType, Features, FittedFeatures, LabelSpec, LabelTask, LabelValue, Result, Schema};

fn floats(values: &[Option<f64>]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}

fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn batch(label: &ArrayRef, weights: &[Option<f64>]) -> RecordBatch {
    let x: ArrayRef = Arc::new(Int64Array::from_iter_values(0..label.len() as i64));
    let mut columns = vec![("x", x, true), ("y", label.clone(), true)];
    if !weights.is_empty() {
        columns.push(("w", floats(weights), true));
    }
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

fn fit(spec: LabelSpec, column_type: ColumnType, label: &ArrayRef, weights: &[Option<f64>]) -> Result<FittedFeatures> {
    let schema = Schema::new([("x", ColumnType::Int), ("y", column_type), ("w", ColumnType::Float)]);
    let specs = toml::from_str("[x]\nop = 'numeric'").unwrap();
    let weight = (!weights.is_empty()).then(|| "w".to_string());
    let mut fitting = Features::new(specs, &schema, Some(spec), weight)?.fit();
    while !fitting.finished() {
        let collector = fitting.collector();
        collector.update(&batch(label, weights))?;
        fitting.absorb(collector)?;
    }
    fitting.finish()
}

#[track_caller]
fn check(spec: LabelSpec, column_type: ColumnType, label: ArrayRef, classes: &[&str], expected: &[f32]) {
    let fitted = fit(spec, column_type, &label, &[]).unwrap();
    assert_eq!(fitted.label().unwrap().classes(), classes);
    assert_eq!(fitted.transform_labelled(&batch(&label, &[])).unwrap().labels, expected);
    let read = FittedFeatures::from_json(&fitted.to_json()).unwrap();
    assert_eq!(read.label(), fitted.label());
}

#[track_caller]
fn check_error(spec: LabelSpec, column_type: ColumnType, label: ArrayRef, expected: &str) {
    let message = fit(spec, column_type, &label, &[]).unwrap_err().to_string();
    assert!(message.contains(expected), "{message}");
}

fn binary() -> LabelSpec {
    LabelSpec::new("y", LabelTask::Binary)
}

fn multiclass() -> LabelSpec {
    LabelSpec::new("y", LabelTask::Multiclass)
}

fn regression() -> LabelSpec {
    LabelSpec::new("y", LabelTask::Regression)
}

#[test]
fn the_greater_of_two_values_is_positive() {
    check(binary(), ColumnType::Text, texts(&["no", "yes", "no"]), &["no", "yes"], &[0.0, 1.0, 0.0]);
    check(binary(), ColumnType::Int, Arc::new(Int64Array::from(vec![10, 9])), &["9", "10"], &[1.0, 0.0]);
    check(binary(), ColumnType::Float, floats(&[Some(0.0), Some(1.0)]), &["0", "1"], &[0.0, 1.0]);
    check(binary(), ColumnType::Bool, Arc::new(BooleanArray::from(vec![true, false])), &["false", "true"], &[1.0, 0.0]);
}

#[test]
fn another_positive_value_may_be_named() {
    let spec = |value| LabelSpec { positive: Some(value), ..binary() };
    let label = || texts(&["no", "yes", "no"]);
    check(spec(LabelValue::Text("no".into())), ColumnType::Text, label(), &["yes", "no"], &[1.0, 0.0, 1.0]);
    check(spec(LabelValue::Int(0)), ColumnType::Float, floats(&[Some(0.0), Some(1.0)]), &["1", "0"], &[1.0, 0.0]);
    let expected = "column `y` never has the positive value `maybe`; it has `no`, `yes`";
    check_error(spec(LabelValue::Text("maybe".into())), ColumnType::Text, label(), expected);
}

#[test]
fn classes_are_numbered_in_their_order() {
    check(multiclass(), ColumnType::Text, texts(&["c", "a", "b", "a"]), &["a", "b", "c"], &[2.0, 0.0, 1.0, 0.0]);
    let numbers = Arc::new(Int64Array::from(vec![10, -1, 9]));
    check(multiclass(), ColumnType::Int, numbers, &["-1", "9", "10"], &[2.0, 0.0, 1.0]);
}

#[test]
fn a_regression_takes_the_number_itself() {
    check(regression(), ColumnType::Float, floats(&[Some(2.5), Some(-1.0)]), &[], &[2.5, -1.0]);
}

#[test]
fn a_single_value_teaches_nothing() {
    let expected = "column `y` is the label, but has only the value `1` in the training data";
    check_error(regression(), ColumnType::Float, floats(&[Some(1.0), Some(1.0)]), expected);
    check_error(binary(), ColumnType::Float, floats(&[Some(1.0), Some(1.0)]), expected);
}

#[test]
fn more_than_two_values_are_not_binary() {
    let expected =
        "is a binary label, but has 3 different values: `a`, `b`, `c`; for more than two use task `multiclass`";
    check_error(binary(), ColumnType::Text, texts(&["a", "b", "c"]), expected);
}

#[test]
fn a_row_without_label_is_an_error_with_the_count() {
    let expected = "column `y` is the label, but has no value in 1 rows";
    check_error(regression(), ColumnType::Float, floats(&[Some(1.0), None, Some(2.0)]), expected);
    check_error(binary(), ColumnType::Text, texts(&["a", "", "b"]), expected);
}

#[test]
fn regression_of_text_is_refused() {
    check_error(
        regression(),
        ColumnType::Text,
        texts(&["a"]),
        "the label column `y` is text, but regression needs numbers",
    );
}

#[test]
fn a_time_is_no_label() {
    let times: ArrayRef = Arc::new(TimestampSecondArray::from(vec![0, 1, 2]));
    for task in [LabelTask::Regression, LabelTask::Binary, LabelTask::Multiclass] {
        let spec = LabelSpec::new("y", task);
        check_error(
            spec,
            ColumnType::Time,
            times.clone(),
            "the label column `y` is a time; declare it `text` or `int`",
        );
    }
}

#[test]
fn a_label_that_training_never_saw_is_named() {
    let fitted = fit(binary(), ColumnType::Text, &texts(&["a", "b"]), &[]).unwrap();
    let error = fitted.transform_labelled(&batch(&texts(&["a", "z"]), &[])).unwrap_err().to_string();
    assert_eq!(error, "column `y` has the label `z`, which the training data does not have; it has `a`, `b`");
    let error = fitted.transform_labelled(&batch(&texts(&["a", ""]), &[])).unwrap_err().to_string();
    assert_eq!(error, "column `y` is the label, but row 1 of the batch has none; remove or fill it");
}

#[test]
fn rows_without_label_transform_when_no_label_is_asked_for() {
    let fitted = fit(binary(), ColumnType::Text, &texts(&["a", "b"]), &[]).unwrap();
    let x: ArrayRef = Arc::new(Int64Array::from(vec![7]));
    let rows = RecordBatch::try_from_iter([("x", x)]).unwrap();
    let batch = fitted.transform(&rows).unwrap();
    assert_eq!((batch.numeric, batch.labels), (vec![7.0], vec![]));
    let error = fitted.transform_labelled(&rows).unwrap_err().to_string();
    assert_eq!(error, "column `y` is not in the data (columns: `x`)");
}

#[test]
fn weights_come_along_and_must_be_numbers_from_0() {
    let label = texts(&["a", "b"]);
    let fitted = fit(binary(), ColumnType::Text, &label, &[Some(0.5), Some(0.0)]).unwrap();
    let weights =
        |weights: &[Option<f64>]| fitted.transform_labelled(&batch(&label, weights)).map(|batch| batch.weights);
    assert_eq!(weights(&[Some(0.5), Some(0.0)]), Ok(vec![0.5, 0.0]));
    let error = weights(&[Some(1.0), Some(-1.0)]).unwrap_err().to_string();
    assert_eq!(
        error,
        "column `w` is the weight, but row 1 of the batch has `-1`; expected a finite number that is at least 0"
    );
    assert!(weights(&[Some(1.0), None]).is_err());
}

#[test]
fn statistics_describe_inputs_and_label() {
    let fitted = fit(binary(), ColumnType::Text, &texts(&["a", "b", "a"]), &[]).unwrap();
    let [x] = fitted.statistics() else { panic!() };
    assert_eq!((x.name.as_str(), x.count, x.missing), ("x", 3, 0));
    assert_eq!((x.mean, x.min, x.max), (Some(1.0), Some(0.0), Some(2.0)));
    assert_eq!((x.quantiles.len(), x.quantiles[4], x.quantiles_exact), (9, 1.0, true));
    let top = &fitted.label_statistics().unwrap().top;
    assert_eq!(top.iter().map(|top| (top.value.as_str(), top.count)).collect::<Vec<_>>(), [("a", 2), ("b", 1)]);
}
