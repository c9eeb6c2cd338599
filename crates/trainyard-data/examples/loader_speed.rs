//! How fast a loader gives out shuffled batches of rows like those of Criteo: 13 numbers, 26 ids and a label.
//!
//! ```text
//! cargo run --release --example loader_speed -- [ROWS] [BATCH_SIZE]
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it measures")]

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use trainyard_data::{Cache, Loader, LoaderConfig, LoaderState, Source, SourceConfig, Split, fit};
use trainyard_features::{FeatureSpecs, Features, LabelSpec, LabelTask};
use trainyard_graph::random;

const NUMBERS: usize = 13;
const CATEGORIES: usize = 26;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1).map(|arg| arg.parse::<usize>());
    let rows = args.next().transpose()?.unwrap_or(1_000_000);
    let batch_size = args.next().transpose()?.unwrap_or(4096);
    let folder = tempfile::tempdir()?;
    let cache = Arc::new(cache(folder.path(), rows)?);
    println!("{} rows, {} bytes each", cache.rows(), std::fs::metadata(cache.path())?.len() / cache.rows());
    for shuffle in [false, true] {
        let config = LoaderConfig { batch_size, shuffle, ..LoaderConfig::default() };
        let mut loader = Loader::new(cache.clone(), config, LoaderState::default())?;
        for epoch in 0..4 {
            let (start, mut seen) = (Instant::now(), 0);
            while let Some(batch) = loader.next_batch()? {
                seen += batch.rows;
            }
            let rate = seen as f64 / start.elapsed().as_secs_f64() / 1e6;
            println!("shuffle {shuffle:5}  epoch {epoch}  {rate:.2} million rows/s");
        }
    }
    Ok(())
}

/// Encoded rows of random data.
fn cache(folder: &Path, rows: usize) -> Result<Cache, Box<dyn Error>> {
    let path = folder.join("rows.csv");
    write(&path, rows)?;
    let numbers = (0..NUMBERS).map(|i| (format!("i{i}"), serde_json::json!({ "op": "numeric" })));
    let categories =
        (0..CATEGORIES).map(|i| (format!("c{i}"), serde_json::json!({ "op": "hash", "buckets": 100_000 })));
    let specs: serde_json::Map<_, _> = numbers.chain(categories).collect();
    let specs: FeatureSpecs = serde_json::from_value(specs.into())?;
    let source = Source::open_all(&SourceConfig { path: path.as_path().into(), ..SourceConfig::default() })?;
    let label = LabelSpec::new("label", LabelTask::Binary);
    let features = fit(Features::new(specs, source.schema(), Some(label), None)?, &source, 2, &|_| {})?;
    let path = folder.join("rows.arrow");
    Ok(Cache::build(&path, &features, (Split::Training, &source), 2, &|_| {})?)
}

fn write(path: &Path, rows: usize) -> std::io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let names = (0..NUMBERS).map(|i| format!("i{i}")).chain((0..CATEGORIES).map(|i| format!("c{i}")));
    writeln!(file, "label,{}", names.collect::<Vec<_>>().join(","))?;
    let stream = random::stream(1, "rows");
    for row in 0..rows as u64 {
        let at = |i: usize| row * 40 + i as u64;
        write!(file, "{}", random::below(stream, at(0), 2))?;
        (1..=NUMBERS).try_for_each(|i| write!(file, ",{}", random::below(stream, at(i), 1000)))?;
        (1..=CATEGORIES).try_for_each(|i| write!(file, ",{:x}", random::below(stream, at(NUMBERS + i), 1 << 20)))?;
        writeln!(file)?;
    }
    file.flush()
}
