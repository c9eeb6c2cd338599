//! Fits z-scores and deciles of the columns `I..` and vocabularies of 100,000 values of the columns `C..` of a file, as
//! `bench/peers/features_duckdb.py` does: usage `fit_file FILE [THREADS [MEMORY_MIB]]`.

#![expect(clippy::print_stdout, reason = "a benchmark reports to the terminal")]

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use trainyard_data::{FitMemory, Source, SourceConfig, fit_within};
use trainyard_features::op::{Bucketize, Vocabulary, ZScore};
use trainyard_features::{FeatureOp, FeatureSpec, FeatureSpecs, Features};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: fit_file FILE [THREADS [MEMORY_MIB]]")?;
    let threads: usize = arguments.next().map_or(Ok(2), |threads| threads.parse())?;
    let bytes = arguments.next().map_or(Ok(1024), |mib| mib.parse::<usize>())? << 20;

    let source = Source::open_all(&SourceConfig { path: Path::new(&path).into(), ..SourceConfig::default() })?;
    let memory = FitMemory { bytes, ..FitMemory::default() };
    let (start, rows) = (Instant::now(), std::cell::Cell::new(0));
    let features = Features::new(specs(&source)?, source.schema(), None, None)?;
    let fitted = fit_within(&memory, features, &source, threads, &|seen| rows.set(seen))?;
    let seconds = start.elapsed().as_secs_f64();
    let once = fitted.statistics().first().map_or(0, |column| column.count + column.missing);
    println!(
        "trainyard fit: {:.0} rows/s ({seconds:.1} s, {:.1} passes)",
        once as f64 / seconds,
        rows.get() as f64 / once as f64
    );
    println!("fingerprint {}", fitted.fingerprint());
    if let Some(peak) = peak_memory() {
        println!("peak memory: {peak}");
    }
    Ok(())
}

fn specs(source: &Source) -> Result<FeatureSpecs, Box<dyn Error>> {
    let mut specs = FeatureSpecs::new();
    for name in source.schema().names() {
        if name.starts_with('I') {
            specs.push(format!("{name}_z"), FeatureSpec::new(FeatureOp::ZScore(ZScore {}), &[name]))?;
            let tenths = Bucketize { quantiles: Some(10), ..Bucketize::default() };
            specs.push(format!("{name}_tenth"), FeatureSpec::new(FeatureOp::Bucketize(tenths), &[name]))?;
        } else if name.starts_with('C') {
            let top = Vocabulary { top_k: Some(100_000), ..Vocabulary::default() };
            specs.push(name, FeatureSpec::new(FeatureOp::Vocabulary(top), &[]))?;
        }
    }
    Ok(specs)
}

/// The most memory that the process has held, as Linux says it.
fn peak_memory() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    Some(status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().to_string())
}
