//! A log of what models have read: a line of JSON per row, to be compared with what is made of the same rows later.
//!
//! A request hands its rows over and goes on; a thread writes. When the thread falls behind, rows are dropped and counted, so
//! that the log never slows a request down. Files are closed at a size and the oldest removed, so that it never fills a disk.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type, TimestampSecondType};
use serde_json::{Map, Value};
use trainyard_features::{Batch, ServedRow, time};

use super::version::Version;
use crate::error::{Error, Result};

/// How to log what was served.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureLogConfig {
    /// The file. When it is full it becomes `PATH.1`, that one `PATH.2`, and so on.
    pub path: PathBuf,
    /// Share of the requests that are logged, above 0 and up to 1. Default 1.
    pub rate: f64,
    /// Bytes at which a file is full. Positive. Default 64 MiB.
    pub file_bytes_max: u64,
    /// Full files that are kept. Default 7.
    pub files_max: usize,
    /// Rows that may wait to be written; others are dropped. Default 20,000.
    pub queue_rows_max: u64,
}

impl FeatureLogConfig {
    /// All requests, into this file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), rate: 1.0, file_bytes_max: 64 << 20, files_max: 7, queue_rows_max: 20_000 }
    }

    fn check(&self) -> Result<()> {
        if !(self.rate > 0.0 && self.rate <= 1.0) {
            return Err(Error::invalid(format!(
                "the share of requests to log is {}, but must be above 0 and up to 1",
                self.rate
            )));
        }
        if self.file_bytes_max == 0 {
            return Err(Error::invalid("`file_bytes_max` is 0, but must be positive"));
        }
        Ok(())
    }
}

/// Rows that were served, and what the model has read of them.
pub(crate) struct Served {
    pub version: Arc<Version>,
    pub rows: RecordBatch,
    pub features: Batch,
}

/// The log that requests put their rows into.
pub(crate) struct FeatureLog {
    rate: f64,
    queue_rows_max: u64,
    requests: AtomicU64,
    counts: Arc<Counts>,
    queue: Mutex<Option<Sender<Served>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Counts {
    /// Rows that wait to be written.
    waiting: AtomicU64,
    dropped: AtomicU64,
}

impl FeatureLog {
    /// # Errors
    /// [`Error::InvalidArgument`] for a setting out of range, [`Error::Log`] when the file cannot be written.
    pub fn open(config: FeatureLogConfig) -> Result<Arc<Self>> {
        config.check()?;
        let (rate, queue_rows_max) = (config.rate, config.queue_rows_max);
        let counts = Arc::new(Counts::default());
        let writer = Writer::open(config)?;
        let (queue, entries) = channel();
        let thread = {
            let counts = Arc::clone(&counts);
            std::thread::spawn(move || writer.run(&entries, &counts))
        };
        Ok(Arc::new(Self {
            rate,
            queue_rows_max,
            requests: AtomicU64::new(0),
            counts,
            queue: Mutex::new(Some(queue)),
            thread: Mutex::new(Some(thread)),
        }))
    }

    /// Whether the next request is one of those to log. Of any `n` requests it is `rate · n`, rounded.
    pub fn wants_next(&self) -> bool {
        let before = self.requests.fetch_add(1, Ordering::Relaxed) as f64;
        ((before + 1.0) * self.rate).floor() > (before * self.rate).floor()
    }

    /// Takes rows over, or drops and counts them when too many wait.
    pub fn put(&self, served: Served) {
        let rows = served.rows.num_rows() as u64;
        let waiting = self.counts.waiting.fetch_add(rows, Ordering::Relaxed) + rows;
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let is_taken = waiting <= self.queue_rows_max && queue.as_ref().is_some_and(|queue| queue.send(served).is_ok());
        if !is_taken {
            self.counts.waiting.fetch_sub(rows, Ordering::Relaxed);
            self.counts.dropped.fetch_add(rows, Ordering::Relaxed);
        }
    }

    /// Writes what waits, and takes no more.
    pub fn finish(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the feature log ended early");
        }
        let dropped = self.counts.dropped.load(Ordering::Relaxed);
        if dropped > 0 {
            tracing::warn!(dropped, "rows were not logged, as the feature log could not keep up");
        }
    }
}

/// The thread that writes.
struct Writer {
    config: FeatureLogConfig,
    file: BufWriter<File>,
    bytes: u64,
    last_failure: Option<String>,
}

impl Writer {
    fn open(config: FeatureLogConfig) -> Result<Self> {
        let error = |source| Error::Log { path: config.path.clone(), source };
        let (file, bytes) = append_to(&config.path).map_err(error)?;
        Ok(Self { config, file, bytes, last_failure: None })
    }

