//! What this project does.

use std::fmt::Write;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use trainyard_data::{Cache, Loader, LoaderConfig, LoaderState, Source, SourceConfig, Split};
use trainyard_features::{ColumnType, Features, FittedFeatures, LabelSpec, LabelTask};

use crate::{Result, report};

const NUMBERS: usize = 13;
const CATEGORIES: usize = 26;
/// Epochs of which the median counts.
const EPOCHS: usize = 3;
/// Rows that are transformed one by one.
const SINGLE_ROWS: usize = 4096;

/// The rows of a file, with the types that all works and peers read.
pub fn open(file: &Path) -> Result<Source> {
    let types = std::iter::once(("label".to_owned(), ColumnType::Int))
        .chain((1..=NUMBERS).map(|i| (format!("I{i}"), ColumnType::Float)))
        .chain((1..=CATEGORIES).map(|i| (format!("C{i}"), ColumnType::Text)));
    let config = SourceConfig { path: file.into(), types: types.collect(), ..SourceConfig::default() };
    Ok(Source::open_all(&config)?)
}

/// Z-scores and deciles of the numbers, and the 100,000 most frequent values of each category.
pub fn fit(file: &Path, threads: usize) -> Result<()> {
    let mut specs = String::new();
    for i in 1..=NUMBERS {
        write!(specs, r#""z{i}":{{"op":"z_score","input":"I{i}"}},"#)?;
        write!(specs, r#""d{i}":{{"op":"bucketize","input":"I{i}","quantiles":10}},"#)?;
    }
    for i in 1..=CATEGORIES {
        write!(specs, r#""C{i}":{{"op":"vocabulary","top_k":100000}},"#)?;
    }
    let start = Instant::now();
    let source = open(file)?;
    let fitted = fitted(&source, &specs, threads)?;
    let seconds = start.elapsed().as_secs_f64();
    let rows = fitted.label_statistics().ok_or("the label was not looked at")?.count;
    report("trainyard fit", rows as f64 / seconds, "rows/s");
    Ok(())
}

/// Reads, transforms and caches the rows, and gives them out once.
pub fn csv_epoch(file: &Path, threads: usize) -> Result<()> {
    let source = open(file)?;
    let features = encoder(&source, threads)?;
    let folder = tempfile::tempdir()?;
    let start = Instant::now();
    let cache = cache(folder.path(), &features, &source, threads)?;
    let rows = epoch(&mut loader(&cache)?)?;
    report("trainyard csv_epoch", rows as f64 / start.elapsed().as_secs_f64(), "rows/s");
    Ok(())
}

/// Gives the cached rows out.
pub fn cached_epoch(file: &Path, threads: usize) -> Result<()> {
    let source = open(file)?;
    let features = encoder(&source, threads)?;
    let folder = tempfile::tempdir()?;
    let cache = cache(folder.path(), &features, &source, threads)?;
    let mut loader = loader(&cache)?;
    let mut times = Vec::new();
    for _ in 0..EPOCHS {
        let start = Instant::now();
        epoch(&mut loader)?;
        times.push(start.elapsed());
    }
    report("trainyard cached_epoch", cache.rows() as f64 / median(times).as_secs_f64(), "rows/s");
    Ok(())
}

/// Transforms rows one by one.
pub fn row(file: &Path, threads: usize) -> Result<()> {
    let source = open(file)?;
    let features = encoder(&source, threads)?;
    let batch = source.scan()?.next().ok_or("there are no rows")??;
    let mut times = Vec::new();
    for row in 0..SINGLE_ROWS.min(batch.num_rows()) {
        let row = batch.slice(row, 1);
        let start = Instant::now();
        black_box(features.transform(black_box(&row))?);
        times.push(start.elapsed());
    }
    report("trainyard row", median(times).as_secs_f64() * 1e6, "us");
    Ok(())
}

/// Features that encode a row: z-scores of the numbers and hashes of the categories.
fn encoder(source: &Source, threads: usize) -> Result<FittedFeatures> {
    let mut specs = String::new();
    (1..=NUMBERS).try_for_each(|i| write!(specs, r#""I{i}":{{"op":"z_score"}},"#))?;
    (1..=CATEGORIES).try_for_each(|i| write!(specs, r#""C{i}":{{"op":"hash","buckets":100000}},"#))?;
    fitted(source, &specs, threads)
}

/// Fits the features of `specs`, the members of an object of JSON each with a comma behind it.
fn fitted(source: &Source, specs: &str, threads: usize) -> Result<FittedFeatures> {
    let specs = serde_json::from_str(&format!("{{{}}}", specs.trim_end_matches(',')))?;
    let label = LabelSpec::new("label", LabelTask::Binary);
    let features = Features::new(specs, source.schema(), Some(label), None)?;
    Ok(trainyard_data::fit(features, source, threads, &|_| {})?)
}

fn cache(folder: &Path, features: &FittedFeatures, source: &Source, threads: usize) -> Result<Arc<Cache>> {
    let rows = (Split::Training, source);
    Ok(Arc::new(Cache::build(&folder.join("rows.arrow"), features, rows, threads, &|_| {})?))
}

fn loader(cache: &Arc<Cache>) -> Result<Loader> {
    Ok(Loader::new(Arc::clone(cache), LoaderConfig::default(), LoaderState::default())?)
}

/// Takes all batches of an epoch, and counts the rows.
fn epoch(loader: &mut Loader) -> Result<usize> {
    let mut rows = 0;
    while let Some(batch) = loader.next_batch()? {
        rows += black_box(batch).rows;
    }
    Ok(rows)
}

/// The median, which other work on the machine moves less than the mean.
fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
