//! Fitting features over all rows of a source.

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use trainyard_features::{Collector, Features, FittedFeatures, Fitting, Memory, Round, Spill};

use crate::ordered::internal;
use crate::source::{AHEAD, BATCH_ROWS};
use crate::{Engine, Resources, Result, Scan, Source};

/// Batches of a scan that are on their way: those that wait, one that is decoded, one that is looked at.
const BATCHES: usize = AHEAD + 2;

/// The memory that fitting may use. It does not change the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FitMemory {
    /// Bytes that counts of values may take, those of all columns and threads together. More are counted on disk.
    pub bytes: usize,
    /// Where they go then, in a temporary file that is gone when fitting ends, however it does.
    pub directory: PathBuf,
}

impl FitMemory {
    fn of_counts(&self) -> Memory {
        Memory { bytes: self.bytes, spill: Spill::new(&self.directory) }
    }
}

impl Default for FitMemory {
    /// 1 GiB, and the directory for temporary files of the system.
    fn default() -> Self {
        Self { bytes: 1 << 30, directory: std::env::temp_dir() }
    }
}

/// [`fit_within`] the memory that is usual.
///
/// # Errors
///
/// Those of [`fit_within`].
pub fn fit(
    features: Features,
    source: &Source,
    engine: impl Into<Engine>,
    progress: &dyn Fn(u64),
) -> Result<FittedFeatures> {
    fit_within(&FitMemory::default(), features, source, engine, progress)
}

/// Fits features: passes over the rows of `source` on an engine, such as a number of threads, until nothing more is to be
/// learnt.
///
/// The result is the same for any engine and any memory, as what threads and machines collect merges in any order. `progress` is called when
/// a pass begins and from time to time with the rows read so far, those of all passes together.
///
/// # Errors
///
/// When a row cannot be read, there are no rows, a feature cannot be fitted to them, or counts that outgrow the memory cannot be
/// written to disk.
pub fn fit_within(
    memory: &FitMemory,
    features: Features,
    source: &Source,
    engine: impl Into<Engine>,
    progress: &dyn Fn(u64),
) -> Result<FittedFeatures> {
    Passes::new(memory.of_counts(), source, engine.into(), progress).finish(features.fit())
}

/// [`fit_within`] as far as it takes to encode rows. Where no feature learns from rows, threads leave statistics, which reports and
/// heads read, to [`Cache::build_learnt`](crate::Cache::build_learnt): one pass over the data is saved.
///
/// # Errors
///
/// Those of [`fit_within`].
pub fn learn_within(
    memory: &FitMemory,
    features: Features,
    source: &Source,
    engine: impl Into<Engine>,
    progress: &dyn Fn(u64),
) -> Result<Learnt> {
    let passes = Passes::new(memory.of_counts(), source, engine.into(), progress);
    let mut fitting = features.fit();
    // A pass over all columns leaves other rows out than one over those that are encoded.
    if !matches!(passes.engine, Engine::Local(_)) || source.is_skipping() {
        return Ok(Learnt { features: passes.finish(fitting)?, engine: passes.engine, open: None });
    }
    if fitting.learnt()?.is_none() {
        fitting = fitting.label_first()?;
    }
    while let Some(round) = fitting.round() {
        if let Some(features) = fitting.learnt()? {
            let open = Open { fitting, memory: passes.memory };
            return Ok(Learnt { features, engine: passes.engine, open: Some(Box::new(open)) });
        }
        let found = passes.make(round)?;
        fitting.absorb(found)?;
    }
    Ok(Learnt { features: fitting.finish()?, engine: passes.engine, open: None })
}

/// Features that transform rows, whose statistics may still be open.
#[derive(Debug)]
pub struct Learnt {
    features: FittedFeatures,
    engine: Engine,
    open: Option<Box<Open>>,
}

/// Statistics that are to be gathered in one more pass.
#[derive(Debug)]
pub(crate) struct Open {
    fitting: Fitting,
    memory: Memory,
}

impl Learnt {
    /// What transforms rows; without statistics if these are open.
    pub fn features(&self) -> &FittedFeatures {
        &self.features
    }

    /// Whether statistics are still to be gathered.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// The features, the engine that they were learnt on, and what is open.
    pub(crate) fn into_parts(self) -> (FittedFeatures, Engine, Option<Box<Open>>) {
        (self.features, self.engine, self.open)
    }
}

impl Open {
    /// Whether the label is only taken to be what it usually is.
    pub(crate) fn has_guessed(&self) -> bool {
        !self.fitting.knows_label()
    }

    /// What the pass fills; threads share it.
    pub(crate) fn collector(&self) -> Collector {
        self.fitting.collector_within(self.memory.clone())
    }

