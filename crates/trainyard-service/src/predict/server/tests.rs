//! The server over real sockets.

use super::*;
use crate::predict::manager::ManagerConfig;
use crate::predict::testing::{load, write};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Instant;
use tokio::sync::oneshot;

const PREDICT: &str = "/v1/models/half_plus_two:predict";
const ONE: &str = r#"{"instances": [1.0]}"#;

/// A server on a port of its own.
struct TestServer {
    base: tempfile::TempDir,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<Result<()>>,
}

impl TestServer {
    fn start(config: ServeConfig) -> Self {
        let base = tempfile::tempdir().unwrap();
        for model in ["half_plus_two", "mixed", "panics", "slow"] {
            write(base.path(), &format!("{model}/1"), model);
        }
        let manager_config = ManagerConfig { base: base.path().to_owned(), name: None };
        let manager = Arc::new(ModelManager::open(manager_config, Box::new(load)).unwrap());
        let (stop, stopped) = oneshot::channel();
        let (ready, address) = std::sync::mpsc::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                ready.send(listener.local_addr().unwrap()).unwrap();
                serve(listener, manager, config, async { stopped.await.unwrap() }).await
            })
        });
        Self { base, address: address.recv().unwrap(), stop, thread }
    }

    fn stop(self) -> Result<()> {
        self.stop.send(()).unwrap();
        self.thread.join().unwrap()
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn get(&self, path: &str) -> (u16, String) {
        read(agent().get(self.url(path)).call().unwrap())
    }

    fn post(&self, path: &str, body: impl AsRef<[u8]>) -> (u16, String) {
        read(agent().post(self.url(path)).send(body.as_ref()).unwrap())
    }

    fn post_gzip(&self, path: &str, body: &[u8]) -> (u16, String) {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(body).unwrap();
        let body = encoder.finish().unwrap();
        read(agent().post(self.url(path)).header("Content-Encoding", "gzip").send(&body).unwrap())
    }

    fn connect(&self) -> std::net::TcpStream {
        let stream = std::net::TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).allow_non_standard_methods(true).build().into()
}

fn read(mut response: ureq::http::Response<ureq::Body>) -> (u16, String) {
    let text = response.body_mut().read_to_string().unwrap();
    (response.status().as_u16(), text)
}

