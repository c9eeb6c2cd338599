//! Views, splits by keys and several inputs, through the program.

use crate::project::{Project, rows};
use std::collections::BTreeMap;

const RUN: [&str; 2] = ["run", "spec.toml"];

/// A view that joins what a town is like, and knows the mean price of the rows before.
const VIEW: &str = r#"
[view]
sql = """
SELECT r.id, r.size, r.town, r.price, t.lake,
       avg(r.size) OVER (PARTITION BY r.town ORDER BY r.id ROWS BETWEEN 5 PRECEDING AND 1 PRECEDING) AS before
FROM rows r LEFT JOIN towns t ON r.town = t.name WHERE r.size > 0.5
"""
[view.tables]
towns = "towns.csv"
[features]
before_scaled = { op = "z_score", input = "before" }
lake = { op = "vocabulary", missing = "own_id" }
"#;

fn viewed() -> Project {
    let project = Project::new().with_spec("[features]\n", VIEW).with_spec("epochs = 12", "epochs = 3");
    project.write("towns.csv", "name,lake\nBern,no\nChur,no\nBasel,no\nZug,yes\n")
}

fn results(project: &Project) -> serde_json::Value {
    serde_json::from_str(&project.read("runs/small/metrics.json")).unwrap()
}

/// The figures of a split by name.
fn figures(json: &serde_json::Value, split: &str) -> BTreeMap<String, f64> {
    let pairs = json[split].as_array().unwrap().iter();
    pairs.map(|pair| (pair[0].as_str().unwrap().to_owned(), pair[1].as_f64().unwrap())).collect()
}

#[test]
fn a_view_joins_filters_and_looks_back() {
    let project = viewed();
    project.run(&RUN);
    let counts: BTreeMap<String, u64> =
        results(&project)["rows"].as_array().map_or_else(Default::default, |pairs| pairs.iter().map(pair).collect());
    let kept = |n: usize| rows(n).lines().skip(1).filter(|line| size(line) > 0.5).count() as u64;
    assert_eq!((counts["train"], counts["eval"]), (kept(400), kept(100)));
    assert!(project.read("runs/small/features/features.json").contains("\"lake\""));
    let left: Vec<_> =
        std::fs::read_dir(project.path("runs/small/view")).unwrap().map(|f| f.unwrap().file_name()).collect();
    assert_eq!(left.len(), 4, "{left:?}");
}

fn pair(pair: &serde_json::Value) -> (String, u64) {
    (pair[0].as_str().unwrap().to_owned(), pair[1].as_u64().unwrap())
}

fn size(line: &str) -> f64 {
    line.split(',').nth(1).unwrap().parse().unwrap()
}

#[test]
fn raw_rows_are_judged_and_predicted_through_the_view_and_its_rows_without() {
    let project = viewed();
    project.run(&RUN);
    let expected = figures(&results(&project), "eval");
    for data in [&["eval.csv", "--view"][..], &["runs/small/view/eval.parquet"]] {
        let json = project.run(&[&["evaluate", "runs/small", "--json"], data].concat());
        let found: BTreeMap<String, f64> = serde_json::from_str(&json).unwrap();
        for (name, value) in &found {
            assert_eq!(expected[name], *value, "{name} of {data:?}");
        }
    }
    let through = project.run(&["predict", "runs/small", "eval.csv", "--view"]);
    assert!(through.starts_with("id,prediction\nr"), "{through}");
    assert_eq!(through, project.run(&["predict", "runs/small", "runs/small/view/eval.parquet"]));
    project.fails(
        &["predict", "runs/small", "eval.csv"],
        2,
        &["eval.csv` has no column `before`", "`--view` applies it"],
    );
    let plain = Project::new().with_spec("epochs = 12", "epochs = 1");
    plain.run(&RUN);
    plain.fails(&["predict", "runs/small", "eval.csv", "--view"], 2, &["without a `[view]`", "leave out"]);
}

#[test]
fn a_view_is_made_once_and_the_same_again_for_any_number_of_lanes() {
    let project = viewed();
    project.run(&RUN);
    let view = |project: &Project| std::fs::read(project.path("runs/small/view/train.parquet")).unwrap();
    let (bytes, metrics) = (view(&project), project.read("runs/small/metrics.json"));
    std::fs::remove_dir_all(project.path("runs/small/view")).unwrap();
    std::fs::remove_dir_all(project.path("runs/small/cache")).unwrap();
    assert!(project.run(&RUN).contains("nothing was to be done"));
    assert!(view(&project) == bytes, "the view was made differently");
    for lanes in ["1", "3"] {
        let other = viewed();
        other.run(&["run", "spec.toml", "--set", &format!("train.lanes={lanes}")]);
        assert!(view(&other) == bytes, "{lanes} lanes");
        assert_eq!(other.read("runs/small/metrics.json"), metrics);
    }
}

