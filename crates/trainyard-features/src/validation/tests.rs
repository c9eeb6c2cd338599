use super::*;
use crate::profile::{Profile, Profiler, ProfilerConfig};
use crate::{ColumnType, Schema};
use arrow::array::{ArrayRef, Float64Array, Int64Array, ListBuilder, StringArray, StringBuilder};
use arrow::record_batch::RecordBatch;
use std::sync::Arc;

/// A profile of columns, each given by its type and values.
fn profile(columns: Vec<(&str, ColumnType, ArrayRef)>) -> Profile {
    let schema = Schema::new(columns.iter().map(|(name, column_type, _)| (*name, *column_type)));
    let rows = columns.into_iter().map(|(name, _, array)| (name, array, true));
    let mut profiler = Profiler::new(&schema, &ProfilerConfig::default()).unwrap();
    profiler.update(&RecordBatch::try_from_iter_with_nullable(rows).unwrap()).unwrap();
    profiler.finish(&[])
}

fn floats(values: impl IntoIterator<Item = f64>) -> Profile {
    profile(vec![("x", ColumnType::Float, Arc::new(Float64Array::from_iter_values(values)))])
}

fn texts(values: &[&str]) -> Profile {
    profile(vec![("x", ColumnType::Text, Arc::new(StringArray::from(values.to_vec())))])
}

fn ints(values: impl IntoIterator<Item = i64>) -> Profile {
    profile(vec![("x", ColumnType::Int, Arc::new(Int64Array::from_iter_values(values)))])
}

fn lists(lengths: &[usize]) -> Profile {
    let mut lists = ListBuilder::new(StringBuilder::new());
    lengths.iter().for_each(|&n| lists.append_value(vec![Some("a"); n]));
    profile(vec![("x", ColumnType::Text, Arc::new(lists.finish()))])
}

/// Validates against a schema of the column `x`, and expects these kinds.
#[track_caller]
fn check(schema: &str, profile: &Profile, expected: &[AnomalyKind]) -> Vec<Anomaly> {
    let schema = DataSchema::from_toml(schema).unwrap();
    let anomalies = validate(&schema, profile);
    assert_eq!(anomalies.iter().map(|anomaly| anomaly.kind).collect::<Vec<_>>(), expected, "{anomalies:?}");
    anomalies
}

#[test]
fn columns_come_and_go() {
    let schema = "[columns.fare]\ntype = \"float\"\npresence = 1.0\n[columns.tip]\ntype = \"float\"";
    let found = check(
        schema,
        &profile(vec![("fares", ColumnType::Int, Arc::new(Int64Array::from(vec![1])))]),
        &[AnomalyKind::MissingColumn, AnomalyKind::NewColumn],
    );
    assert_eq!(found[0].found, "none; did you mean `fares`?");
    assert_eq!((found[0].severity, found[1].severity), (Severity::Error, Severity::Warning));
}

#[test]
fn rows_are_counted() {
    let schema = |rows: &str| format!("[rows]\n{rows}\n[columns.x]\ntype = \"int\"");
    check(&schema("min = 3"), &ints([1, 2]), &[AnomalyKind::RowsLow]);
    check(&schema("max = 1"), &ints([1, 2]), &[AnomalyKind::RowsHigh]);
    check(&schema("min = 2\nmax = 2"), &ints([1, 2]), &[]);
}

#[test]
fn values_must_be_present() {
    let schema = |presence: &str| format!("[columns.x]\ntype = \"text\"\npresence = {presence}");
    let found = check(&schema("0.8"), &texts(&["a", "", "b", "c"]), &[AnomalyKind::LowPresence]);
    assert_eq!(found[0].found, "in 75 %: 1 rows have none");
    check(&schema("0.75"), &texts(&["a", "", "b", "c"]), &[]);
}

#[test]
fn lists_have_so_many_items() {
    let schema = "[columns.x]\ntype = \"text\"\nvalency = [1, 3]";
    check(schema, &lists(&[1, 2, 3]), &[]);
    let found = check(schema, &lists(&[1, 4]), &[AnomalyKind::Valency]);
    assert_eq!((found[0].expected.as_str(), found[0].found.as_str()), ("1 to 3 values a row", "1 to 4"));
    check("[columns.x]\ntype = \"text\"\nvalency = [2, 3]", &texts(&["a"]), &[AnomalyKind::Valency]);
}

#[test]
fn numbers_stay_in_their_range() {
    let schema = "[columns.x]\ntype = \"float\"\nrange = [0, 10]";
    check(schema, &floats([0.0, 10.0]), &[]);
    let found = check(schema, &floats([-0.5, 3.0]), &[AnomalyKind::OutOfRange]);
    assert_eq!(found[0].found, "-0.5 to 3");
}

#[test]
fn values_are_those_that_are_known() {
    let schema = |more: &str| format!("[columns.x]\ntype = \"text\"\nvalues = [\"a\", \"b\"]\n{more}");
    check(&schema(""), &texts(&["a", "b", ""]), &[]);
    let found = check(&schema(""), &texts(&["a", "b", "b", "c"]), &[AnomalyKind::UnexpectedValues]);
    assert_eq!(found[0].found, "others in 25 %: `c` (1)");
    check(&schema("unexpected = 0.25"), &texts(&["a", "b", "b", "c"]), &[]);
    check("[columns.x]\ntype = \"int\"\nvalues = [\"1\", \"2\"]", &ints([1, 3]), &[AnomalyKind::UnexpectedValues]);
}

#[test]
fn numbers_are_numbers() {
    let schema = |more: &str| format!("[columns.x]\ntype = \"float\"\n{more}");
    let data = floats([1.0, f64::NAN, f64::INFINITY]);
    check(&schema(""), &data, &[AnomalyKind::HasNan, AnomalyKind::HasInf]);
    check(&schema("nan = true\ninfinite = true"), &data, &[]);
}

