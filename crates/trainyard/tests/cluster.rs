//! A run on a cluster of real processes has the bytes of a run on one machine, whatever dies on the way.
#![cfg(feature = "cluster")]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use trainyard::data::{Sink, Source, SourceConfig};

/// Long enough for any machine; who waits longer waits for something that does not come.
const LIMIT: Duration = Duration::from_secs(300);

/// Seconds without a word after which an executor counts as lost.
const TIMEOUT: &str = "10";

/// Rows of a file: more than the four megabytes that make a piece.
const ROWS: usize = 24_000;

/// What a run leaves: features, figures, the export and the cache.
const RUN: [&str; 4] = ["features/features.json", "metrics.json", "cache", "export"];

/// What `prepare` leaves of these.
const PREPARED: [&str; 2] = ["features/features.json", "cache"];

const SPEC: &str = r#"
name = "rides"
[data]
train = "DATA"
label = "price"
task = "regression"
[features]
size_scaled = { op = "z_score", input = "size" }
size_part = { op = "bucketize", input = "size", quantiles = 7 }
town = { op = "vocabulary", missing = "own_id" }
tag_list = { op = "tokenize", input = "tags" }
tag = { op = "vocabulary", input = "tag_list" }
town_by_part = { op = "cross", inputs = ["town", "size_part"], buckets = 100 }
town_price = { op = "target_encode", input = "town" }
[model]
type = "wide_deep"
hidden_units = [4]
[train]
batch_size = 4096
epochs = 1
"#;