#[test]
fn a_table_that_changed_is_noticed() {
    let project = viewed();
    project.run(&RUN);
    let project = project.write("towns.csv", "name,lake\nBern,yes\nChur,no\n");
    project.fails(&RUN, 2, &["runs/small", "training data has changed"]);
}

#[test]
fn a_view_that_cannot_be_is_told_with_what_would_be_right() {
    let check = |from: &str, to: &str, parts: &[&str]| viewed().with_spec(from, to).fails(&RUN, 2, parts);
    check("SELECT r.id", "SELEKT r.id", &["`sql` of `[view]` cannot be parsed", "Line: 1, Column: 1"]);
    check("t.lake,", "t.like,", &["`t.like`", "did you mean `t.lake`?"]);
    check("JOIN towns", "JOIN town", &["`town`", "did you mean `towns`?"]);
    check("r.size > 0.5", "r.size > 50", &["gives no rows for", "train.csv"]);
    check("r.town, r.price,", "r.town,", &["no column `price`, which is the label", "`rows.price`"]);
    check("r.town, r.price,", "r.town, r.price, now() AS t,", &["calls `now`"]);
    check("towns = \"towns.csv\"", "towns = \"gone.csv\"", &["gone.csv", "does not exist"]);
    check("towns = \"towns.csv\"", "towns = { pth = \"towns.csv\" }", &["`pth`", "`path`"]);
    check("[view.tables]", "memory_mib = 2\n[view.tables]", &["memory_mib", "at least 16"]);
    check("input = \"before\"", "input = \"befor\"", &["`befor`", "before"]);
}

#[test]
fn windows_over_rows_that_were_held_out_one_in_ten_are_told_of() {
    let project = viewed().with_spec("eval = \"eval.csv\"\n", "");
    let output = project.output(&RUN);
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && message.contains("`data.split`"), "{message}");
    let keyed = viewed().with_spec("eval = \"eval.csv\"", "split = { by = [\"id\"], eval = 0.3 }");
    let output = keyed.output(&RUN);
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !message.contains("see the rows of one split"), "{message}");
}

#[test]
fn rows_are_split_by_their_keys() {
    let split = |text: &str| {
        let project =
            Project::new().with_spec("eval = \"eval.csv\"", "split = { by = [\"id\"], eval = 0.2, test = 0.1 }");
        let project = project.with_spec("epochs = 12", "epochs = 2").write("train.csv", text);
        project.run(&RUN);
        let rows: BTreeMap<String, u64> = results(&project)["rows"].as_array().unwrap().iter().map(pair).collect();
        (rows, figures(&results(&project), "eval").contains_key("loss"))
    };
    // Each id twice.
    let twice = rows(400) + rows(400).split_once('\n').unwrap().1;
    let (counts, is_judged) = split(&twice);
    assert!(
        is_judged && counts.values().sum::<u64>() == 800 && counts.values().all(|count| count % 2 == 0),
        "{counts:?}"
    );
    let near = |name: &str, expected: f64| {
        (counts[name] as f64 / 2.0 - 400.0 * expected).abs() < 3.0 * (400.0 * expected * (1.0 - expected)).sqrt()
    };
    assert!(near("train", 0.7) && near("eval", 0.2) && near("test", 0.1), "{counts:?}");
    let mut lines: Vec<&str> = twice.lines().skip(1).collect();
    lines.reverse();
    assert_eq!(split(&format!("id,size,town,price\n{}\n", lines.join("\n"))).0, counts);
}

#[test]
fn a_split_that_cannot_be_is_told_with_what_would_be_right() {
    let check = |split: &str, parts: &[&str]| {
        Project::new().with_spec("eval = \"eval.csv\"", &format!("split = {split}")).fails(&RUN, 2, parts)
    };
    check("{ by = [\"idd\"] }", &["no column `idd`", "did you mean `id`?"]);
    check("{ by = [\"id\"], eval = 0.6, test = 0.5 }", &["`split`", "sum to 1.1", "below 1"]);
    check("{ by = [] }", &["`split` names no column"]);
    check("{ by = [\"id\"], evl = 0.1 }", &["`evl`", "`eval`"]);
    let both = Project::new().with_spec("eval = \"eval.csv\"", "eval = \"eval.csv\"\nsplit = { by = [\"id\"] }");
    both.fails(&RUN, 2, &["`split`", "`eval`, too", "remove `eval`, or `split`"]);
}