#[test]
fn columns_that_say_nothing_are_told() {
    let schema = |role: &str| format!("[columns.x]\ntype = \"int\"\nrole = \"{role}\"");
    check(&schema("feature"), &ints([7; 30]), &[AnomalyKind::AllConstant]);
    check(&schema("split"), &ints([7; 30]), &[]);
    check(&schema("feature"), &ints(0..30), &[AnomalyKind::HighUnique]);
    check(&schema("id"), &ints(0..30), &[]);
    check("[columns.x]\ntype = \"float\"", &floats([0.5; 30]), &[AnomalyKind::AllConstant]);
}

#[test]
fn drift_and_skew_are_measured_alike() {
    let schema =
        "[drift]\nl_infinity = 0.1\njensen_shannon = 0.9\n[skew]\njensen_shannon = 0.2\n[columns.x]\ntype = \"text\"";
    let schema = DataSchema::from_toml(schema).unwrap();
    let (now, before) = (texts(&["a", "a", "b", "b"]), texts(&["a", "c", "c", "c"]));
    let drift = compare_with_earlier(&schema, &now, &before);
    assert_eq!(drift.iter().map(|anomaly| anomaly.kind).collect::<Vec<_>>(), [AnomalyKind::DriftLinf]);
    assert_eq!(drift[0].found, "0.7500: `c` has 0.0000, there 0.7500");
    let skew = compare_with_served(&schema, &now, &before);
    assert_eq!(skew.iter().map(|anomaly| anomaly.kind).collect::<Vec<_>>(), [AnomalyKind::SkewJs]);
    assert!(compare_with_served(&schema, &now, &now).is_empty());
}

#[test]
fn names_of_rows_do_not_drift() {
    let schema = |role: &str| {
        DataSchema::from_toml(&format!(
            "[drift]\njensen_shannon = 0.1\n[columns.x]\ntype = \"text\"\nrole = \"{role}\""
        ))
    };
    let (now, before) = (texts(&["a", "b"]), texts(&["c", "d"]));
    assert!(compare_with_earlier(&schema("id").unwrap(), &now, &before).is_empty());
    assert_eq!(compare_with_earlier(&schema("feature").unwrap(), &now, &before).len(), 1);
}

#[test]
fn a_column_may_have_thresholds_of_its_own() {
    let schema = "[drift]\njensen_shannon = 0.01\n[columns.x]\ntype = \"float\"\ndrift = { jensen_shannon = 1.0 }\nskew = { jensen_shannon = 0.5 }";
    let schema = DataSchema::from_toml(schema).unwrap();
    let (low, high) = (floats((0..100).map(f64::from)), floats((200..300).map(f64::from)));
    assert!(compare_with_earlier(&schema, &low, &high).is_empty());
    let skew = compare_with_served(&schema, &low, &high);
    assert_eq!((skew[0].kind, skew[0].found.as_str()), (AnomalyKind::SkewJs, "1.0000"));
}

#[test]
fn data_fulfils_the_schema_that_is_inferred_of_it() {
    let n = 40;
    let data = profile(vec![
        ("id", ColumnType::Int, Arc::new(Int64Array::from_iter_values(0..n))),
        (
            "a \"b\".c",
            ColumnType::Text,
            Arc::new(StringArray::from_iter_values((0..n).map(|i| ["x", "y\n"][i as usize % 2]))),
        ),
        (
            "x",
            ColumnType::Float,
            Arc::new(Float64Array::from_iter(
                (0..n).map(|i| (i % 3 > 0).then_some(if i == 1 { f64::NAN } else { 1e-9 * i as f64 })),
            )),
        ),
    ]);
    let text = infer(&data).unwrap();
    let schema = DataSchema::from_toml(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(validate(&schema, &data), []);
    assert_eq!(schema.columns["id"].role, Role::Id);
    assert_eq!(schema.columns["a \"b\".c"].values.as_deref(), Some(&["x".to_owned(), "y\n".to_owned()][..]));
    assert!(schema.columns["x"].nan && !schema.columns["x"].infinite && schema.columns["x"].presence < 0.65);
    // Suggestions are TOML once the mark is removed.
    let all = text.replace("# range", "range").replace("# min", "min").replace("# max", "max");
    let schema = DataSchema::from_toml(&all).unwrap_or_else(|error| panic!("{error}\n{all}"));
    assert_eq!(validate(&schema, &data), []);
}

#[track_caller]
fn check_refused(text: &str, parts: &[&str]) {
    let message = DataSchema::from_toml(text).unwrap_err().to_string();
    for part in parts {
        assert!(message.contains(part), "{message}\nlacks {part}");
    }
}

#[test]
fn a_schema_that_cannot_be_is_refused() {
    check_refused("[columns.x]\ntyp = \"int\"", &["line 2", "`typ`", "`type`"]);
    check_refused("[columns.x]\ntype = \"number\"", &["`number`", "`float`"]);
    check_refused("[columns.x]\ntype = \"int\"\npresence = 1.5", &["`[columns.x]`", "`presence` is 1.5"]);
    check_refused("[columns.x]\ntype = \"int\"\nrange = [2, 1]", &["`range` ends before it begins"]);
    check_refused("[columns.x]\ntype = \"text\"\nrange = [1, 2]", &["use `values`"]);
    check_refused("[columns.x]\ntype = \"float\"\nvalues = [\"1\"]", &["use `range`"]);
    check_refused("[columns.x]\ntype = \"text\"\nvalency = [2, 1]", &["`valency` ends"]);
}

#[test]
fn every_kind_has_its_name() {
    for kind in AnomalyKind::ALL {
        assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{}\"", kind.code()));
    }
}
