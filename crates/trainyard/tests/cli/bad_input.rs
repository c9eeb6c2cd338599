//! Bad input gets a clear error and loses nothing: exit code 2 for what the user can mend, 1 for the rest.

use crate::project::{Project, contents, rows};

const RUN: [&str; 2] = ["run", "spec.toml"];

/// The training rows with one line changed; lines count from 1, the header.
fn with_line(number: usize, line: &str) -> String {
    let text = rows(400);
    let mut lines: Vec<&str> = text.lines().collect();
    lines[number - 1] = line;
    lines.join("\n") + "\n"
}

#[test]
fn a_missing_spec_is_named() {
    Project::new().fails(&["run", "none.toml"], 2, &["none.toml"]);
}

#[test]
fn a_missing_file_is_named() {
    Project::new().with_spec("train.csv", "gone.csv").fails(&RUN, 2, &["gone.csv"]);
}

#[test]
fn an_empty_file_is_named() {
    Project::new().write("train.csv", "").fails(&RUN, 2, &["train.csv", "empty"]);
    Project::new().write("train.csv", "id,size,town,price\n").fails(&RUN, 2, &["train.csv", "no rows"]);
}

#[test]
fn a_column_that_is_not_there_is_named_with_those_that_are() {
    let project = Project::new().with_spec("input = \"size\"", "input = \"sise\"");
    project.fails(&RUN, 2, &["`sise`", "size_scaled", "`size`", "town", "price"]);
    Project::new().with_spec("\"price\"", "\"prize\"").fails(&RUN, 2, &["`prize`", "price", "town"]);
    Project::new().write("eval.csv", "id,size,price\na,1,2\n").fails(&RUN, 2, &["eval.csv", "`town`", "price"]);
}

#[test]
fn a_value_that_does_not_parse_is_named_with_line_and_column() {
    let project = Project::new().write("train.csv", &with_line(52, "r50,big,Bern,3.0"));
    let project = project.with_spec("keys", "types = { size = \"float\" }\nkeys");
    project.fails(&RUN, 2, &["train.csv", "52", "`size`", "`big` is not a number", "on_error"]);
}

#[test]
fn bad_rows_are_skipped_and_counted_when_asked() {
    let project = Project::new().write("train.csv", &with_line(52, "r50,big,Bern,3.0"));
    let project = project.with_spec("keys", "types = { size = \"float\" }\non_error = \"skip\"\nkeys");
    let output = project.output(&RUN);
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && message.contains("1 row"), "{message}");
    assert!(project.read("runs/small/metrics.json").contains("399"));
}

#[test]
fn a_ragged_row_is_named() {
    let project = Project::new().write("train.csv", &with_line(3, "r1,3.7,Basel"));
    project.fails(&RUN, 2, &["train.csv", "3", "4"]);
    let project = Project::new().write("train.csv", &with_line(3, "r1,3.7,Basel,4,5"));
    project.fails(&RUN, 2, &["train.csv", "3", "5"]);
}

#[test]
fn a_label_that_is_missing_is_named() {
    let project = Project::new().write("train.csv", &with_line(9, "r7,1.0,Bern,"));
    project.fails(&RUN, 2, &["`price`", "label", "no value"]);
}

#[test]
fn a_label_of_one_value_is_named() {
    let text = "id,size,town,price\na,1,Bern,3\nb,2,Bern,3\n";
    Project::new().write("train.csv", text).fails(&RUN, 2, &["`price`", "only the value `3`"]);
}

#[test]
fn an_unknown_key_is_named_with_the_nearest_right_one() {
    Project::new().with_spec("epochs", "epoch").fails(&RUN, 2, &["spec.toml", "line 17", "`epoch`", "`epochs`"]);
    Project::new().fails(&["run", "spec.toml", "--set", "train.epoch=3"], 2, &["`epoch`", "`epochs`"]);
}

#[test]
fn an_unknown_value_is_named_with_the_nearest_right_one() {
    Project::new().with_spec("wide_deep", "wide_deap").fails(&RUN, 2, &["`wide_deap`", "`wide_deep`"]);
    Project::new().with_spec("z_score", "zscore").fails(&RUN, 2, &["zscore", "z_score"]);
}