#[test]
fn an_input_of_weight_three_counts_as_if_it_stood_there_three_times() {
    let more = rows(150).split_once('\n').unwrap().1.to_owned();
    let files = |project: Project| {
        // One step an epoch, so that the order of rows does not matter.
        let project = project.with_spec("batch_size = 16", "batch_size = 4096\nshuffle = false");
        project.write("more.csv", &format!("id,size,town,price\n{more}"))
    };
    let weighted = files(Project::new())
        .with_spec("train = \"train.csv\"", "train = [\"train.csv\", { path = \"more.csv\", weight = 3 }]");
    weighted.run(&RUN);
    let repeated = files(Project::new()).write("train.csv", &(rows(400) + &more + &more + &more));
    repeated.run(&RUN);
    let (weighted, repeated) = (results(&weighted), results(&repeated));
    for name in ["label_mean", "rmse", "mae"] {
        let of = |results: &serde_json::Value| figures(results, "baseline")[name];
        let (a, b) = (of(&weighted), of(&repeated));
        assert!((a - b).abs() < 1e-5 * b.abs(), "baseline {name}: {a} {b}");
    }
}

#[test]
fn rows_of_other_files_weigh_one_and_inputs_of_evaluation_weigh_too() {
    let project = Project::new().with_spec("epochs = 12", "epochs = 2").with_spec(
        "eval = \"eval.csv\"",
        "eval = [{ path = \"eval.csv\", weight = 2.5 }, { path = \"more.csv\", weight = 0 }]",
    );
    let project = project.write("more.csv", &rows(30).replace("Bern", "Thun"));
    project.run(&RUN);
    // What weighs nothing changes no figure, and a weight that all share cancels out.
    let expected = figures(&results(&project), "eval");
    let json = project.run(&["evaluate", "runs/small", "eval.csv", "--json"]);
    let found: BTreeMap<String, f64> = serde_json::from_str(&json).unwrap();
    for (name, value) in found {
        assert!((expected[&name] - value).abs() <= 1e-9 * value.abs(), "{name}: {} {value}", expected[&name]);
    }
}

#[test]
fn inputs_that_do_not_fit_together_are_named() {
    let check = |inputs: &str, more: &str, parts: &[&str]| {
        let project = Project::new().with_spec("train = \"train.csv\"", &format!("train = {inputs}"));
        project.write("more.csv", more).fails(&RUN, 2, parts)
    };
    let both = "[\"train.csv\", { path = \"more.csv\" }]";
    check(
        both,
        "id,size,price\na,1,2\n",
        &["train.csv` and `", "more.csv` have different columns", "only the first has `town`"],
    );
    check(both, "id,size,town,price\na,big,Bern,2\n", &["column `size` as `float` and as `text`", "`types`"]);
    let weighted = |weight: &str| format!("[\"train.csv\", {{ path = \"more.csv\", weight = {weight} }}]");
    for (weight, shown) in [("-1.0", "-1"), ("nan", "NaN"), ("inf", "inf")] {
        check(&weighted(weight), &rows(3), &["`weight` of `", "more.csv`", shown, "finite and at least 0"]);
    }
    check(&weighted("\"much\""), &rows(3), &["invalid type", "spec.toml"]);
    check("[{ weight = 2.0 }]", &rows(3), &["`path`"]);
    let named = rows(3).replace("town", "input_weight");
    check("{ path = \"more.csv\", weight = 2.0 }", &named, &["needs the name `input_weight`", "more.csv"]);
}

#[test]
fn a_view_over_weighted_inputs_must_give_their_weights() {
    let inputs = "train = [\"train.csv\", { path = \"eval.csv\", weight = 2.0 }]";
    let project = viewed().with_spec("train = \"train.csv\"", inputs);
    project.fails(&RUN, 2, &["no column `input_weight`, which is the weight", "`rows.input_weight`"]);
    let project = project.with_spec("r.price,", "r.price, r.input_weight,");
    project.run(&RUN);
    project.run(&["evaluate", "runs/small", "eval.csv", "--view"]);
    project.run(&["evaluate", "runs/small", "runs/small/view/eval.parquet"]);
}

#[test]
fn a_spec_is_corrected_without_removing_what_its_mistake_left() {
    let project = viewed().with_spec("SELECT r.id", "SELEKT r.id");
    project.fails(&RUN, 2, &["cannot be parsed"]);
    project.with_spec("SELEKT", "SELECT").run(&RUN);
}
