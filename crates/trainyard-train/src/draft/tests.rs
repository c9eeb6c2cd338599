//! Drafts of small files: each must run as it is.

use super::draft;
use crate::{Result, Spec};
use std::path::Path;
use tempfile::TempDir;
use trainyard_data::{Sink, Source, SourceConfig, fit};
use trainyard_features::{Features, LabelTask};

fn file(name: &str, text: &str) -> (TempDir, SourceConfig) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    let config = SourceConfig { path: path.as_path().into(), ..SourceConfig::default() };
    (folder, config)
}

/// A CSV of 100 rows with one column besides the label `y`.
fn column(name: &str, value: impl Fn(usize) -> String) -> String {
    let rows: String = (0..100).map(|i| format!("{},{}\n", value(i), 0.5 * i as f64)).collect();
    format!("{name},y\n{rows}")
}

/// The spec, after its features were fitted to the data that it names.
fn run(text: &str) -> Spec {
    let spec = Spec::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let source = Source::open_all_inputs(&spec.data.inputs(&spec.data.train, Path::new("")).unwrap()).unwrap();
    let features = Features::new(spec.features.clone(), source.schema(), Some(spec.data.label.clone()), None);
    let features = features.unwrap_or_else(|error| panic!("{error}\n{text}"));
    fit(features, &source, 1, &|_| {}).unwrap_or_else(|error| panic!("{error}\n{text}"));
    spec
}

#[track_caller]
fn check_config(config: &SourceConfig, label: &str, parts: &[&str]) -> Spec {
    let text = draft(config, label).unwrap();
    for part in parts {
        assert!(text.contains(part), "{text}\nlacks {part}");
    }
    run(&text)
}

#[track_caller]
fn check(csv: &str, label: &str, parts: &[&str]) -> Spec {
    let (_folder, config) = file("t.csv", csv);
    check_config(&config, label, parts)
}

#[track_caller]
fn check_error(csv: &str, label: &str, parts: &[&str]) {
    let (_folder, config) = file("t.csv", csv);
    let message = draft(&config, label).unwrap_err().to_string();
    for part in parts {
        assert!(message.contains(part), "{message}\nlacks {part}");
    }
}

#[track_caller]
fn check_task(values: &[&str], task: LabelTask, parts: &[&str]) {
    let rows: String = (0..100).map(|i| format!("{},{}\n", i % 7, values[i % values.len()])).collect();
    let spec = check(&format!("x,y\n{rows}"), "y", parts);
    assert_eq!(spec.data.label.task, task);
}

#[test]
fn numbers_are_scaled() {
    let csv = column("x", |i| (i as f64 / 7.0).to_string());
    let spec = check(&csv, "y", &["x_scaled = { op = \"z_score\", input = \"x\" }", "x = \"float\"", "type = \"dnn\""]);
    assert_eq!(spec.features.len(), 1);
}

#[test]
fn a_long_tail_is_shortened_first() {
    let csv = column("x", |i| if i % 20 == 0 { format!("{}", 1000 * i) } else { format!("0.{i}") });
    check(
        &csv,
        "y",
        &["x_log = { op = \"log1p\", input = \"x\" }", "x_scaled = { op = \"z_score\", input = \"x_log\" }"],
    );
}

#[test]
fn missing_numbers_are_filled_and_marked() {
    let csv = column("x", |i| if i % 4 == 0 { String::new() } else { format!("{i}.5") });
    let filled = "x_filled = { op = \"impute\", input = \"x_scaled\", value = 0, indicator = true }";
    check(&csv, "y", &[filled, "25.0 % missing"]);
}

#[test]
fn few_kinds_have_a_vocabulary() {
    let csv = column("x", |i| ["a", "b", ""][i % 3].to_owned());
    check(
        &csv,
        "y",
        &["x = { op = \"vocabulary\", missing = \"own_id\" }", "2 different values: `a`", "\"wide_deep\""],
    );
    check(&column("x", |i| (i % 5).to_string()), "y", &["x = { op = \"vocabulary\" }", "x = \"int\""]);
    check(&column("x", |i| (i % 2 == 0).to_string()), "y", &["x = { op = \"vocabulary\" }", "x = \"bool\""]);
}

#[test]
fn whole_numbers_may_be_names() {
    check(&column("store_id", |i| (i % 40).to_string()), "y", &["store_id = { op = \"vocabulary\" }"]);
    check(&column("width", |i| (i % 40).to_string()), "y", &["width_scaled = "]);
    check(
        &column("tract", |i| (17_031_000_000 + i as u64 % 40).to_string()),
        "y",
        &["tract = { op = \"vocabulary\" }"],
    );
}