/// All that the server sends until it closes the connection.
fn read_all(stream: &mut std::net::TcpStream) -> String {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn error(message: &str) -> String {
    serde_json::json!({ "error": message }).to_string()
}

#[track_caller]
fn check(config: ServeConfig, ask: impl Fn(&TestServer) -> (u16, String), status: u16, expected: &str) {
    let server = TestServer::start(config);
    assert_eq!(ask(&server), (status, expected.to_owned()));
    assert_eq!(server.post(PREDICT, ONE), (200, r#"{"predictions":[2.5]}"#.to_owned()), "the server goes on");
    server.stop().unwrap();
}

#[test]
fn answers_a_prediction() {
    check(ServeConfig::default(), |server| server.post(PREDICT, ONE), 200, r#"{"predictions":[2.5]}"#);
}

#[test]
fn answers_are_json() {
    let server = TestServer::start(ServeConfig::default());
    for path in ["/v1/models/half_plus_two", "/v1/models/half_plus_two/metadata", "/v1/models/x"] {
        let response = agent().get(server.url(path)).call().unwrap();
        assert_eq!(response.headers()["content-type"], "application/json");
        assert!(serde_json::from_str::<serde_json::Value>(&read(response).1).is_ok(), "{path}");
    }
}

#[test]
fn models_that_are_not_there_are_not_found() {
    let expected = error("Servable not found for request: Specific(foo, 9)");
    check(ServeConfig::default(), |server| server.post("/v1/models/foo/versions/9:predict", ONE), 404, &expected);
}

#[test]
fn other_verbs_are_malformed() {
    let put = |server: &TestServer| read(agent().put(server.url("/v1/models/half_plus_two")).send("").unwrap());
    check(ServeConfig::default(), put, 400, &error("Malformed request: PUT /v1/models/half_plus_two"));
}

#[test]
fn other_pages_are_not_found() {
    let expected = "<html><body><h1>Not Found</h1></body></html>\n";
    check(ServeConfig::default(), |server| server.get("/index.html"), 404, expected);
}

#[test]
fn examples_are_answered_with_what_to_use() {
    let expected = error(
        "`:classify` takes `examples`, which this server does not read; send the same features as `instances` to `/v1/models/mixed:predict`",
    );
    check(ServeConfig::default(), |server| server.post("/v1/models/mixed:classify", "{}"), 501, &expected);
}

#[test]
fn browsers_may_ask_but_are_allowed_nothing() {
    let server = TestServer::start(ServeConfig::default());
    let response = agent().options(server.url(PREDICT)).header("Origin", "http://a.example").call().unwrap();
    assert!(response.headers().get("access-control-allow-origin").is_none());
    assert_eq!(response.status().as_u16(), 200);
    assert_eq!(read(agent().options(server.url(PREDICT)).call().unwrap()).0, 400);
}

#[test]
fn health_waits_for_every_model() {
    check(ServeConfig::default(), |server| server.get("/healthz"), 200, "ok");
    let broken = |server: &TestServer| {
        write(server.base.path(), "later/1", "broken");
        thread::sleep(Duration::from_millis(300));
        server.get("/healthz")
    };
    let config = ServeConfig { poll_interval: Duration::from_millis(20), ..ServeConfig::default() };
    check(config, broken, 503, &error("models without an available version: later"));
}

#[test]
fn a_large_batch_is_answered_like_small_ones() {
    let rows = 50_000;
    let numbers: Vec<String> = (0..rows).map(|row| row.to_string()).collect();
    let predictions: Vec<String> = (0..rows).map(|row| format!("{:?}", row as f32 / 2.0 + 2.0)).collect();
    let body = format!(r#"{{"instances": [{}]}}"#, numbers.join(","));
    let expected = format!(r#"{{"predictions":[{}]}}"#, predictions.join(","));
    check(ServeConfig::default(), |server| server.post(PREDICT, &body), 200, &expected);
    check(ServeConfig::default(), |server| server.post_gzip(PREDICT, body.as_bytes()), 200, &expected);
}

#[test]
fn compressed_bodies_are_read() {
    check(ServeConfig::default(), |server| server.post_gzip(PREDICT, ONE.as_bytes()), 200, r#"{"predictions":[2.5]}"#);
}

#[test]
fn other_encodings_are_refused() {
    let ask = |server: &TestServer| {
        read(agent().post(server.url(PREDICT)).header("Content-Encoding", "br").send(ONE).unwrap())
    };
    check(ServeConfig::default(), ask, 400, &error("content encoding `br` is not known; send `gzip` or `identity`"));
}

fn tight() -> ServeConfig {
    ServeConfig { body_bytes_max: 1 << 20, ..ServeConfig::default() }
}

const TOO_LARGE: &str = "request body is larger than 1048576 bytes; send fewer instances in a request";

#[test]
fn a_body_over_the_limit_is_refused_by_its_length() {
    let ask = |server: &TestServer| {
        let mut stream = server.connect();
        write!(stream, "POST {PREDICT} HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n").unwrap();
        let answer = read_all(&mut stream);
        (answer[9..12].parse().unwrap(), answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    };
    check(tight(), ask, 413, &error(TOO_LARGE));
}

#[test]
fn a_chunked_body_over_the_limit_is_refused() {
    let ask = |server: &TestServer| {
        let mut stream = server.connect();
        write!(stream, "POST {PREDICT} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n").unwrap();
        stream.write_all(&vec![b' '; 0x10_0001]).unwrap();
        let answer = read_all(&mut stream);
        (answer[9..12].parse().unwrap(), answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    };
    check(tight(), ask, 413, &error(TOO_LARGE));
}

#[test]
fn a_body_that_inflates_over_the_limit_is_refused() {
    check(tight(), |server| server.post_gzip(PREDICT, &vec![b' '; 16 << 20]), 413, &error(TOO_LARGE));
}

#[test]
fn all_bodies_together_have_a_limit() {
    let config = ServeConfig { bodies_bytes_max: 1 << 20, ..ServeConfig::default() };
    let body = vec![b' '; 2 << 20];
    let expected = error("the server holds as many request bodies as it may; try again later");
    let ask = |server: &TestServer| {
        let mut stream = server.connect();
        write!(stream, "POST {PREDICT} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len()).unwrap();
        let (sender, body) = (stream.try_clone().unwrap(), body.clone());
        let _cut_off = thread::spawn(move || (&sender).write_all(&body));
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        (str::from_utf8(&answer[9..]).unwrap().parse().unwrap(), expected.clone())
    };
    check(config, ask, 503, &expected);
}

#[test]
fn a_body_that_dribbles_in_is_given_up() {
    let config = ServeConfig { body_timeout: Duration::from_millis(200), ..ServeConfig::default() };
    let ask = |server: &TestServer| {
        let mut stream = server.connect();
        write!(stream, "POST {PREDICT} HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n{{\"inst").unwrap();
        let answer = read_all(&mut stream);
        (answer[9..12].parse().unwrap(), answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    };
    check(config, ask, 408, &error("request body did not arrive within 0.2 s"));
}

#[test]
fn headers_that_dribble_in_are_given_up() {
    let config = ServeConfig { header_timeout: Duration::from_millis(200), ..ServeConfig::default() };
    let ask = |server: &TestServer| {
        let mut stream = server.connect();
        write!(stream, "POST {PREDICT} HTTP/1.1\r\nHo").unwrap();
        (0, read_all(&mut stream))
    };
    check(config, ask, 0, "");
}

#[test]
fn headers_have_a_limit() {
    let ask = |server: &TestServer| {
        let mut stream = server.connect();
        write!(stream, "GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(70_000)).unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).unwrap();
        (str::from_utf8(&status[9..]).unwrap().parse().unwrap(), String::new())
    };
    check(ServeConfig::default(), ask, 431, "");
}

#[test]
fn deep_nesting_is_refused() {
    let body = format!("{{\"instances\": {}", "[".repeat(50_000));
    let expected = error("JSON Parse error: recursion limit exceeded at offset: 215");
    check(ServeConfig::default(), |server| server.post(PREDICT, &body), 400, &expected);
}

#[test]
fn a_model_that_panics_fails_one_request() {
    let expected = error("internal error: the model panicked; please report it");
    check(ServeConfig::default(), |server| server.post("/v1/models/panics:predict", ONE), 500, &expected);
}

#[test]
fn requests_on_one_connection_may_be_pipelined() {
    let ask = |server: &TestServer| {
        let mut stream = server.connect();
        let head = format!("POST {PREDICT} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n", ONE.len());
        write!(stream, "{head}\r\n{ONE}{head}\r\n{ONE}{head}Connection: close\r\n\r\n{ONE}").unwrap();
        (0, read_all(&mut stream).matches("[2.5]").count().to_string())
    };
    check(ServeConfig::default(), ask, 0, "3");
}

/// Asks on several connections, each until `done` or until the server wishes to close it, and gives all answers.
fn ask_often(server: &TestServer, done: &Arc<AtomicBool>) -> Vec<JoinHandle<Vec<Result<String, String>>>> {
    let client = |_| {
        let (url, done) = (server.url(PREDICT), Arc::clone(done));
        thread::spawn(move || {
            let (agent, mut closing, mut answers) = (agent(), false, Vec::new());
            while !closing && !done.load(Ordering::Relaxed) {
                let answer = agent.post(&url).send(ONE).map_err(|error| error.to_string());
                closing = answer.as_ref().is_ok_and(|answer| answer.headers().contains_key("connection"));
                answers.push(answer.map(|answer| read(answer).1));
            }
            answers
        })
    };
    (0..4).map(client).collect()
}

/// How many answers are `text`. All must be answers.
fn count(answers: &[Result<String, String>], text: &str) -> usize {
    answers.iter().filter(|answer| answer.as_ref().unwrap() == text).count()
}

#[test]
fn a_new_version_takes_over_under_load() {
    let config = ServeConfig { poll_interval: Duration::from_millis(20), ..ServeConfig::default() };
    let server = TestServer::start(config);
    let done = Arc::new(AtomicBool::new(false));
    let clients = ask_often(&server, &done);
    thread::sleep(Duration::from_millis(200));
    write(server.base.path(), "half_plus_two/2", "plus_one");
    thread::sleep(Duration::from_millis(400));
    done.store(true, Ordering::Relaxed);
    let answers: Vec<_> = clients.into_iter().flat_map(|client| client.join().unwrap()).collect();
    let (old, new) = (count(&answers, r#"{"predictions":[2.5]}"#), count(&answers, r#"{"predictions":[2.0]}"#));
    assert_eq!(old + new, answers.len());
    assert!(old > 0 && new > 0, "{old} old and {new} new answers");
}

#[test]
fn stopping_loses_no_request() {
    let server = TestServer::start(ServeConfig { drain_delay: Duration::from_secs(1), ..ServeConfig::default() });
    let clients = ask_often(&server, &Arc::new(AtomicBool::new(false)));
    thread::sleep(Duration::from_millis(200));
    server.stop().unwrap();
    for answers in clients.into_iter().map(|client| client.join().unwrap()) {
        assert_eq!(count(&answers, r#"{"predictions":[2.5]}"#), answers.len());
    }
}

#[test]
fn stopping_waits_for_an_answer() {
    let server = TestServer::start(ServeConfig { drain_delay: Duration::ZERO, ..ServeConfig::default() });
    let url = server.url("/v1/models/slow:predict");
    let client = thread::spawn(move || read(agent().post(url).send(ONE).unwrap()));
    thread::sleep(Duration::from_millis(100));
    server.stop().unwrap();
    assert_eq!(client.join().unwrap(), (200, r#"{"predictions":[2.5]}"#.to_owned()));
}

#[test]
fn stopping_does_not_wait_for_idle_connections() {
    let server = TestServer::start(ServeConfig::default());
    let mut idle = server.connect();
    write!(idle, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    thread::sleep(Duration::from_millis(100));
    let start = Instant::now();
    server.stop().unwrap();
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert!(read_all(&mut idle).ends_with("ok"));
}

#[test]
fn stopping_waits_no_longer_than_the_grace() {
    let config = ServeConfig { grace: Duration::from_millis(100), ..ServeConfig::default() };
    let server = TestServer::start(config);
    let mut stuck = server.connect();
    write!(stuck, "POST {PREDICT} HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n").unwrap();
    thread::sleep(Duration::from_millis(100));
    let start = Instant::now();
    server.stop().unwrap();
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

#[test]
fn a_server_that_stops_says_so() {
    let config = ServeConfig { drain_delay: Duration::from_millis(600), ..ServeConfig::default() };
    let server = TestServer::start(config);
    let address = server.address;
    let stopping = thread::spawn(move || server.stop());
    thread::sleep(Duration::from_millis(200));
    let response = agent().get(format!("http://{address}/healthz")).call().unwrap();
    assert_eq!(response.headers()["connection"], "close");
    assert_eq!(read(response), (503, error("the server is shutting down")));
    stopping.join().unwrap().unwrap();
}

#[test]
fn limits_must_let_something_through() {
    let server = TestServer::start(ServeConfig { threads: 0, ..ServeConfig::default() });
    assert_eq!(server.thread.join().unwrap().unwrap_err().to_string(), "`threads` is 0, but must be positive");
}
