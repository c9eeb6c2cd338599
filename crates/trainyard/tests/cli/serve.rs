//! The model server through a real client: what is served is what is predicted.

use crate::project::Project;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// A running server, which is killed with the test.
pub struct Server {
    child: Child,
    base: String,
}

impl Server {
    fn start(project: &Project, exports: &str) -> Self {
        Self::start_with(project, exports, &[])
    }

    pub fn start_with(project: &Project, exports: &str, more: &[&str]) -> Self {
        let args = [&["serve", exports, "--port", "0"], more].concat();
        let mut child = project.command(&args).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines.find_map(|line| line.unwrap().strip_prefix("listening on ").map(str::to_owned)).unwrap();
        Self { child, base: format!("http://{address}") }
    }

    pub fn post(&self, path: &str, body: &str) -> (u16, String) {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
        let mut response = agent.post(format!("{}{path}", self.base)).send(body).unwrap();
        (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
    }

    fn get(&self, path: &str) -> (u16, String) {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
        let mut response = agent.get(format!("{}{path}", self.base)).call().unwrap();
        (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
    }

    /// Ends the server by a signal; its exit code.
    pub fn stop(mut self) -> Option<i32> {
        let status = std::process::Command::new("sh").args(["-c", &format!("kill -TERM {}", self.child.id())]).status();
        assert!(status.unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
    }
}

fn trained() -> Project {
    let project = Project::new();
    project.run(&["run", "spec.toml"]);
    project
}

/// A row of the CSV file as an instance.
fn instance(line: &str) -> String {
    let fields: Vec<&str> = line.split(',').collect();
    let town = if fields[2].is_empty() { "null".to_owned() } else { format!("\"{}\"", fields[2]) };
    format!("{{\"size\": {}, \"town\": {town}}}", fields[1])
}

fn numbers(body: &str) -> Vec<f32> {
    let json: serde_json::Value = serde_json::from_str(body).unwrap();
    let list = json["predictions"].as_array().unwrap_or_else(|| panic!("{body}"));
    list.iter().map(|value| value.to_string().parse().unwrap()).collect()
}

#[test]
fn what_is_served_equals_what_is_predicted_bit_for_bit() {
    let project = trained();
    let csv = project.run(&["predict", "runs/small", "eval.csv"]);
    let predicted: Vec<f32> =
        csv.lines().skip(1).map(|line| line.split(',').nth(1).unwrap().parse().unwrap()).collect();
    let server = Server::start(&project, "runs/small");
    let text = project.read("eval.csv");
    let instances: Vec<String> = text.lines().skip(1).map(instance).collect();
    let path = "/v1/models/small:predict";
    let (status, body) = server.post(path, &format!("{{\"instances\": [{}]}}", instances.join(",")));
    assert_eq!((status, numbers(&body)), (200, predicted.clone()), "all at once");
    for (instance, expected) in instances.iter().zip(&predicted) {
        let (status, body) = server.post(path, &format!("{{\"instances\": [{instance}]}}"));
        assert_eq!((status, numbers(&body)), (200, vec![*expected]), "{instance}");
    }
    let (status, body) = server.post(path, "{\"inputs\": {\"size\": [1.5], \"town\": [\"Bern\"]}}");
    assert!(status == 200 && body.contains("\"outputs\""), "{body}");
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn status_metadata_and_health_are_told() {
    let project = trained();
    let server = Server::start(&project, "runs/small");
    let (status, body) = server.get("/v1/models/small");
    assert!(status == 200 && body.contains("\"AVAILABLE\""), "{body}");
    let (status, body) = server.get("/v1/models/small/metadata");
    assert!(status == 200 && body.contains("serving_default") && body.contains("\"town\""), "{body}");
    assert_eq!(server.get("/healthz").0, 200);
    let (status, body) = server.get("/v1/models/other");
    assert!(status == 404 && body.contains("\"error\""), "{body}");
    let (status, body) =
        server.post("/v1/models/small:predict", "{\"instances\": [{\"size\": \"x\", \"town\": \"y\"}]}");
    assert!(status == 400 && body.contains("\"error\""), "{body}");
    let deep = format!("{{\"instances\": {}1{}}}", "[".repeat(50_000), "]".repeat(50_000));
    assert_eq!(server.post("/v1/models/small:predict", &deep).0, 400);
    assert_eq!(server.get("/healthz").0, 200);
}

#[test]
fn a_new_version_is_picked_up_without_a_lost_request() {
    let project = Project::new().with_spec("epochs = 12", "epochs = 1");
    project.run(&["run", "spec.toml"]);
    let server = Server::start(&project, "runs/small/export");
    let version = |server: &Server| {
        let json: serde_json::Value = serde_json::from_str(&server.get("/v1/models/small").1).unwrap();
        let all = json["model_version_status"].as_array().unwrap().clone();
        all.iter().find(|v| v["state"] == "AVAILABLE").map(|v| v["version"].as_str().unwrap().to_owned())
    };
    let before = version(&server).unwrap();
    let (done, requests) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let (status, body) =
                    server.post("/v1/models/small:predict", "{\"instances\": [{\"size\": 1, \"town\": \"Bern\"}]}");
                assert_eq!(status, 200, "{body}");
                requests.fetch_add(1, Ordering::Relaxed);
            }
        });
        project.run(&["run", "spec.toml", "--set", "train.epochs=8"]);
        let newer = (0..100).any(|_| {
            std::thread::sleep(Duration::from_millis(100));
            version(&server).is_some_and(|now| now != before)
        });
        done.store(true, Ordering::Relaxed);
        assert!(newer, "the new version was not picked up");
    });
    assert!(requests.load(Ordering::Relaxed) > 10);
}
