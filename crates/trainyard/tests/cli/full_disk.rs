//! Files that cannot be written whole: the program names the one and leaves no part of it, and the same command works once there
//! is room.

use crate::project::{Project, rows};

const RUN: [&str; 2] = ["run", "spec.toml"];
const PREPARE: [&str; 2] = ["prepare", "spec.toml"];
const SHUFFLE: [&str; 3] = ["prepare", "spec.toml", "--shuffle"];

/// More than any file takes that is written before the one that does not fit, which takes 170 or more.
const KIB: u32 = 100;

fn project() -> Project {
    Project::new().with_spec("epochs = 12", "epochs = 1").write("train.csv", &rows(20_000))
}

fn viewed(sql: &str) -> Project {
    // As little memory as lets several batches of long rows be sorted on the disk.
    project().with_spec("[features]\n", &format!("[view]\nsql = \"{sql}\"\nmemory_mib = 24\n[features]\n"))
}

/// There is no room for a file in this folder of the run, where only `left` stays.
#[track_caller]
fn check(project: &Project, args: &[&str], (folder, file): (&str, &str), left: &[&str]) {
    let folder = format!("runs/small/{folder}");
    project.fails_within(KIB, args, &[&format!("{folder}/"), file, "File too large"]);
    assert_eq!(names(project, &folder), left);
}

fn names(project: &Project, folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(project.path(folder)).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn encoded_rows_that_do_not_fit_are_named_and_nothing_stays() {
    for args in [&RUN[..], &PREPARE, &SHUFFLE] {
        let project = project();
        check(&project, args, ("cache", "train.arrow`"), &[]);
        project.run(args);
        assert_eq!(names(&project, "runs/small/cache"), ["eval.arrow", "train.arrow"]);
    }
}

#[test]
fn a_run_that_found_no_room_at_first_gives_the_same_as_any_other() {
    let (plain, failed) = (project(), project());
    check(&failed, &RUN, ("cache", "train.arrow`"), &[]);
    failed.run(&RUN);
    plain.run(&RUN);
    assert_eq!(failed.read("runs/small/metrics.json"), plain.read("runs/small/metrics.json"));
}

#[test]
fn rows_that_cannot_be_shuffled_stay_in_their_order() {
    let project = project();
    project.run(&PREPARE);
    let encoded = || std::fs::read(project.path("runs/small/cache/train.arrow")).unwrap();
    let before = encoded();
    check(&project, &SHUFFLE, ("cache", "train.scatter`"), &["eval.arrow", "train.arrow"]);
    assert!(encoded() == before, "the rows were touched");
    project.run(&SHUFFLE);
    assert!(encoded() != before, "the rows were not shuffled");
}

#[test]
fn rows_of_a_view_that_do_not_fit_are_named_and_nothing_stays() {
    for args in [&RUN[..], &SHUFFLE] {
        let project = viewed("SELECT id, size, town, price, sin(size * price) AS wave FROM rows");
        check(&project, args, ("view", "train.parquet`"), &[]);
        assert!(names(&project, "runs/small/cache").is_empty());
        project.run(args);
        let files = ["eval.json", "eval.parquet", "train.json", "train.parquet"];
        assert_eq!(names(&project, "runs/small/view"), files);
    }
}

#[test]
fn rows_that_a_view_cannot_spill_are_told_and_nothing_stays() {
    let project = viewed("SELECT size, town, price, repeat(id, 150) AS long FROM rows ORDER BY long")
        .with_spec("keys = [\"id\"]\n", "");
    check(&project, &PREPARE, ("view", "train.spill.tmp`"), &[]);
    project.run(&PREPARE);
}

#[test]
fn a_checkpoint_that_does_not_fit_is_named_and_nothing_stays() {
    // It is written while training goes on, or ends.
    for epochs in ["epochs = 12", "epochs = 1"] {
        let project = Project::new().with_spec("epochs = 12", epochs).with_spec("[8]", "[256, 256]");
        check(&project, &RUN, ("checkpoints", "params.safetensors`"), &[]);
        project.run(&RUN);
    }
}
