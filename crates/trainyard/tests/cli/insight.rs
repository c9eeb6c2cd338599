//! Understanding data: statistics, schemas, skew.

use crate::project::{Project, rows};
use crate::serve::Server;

#[test]
fn stats_prints_a_table_and_writes_a_page() {
    let project = Project::new();
    let table = project.run(&["stats", "train.csv", "--label", "price"]);
    for part in
        ["Pearson r 0.", "correlation ratio", "note: `id` has another value in each row", "400 rows", "stats.html"]
    {
        assert!(table.contains(part), "{table}\nlacks `{part}`");
    }
    let page = project.read("stats.html");
    assert!(
        page.contains("<svg") && !page.contains("<script") && !page.contains("http://") && !page.contains("https://"),
        "{page}"
    );
}

#[test]
fn statistics_are_those_of_all_rows() {
    let project = Project::new();
    let json = project.run(&["stats", "train.csv", "--json"]);
    let stats: serde_json::Value = serde_json::from_str(&json).unwrap();
    let column = |name: &str| stats["columns"].as_array().unwrap().iter().find(|c| c["name"] == name).unwrap().clone();
    let mut sizes: Vec<f64> = (0..400).map(|i| (i * 37 % 101) as f64 / 10.0).collect();
    let mean = sizes.iter().sum::<f64>() / 400.0;
    sizes.sort_by(f64::total_cmp);
    let numbers = column("size")["numbers"].clone();
    assert!((numbers["mean"].as_f64().unwrap() - mean).abs() < 1e-12);
    let median = numbers["quantiles"].as_array().unwrap().iter().find(|q| q["share"] == 0.5).unwrap()["value"].as_f64();
    assert_eq!(median.unwrap() as f32, sizes[200] as f32);
    let town = column("town");
    assert_eq!((town["missing"].as_u64(), town["values"]["unique"].as_u64()), (Some(100), Some(3)));
    assert_eq!(town["values"]["top"][0]["count"], 100);
}

#[test]
fn two_data_sets_are_compared_also_when_one_is_only_saved() {
    let project = Project::new().write("other.csv", &rows(400).replace("Bern", "Uri"));
    project.run(&["stats", "other.csv", "--save", "other.json"]);
    let from_data = project.run(&["stats", "train.csv", "--compare", "other.csv", "--json"]);
    let from_saved = project.run(&["stats", "train.csv", "--compare", "other.json", "--json"]);
    assert_eq!(from_data, from_saved);
    let stats: serde_json::Value = serde_json::from_str(&from_data).unwrap();
    // By hand: a third of the towns is another, so of p = (1/3, 1/3, 1/3, 0) against q = (0, 1/3, 1/3, 1/3) a third of each is alone.
    assert_eq!(stats["distances"][0]["column"], "town");
    assert!((stats["distances"][0]["jensen_shannon"].as_f64().unwrap() - 1.0 / 3.0).abs() < 1e-12);
    let hints = stats["hints"].to_string();
    assert!(hints.contains("300 of the 400 rows of the other data stand in this data, too"), "{hints}");
    assert!(project.read("stats.html").contains("series-b"));
}

