//! `run` ends well when the process is asked to stop. Alone in its file, because the signal reaches the whole process.

use std::process::Command;
use std::sync::{Arc, mpsc};
use std::thread;

use trainyard_service::predict::{ManagerConfig, ModelManager, ServeConfig, load_export, run};

#[test]
fn sigterm_stops_the_server() {
    let base = tempfile::tempdir().unwrap();
    let config = ManagerConfig { base: base.path().to_owned(), name: None };
    let manager = Arc::new(ModelManager::open(config, Box::new(load_export)).unwrap());
    let (sender, ready) = mpsc::channel();
    let server = thread::spawn(move || {
        run("127.0.0.1:0", manager, ServeConfig::default(), |address| sender.send(address).unwrap())
    });
    let address = ready.recv().unwrap();
    let health = ureq::get(format!("http://{address}/healthz")).call().unwrap_err();
    assert_eq!(health.to_string(), "http status: 503", "there is no model yet");
    let killed = Command::new("kill").args(["-TERM", &std::process::id().to_string()]).status().unwrap();
    assert!(killed.success());
    server.join().unwrap().unwrap();
    assert!(ureq::get(format!("http://{address}/healthz")).call().is_err(), "the port is closed");
}

#[test]
fn an_address_that_is_taken_is_an_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let base = tempfile::tempdir().unwrap();
    let config = ManagerConfig { base: base.path().to_owned(), name: None };
    let manager = Arc::new(ModelManager::open(config, Box::new(load_export)).unwrap());
    let error = run(&address, manager, ServeConfig::default(), |_| {}).unwrap_err();
    assert!(error.to_string().starts_with(&format!("cannot serve on `{address}`: ")), "{error}");
}
