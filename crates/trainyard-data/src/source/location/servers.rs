//! Servers on loopback for tests: an S3 server on a folder, a web server, and a line between that breaks.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use object_store::{BackoffConfig, RetryConfig};
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tokio::runtime::Runtime;

use super::Stores;

/// An S3 server that serves the folders of a folder as buckets, to who knows the secret.
pub(in crate::source) struct S3 {
    pub folder: tempfile::TempDir,
    pub port: u16,
    _runtime: Runtime,
}

impl S3 {
    /// A server with one bucket `box` that holds these objects.
    pub(in crate::source) fn with(objects: &[(&str, &[u8])]) -> S3 {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("box")).unwrap();
        let mut builder = S3ServiceBuilder::new(FileSystem::new(folder.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single("user", "secret"));
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
        let server = S3 { folder, port, _runtime: runtime };
        objects.iter().for_each(|(key, bytes)| server.put(key, bytes));
        server
    }

    /// Adds or replaces an object.
    pub(in crate::source) fn put(&self, key: &str, bytes: &[u8]) {
        let path = self.folder.path().join("box").join(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// Stores that find the server at its own port.
    pub(in crate::source) fn stores(&self) -> Stores {
        stores(self.port, "secret")
    }
}

/// Stores that find an S3 server at a port and try a request three times.
pub(in crate::source) fn stores(port: u16, secret: &str) -> Stores {
    let settings = [
        ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}")),
        ("AWS_ALLOW_HTTP", "true".to_owned()),
        ("AWS_ACCESS_KEY_ID", "user".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", secret.to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_SOMETHING_ELSE", "is passed over".to_owned()),
    ];
    let soon = std::time::Duration::from_millis(1);
    let backoff = BackoffConfig { init_backoff: soon, max_backoff: 10 * soon, base: 2.0 };
    let retry = RetryConfig { backoff, max_retries: 2, retry_timeout: 10_000 * soon };
    Stores::new(settings.map(|(name, value)| (name.to_owned(), value)).to_vec(), retry)
}

/// What a line does to a connection.
#[derive(Debug, Clone, Copy)]
pub(in crate::source) enum Fault {
    /// Answers each request by itself, with the status 500.
    Error,
    /// Closes after so many bytes of the server's.
    Cut(usize),
}

/// A line to a server's port that fails on so many connections that carry a `GET`, and then works. Gives its own port.
pub(in crate::source) fn line_to(port: u16, fault: Fault, faults: usize) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap().port();
    let left = Arc::new(AtomicUsize::new(faults));
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let left = Arc::clone(&left);
            thread::spawn(move || drop(relay(client, port, fault, &left)));
        }
    });
    own
}

fn relay(mut client: TcpStream, port: u16, fault: Fault, left: &AtomicUsize) -> std::io::Result<()> {
    let mut first = [0; 4096];
    let n = client.read(&mut first)?;
    let is_faulty = first.starts_with(b"GET")
        && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
    if let (true, Fault::Error) = (is_faulty, fault) {
        client.write_all(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
        return client.shutdown(Shutdown::Both);
    }
    let mut server = TcpStream::connect(("127.0.0.1", port))?;
    server.write_all(&first[..n])?;
    if first.starts_with(b"HEAD") {
        // The connection ends with its answer, so that the `GET` behind it comes by one that may fail.
        return pass_head(&server, &mut client);
    }
    let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || drop(std::io::copy(&mut from, &mut to)));
    match (is_faulty, fault) {
        (true, Fault::Cut(bytes)) => drop(std::io::copy(&mut (&server).take(bytes as u64), &mut client)),
        _ => drop(std::io::copy(&mut server, &mut client)),
    }
    server.shutdown(Shutdown::Both)?;
    client.shutdown(Shutdown::Both)
}

fn pass_head(server: &TcpStream, client: &mut TcpStream) -> std::io::Result<()> {
    for line in BufReader::new(server).lines() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        write!(client, "{line}\r\n")?;
    }
    // Said, too, or the client may send the `GET` by a connection that is about to end, and count one failure more.
    client.write_all(b"Connection: close\r\n\r\n")?;
    client.shutdown(Shutdown::Both)
}

/// A web server with one file at every path.
#[derive(Debug, Clone)]
pub(in crate::source) struct Web {
    pub body: Vec<u8>,
    /// Whether it gives parts of the file.
    pub ranges: bool,
    /// A tag that changes with the file.
    pub tag: Option<&'static str>,
}

impl Web {
    /// Starts the server; gives its port and the request lines that it has seen.
    pub(in crate::source) fn start(self) -> (u16, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, seen) = (listener.local_addr().unwrap().port(), Arc::default());
        let log = Arc::clone(&seen);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (web, log) = (self.clone(), Arc::clone(&log));
                thread::spawn(move || drop(web.serve(&client, &log)));
            }
        });
        (port, seen)
    }

    fn serve(&self, mut client: &TcpStream, log: &Mutex<Vec<String>>) -> std::io::Result<()> {
        let mut request = Vec::new();
        for line in BufReader::new(client).lines() {
            let line = line?;
            if line.is_empty() {
                break;
            }
            request.push(line);
        }
        let range =
            request.iter().find_map(|line| line.to_ascii_lowercase().strip_prefix("range: bytes=").map(str::to_owned));
        log.lock().unwrap().push(request.swap_remove(0));
        let size = self.body.len();
        let (start, end) = match range.filter(|_| self.ranges) {
            None => (0, size),
            Some(range) => {
                let (start, end) = range.split_once('-').unwrap();
                (start.parse().unwrap(), end.parse::<usize>().map_or(size, |last| size.min(last + 1)))
            }
        };
        let status = if (start, end) == (0, size) { "200 OK" } else { "206 Partial Content" };
        write!(client, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n", end - start)?;
        if self.ranges {
            write!(client, "Content-Range: bytes {start}-{}/{size}\r\n", end.max(1) - 1)?;
        }
        if let Some(tag) = self.tag {
            write!(client, "ETag: \"{tag}\"\r\n")?;
        }
        write!(client, "\r\n")?;
        client.write_all(&self.body[start..end])
    }
}
