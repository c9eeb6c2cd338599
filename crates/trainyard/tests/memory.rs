//! The bound on memory holds on data that is much larger.
//!
//! Slow, so it is asked for by name: `cargo test --release --workspace --test memory -- --ignored two_gigabytes`.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and tells what it measured")]

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use trainyard::data::Memory;
use trainyard::graph::random;

const NUMBERS: usize = 13;
const CATEGORIES: usize = 26;
/// Distinct values of the categories, in turn.
const VALUES: [f64; 5] = [1e2, 1e3, 1e4, 1e5, 1e6];

#[test]
#[ignore = "takes minutes; .ci/run asks for it"]
fn two_gigabytes_take_no_more_than_256_mib() {
    check(2_000_000_000, "256MiB");
}

#[test]
#[ignore = "takes ten minutes and 60 GB of disk"]
fn twenty_gigabytes_take_no_more_than_1_gib() {
    check(20_000_000_000, "1GiB");
}

/// Fits, encodes and trains an epoch on so many bytes of CSV; the peak of resident memory is within 1.25 of the bound.
#[track_caller]
fn check(bytes: u64, memory: &str) {
    let folder = tempfile::tempdir().unwrap();
    let start = Instant::now();
    let rows = write_rows(&folder.path().join("rows.csv"), bytes);
    println!("{bytes} bytes, {rows} rows written in {:.0?}", start.elapsed());
    std::fs::write(folder.path().join("spec.toml"), spec(true)).unwrap();
    std::fs::write(folder.path().join("hashes.toml"), spec(false)).unwrap();
    for args in [
        &["run", "spec.toml"][..],
        &["run", "hashes.toml", "--output", "hashed"],
        &["prepare", "spec.toml", "--shuffle", "--output", "shuffled"],
    ] {
        let start = Instant::now();
        let peak = peak_memory(folder.path(), &[args, &["--memory", memory]].concat());
        println!("{} {}: {} MiB at most, {:.0?}", args[0], args[1], peak >> 20, start.elapsed());
        let bound = memory.parse::<Memory>().unwrap().bytes() * 5 / 4;
        assert!(peak <= bound, "{args:?}: {} MiB of at most {} MiB", peak >> 20, bound >> 20);
    }
}

/// A small model of all columns: it is the rows that are to take the memory, and the counts of the vocabularies. These have five columns
/// of up to a million values, of which the counts take 64 MB a column, and so do not fit into 256 MiB. Or features that learn nothing,
/// so that rows are encoded and looked at in one pass.
fn spec(learns: bool) -> String {
    let mut text =
        "name = \"large\"\n[data]\ntrain = \"rows.csv\"\nlabel = \"label\"\ntask = \"binary\"\n[features]\n".to_owned();
    for i in 1..=NUMBERS {
        writeln!(text, "I{i} = {{ op = \"{}\" }}", if learns { "z_score" } else { "numeric" }).unwrap();
    }
    for i in 1..=CATEGORIES {
        writeln!(text, "C{i} = {{ op = \"hash\", buckets = 1000 }}").unwrap();
    }
    if learns {
        for i in (VALUES.len()..=CATEGORIES).step_by(VALUES.len()) {
            writeln!(text, "V{i} = {{ op = \"vocabulary\", input = \"C{i}\", top_k = 1000 }}").unwrap();
        }
        writeln!(text, "deciles = {{ op = \"bucketize\", input = \"I1\", quantiles = 10 }}").unwrap();
    }
    text + "[model]\ntype = \"linear\"\n[train]\nepochs = 1\nbatch_size = 4096\n"
}

/// Rows like those of Criteo: a label, numbers, some of them missing, and hexadecimal categories whose values follow a power
/// law. The number of rows.
fn write_rows(path: &Path, bytes: u64) -> u64 {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path).unwrap());
    let names = (1..=NUMBERS).map(|i| format!("I{i}")).chain((1..=CATEGORIES).map(|i| format!("C{i}")));
    let header = format!("label,{}\n", names.collect::<Vec<_>>().join(","));
    file.write_all(header.as_bytes()).unwrap();
    let stream = random::stream(1, "rows");
    let (mut written, mut row, mut line) = (header.len() as u64, 0, String::new());
    while written < bytes {
        line.clear();
        write_row(&mut line, |i| random::bits(stream, row * 64 + i));
        file.write_all(line.as_bytes()).unwrap();
        written += line.len() as u64;
        row += 1;
    }
    file.flush().unwrap();
    row
}

fn write_row(line: &mut String, random: impl Fn(u64) -> u64) {
    line.push(if random(0).is_multiple_of(4) { '1' } else { '0' });
    for i in 1..=NUMBERS as u64 {
        let bits = random(i);
        line.push(',');
        if !bits.is_multiple_of(20) {
            write!(line, "{}.{}", bits >> 50, bits >> 8 & 7).unwrap();
        }
    }
    for (i, values) in (NUMBERS as u64 + 1..).zip((0..CATEGORIES).map(|i| VALUES[i % VALUES.len()])) {
        let uniform = (random(i) >> 11) as f64 / (1u64 << 53) as f64;
        write!(line, ",{:08x}", values.powf(uniform) as u64).unwrap();
    }
    line.push('\n');
}

/// Runs the program, which must succeed; the most memory that was resident.
fn peak_memory(folder: &Path, args: &[&str]) -> u64 {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trainyard"));
    let mut child = command.args(args).current_dir(folder).stdout(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        // The kernel keeps the peak, so that what happens between two looks counts, too.
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        peak = peak.max(kib.unwrap_or(0) << 10);
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{args:?}");
            return peak;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