    /// The features with what the pass has found.
    pub(crate) fn finish(&self, found: Collector) -> Result<FittedFeatures> {
        let mut fitting = self.fitting.clone();
        fitting.absorb(found)?;
        Ok(fitting.finish()?)
    }

    /// The features by a pass of its own.
    pub(crate) fn fit(self, source: &Source, engine: Engine, progress: &dyn Fn(u64)) -> Result<FittedFeatures> {
        Passes::new(self.memory, source, engine, progress).finish(self.fitting)
    }
}

/// Passes over the rows of a source.
struct Passes<'a> {
    memory: Memory,
    source: &'a Source,
    engine: Engine,
    /// Is told the rows of all passes together.
    progress: &'a dyn Fn(u64),
    rows: Cell<u64>,
}

impl<'a> Passes<'a> {
    fn new(memory: Memory, source: &'a Source, engine: Engine, progress: &'a dyn Fn(u64)) -> Self {
        Self { memory, source, engine, progress, rows: Cell::new(0) }
    }

    /// Makes all that are left.
    fn finish(&self, mut fitting: Fitting) -> Result<FittedFeatures> {
        while let Some(round) = fitting.round() {
            let found = self.make(round)?;
            fitting.absorb(found)?;
        }
        Ok(fitting.finish()?)
    }

    fn make(&self, round: &Round) -> Result<Collector> {
        (self.progress)(self.rows.get());
        let source = self.source.select(&round.columns())?;
        let mut progress = |more| {
            self.rows.set(self.rows.get() + more);
            (self.progress)(self.rows.get());
        };
        match &self.engine {
            Engine::Local(Resources { threads, .. }) => {
                let source = source.coded(coded_rows(&self.memory, source.schema().fields.len(), *threads));
                pass(*threads, collectors(round, *threads, &self.memory), &source, &mut progress)
            }
            #[cfg(feature = "cluster")]
            Engine::Cluster(cluster) => cluster.fit(round, &source, &mut progress),
        }
    }
}

/// Collectors, each with its part of the memory: one, which all threads share, unless there are more threads than columns to work
/// on at the same time.
fn collectors(round: &Round, threads: usize, memory: &Memory) -> Vec<Collector> {
    let n = threads.div_ceil(round.columns().len().max(1)).max(1);
    let memory = Memory { bytes: memory.bytes / n, ..memory.clone() };
    (0..n).map(|_| round.collector_within(memory.clone())).collect()
}

/// Rows of a batch with texts by their places in a dictionary: many, as each batch is one look through it, while the batches on their way
/// take less than an eighth of what counts may take.
fn coded_rows(memory: &Memory, columns: usize, threads: usize) -> usize {
    let row_bytes = columns * size_of::<f64>();
    let on_the_way = BATCHES * threads.max(1) * row_bytes.max(1);
    (memory.bytes / 8 / on_the_way).clamp(BATCH_ROWS, 4 * BATCH_ROWS)
}