#[test]
fn a_schema_is_inferred_edited_and_held_against_data() {
    let project = Project::new();
    project.run(&["validate", "train.csv", "--infer", "--label", "price"]);
    project.fails(&["validate", "train.csv", "--infer"], 2, &["`schema.toml` is there already", "--force"]);
    assert_eq!(project.run(&["validate", "train.csv"]), "no anomalies\n");
    let bad = "id,size,town,prize\nr1,big,Bern,1\nr2,2.5,Genf,3\n";
    let project = project.write("bad.csv", bad);
    let output = project.output(&["validate", "bad.csv", "--json"]);
    assert_eq!(output.status.code(), Some(3));
    let anomalies: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let kinds: Vec<&str> = anomalies.as_array().unwrap().iter().map(|a| a["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["MISSING_COLUMN", "TYPE_MISMATCH", "UNEXPECTED_VALUES", "NEW_COLUMN"]);
    let text = anomalies.to_string();
    assert!(text.contains("`big` at line 2 of `bad.csv`") && text.contains("did you mean `prize`?"), "{text}");
}

#[test]
fn drift_and_skew_are_told_by_the_exit_code() {
    let project = Project::new().write("moved.csv", &rows(400).replace("Bern", "Basel"));
    project.run(&["validate", "train.csv", "--infer"]);
    project.run(&["validate", "eval.csv", "--previous", "train.csv"]);
    project.run(&["stats", "train.csv", "--save", "train.json"]);
    for (flag, kind) in [("--previous", "DRIFT_LINF"), ("--serving", "SKEW_JS")] {
        let output = project.output(&["validate", "moved.csv", flag, "train.json"]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.code() == Some(3) && text.contains(kind), "{text}");
    }
}

#[test]
fn wrong_use_is_told() {
    let project = Project::new()
        .write("bad.toml", "[columns.x]\ntyp = \"int\"\n")
        .write("empty.json", "{\"version\":2}")
        .write("old.json", "{\"version\":1}");
    project.fails(&["stats"], 2, &["nothing to read"]);
    project.fails(&["stats", "train.csv", "--label", "prise"], 2, &["`prise` is not in the data", "`price`"]);
    project.fails(&["stats", "train.csv", "--types", "size=number"], 2, &["COLUMN=TYPE"]);
    project.fails(&["stats", "train.csv", "--save", "x.txt"], 2, &["`.json`"]);
    project.fails(&["stats", "empty.json"], 2, &["no saved profile"]);
    project.fails(&["stats", "old.json"], 2, &["format version 1", "make it again"]);
    project.fails(&["validate", "train.csv"], 2, &["`schema.toml`", "--infer"]);
    project.fails(&["validate", "train.csv", "--schema", "bad.toml"], 2, &["line 2", "`type`"]);
    project.fails(&["stats", "nowhere.csv"], 2, &["nowhere.csv"]);
}

#[test]
fn a_run_tells_of_columns_and_rows_that_leak() {
    // Each row comes four times, and `b` is the price in other words.
    let row = |i: usize| format!("{},{},{}\n", i % 20, 2 * (i * 7 % 50) + 1, i * 7 % 50);
    let leaky: String = (0..400).map(row).collect();
    let project = Project::new().write("leaky.csv", &format!("a,b,price\n{leaky}"));
    let drafted = project.run(&["init", "leaky.csv", "--label", "price", "--output", "leaky.toml"]);
    assert!(drafted.contains("note: `b` alone predicts `price`"), "{drafted}");
    let output = project.output(&["run", "leaky.toml", "--set", "train.epochs=1"]);
    let notes = String::from_utf8(output.stderr).unwrap();
    assert!(notes.contains("`b` alone predicts `price` (Pearson r 1.0000)"), "{notes}");
    assert!(notes.contains("evaluation rows stand in the training rows, too"), "{notes}");
}

/// Serves the rows of the evaluation file with a log, and gives the project back.
fn served() -> Project {
    let project = Project::new();
    project.run(&["run", "spec.toml"]);
    let server = Server::start_with(&project, "runs/small", &["--log-features", "served.jsonl"]);
    for line in project.read("eval.csv").lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let town = if fields[2].is_empty() { "null".to_owned() } else { format!("\"{}\"", fields[2]) };
        let body =
            format!("{{\"instances\": [{{\"id\": \"{}\", \"size\": {}, \"town\": {town}}}]}}", fields[0], fields[1]);
        assert_eq!(server.post("/v1/models/small:predict", &body).0, 200);
    }
    assert_eq!(server.stop(), Some(0));
    project
}

#[test]
fn what_was_served_is_what_is_made_now_unless_data_or_log_were_changed() {
    let project = served();
    let told = project.run(&["skew", "runs/small", "served.jsonl", "eval.csv"]);
    assert!(told.contains("no skew") && told.contains("100 rows in the log: 100 compared"), "{told}");
    let project = project.write("changed.csv", &rows(100).replace("r7,", "r7,9").replace("r9,3.0", "r9,3.1"));
    let output = project.output(&["skew", "runs/small", "served.jsonl", "changed.csv"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.code() == Some(3) && text.contains("size_scaled") && text.contains("r7"), "{text}");
    let log = project.read("served.jsonl");
    let project = project.write("tampered.jsonl", &log.replacen("\"town\":{\"ids\":[0]}", "\"town\":{\"ids\":[1]}", 1));
    let output = project.output(&["skew", "runs/small", "tampered.jsonl", "eval.csv", "--json"]);
    assert_eq!(output.status.code(), Some(3));
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((found["mismatched"].as_u64(), found["features"]["town"].as_u64()), (Some(1), Some(1)));
    project.fails(
        &["skew", "runs/small", "eval.csv", "eval.csv"],
        2,
        &["line 1 of `eval.csv`", "no row of a feature log"],
    );
    project.fails(&["skew", "runs/small", "served.jsonl", "eval.csv", "--keys", "town"], 3, &[]);
}
