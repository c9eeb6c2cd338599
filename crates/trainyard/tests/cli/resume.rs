//! A run that was stopped ends with the same bytes as one that was not.

use crate::project::{Project, contents, rows};
use std::process::{Child, Stdio};
use std::time::Duration;

const RUN: [&str; 2] = ["run", "spec.toml"];

fn project() -> Project {
    Project::new()
        .with_spec("epochs = 12", "epochs = 40")
        .with_spec("[model]", "size_part = { op = \"bucketize\", input = \"size\", quantiles = 5 }\n[model]")
}

fn start(project: &Project) -> Child {
    project.command(&RUN).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn signal(child: &Child, name: &str) {
    let status = std::process::Command::new("sh").args(["-c", &format!("kill -{name} {}", child.id())]).status();
    assert!(status.unwrap().success());
}

/// The files that do not tell where the run was.
fn results(project: &Project) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let all = contents(&project.path("runs/small"));
    all.into_iter().filter(|(path, _)| !path.ends_with("config.toml") && !path.ends_with("data.txt")).collect()
}

#[test]
fn a_run_that_is_killed_again_and_again_ends_with_the_same_bytes() {
    check_killed(project);
}

#[test]
fn so_does_one_that_gathers_statistics_while_it_encodes() {
    check_killed(|| project().with_hashes().with_spec("size_part", "# size_part").write("train.csv", &rows(40_000)));
}

fn check_killed(project: impl Fn() -> Project) {
    let whole = project();
    whole.run(&RUN);
    let killed = project();
    let mut kills = 0;
    // Later and later, so that every stage is hit and the run ends.
    for millis in (5..).step_by(9) {
        let mut child = start(&killed);
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
    let (whole, killed) = (results(&whole), results(&killed));
    let is_result = |path: &std::path::Path| !path.starts_with("checkpoints");
    let names = |files: &[(std::path::PathBuf, Vec<u8>)]| {
        files.iter().map(|(path, _)| path.clone()).filter(|path| is_result(path)).collect::<Vec<_>>()
    };
    assert_eq!(names(&killed), names(&whole));
    for ((path, a), (_, b)) in
        whole.iter().filter(|(p, _)| is_result(p)).zip(killed.iter().filter(|(p, _)| is_result(p)))
    {
        assert!(a == b, "{} differs after {kills} kills", path.display());
    }
}

#[test]
fn ctrl_c_saves_a_checkpoint_and_the_run_goes_on_from_it() {
    let whole = project().with_spec("epochs = 40", "epochs = 400");
    whole.run(&RUN);
    let stopped = project().with_spec("epochs = 40", "epochs = 400");
    let mut child = start(&stopped);
    while !stopped.path("runs/small/checkpoints").exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
    signal(&child, "INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(std::fs::read_dir(stopped.path("runs/small/checkpoints")).unwrap().count() > 0);
    assert!(!stopped.path("runs/small/metrics.json").exists());
    let output = stopped.output(&RUN);
    assert!(String::from_utf8_lossy(&output.stderr).contains("resumed at step"));
    assert_eq!(stopped.read("runs/small/metrics.json"), whole.read("runs/small/metrics.json"));
    assert_eq!(contents(&stopped.path("runs/small/export")), contents(&whole.path("runs/small/export")));
}

#[test]
fn a_run_that_has_ended_is_left_as_it_is() {
    let project = project();
    project.run(&RUN);
    let times = |project: &Project| {
        let files = contents(&project.path("runs/small/export")).into_iter().map(|(path, _)| path);
        files
            .map(|path| std::fs::metadata(project.path("runs/small/export").join(path)).unwrap().modified().unwrap())
            .collect::<Vec<_>>()
    };
    let (before, before_times) = (contents(&project.path("runs")), times(&project));
    assert!(project.run(&RUN).contains("nothing was to be done"));
    assert_eq!((contents(&project.path("runs")), times(&project)), (before, before_times));
}

#[test]
fn the_number_of_lanes_does_not_change_a_byte() {
    let one = project();
    one.run(&["run", "spec.toml", "--set", "train.lanes=1"]);
    for lanes in ["2", "3", "8"] {
        let several = project();
        several.run(&["run", "spec.toml", "--set", &format!("train.lanes={lanes}")]);
        assert_eq!(several.read("runs/small/metrics.json"), one.read("runs/small/metrics.json"), "{lanes} lanes");
        assert_eq!(
            contents(&several.path("runs/small/export")),
            contents(&one.path("runs/small/export")),
            "{lanes} lanes"
        );
    }
}

#[test]
fn a_run_made_longer_goes_on() {
    let whole = project();
    whole.run(&["run", "spec.toml", "--set", "train.epochs=9"]);
    let longer = project();
    longer.run(&["run", "spec.toml", "--set", "train.epochs=4"]);
    longer.run(&["run", "spec.toml", "--set", "train.epochs=9"]);
    assert_eq!(longer.read("runs/small/metrics.json"), whole.read("runs/small/metrics.json"));
}