    fn run(mut self, entries: &Receiver<Served>, counts: &Counts) {
        while let Ok(first) = entries.recv() {
            let waiting = std::iter::once(first).chain(entries.try_iter());
            for served in waiting {
                let rows = served.rows.num_rows() as u64;
                if let Err(error) = self.write(&served) {
                    counts.dropped.fetch_add(rows, Ordering::Relaxed);
                    self.tell(&error);
                }
                counts.waiting.fetch_sub(rows, Ordering::Relaxed);
            }
            if let Err(error) = self.file.flush() {
                self.tell(&error.to_string());
            }
        }
    }

    /// A failure is told when it is another than the last one.
    fn tell(&mut self, error: &str) {
        if self.last_failure.as_deref() != Some(error) {
            tracing::warn!(error, path = %self.config.path.display(), "cannot write the feature log");
            self.last_failure = Some(error.to_owned());
        }
    }

    fn write(&mut self, served: &Served) -> Result<(), String> {
        for row in 0..served.rows.num_rows() {
            let mut line = serde_json::to_string(&line(served, row)?).map_err(|error| error.to_string())?;
            line.push('\n');
            if self.bytes > 0 && self.bytes + line.len() as u64 > self.config.file_bytes_max {
                self.rotate().map_err(|error| error.to_string())?;
            }
            self.file.write_all(line.as_bytes()).map_err(|error| error.to_string())?;
            self.bytes += line.len() as u64;
        }
        Ok(())
    }

    /// Closes the file and begins another; those before move up by one, and the last goes.
    fn rotate(&mut self) -> std::io::Result<()> {
        self.file.flush()?;
        let (path, last) = (&self.config.path, self.config.files_max);
        for number in (0..last).rev() {
            let from = numbered(path, number);
            if from.exists() {
                fs::rename(from, numbered(path, number + 1))?;
            }
        }
        if last == 0 {
            fs::remove_file(path)?;
        }
        (self.file, self.bytes) = append_to(path)?;
        Ok(())
    }
}

fn append_to(path: &Path) -> std::io::Result<(BufWriter<File>, u64)> {
    let file = File::options().create(true).append(true).open(path)?;
    let bytes = file.metadata()?.len();
    Ok((BufWriter::new(file), bytes))
}