/// A CSV file whose rows have a long column that nothing reads. Two tags in a row come late, in the last files.
fn csv(file: usize, files: usize) -> String {
    let mut text = "note,size,town,tags,price\n".to_owned();
    for row in 0..ROWS {
        let i = file * ROWS + row;
        let size = (i * 7919 % 100_003) as f64 / 64.0;
        let (town, tags) = (["Bern", "Basel", "", "Chur"][i % 4], if file * 2 > files { "b a" } else { "a" });
        let part = |k: usize| format!("{:016x}", ((i * 10 + k + 1) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let note = (0..10).map(part).collect::<String>();
        text += &format!("{note},{size},{town},{tags},{:.2}\n", 0.5 * size + (i % 4 * 10) as f64);
    }
    text
}

/// A folder with a spec and its data in some files.
struct Project {
    folder: tempfile::TempDir,
}

impl Project {
    fn new(files: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("data")).unwrap();
        for file in 0..files {
            std::fs::write(folder.path().join(format!("data/{file:02}.csv")), csv(file, files)).unwrap();
        }
        std::fs::write(folder.path().join("spec.toml"), SPEC.replace("DATA", "data/*.csv")).unwrap();
        Self { folder }
    }

    /// The same rows as Parquet.
    fn with_parquet(self) -> Self {
        for file in std::fs::read_dir(self.path("data")).unwrap().map(|file| file.unwrap().path()) {
            let config = SourceConfig { path: file.as_path().into(), ..SourceConfig::default() };
            let mut batches = Source::open_all(&config).unwrap().scan().unwrap().map(Result::unwrap).peekable();
            let schema = batches.peek().unwrap().schema();
            let mut sink = Sink::create(Some(&file.with_extension("parquet")), None, &schema).unwrap();
            batches.for_each(|batch| sink.write(&batch).unwrap());
            sink.finish().unwrap();
        }
        std::fs::write(self.path("spec.toml"), SPEC.replace("DATA", "data/*.parquet")).unwrap();
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trainyard"));
        command.args(args).current_dir(self.folder.path()).env_remove("RUST_LOG").env("TMPDIR", self.folder.path());
        command
    }

    /// A run of the spec with a directory of its own.
    fn run(&self, output: &str, flags: &[&str]) -> Command {
        let mut command = self.command(&[&["run", "spec.toml", "--output", output], flags].concat());
        command.stdout(Stdio::null());
        command
    }

    /// The steps of a run before it trains.
    fn prepare(&self, output: &str, flags: &[&str]) -> Command {
        let mut command = self.command(&[&["prepare", "spec.toml", "--output", output], flags].concat());
        command.stdout(Stdio::null());
        command
    }

    /// The files of some parts of what a run leaves.
    fn results(&self, output: &str, parts: &[&str]) -> Vec<(PathBuf, Vec<u8>)> {
        let mut results = Vec::new();
        for part in parts {
            files_below(&self.path(output).join(part), &mut results);
        }
        results.sort();
        let base = self.path(output);
        results
            .into_iter()
            .map(|path| (path.strip_prefix(&base).unwrap().to_owned(), std::fs::read(path).unwrap()))
            .collect()
    }

    /// Checks that a run on a cluster left what one on this machine did.
    #[track_caller]
    fn check_same(&self, expected: &str, output: &str) {
        self.check_parts(&RUN, 6, expected, output);
    }

    /// The same of what `prepare` left.
    #[track_caller]
    fn check_prepared(&self, expected: &str, output: &str) {
        self.check_parts(&PREPARED, 3, expected, output);
    }

    #[track_caller]
    fn check_parts(&self, parts: &[&str], least: usize, expected: &str, output: &str) {
        let (expected, found) = (self.results(expected, parts), self.results(output, parts));
        assert!(expected.len() >= least, "{} files", expected.len());
        for ((path, expected), (found_path, found)) in expected.iter().zip(&found) {
            assert_eq!(path, found_path);
            assert!(expected == found, "`{}` has other bytes", path.display());
        }
        assert_eq!(expected.len(), found.len());
    }

    fn local(self) -> Self {
        succeeds(&self.run("local", &[]).output().unwrap());
        self
    }

    fn local_prepared(self) -> Self {
        succeeds(&self.prepare("local", &[]).output().unwrap());
        self
    }
}

fn files_below(path: &Path, files: &mut Vec<PathBuf>) {
    if !path.is_dir() {
        return files.push(path.to_owned());
    }
    // A folder may go away while it is looked at.
    entries(path).iter().for_each(|entry| files_below(entry, files));
}

/// What is in a folder, nothing if it is not there.
fn entries(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// Whether a folder is there and has files, in itself or below.
fn has_files(folder: &Path) -> bool {
    let mut files = Vec::new();
    if folder.is_dir() {
        files_below(folder, &mut files);
    }
    !files.is_empty()
}

#[track_caller]
fn succeeds(output: &Output) -> String {
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{message}");
    message
}

/// A process that ends with the test.
struct Process(Child);

impl Process {
    fn start(mut command: Command) -> Self {
        Self(command.spawn().unwrap())
    }

    /// Ends it at once, with no time for good-byes.
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Asks it to end, and waits until it has.
    fn terminate(&mut self) -> bool {
        let kill = Command::new("sh").args(["-c", &format!("kill -TERM {}", self.0.id())]).status();
        assert!(kill.unwrap().success());
        self.0.wait().unwrap().success()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended before.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Waits for something that will come.
#[track_caller]
fn wait_for(what: &str, mut is_there: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_there() {
        assert!(start.elapsed() < LIMIT, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Starts a scheduler, and gives its address.
fn scheduler(project: &Project, port: &str) -> (Process, String) {
    let args = ["cluster", "scheduler", "--port", port, "--executor-timeout", TIMEOUT];
    let mut command = project.command(&args);
    command.stdout(Stdio::piped());
    let mut process = Process::start(command);
    let mut line = String::new();
    BufReader::new(process.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("scheduler at ").unwrap_or_else(|| panic!("it said `{line}`"));
    (process, address.to_owned())
}

/// Starts an executor that keeps its results in a folder of this name.
fn executor(project: &Project, address: &str, name: &str, cores: &str) -> Process {
    let args = ["cluster", "executor", "--scheduler", address, "--cores", cores, "--work-dir", name];
    Process::start(project.command(&args))
}

/// A cluster with two executors.
fn cluster(project: &Project, cores: &str) -> (Process, [Process; 2], String) {
    let (scheduler, address) = scheduler(project, "0");
    let executors = ["one", "two"].map(|name| executor(project, &address, name, cores));
    (scheduler, executors, address)
}

/// Whether an executor has results of a job.
fn has_results(project: &Project, executor: &str) -> bool {
    has_files(&project.path(executor))
}

#[track_caller]
fn check_adaptive(project: &Project, address: &str, output: &str, adaptive: &str) {
    let setting = format!("ballista.planner.adaptive.enabled={adaptive}");
    succeeds(&project.run(output, &["--cluster", address, "--cluster-set", &setting]).output().unwrap());
    project.check_same("local", output);
}

#[test]
fn a_run_on_a_cluster_has_the_bytes_of_a_local_one_with_adaptive_execution_and_without() {
    let project = Project::new(6).local();
    let (mut scheduler, mut executors, address) = cluster(&project, "2");
    check_adaptive(&project, &address, "adaptive", "true");
    check_adaptive(&project, &address, "static", "false");
    assert!(executors.iter_mut().all(Process::terminate) && scheduler.terminate());
}

#[test]
fn parquet_is_read_on_a_cluster_too() {
    let project = Project::new(5).with_parquet().local();
    let (_scheduler, _executors, address) = cluster(&project, "2");
    succeeds(&project.run("cluster", &["--cluster", &address]).output().unwrap());
    project.check_same("local", "cluster");
}

#[test]
fn rows_prepared_on_a_cluster_have_the_bytes_of_those_prepared_here() {
    let project = Project::new(5).local_prepared();
    let (_scheduler, _executors, address) = cluster(&project, "2");
    succeeds(&project.prepare("cluster", &["--cluster", &address]).output().unwrap());
    project.check_prepared("local", "cluster");
}

#[test]
fn statistics_made_on_a_cluster_have_the_bytes_of_local_ones() {
    let project = Project::new(3);
    let (_scheduler, _executors, address) = cluster(&project, "2");
    let stats = |name: &str, flags: &[&str]| {
        let page = format!("{name}.html");
        let args = ["stats", "data", "--label", "price", "--output", &page, "--save", name];
        let output = project.command(&[&args, flags].concat()).output().unwrap();
        succeeds(&output);
        let table = String::from_utf8(output.stdout).unwrap().replace(name, "");
        (table, [&page, name].map(|file| std::fs::read(project.path(file)).unwrap()))
    };
    let local = stats("local.json", &[]);
    assert!(local == stats("cluster.json", &["--cluster", &address]));
    // They are made there: without a cluster there are none.
    let nobody = ["stats", "data", "--cluster", "df://127.0.0.1:1", "--cluster-patience", "0"];
    let message = String::from_utf8(project.command(&nobody).output().unwrap().stderr).unwrap();
    assert!(message.contains("error: the scheduler `127.0.0.1:1` does not answer"), "{message}");
}

#[test]
fn an_executor_that_is_killed_midway_changes_nothing() {
    let project = Project::new(12).local();
    let (_scheduler, [mut one, _two], address) = cluster(&project, "1");
    let run = project.run("cluster", &["--cluster", &address]).stderr(Stdio::piped()).spawn().unwrap();
    // Results of a task on it are lost with it, too.
    wait_for("results", || has_results(&project, "one"));
    one.kill();
    succeeds(&run.wait_with_output().unwrap());
    project.check_same("local", "cluster");
}

/// Waits until an executor has results of a job that encodes, or the training rows are all encoded.
fn wait_for_encoded_rows(project: &Project, output: &str, executor: &str) {
    // An executor keeps the results of each job in a folder. Those that are there before the cache is begun are of fitting.
    let jobs = || entries(&project.path(executor));
    let folder = project.path(output).join("cache");
    let mut fitted = Vec::new();
    wait_for("a cache", || {
        let found = jobs();
        let is_begun = !entries(&folder).is_empty();
        if !is_begun {
            fitted = found;
        }
        is_begun
    });
    let has_encoded = |job: &PathBuf| !fitted.contains(job) && has_files(job);
    wait_for("encoded rows", || folder.join("train.arrow").exists() || jobs().iter().any(has_encoded));
}

/// Kills an executor that has encoded rows, and says whether there were still rows to encode then.
fn survives_a_death_in_encoding(project: &Project, output: &str) -> bool {
    for name in ["one", "two"] {
        drop(std::fs::remove_dir_all(project.path(name)));
    }
    let (_scheduler, [mut one, _two], address) = cluster(project, "1");
    let run = project.prepare(output, &["--cluster", &address]).stderr(Stdio::piped()).spawn().unwrap();
    wait_for_encoded_rows(project, output, "one");
    one.kill();
    let is_midway = !project.path(output).join("cache/train.arrow").exists();
    succeeds(&run.wait_with_output().unwrap());
    project.check_prepared("local", output);
    is_midway
}

#[test]
fn an_executor_that_is_killed_while_rows_are_encoded_changes_nothing() {
    let project = Project::new(8).local_prepared();
    // All rows may be encoded before the executor is dead.
    assert!((0..10).any(|i| survives_a_death_in_encoding(&project, &format!("cluster-{i}"))));
}

/// Kills the scheduler in the middle of a run, starts it anew, and says whether the run had noticed.
fn survives_a_new_scheduler(project: &Project, output: &str) -> bool {
    for name in ["one", "two"] {
        drop(std::fs::remove_dir_all(project.path(name)));
    }
    let (mut old, _executors, address) = cluster(project, "1");
    let run = project.run(output, &["--cluster", &address]).stderr(Stdio::piped()).spawn().unwrap();
    wait_for("results", || has_results(project, "one") || has_results(project, "two"));
    old.kill();
    let (_new, again) = scheduler(project, address.rsplit(':').next().unwrap());
    assert_eq!(again, address);
    let message = succeeds(&run.wait_with_output().unwrap());
    project.check_same("local", output);
    message.contains("submitted again")
}

#[test]
fn a_scheduler_that_is_killed_and_started_anew_changes_nothing() {
    let project = Project::new(12).local();
    // A run that ends before its scheduler does has seen nothing of it.
    assert!((0..10).any(|i| survives_a_new_scheduler(&project, &format!("cluster-{i}"))));
}

#[track_caller]
fn check_failure(project: &Project, address: &str, code: i32, expected: &[&str]) {
    let output = project.run("failed", &["--cluster", address, "--cluster-patience", "0"]).output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{message}");
    for expected in expected {
        assert!(message.contains(expected), "{message}\nlacks `{expected}`");
    }
}

#[test]
fn what_is_not_there_is_told() {
    let project = Project::new(1);
    // Nobody listens on port 1.
    check_failure(
        &project,
        "df://127.0.0.1:1",
        1,
        &["error: the scheduler `127.0.0.1:1` does not answer", "`--cluster`"],
    );
    let (_scheduler, address) = scheduler(&project, "0");
    check_failure(&project, &address, 1, &["has no executors", "trainyard cluster executor"]);
    check_failure(&project, "localhost", 2, &["`localhost`", "df://host:port"]);
}

#[test]
fn a_bad_row_is_told_as_on_one_machine() {
    let project = Project::new(3);
    let path = project.path("data/01.csv");
    std::fs::write(&path, std::fs::read_to_string(&path).unwrap() + "x,large,Bern,a,1\n").unwrap();
    let message = |flags: &[&str]| {
        let output = project.run("failed", flags).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let message = String::from_utf8(output.stderr).unwrap();
        message.lines().find(|line| line.starts_with("error: ")).unwrap_or(&message).to_owned()
    };
    let local = message(&[]);
    assert!(local.contains("line 24002 of `") && local.contains("`large` is not a number"), "{local}");
    let (_scheduler, _executors, address) = cluster(&project, "2");
    let absolute = project.path("data").display().to_string();
    assert_eq!(message(&["--cluster", &address]).replace(&absolute, "data"), local);
}