#[test]
fn rows_have_names() {
    let rows: String = (0..100).map(|i| format!("u{i},{},{},{}.5,{i}.25\n", 7 * i, i % 30, i % 9)).collect();
    let why = ["`name`: another value in every row", "`id`: by its name"];
    let spec = check(&format!("name,number,id,x,y\n{rows}"), "y", &why);
    assert_eq!(spec.data.keys, ["name", "number", "id"]);
    assert_eq!(spec.features.names().collect::<Vec<_>>(), ["x_scaled"]);
}

#[test]
fn what_is_the_same_everywhere_is_left_out() {
    let rows: String = (0..100).map(|i| format!("7,,{},{}\n", i % 30, i as f64 / 3.0)).collect();
    let spec = check(&format!("a,b,x,y\n{rows}"), "y", &["# `a`: `7` in every row", "# `b`: no value in any row"]);
    assert_eq!(spec.features.names().collect::<Vec<_>>(), ["x_scaled"]);
}

#[test]
fn times_have_parts() {
    let csv = column("at", |i| format!("2024-0{}-11 {:02}:30:00", 1 + i % 3, i % 24));
    check(
        &csv,
        "y",
        &["at_hour = { op = \"time_part\", input = \"at\", part = \"hour\" }", "at_day_of_week", "at_month"],
    );
    let spec = check(&column("at", |i| format!("2024-05-{:02}", 1 + i % 28)), "y", &["at_day_of_week"]);
    assert_eq!(spec.features.len(), 1);
    assert_eq!(spec.data.files.types["at"], trainyard_features::ColumnType::Time);
    // 31 February is none.
    let spec = check(&column("at", |i| format!("2024-0{}-3{}", 1 + i % 2, i % 2)), "y", &["at = "]);
    assert_eq!(spec.data.files.types["at"], trainyard_features::ColumnType::Text);
    check(
        &column("start_time", |i| (1_700_000_000 + 7 * i).to_string()),
        "y",
        &["start_time_hour", "seconds since 1970"],
    );
}

#[test]
fn places_have_a_distance_to_try() {
    let rows: String = (0..100).map(|i| format!("4{i},7{i},4{i}.5,7{i}.5,{i}\n")).collect();
    let inputs = "inputs = [\"from_lat\", \"from_lon\", \"to_lat\", \"to_lon\"] }";
    let (_folder, config) = file("t.csv", &format!("from_lat,from_lon,to_lat,to_lon,y\n{rows}"));
    let text = draft(&config, "y").unwrap();
    assert!(text.contains(inputs), "{text}");
    run(&text.replace("# distance_km", "distance_km"));
}

#[test]
fn prose_is_left_out() {
    let rows: String = (0..100).map(|i| format!("how are you number {i},{},{i}.5\n", i % 30)).collect();
    let spec = check(&format!("message,x,y\n{rows}"), "y", &["# `message`: prose: 100 different texts in 100 rows"]);
    assert_eq!(spec.features.len(), 1);
}

#[test]
fn for_want_of_better_columns_any_will_do() {
    let csv = column("message", |i| format!("how are you number {i}"));
    check(&csv, "y", &["message = { op = \"hash\", buckets = 256 }", "expect little of it"]);
    check(&column("x", |i| (3 * i).to_string()), "y", &["x_scaled", "expect little of it"]);
}

#[test]
fn very_many_kinds_are_hashed() {
    let rows: String = (0..330_000).map(|i| format!("k{},{}\n", i / 3, i % 90)).collect();
    check(&format!("x,y\n{rows}"), "y", &["x = { op = \"hash\", buckets = 262144 }", "about "]);
}

#[test]
fn the_task_follows_the_label() {
    check_task(&["no", "yes"], LabelTask::Binary, &["probability of `yes`"]);
    check_task(&["10", "9"], LabelTask::Binary, &["probability of `10`"]);
    check_task(&["True", "False"], LabelTask::Binary, &["probability of `True`"]);
    check_task(&["a", "b", "c"], LabelTask::Multiclass, &["3 values"]);
    check_task(&["1", "2", "3"], LabelTask::Multiclass, &["`regression` would take them for amounts"]);
    check_task(&["1.0", "2.0", "3.0"], LabelTask::Multiclass, &["y = \"float\""]);
    check_task(&["1.5", "2.5", "3.0"], LabelTask::Regression, &["1.5 to 3"]);
}

#[test]
fn any_name_of_a_column_will_do() {
    let rows: String = (0..100).map(|i| format!("{}.5,{},{i}.5\n", i % 30, ["p", "q"][i % 2])).collect();
    let spec = check(&format!("\"a \"\"b\"\".c\",é #1,\"y\n\"\n{rows}"), "y", &["\"é #1\" = { op = \"vocabulary\" }"]);
    assert_eq!(spec.features.names().collect::<Vec<_>>(), ["a \"b\".c_scaled", "é #1"]);
}