fn numbered(path: &Path, number: usize) -> PathBuf {
    if number == 0 {
        return path.to_owned();
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

fn line(served: &Served, row: usize) -> Result<ServedRow, String> {
    let Served { version, rows, features } = served;
    let fitted = version.servable.features().ok_or("the model has no features to log")?;
    let names: BTreeMap<&str, &ArrayRef> =
        version.inputs.columns.iter().map(|input| input.name.as_str()).zip(rows.columns()).collect();
    let value = |name: &str| names.get(name).map_or(Value::Null, |array| value(array, row));
    let keys = version.servable.keys().iter().map(|key| (key.clone(), value(key)));
    let inputs = version.inputs.inputs().iter().map(|input| (input.name.clone(), value(&input.name)));
    Ok(ServedRow {
        model: version.servable.name().to_owned(),
        version: version.number,
        fingerprint: fitted.fingerprint(),
        keys: keys.collect::<Map<_, _>>(),
        inputs: inputs.collect::<Map<_, _>>(),
        features: fitted.encoding().row(features, row),
    })
}

/// A raw value; JSON has no other number than finite ones, so that the others are text.
fn value(array: &ArrayRef, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    if let Some(floats) = array.as_primitive_opt::<Float64Type>() {
        let number = floats.value(row);
        return serde_json::Number::from_f64(number).map_or_else(|| Value::from(number.to_string()), Value::Number);
    }
    if let Some(ints) = array.as_primitive_opt::<Int64Type>() {
        return Value::from(ints.value(row));
    }
    if let Some(bools) = array.as_boolean_opt() {
        return Value::from(bools.value(row));
    }
    if let Some(times) = array.as_primitive_opt::<TimestampSecondType>() {
        return Value::from(time::text(times.value(row)));
    }
    array.as_string_opt::<i32>().map_or(Value::Null, |texts| Value::from(texts.value(row)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predict::servable::Servable;
    use arrow::array::{Float64Array, StringArray, TimestampSecondArray};
    use trainyard_features::{ColumnType, EncodedFeature, Features, FittedFeatures, Schema};
    use trainyard_model::{Decode, Output, OutputType};

    #[test]
    fn a_time_is_logged_as_text() {
        let times: ArrayRef = Arc::new(TimestampSecondArray::from(vec![Some(1_714_571_100), None]));
        assert_eq!((value(&times, 0), value(&times, 1)), (Value::from("2024-05-01 13:45:00"), Value::Null));
    }

    struct Scaled {
        features: FittedFeatures,
        keys: Vec<String>,
        outputs: Vec<Output>,
    }

    impl Servable for Scaled {
        fn name(&self) -> &str {
            "scaled"
        }

        fn inputs(&self) -> &Schema {
            self.features.inputs()
        }

        fn keys(&self) -> &[String] {
            &self.keys
        }

        fn features(&self) -> Option<&FittedFeatures> {
            Some(&self.features)
        }

        fn outputs(&self) -> &[Output] {
            &self.outputs
        }

        fn predict(&self, rows: &RecordBatch) -> Result<RecordBatch> {
            Ok(rows.clone())
        }

        fn predict_with_features(&self, rows: &RecordBatch) -> Result<(RecordBatch, Option<Batch>)> {
            Ok((rows.clone(), self.features.transform(rows).ok()))
        }
    }

    /// Rows of one input `x`, 1, 2, .., and their keys, `r1`, `r2`, ..
    fn rows(n: usize) -> RecordBatch {
        let x: ArrayRef = Arc::new(Float64Array::from_iter_values((1..=n).map(|i| i as f64)));
        let id: ArrayRef = Arc::new(StringArray::from_iter_values((1..=n).map(|i| format!("r{i}"))));
        RecordBatch::try_from_iter([("x", x), ("id", id)]).unwrap()
    }

    fn version() -> Arc<Version> {
        let specs = toml::from_str("x = { op = \"z_score\" }").unwrap();
        let mut fitting = Features::new(specs, &Schema::new([("x", ColumnType::Float)]), None, None).unwrap().fit();
        while !fitting.finished() {
            let collector = fitting.collector();
            collector.update(&rows(3)).unwrap();
            fitting.absorb(collector).unwrap();
        }
        let output = Output { name: "y".to_owned(), output_type: OutputType::Float, width: 1, decode: Decode::Numbers };
        let model = Scaled { features: fitting.finish().unwrap(), keys: vec!["id".to_owned()], outputs: vec![output] };
        Arc::new(Version::new(7, Arc::new(model)).unwrap())
    }

    /// Logs requests of so many rows each, and gives the rows of each file.
    fn logged(change: impl Fn(FeatureLogConfig) -> FeatureLogConfig, requests: &[usize]) -> Vec<Vec<ServedRow>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        let (log, version) = (FeatureLog::open(change(FeatureLogConfig::new(&path))).unwrap(), version());
        for &n in requests {
            version.predict_logged(&rows(n), Some(&log)).unwrap();
        }
        log.finish();
        let files = (0..).map(|number| numbered(&path, number)).take_while(|path| path.exists());
        let read = |path: PathBuf| {
            fs::read_to_string(path).unwrap().lines().map(|line| ServedRow::from_json(line).unwrap()).collect()
        };
        files.map(read).collect()
    }

    #[test]
    fn a_row_is_a_line_with_its_keys_its_inputs_and_what_was_read() {
        let files = logged(|config| config, &[3, 1]);
        assert_eq!(files[0].len(), 4);
        let row = &files[0][2];
        assert_eq!(
            (row.model.as_str(), row.version, &row.keys["id"], &row.inputs["x"]),
            ("scaled", 7, &"r3".into(), &3.0.into())
        );
        let EncodedFeature::Numbers(numbers) = &row.features["x"] else { panic!("{row:?}") };
        assert!((numbers[0] - 1.224_744_9).abs() < 1e-6, "{numbers:?}");
        assert!(!row.inputs.contains_key("id"));
    }

    #[test]
    fn a_share_of_the_requests_is_logged() {
        let files = logged(|config| FeatureLogConfig { rate: 0.25, ..config }, &[1; 100]);
        assert_eq!(files[0].len(), 25);
    }

    #[test]
    fn full_files_move_up_and_the_oldest_goes() {
        let files = logged(|config| FeatureLogConfig { file_bytes_max: 1000, files_max: 2, ..config }, &[1; 40]);
        assert_eq!(files.len(), 3);
        assert!(
            files.iter().all(|rows| (1..=6).contains(&rows.len())),
            "{:?}",
            files.iter().map(Vec::len).collect::<Vec<_>>()
        );
    }

    #[test]
    fn rows_beyond_the_queue_are_dropped() {
        let files = logged(|config| FeatureLogConfig { queue_rows_max: 5, ..config }, &[6, 5]);
        assert_eq!(files[0].len(), 5);
    }

    #[test]
    fn a_log_goes_on_where_it_ended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        for _ in 0..2 {
            let log = FeatureLog::open(FeatureLogConfig::new(&path)).unwrap();
            version().predict_logged(&rows(2), Some(&log)).unwrap();
            log.finish();
        }
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 4);
    }

    #[test]
    fn settings_and_files_that_cannot_be_are_refused() {
        let open = |config: FeatureLogConfig| {
            FeatureLog::open(config).err().map(|error| error.to_string()).unwrap_or_default()
        };
        assert!(open(FeatureLogConfig { rate: 0.0, ..FeatureLogConfig::new("x") }).contains("above 0 and up to 1"));
        assert!(open(FeatureLogConfig { rate: f64::NAN, ..FeatureLogConfig::new("x") }).contains("above 0"));
        assert!(
            open(FeatureLogConfig::new("/nowhere/log.jsonl"))
                .contains("cannot write the feature log `/nowhere/log.jsonl`")
        );
    }
}
