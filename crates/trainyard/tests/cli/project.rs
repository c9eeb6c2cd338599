//! A folder with data and a spec, and the program to run on it.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const PROGRAM: &str = env!("CARGO_BIN_EXE_trainyard");

/// A spec for [`rows`]: trains in a moment.
pub const SPEC: &str = r#"
name = "small"
[data]
train = "train.csv"
eval = "eval.csv"
label = "price"
task = "regression"
keys = ["id"]
[features]
size_scaled = { op = "z_score", input = "size" }
town = { op = "vocabulary", missing = "own_id" }
[model]
type = "wide_deep"
hidden_units = [8]
[train]
batch_size = 16
epochs = 12
early_stopping = { patience = 0 }
"#;

/// CSV rows whose price follows size and town.
pub fn rows(n: usize) -> String {
    let mut text = "id,size,town,price\n".to_owned();
    for i in 0..n {
        let (size, town) = ((i * 37 % 101) as f64 / 10.0, ["Bern", "Basel", "", "Chur"][i % 4]);
        let price = 3.0 * size + [1.0, 5.0, 2.0, -4.0][i % 4] + (i * 17 % 7) as f64 / 10.0;
        writeln!(text, "r{i},{size},{town},{price:.2}").unwrap();
    }
    text
}

/// A folder that goes away with the test.
pub struct Project {
    folder: tempfile::TempDir,
}

impl Project {
    /// A folder with `spec.toml`, 400 training rows and 100 for evaluation.
    pub fn new() -> Self {
        let project = Self { folder: tempfile::tempdir().unwrap() };
        project.write("spec.toml", SPEC).write("train.csv", &rows(400)).write("eval.csv", &rows(100))
    }

    /// The same with a part of the spec replaced.
    pub fn with_spec(self, from: &str, to: &str) -> Self {
        let spec = self.read("spec.toml");
        assert!(spec.contains(from), "the spec has no `{from}`");
        self.write("spec.toml", &spec.replace(from, to))
    }

    /// The same with features that learn nothing from rows, so that statistics are gathered while these are encoded.
    pub fn with_hashes(self) -> Self {
        self.with_spec(r#"op = "z_score""#, r#"op = "log1p""#)
            .with_spec(r#"op = "vocabulary", missing = "own_id""#, r#"op = "hash", buckets = 20"#)
    }

    /// The same with another file.
    pub fn write(self, name: &str, text: &str) -> Self {
        std::fs::write(self.path(name), text).unwrap();
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// The program with arguments, in the folder.
    pub fn command(&self, args: &[&str]) -> Command {
        self.here(PROGRAM, args)
    }

    fn here(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(self.folder.path()).env_remove("RUST_LOG");
        command
    }

    pub fn output(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs the program, which must succeed; what it printed.
    #[track_caller]
    pub fn run(&self, args: &[&str]) -> String {
        let output = self.output(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs the program, which must fail with the code given and say all of `parts`; what it said.
    #[track_caller]
    pub fn fails(&self, args: &[&str], code: i32, parts: &[&str]) -> String {
        failed(self.output(args), code, parts)
    }

    /// The same with code 1, for a program whose files may not grow beyond so many KiB. The system refuses to write more to them,
    /// as on a full disk, and asking for that takes no rights.
    #[track_caller]
    pub fn fails_within(&self, kib: u32, args: &[&str], parts: &[&str]) -> String {
        let script = r#"trap "" XFSZ && ulimit -f "$0" && exec "$@""#;
        // A shell counts blocks of 512 bytes.
        let blocks = (2 * kib).to_string();
        let limited = ["-c", script, &blocks, PROGRAM];
        failed(self.here("sh", &[&limited[..], args].concat()).output().unwrap(), 1, parts)
    }
}

/// What a program said that must have failed with the code given and said all of `parts`.
#[track_caller]
fn failed(output: Output, code: i32, parts: &[&str]) -> String {
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{message}");
    for part in parts {
        assert!(message.contains(part), "{message}\nlacks `{part}`");
    }
    message
}

/// All files below a directory with their content, but those of caches and locks.
pub fn contents(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if !path.to_string_lossy().contains("/cache/") && path.file_name().unwrap() != ".lock" {
                files.push((path.strip_prefix(dir).unwrap().to_owned(), std::fs::read(&path).unwrap()));
            }
        }
    }
    files.sort();
    files
}
