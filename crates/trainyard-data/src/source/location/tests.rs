//! Reading from stores: servers on loopback that work, fail and change.

use std::io::Read;

use super::servers::{Fault, S3, Web, line_to, stores};
use super::{Location, Stores};
use crate::{PathSpec, Result, Source, SourceConfig};

/// Bytes without a pattern that a wrong order would keep.
fn noise(n: usize) -> Vec<u8> {
    (0..n as u64).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

fn read(stores: &Stores, url: &str) -> Result<Vec<u8>, String> {
    let location = Location::parse(url).unwrap();
    let mut bytes = Vec::new();
    let mut input = stores.open(&location).map_err(|error| error.to_string())?;
    input.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

#[track_caller]
fn check_error(result: Result<Vec<u8>, String>, expected: &str) {
    let error = result.unwrap_err();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn objects_of_all_sizes_come_whole() {
    let server = S3::with(&[]);
    let stores = server.stores();
    for size in [0, 1, 256 << 10, (256 << 10) + 1, 9 << 20, 30 << 20] {
        let bytes = noise(size);
        server.put("some/object [1].bin", &bytes);
        assert!(read(&stores, "s3://box/some/object [1].bin").unwrap() == bytes, "{size} bytes");
    }
}

#[test]
fn objects_are_unpacked_on_the_way() {
    let bytes = noise(3 << 20);
    let packed = zstd::stream::encode_all(&bytes[..], 0).unwrap();
    let server = S3::with(&[("a.csv.zst", &packed), ("cut.csv.zst", &packed[..packed.len() / 2])]);
    assert!(read(&server.stores(), "s3://box/a.csv.zst").unwrap() == bytes);
    check_error(read(&server.stores(), "s3://box/cut.csv.zst"), "its zstd data is cut off or damaged");
}

#[test]
fn what_is_not_there_and_who_may_not_are_told_apart() {
    let server = S3::with(&[("a", b"x")]);
    check_error(read(&server.stores(), "s3://box/none"), "cannot read `s3://box/none`: ");
    check_error(read(&server.stores(), "s3://box/none"), "correct `path` in `[data]`");
    check_error(read(&stores(server.port, "wrong"), "s3://box/a"), "set the credentials that may read it");
    check_error(read(&server.stores(), "s3://box/a/../a"), "cannot read `s3://box/a/../a`");
}

#[test]
fn a_store_that_fails_for_a_while_is_asked_again() {
    let bytes = noise(2 << 20);
    let server = S3::with(&[("a", &bytes)]);
    let line = line_to(server.port, Fault::Error, 2);
    assert!(read(&stores(line, "secret"), "s3://box/a").unwrap() == bytes);
}

#[test]
fn a_store_that_always_fails_is_an_error() {
    let server = S3::with(&[("a", b"x")]);
    let line = line_to(server.port, Fault::Error, usize::MAX);
    check_error(read(&stores(line, "secret"), "s3://box/a"), "500");
}

#[test]
fn a_body_that_stops_halfway_is_asked_for_again() {
    let bytes = noise(20 << 20);
    let server = S3::with(&[("a", &bytes)]);
    for cut in [600, 1000, 100_000, 3 << 20] {
        let line = line_to(server.port, Fault::Cut(cut), 2);
        assert!(read(&stores(line, "secret"), "s3://box/a").unwrap() == bytes, "cut at {cut}");
    }
}

#[test]
fn a_store_that_always_stops_halfway_is_an_error() {
    let server = S3::with(&[("a", &noise(1 << 20))]);
    let line = line_to(server.port, Fault::Cut(100_000), usize::MAX);
    let error = read(&stores(line, "secret"), "s3://box/a").unwrap_err();
    assert!(!error.is_empty());
}

#[test]
fn an_object_that_changes_while_it_is_read_is_an_error() {
    let server = S3::with(&[("a", &noise(20 << 20))]);
    let mut input = server.stores().open(&Location::parse("s3://box/a").unwrap()).unwrap();
    input.read_exact(&mut [0; 100]).unwrap();
    server.put("a", &noise((20 << 20) + 1)[1..]);
    let error = input.read_to_end(&mut Vec::new()).unwrap_err().to_string();
    assert!(error.contains("changed while it was read"), "{error}");
}

#[test]
fn no_server_and_no_encryption_are_errors() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    check_error(read(&stores(free, "secret"), "s3://box/a"), "cannot read `s3://box/a`");
    check_error(read(&stores(free, "secret"), &format!("http://127.0.0.1:{free}/a")), "cannot read `http://127.0.0.1");
    let (port, _) = Web { body: b"x".to_vec(), ranges: true, tag: None }.start();
    check_error(
        read(&stores(port, "secret"), &format!("https://127.0.0.1:{port}/a")),
        "cannot read `https://127.0.0.1",
    );
}

#[test]
fn a_web_server_gives_its_file_with_or_without_ranges() {
    let body = noise(9 << 20);
    for (ranges, tag) in [(true, Some("1")), (true, None), (false, None)] {
        let (port, seen) = Web { body: body.clone(), ranges, tag }.start();
        let url = format!("http://127.0.0.1:{port}/d/a%20b.csv?key=x%2Fy");
        assert!(read(&stores(port, "secret"), &url).unwrap() == body, "ranges {ranges}");
        let seen = seen.lock().unwrap();
        assert!(seen.iter().all(|line| line == "GET /d/a%20b.csv?key=x%2Fy HTTP/1.1"), "{seen:?}");
    }
}

#[test]
fn a_web_server_that_stops_halfway_goes_on_if_it_can() {
    let body = noise(2 << 20);
    let through_a_line = |ranges, faults| {
        let (port, _) = Web { body: body.clone(), ranges, tag: None }.start();
        let line = line_to(port, Fault::Cut(700_000), faults);
        read(&stores(line, "secret"), &format!("http://127.0.0.1:{line}/a"))
    };
    assert!(through_a_line(true, 2).unwrap() == body);
    assert!(through_a_line(false, usize::MAX).is_err());
}

#[test]
fn a_reader_that_is_dropped_early_ends() {
    let server = S3::with(&[("a", &noise(20 << 20))]);
    let mut input = server.stores().open(&Location::parse("s3://box/a").unwrap()).unwrap();
    input.read_exact(&mut [0; 300_000]).unwrap();
}

#[tokio::test]
async fn stores_can_be_used_and_dropped_inside_another_runtime() {
    let server = tokio::task::spawn_blocking(|| S3::with(&[("a", b"x")])).await.unwrap();
    assert_eq!(read(&server.stores(), "s3://box/a").unwrap(), b"x");
    tokio::task::spawn_blocking(|| drop(server)).await.unwrap();
}

fn source(server: &S3, path: &[&str]) -> Result<Source> {
    let path = PathSpec::Many(path.iter().map(|path| (*path).to_owned()).collect());
    let config = SourceConfig { path, ..SourceConfig::default() };
    Source::open_in(server.stores(), std::slice::from_ref(&config), &[("a", None)])
}

#[track_caller]
fn check_found(server: &S3, path: &[&str], expected: &[&str]) {
    let source = source(server, path).unwrap();
    let found: Vec<_> = source.files().iter().map(ToString::to_string).collect();
    let expected: Vec<_> = expected.iter().map(|key| format!("s3://box/{key}")).collect();
    assert_eq!(found, expected);
    assert_eq!(crate::testing::rows(&source).unwrap().len(), expected.len());
}

#[test]
fn objects_are_found_by_prefix_and_pattern() {
    let csv = b"a\n1\n";
    let keys = ["d/b.csv", "d/a.csv", "d/in/c.csv", "d/_SUCCESS.csv", "d/x.md", "e[1].csv", "day 1/p%20-1.csv"];
    let server = S3::with(&keys.map(|key| (key, &csv[..])));
    check_found(&server, &["s3://box/d/"], &["d/a.csv", "d/b.csv"]);
    check_found(&server, &["s3://box/d"], &["d/a.csv", "d/b.csv"]);
    check_found(&server, &["s3://box"], &["e[1].csv"]);
    check_found(&server, &["s3://box/d/*.csv"], &["d/_SUCCESS.csv", "d/a.csv", "d/b.csv"]);
    check_found(&server, &["s3://box/d/**/[bc].csv"], &["d/b.csv", "d/in/c.csv"]);
    check_found(
        &server,
        &["s3://box/e[1].csv", "s3://box/d/b.csv", "s3://box/d/?.csv"],
        &["e[1].csv", "d/b.csv", "d/a.csv"],
    );
    check_found(&server, &["s3://box/day 1/p%20-1.csv"], &["day 1/p%20-1.csv"]);
}

#[test]
fn objects_that_are_not_found_are_named() {
    let server = S3::with(&[("d/x.md", b"x")]);
    for (path, problem) in [
        ("s3://box/a.csv", "`s3://box/a.csv` does not exist"),
        ("s3://box/a*.csv", "`s3://box/a*.csv` matches no object"),
        ("s3://box/d", "is a directory without files named `.csv`"),
        ("s3://none/*.csv", "cannot"),
        ("http://localhost/*.csv", "a web server cannot be asked which ones it has"),
    ] {
        let error = source(&server, &[path]).unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
    }
}

#[test]
fn an_object_that_changes_changes_the_fingerprint() {
    let server = S3::with(&[("a.csv", b"a\n1\n")]);
    let before = source(&server, &["s3://box/a.csv"]).unwrap().fingerprint().unwrap();
    assert_eq!(source(&server, &["s3://box/a.csv"]).unwrap().fingerprint().unwrap(), before);
    server.put("a.csv", b"a\n2\n");
    assert_ne!(source(&server, &["s3://box/a.csv"]).unwrap().fingerprint().unwrap(), before);
}

#[test]
fn a_scan_names_the_object_and_the_line() {
    let server =
        S3::with(&[("a.csv", b"a\n1\n"), ("b.csv", &[&b"a\n"[..], &b"1\n".repeat(20_000), b"x,y\n"].concat())]);
    let source = source(&server, &["s3://box/a.csv", "s3://box/b.csv"]).unwrap();
    let error = crate::testing::rows(&source).unwrap_err().to_string();
    assert!(error.starts_with("line 20002 of `s3://box/b.csv` has 2 fields"), "{error}");
}
