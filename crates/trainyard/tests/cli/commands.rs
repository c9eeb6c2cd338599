//! The commands, end to end.

use crate::project::{Project, rows};

#[test]
fn a_newcomer_gets_from_a_file_to_a_prediction() {
    let project = Project::new().write("houses.csv", &rows(600));
    project.run(&["init", "houses.csv", "--label", "price", "--output", "houses.toml"]);
    assert!(project.read("houses.toml").contains("task = \"regression\""));
    project.fails(&["init", "houses.csv", "--label", "price", "--output", "houses.toml"], 2, &["--force"]);
    let table = project.run(&["run", "houses.toml", "--set", "train.epochs=30"]);
    for part in ["rmse", "mae", "r2", "prediction_mean", "label_mean", "baseline", "report.html"] {
        assert!(table.contains(part), "{table}\nlacks `{part}`");
    }
    let csv = project.run(&["predict", "runs/houses", "houses.csv", "--keys", "id"]);
    assert_eq!(csv.lines().count(), 601);
    assert!(csv.starts_with("id,prediction\nr0,"), "{csv}");
}

#[test]
fn init_names_a_label_that_is_not_there() {
    Project::new().fails(&["init", "train.csv", "--label", "prise", "--output", "new.toml"], 2, &["`prise`", "price"]);
}

#[test]
fn a_run_prints_and_writes_its_figures() {
    let project = Project::new();
    let json = project.run(&["run", "spec.toml", "--json"]);
    assert_eq!(json.trim_end(), project.read("runs/small/metrics.json"));
    let results: serde_json::Value = serde_json::from_str(&json).unwrap();
    let value = |split: &str, name: &str| {
        let pairs = results[split].as_array().unwrap();
        pairs.iter().find(|pair| pair[0] == name).unwrap()[1].as_f64().unwrap()
    };
    assert!(value("eval", "rmse") < 0.5 * value("baseline", "rmse"), "{json}");
    assert!(project.read("runs/small/report.html").contains("<svg"));
}

#[test]
fn evaluate_agrees_with_the_run() {
    let project = Project::new();
    project.run(&["run", "spec.toml"]);
    let json = project.run(&["evaluate", "runs/small", "eval.csv", "--json"]);
    let figures: serde_json::Value = serde_json::from_str(&json).unwrap();
    let results: serde_json::Value = serde_json::from_str(&project.read("runs/small/metrics.json")).unwrap();
    for pair in results["eval"].as_array().unwrap().iter().skip(1) {
        assert_eq!(figures[pair[0].as_str().unwrap()], pair[1], "{}", pair[0]);
    }
}

#[test]
fn predictions_are_the_same_in_every_format_and_carry_keys() {
    let project = Project::new();
    project.run(&["run", "spec.toml"]);
    let csv = project.run(&["predict", "runs/small", "eval.csv"]);
    let lines = project.run(&["predict", "runs/small", "eval.csv", "--json"]);
    project.run(&["predict", "runs/small", "eval.csv", "--output", "out.parquet"]);
    assert!(std::fs::read(project.path("out.parquet")).unwrap().starts_with(b"PAR1"));
    for (row, line) in csv.lines().skip(1).zip(lines.lines()) {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let (id, prediction) = row.split_once(',').unwrap();
        assert_eq!(line["id"], id);
        assert_eq!(line["prediction"].as_f64().unwrap() as f32, prediction.parse::<f32>().unwrap());
    }
    assert_eq!(csv.lines().count(), 101);
}

#[test]
fn classes_are_predicted_by_their_names() {
    let text: String = (0..300).map(|i| format!("{},{}\n", i % 10, ["no", "yes"][usize::from(i % 10 > 4)])).collect();
    let project = Project::new().write("train.csv", &format!("x,answer\n{text}"));
    project.run(&["init", "train.csv", "--label", "answer", "--output", "answer.toml"]);
    let table = project.run(&["run", "answer.toml", "--output", "run"]);
    for part in ["auc", "auc_precision_recall", "accuracy", "accuracy_baseline", "precision", "recall", "log_loss"] {
        assert!(table.contains(part), "{table}\nlacks `{part}`");
    }
    let csv = project.run(&["predict", "run", "train.csv"]);
    assert!(csv.starts_with("probability,class\n") && csv.contains(",no\n") && csv.contains(",yes\n"), "{csv}");
}

#[test]
fn every_command_has_help() {
    let project = Project::new();
    for command in ["init", "prepare", "run", "evaluate", "predict", "serve", "stats", "validate", "skew"] {
        assert!(project.run(&[command, "--help"]).contains("Usage: trainyard"), "{command}");
    }
}
