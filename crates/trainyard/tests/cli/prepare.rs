//! Rows are made ready ahead of training, and a run goes on from there.

use crate::project::{Project, contents};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

const RUN: [&str; 2] = ["run", "spec.toml"];
const PREPARE: [&str; 2] = ["prepare", "spec.toml"];
const SHUFFLE: [&str; 3] = ["prepare", "spec.toml", "--shuffle"];

/// Rows whose label comes sorted, in several blocks.
fn sorted(n: usize) -> String {
    let row = |i: usize| format!("r{i},{}.0,{},{}.0\n", i % 97, ["a", "b", "c"][i % 3], i * 8 / n);
    format!("id,size,town,price\n{}", (0..n).map(row).collect::<String>())
}

/// The encoded rows, and whatever else lies beside them.
fn cached(project: &Project) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = std::fs::read_dir(project.path("runs/small/cache")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        entries.map(|path| (PathBuf::from(path.file_name().unwrap()), std::fs::read(&path).unwrap())).collect();
    files.sort();
    files
}

#[test]
fn a_run_uses_what_was_prepared() {
    let (plain, prepared) = (Project::new(), Project::new());
    let text = prepared.run(&PREPARE);
    assert!(text.contains("train  400 rows") && text.contains("eval   100 rows"), "{text}");
    let before = cached(&prepared);
    let times = |project: &Project| {
        let time = |(name, _): (PathBuf, Vec<u8>)| {
            std::fs::metadata(project.path("runs/small/cache").join(name)).unwrap().modified().unwrap()
        };
        cached(project).into_iter().map(time).collect::<Vec<_>>()
    };
    let made = times(&prepared);
    plain.run(&RUN);
    prepared.run(&RUN);
    assert!(cached(&prepared) == before && times(&prepared) == made, "rows were encoded again");
    assert_eq!(prepared.read("runs/small/metrics.json"), plain.read("runs/small/metrics.json"));
}

#[test]
fn shuffled_rows_are_the_same_bytes_for_any_memory_and_threads_and_stay_shuffled() {
    let (text, project) = (sorted(60_000), || Project::new().with_spec("epochs = 12", "epochs = 1"));
    let one = project().write("train.csv", &text);
    let json: serde_json::Value = serde_json::from_str(&one.run(&[&SHUFFLE[..], &["--json"]].concat())).unwrap();
    assert_eq!((&json["shuffled"], &json["splits"][0]["rows"]), (&true.into(), &60_000.into()));
    assert!(json["label_clustering"].as_f64().unwrap() < 0.01, "{json}");
    let other = project().write("train.csv", &text);
    other.run(&[&SHUFFLE[..], &["--memory", "64MiB", "--set", "train.lanes=1"]].concat());
    // The files of two projects lie at two places, which their caches name.
    assert_eq!(rows_of(&one), rows_of(&other));
    let before = cached(&one);
    one.run(&SHUFFLE);
    one.run(&PREPARE);
    one.run(&RUN);
    assert!(cached(&one) == before, "what was shuffled was made again");
    std::fs::remove_dir_all(one.path("runs/small/cache")).unwrap();
    assert!(one.run(&PREPARE).contains("in a random order"));
    assert_eq!(rows_of(&one), rows_of(&other));
}

/// The blocks of the training rows: the file up to its footer, which names the source.
fn rows_of(project: &Project) -> Vec<u8> {
    let mut bytes = std::fs::read(project.path("runs/small/cache/train.arrow")).unwrap();
    let end = bytes.len() - 10;
    let footer = u32::from_le_bytes(bytes[end..end + 4].try_into().unwrap()) as usize;
    bytes.truncate(end - footer);
    bytes
}

#[test]
fn rows_that_look_sorted_are_told_and_how_to_mend_it() {
    let project = Project::new().with_spec("epochs = 12", "epochs = 1").write("train.csv", &sorted(60_000));
    let told = |args: &[&str]| {
        let output = project.output(args);
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap().contains("look sorted by label: 9")
    };
    let few = ["--set", "train.shuffle_rows=20000"];
    assert!(told(&[&PREPARE[..], &few[..]].concat()), "rows that are mixed in part are sorted");
    std::fs::remove_dir_all(project.path("runs")).unwrap();
    assert!(!told(&PREPARE), "rows that are mixed with all others are not");
    std::fs::remove_dir_all(project.path("runs")).unwrap();
    assert!(told(&[&PREPARE[..], &["--set", "train.shuffle=false"]].concat()));
    std::fs::remove_dir_all(project.path("runs")).unwrap();
    assert!(!told(&[&SHUFFLE[..], &few[..]].concat()), "shuffled rows are not");
}

#[test]
fn rows_that_are_learnt_from_are_not_shuffled_under_the_run() {
    let project = Project::new().with_spec("epochs = 12", "epochs = 1");
    project.run(&RUN);
    let before = contents(&project.path("runs"));
    project.fails(&SHUFFLE, 2, &["runs/small", "another order", "--output"]);
    assert_eq!(contents(&project.path("runs")), before);
}

#[test]
fn too_little_memory_is_refused() {
    let project = Project::new();
    project.fails(&[&PREPARE[..], &["--memory", "1MiB"]].concat(), 2, &["1MiB", "at least 64MiB"]);
    project.fails(&[&RUN[..], &["--set", "train.memory=lots"]].concat(), 2, &["`lots`", "1GiB"]);
}

#[test]
fn a_run_may_go_on_with_other_memory_unless_that_changes_the_order() {
    let project = Project::new().with_spec("epochs = 12", "epochs = 2");
    project.run(&[&RUN[..], &["--memory", "64MiB"]].concat());
    assert!(project.run(&[&RUN[..], &["--memory", "1GiB"]].concat()).contains("nothing was to be done"));
    project.run(&[&RUN[..], &["--memory", "1GiB", "--set", "train.epochs=3"]].concat());
}

#[test]
fn a_prepare_that_is_killed_again_and_again_leaves_nothing_half_done() {
    check_killed(Project::new);
    check_killed(|| Project::new().with_hashes());
}

fn check_killed(project: impl Fn() -> Project) {
    let text = sorted(60_000);
    let whole = project().write("train.csv", &text);
    whole.run(&SHUFFLE);
    let killed = project().write("train.csv", &text);
    let mut kills = 0;
    // Later and later, so that every stage is hit and the work ends.
    for millis in (5..).step_by(7) {
        let mut child = killed.command(&SHUFFLE).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(millis));
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
    }
    assert!(kills > 3, "only {kills} kills came in time");
    assert!(rows_of(&killed) == rows_of(&whole), "other rows after {kills} kills");
    let names = |project: &Project| cached(project).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names(&killed), names(&whole), "temporary files stayed");
}