#[test]
fn a_loss_that_is_no_number_stops_the_run_and_keeps_the_last_good_checkpoint() {
    // Steps of a sensible size for two epochs of 25 steps and a bit, then enormous ones.
    let schedule = "{ decay = { piecewise = { boundaries = [60], factors = [1.0, 1e30] } } }";
    let setting = format!("optimizers.main={{ sgd = {{ learning_rate = 0.001, schedule = {schedule} }} }}");
    let project = Project::new();
    let run = ["run", "spec.toml", "--set", &setting];
    let message =
        project.fails(&run, 1, &["loss became", "at step 6", "learning rate", "checkpoint of step 50 is kept"]);
    assert_eq!(newest(&project, "runs/small/checkpoints"), project.path("runs/small/checkpoints/50"), "{message}");
    assert!(!project.path("runs/small/metrics.json").exists());
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let project = Project::new();
    project.fails(&["run", "spec.toml", "--output", "train.csv/run"], 1, &["train.csv/run"]);
    assert_eq!(project.read("train.csv"), rows(400));
}

#[test]
fn a_full_disk_is_named_and_nothing_is_lost() {
    let project = Project::new();
    project.run(&RUN);
    std::os::unix::fs::symlink("/dev/full", project.path("full.csv")).unwrap();
    project.fails(&["predict", "runs/small", "eval.csv", "--output", "full.csv"], 1, &["full", "space"]);
}

#[test]
fn a_damaged_checkpoint_is_passed_over_for_the_one_before() {
    let project = Project::new().with_spec("epochs = 12", "epochs = 3");
    let longer = ["run", "spec.toml", "--set", "train.epochs=6"];
    project.run(&longer);
    let expected = contents(&newest(&project, "runs/small/export"));
    std::fs::remove_dir_all(project.path("runs")).unwrap();
    project.run(&RUN);
    for (name, damage) in [("params.safetensors", 300), ("state.json", 20)] {
        let newest = newest(&project, "runs/small/checkpoints");
        let path = newest.join(name);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..damage.min(bytes.len() - 1)]).unwrap();
    }
    let output = project.output(&longer);
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && message.contains("damaged") && message.contains("resumed at step 50"),
        "{message}"
    );
    assert_eq!(contents(&newest(&project, "runs/small/export")), expected);
}

/// The subdirectory of the highest number.
fn newest(project: &Project, dir: &str) -> std::path::PathBuf {
    let number = |path: &std::path::PathBuf| path.file_name().unwrap().to_str().unwrap().parse::<u64>().unwrap_or(0);
    let entries = std::fs::read_dir(project.path(dir)).unwrap().map(|entry| entry.unwrap().path());
    entries.max_by_key(number).unwrap()
}

#[test]
fn a_damaged_export_is_named_and_an_older_one_used() {
    let project = Project::new().with_spec("epochs = 12", "epochs = 1");
    project.run(&RUN);
    project.run(&["run", "spec.toml", "--set", "train.epochs=8"]);
    let newest = newest(&project, "runs/small/export");
    let weights = newest.join("weights.safetensors");
    let mut bytes = std::fs::read(&weights).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&weights, bytes).unwrap();
    project.fails(
        &["evaluate", newest.to_str().unwrap(), "eval.csv"],
        2,
        &["weights.safetensors", "export the model again"],
    );
    let output = project.output(&["evaluate", "runs/small", "eval.csv", "--json"]);
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && message.contains("is used instead"), "{message}");
}

#[test]
fn an_export_of_a_newer_format_is_refused_by_name() {
    let project = Project::new().with_spec("epochs = 12", "epochs = 1");
    project.run(&RUN);
    let manifest = newest(&project, "runs/small/export").join("bundle.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, text.replacen("\"format_version\": 1", "\"format_version\": 7", 1)).unwrap();
    project.fails(&["predict", "runs/small", "eval.csv"], 2, &["version 7", "version 1", "upgrade"]);
}

#[test]
fn a_run_of_another_spec_is_not_overwritten() {
    let project = Project::new().with_spec("epochs = 12", "epochs = 1");
    project.run(&RUN);
    let before = contents(&project.path("runs"));
    let changed = ["run", "spec.toml", "--set", "model.hidden_units=[4]"];
    project.fails(&changed, 2, &["runs/small", "hidden_units", "--output"]);
    assert_eq!(contents(&project.path("runs")), before);
}

#[test]
fn training_data_that_changed_is_noticed() {
    let project = Project::new().with_spec("epochs = 12", "epochs = 1");
    project.run(&RUN);
    let project = project.write("train.csv", &rows(300));
    project.fails(&RUN, 2, &["runs/small", "changed", "--output"]);
}

#[test]
fn what_is_no_model_is_named() {
    let project = Project::new();
    project.fails(&["evaluate", "nowhere", "eval.csv"], 2, &["nowhere"]);
    project.fails(&["predict", ".", "eval.csv"], 2, &["bundle.json"]);
    project.fails(&["serve", "nowhere"], 2, &["nowhere"]);
}
