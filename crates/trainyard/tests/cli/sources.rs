//! The same rows in other formats and places give the same run.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::runtime::Runtime;

use crate::project::{Project, rows};

const RUN: [&str; 2] = ["run", "spec.toml"];

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// The rows of a CSV as JSON lines.
fn json_lines(csv: &str) -> String {
    let mut text = String::new();
    for line in csv.lines().skip(1) {
        let fields: Vec<_> = line.split(',').collect();
        let town = if fields[2].is_empty() { "null".to_owned() } else { format!("\"{}\"", fields[2]) };
        writeln!(text, r#"{{"price":{},"id":"{}","size":{},"town":{town}}}"#, fields[3], fields[0], fields[1]).unwrap();
    }
    text
}

/// What a run with the files of the project's own spec gives.
fn expected() -> String {
    let project = Project::new();
    project.run(&RUN);
    project.read("runs/small/metrics.json")
}

#[test]
fn packed_and_json_lines_give_what_plain_csv_gives() {
    let project = Project::new().with_spec("train.csv", "train.csv.gz").with_spec("eval.csv", "eval.csv.gz");
    std::fs::write(project.path("train.csv.gz"), gzip(&rows(400))).unwrap();
    std::fs::write(project.path("eval.csv.gz"), gzip(&rows(100))).unwrap();
    project.run(&RUN);
    assert_eq!(project.read("runs/small/metrics.json"), expected());
    let project = Project::new().with_spec("train.csv", "train.jsonl").with_spec("eval.csv", "eval.jsonl");
    let project = project.write("train.jsonl", &json_lines(&rows(400))).write("eval.jsonl", &json_lines(&rows(100)));
    project.run(&RUN);
    assert_eq!(project.read("runs/small/metrics.json"), expected());
    let answers = project.run(&["predict", "runs/small", "eval.jsonl", "--output", "answers.tfrecord"]);
    assert!(answers.is_empty() && project.path("answers.tfrecord").exists());
}

#[test]
fn objects_of_a_store_give_what_files_give() {
    let project = Project::new().with_spec("train.csv", "s3://data/train/part-*.csv");
    let project = project.with_spec("\"eval.csv\"", "\"s3://data/eval.csv.gz\"");
    let text = rows(400);
    let (header, body) = text.split_once('\n').unwrap();
    let middle = body.match_indices('\n').nth(200).unwrap().0 + 1;
    let folder = project.path("buckets");
    std::fs::create_dir_all(folder.join("data/train")).unwrap();
    std::fs::write(folder.join("data/train/part-0.csv"), format!("{header}\n{}", &body[..middle])).unwrap();
    std::fs::write(folder.join("data/train/part-1.csv"), format!("{header}\n{}", &body[middle..])).unwrap();
    std::fs::write(folder.join("data/eval.csv.gz"), gzip(&rows(100))).unwrap();
    let (port, _runtime) = serve(&folder);
    let run = |secret: &str| {
        let mut command = project.command(&RUN);
        command.env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}")).env("AWS_ALLOW_HTTP", "true");
        command.env("AWS_ACCESS_KEY_ID", "user").env("AWS_SECRET_ACCESS_KEY", secret).env("AWS_REGION", "eu-west-1");
        command.output().unwrap()
    };
    let refused = run("wrong");
    let message = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{message}");
    assert!(message.contains("cannot") && message.contains("set the credentials"), "{message}");
    let output = run("secret");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(project.read("runs/small/metrics.json"), expected());
}

/// An S3 server whose buckets are the folders of a folder; its port.
fn serve(folder: &Path) -> (u16, Runtime) {
    let mut builder = s3s::service::S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder).unwrap());
    builder.set_auth(s3s::auth::SimpleAuth::from_single("user", "secret"));
    let service = builder.build();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let port = listener.local_addr().unwrap().port();
    runtime.spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let connection = Builder::new(TokioExecutor::new());
            let connection = connection.serve_connection(TokioIo::new(socket), service.clone()).into_owned();
            tokio::spawn(async move { drop(connection.await) });
        }
    });
    (port, runtime)
}