#[test]
fn names_of_features_do_not_hide_columns() {
    let rows: String = (0..100).map(|i| format!("{i}.5,{}.25,{i}\n", i % 30)).collect();
    check(&format!("x,x_scaled,y\n{rows}"), "y", &["x_scaled_2 = { op = \"z_score\", input = \"x\" }"]);
}

#[test]
fn blanks_and_question_marks_are_noticed() {
    let rows: String =
        (0..100).map(|i| format!("{}, {}, <=50K\n{i}, {}, >50K\n", i % 30, ["a", "?"][i % 2], "b")).collect();
    let (_folder, mut config) = file("adult.data", &rows);
    config.header = false;
    config.columns = ["age", "work", "income"].map(str::to_owned).to_vec();
    let columns = "columns = [\"age\", \"work\", \"income\"]";
    let spec =
        check_config(&config, "income", &["trim = true", "missing = [\"?\"]", "header = false", columns, "`>50K`"]);
    assert_eq!((spec.name.as_str(), spec.data.label.task), ("adult", LabelTask::Binary));
    assert_eq!(spec.data.label.task, LabelTask::Binary);
}

#[test]
fn what_was_given_is_kept() {
    let (_folder, mut config) = file("t.csv", &column("x", |i| ["-1", "7", "3"][i % 3].to_owned()).replace(',', ";"));
    config.missing = vec!["-1".to_owned()];
    config.types.insert("x".to_owned(), trainyard_features::ColumnType::Float);
    let spec = check_config(&config, "y", &["missing = [\"-1\"]", "delimiter = \";\"", "x = \"float\"", "x_filled"]);
    assert_eq!(spec.features.len(), 2);
}

#[test]
fn all_rows_tell_the_types() {
    let rows: String = (0..20_000).map(|i| format!("{},{i}\n", if i == 19_000 { "2.5" } else { "3" })).collect();
    check(&format!("x,y\n{rows}"), "y", &["x = \"float\""]);
}

#[test]
fn parquet_gives_the_same_features() {
    let (folder, config) = file("t.csv", &column("x", |i| ["a", "b"][i % 2].to_owned()));
    let batch = Source::open_all(&config).unwrap().scan().unwrap().next().unwrap().unwrap();
    let path = folder.path().join("t.parquet");
    let mut sink = Sink::create(Some(&path), None, &batch.schema()).unwrap();
    sink.write(&batch).unwrap();
    sink.finish().unwrap();
    let spec = check_config(&SourceConfig { path: path.as_path().into(), ..SourceConfig::default() }, "y", &[]);
    assert_eq!(spec.features, check_config(&config, "y", &[]).features);
    assert_eq!(spec.data.files.types.len(), 2);
}

#[test]
fn paths_are_written_as_given() -> Result<()> {
    let (folder, _) = file("a b.csv", &column("x", |i| format!("{}.5", i % 30)));
    let path = folder.path().join("*.csv").to_string_lossy().into_owned();
    let config = SourceConfig { path: trainyard_data::PathSpec::Many(vec![path]), ..SourceConfig::default() };
    assert_eq!(run(&draft(&config, "y")?).data.train, config.path.into());
    Ok(())
}

#[test]
fn a_label_that_is_not_there_is_told_the_nearest() {
    check_error("price,label\n1,2\n", "lable", &["no column `lable`", "`label`", "price"]);
    check_error("39,77516,x\n50,83311,y\n", "income", &["holds values, not the names of columns", "`columns`"]);
}

#[test]
fn a_label_that_teaches_nothing_is_refused() {
    check_error("x,y\n1,5\n2,5\n", "y", &["the label `y` has only the value `5`"]);
    check_error("x,y\n1,5\n2,5.0\n", "y", &["has only the value `5`"]);
    check_error("x,y\n1,\n2,?\n", "y", &["the label `y` has no value in any row"]);
    check_error("x,y\n1,1\n2,\n", "y", &["has no value in 1 of 2 rows; remove these rows or fill them"]);
    let texts: String = (0..10_002).map(|i| format!("{},t{i}\n", i % 7)).collect();
    check_error(&format!("x,y\n{texts}"), "y", &["10,002 or more different texts"]);
}

#[test]
fn nothing_to_learn_from_is_an_error() {
    check_error("x,y\n1,5\n1,6\n", "y", &["no column besides the label `y` has different values"]);
    check_error("x,y\n", "y", &["there are no rows"]);
}