/// One pass: each thread takes the next batch when it is done with its last one, of a scan of its own while that lasts.
fn pass(
    threads: usize,
    collectors: Vec<Collector>,
    source: &Source,
    progress: &mut dyn FnMut(u64),
) -> Result<Collector> {
    let scans = scans(source, threads.max(1))?;
    let (counter, counts) = channel();
    let mut seen = 0;
    thread::scope(|scope| {
        let start = |thread: usize| {
            let (scans, counter, collector) = (&scans, counter.clone(), &collectors[thread % collectors.len()]);
            scope.spawn(move || collect(scans, thread, collector, counter))
        };
        let threads: Vec<_> = (0..threads.max(1)).map(start).collect();
        drop(counter);
        for rows in counts {
            seen += rows;
            progress(rows);
        }
        threads.into_iter().try_for_each(|thread| match thread.join() {
            Ok(collected) => collected,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })?;
    let skipped = scans.iter().map(|scan| locked(scan).skipped()).sum();
    if seen == 0 { Err(source.no_rows(skipped)) } else { merge(collectors) }
}

/// Scans that together pass over the source, as many as there are threads if it has so many pieces: each decodes on a thread of its
/// own, and decoding may take longer than looking at what comes out.
fn scans(source: &Source, threads: usize) -> Result<Vec<Mutex<Scan>>> {
    let pieces = source.pieces()?;
    let n = threads.min(pieces.len()).max(1);
    let of_scan = |scan: usize| pieces.iter().skip(scan).step_by(n).cloned().collect::<Vec<_>>();
    (0..n).map(|scan| source.scan_pieces(&of_scan(scan)).map(Mutex::new)).collect()
}

fn locked(scan: &Mutex<Scan>) -> MutexGuard<'_, Scan> {
    scan.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What one thread does: its own scan first, then the others. Its error ends them all, and with them the other threads.
fn collect(scans: &[Mutex<Scan>], thread: usize, collector: &Collector, counter: Sender<u64>) -> Result<()> {
    let own = thread % scans.len();
    for scan in scans[own..].iter().chain(&scans[..own]) {
        let next = || locked(scan).next();
        while let Some(batch) = next() {
            let rows = batch.and_then(|batch| {
                collector.update(&batch)?;
                Ok(batch.num_rows() as u64)
            });
            if rows.is_err() {
                scans.iter().for_each(|scan| locked(scan).stop());
            }
            // The receiver outlives this thread.
            let _ = counter.send(rows?);
        }
    }
    Ok(())
}

fn merge(collectors: Vec<Collector>) -> Result<Collector> {
    let mut collectors = collectors.into_iter();
    let mut merged = collectors.next().ok_or_else(|| internal("fitting ran on no thread"))?;
    collectors.try_for_each(|collector| merged.merge(collector))?;
    Ok(merged)
}

#[cfg(test)]
mod tests {
    use datafusion::parquet::arrow::ArrowWriter;

    use crate::testing::{features, people};
    use crate::{Error, OnError, Source, SourceConfig};

    use super::*;

    #[test]
    fn the_result_does_not_depend_on_the_threads() {
        let (_folder, config) = people(20_000);
        let (expected, _) = features(&config, 1).unwrap();
        for threads in [0, 2, 5] {
            assert_eq!(features(&config, threads).unwrap().0.fingerprint(), expected.fingerprint());
        }
    }

    #[test]
    fn the_result_does_not_depend_on_the_memory() {
        let (folder, config) = people(20_000);
        let (unfitted, source) = crate::testing::unfitted(&config).unwrap();
        let expected = fit(unfitted.clone(), &source, 1, &|_| {}).unwrap();
        let none = FitMemory { bytes: 0, directory: folder.path().to_owned() };
        assert_eq!(fit_within(&none, unfitted, &source, 3, &|_| {}).unwrap().to_json(), expected.to_json());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "only the data is left");
    }

    #[test]
    fn the_result_does_not_depend_on_the_format() {
        let (folder, config) = people(20_000);
        let (expected, source) = features(&config, 2).unwrap();
        let path = folder.path().join("people.parquet");
        let file = std::fs::File::create(&path).unwrap();
        let mut writer = ArrowWriter::try_new(file, source.arrow_schema().clone(), None).unwrap();
        source.scan().unwrap().for_each(|batch| writer.write(&batch.unwrap()).unwrap());
        writer.close().unwrap();
        let config = SourceConfig { path: path.as_path().into(), ..config };
        assert_eq!(features(&config, 2).unwrap().0.to_json(), expected.to_json());
    }

    #[test]
    fn progress_counts_the_rows_of_all_passes() {
        let (_folder, config) = people(10_000);
        let (unfitted, source) = crate::testing::unfitted(&config).unwrap();
        let last = std::cell::Cell::new(0);
        fit(unfitted, &source, 2, &|rows| last.set(rows)).unwrap();
        assert!(last.get() >= 10_000 && last.get().is_multiple_of(10_000), "{}", last.get());
    }

    #[test]
    fn an_error_in_a_row_ends_the_fit() {
        let (folder, mut config) = people(20_000);
        let path = folder.path().join("people.csv");
        let text = std::fs::read_to_string(&path).unwrap() + "old,Bern,1,0\n";
        std::fs::write(&path, &text).unwrap();
        let error = features(&config, 2).unwrap_err();
        assert!(error.to_string().starts_with("line 20002 of `"), "{error}");
        config.on_error = OnError::Skip;
        assert!(features(&config, 2).is_ok());
    }

    #[test]
    fn no_rows_is_an_error() {
        let (_folder, config) = people(0);
        let error = features(&config, 2).unwrap_err();
        assert!(matches!(error, Error::NoRows { .. }), "{error}");
    }

    #[test]
    fn an_error_of_a_feature_ends_the_fit() {
        let (folder, config) = people(10);
        let (unfitted, _) = crate::testing::unfitted(&config).unwrap();
        // The same columns with other types: the features refuse them in their first batch.
        let other = folder.path().join("other.csv");
        std::fs::write(&other, format!("age,city,income,rich\n{}", "x,1,y,z\n".repeat(30_000))).unwrap();
        let config = SourceConfig { path: other.as_path().into(), ..SourceConfig::default() };
        let source = Source::open_all(&config).unwrap();
        assert!(matches!(fit(unfitted, &source, 3, &|_| {}), Err(Error::Features(_))));
    }
}
