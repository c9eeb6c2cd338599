//! Writing a cache.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};

use arrow::array::Float32Array;
use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use arrow::ipc::writer::FileWriter;
use arrow::record_batch::RecordBatch;

use super::index::{BlockEntry, Index, KEY, VERSION};
use super::labels::{LabelSums, LabelTotals};
use super::layout::Layout;
use crate::error::Error;
use crate::ordered::internal;
use crate::{Cache, Result};

/// A file under a temporary name that becomes a cache when it is finished, and goes away when it is not.
pub(crate) struct Writer {
    path: PathBuf,
    temporary: PathBuf,
    file: Option<FileWriter<Counted<BufWriter<File>>>>,
    /// `None` for a file that need not last.
    syncer: Option<Syncer>,
    index: Index,
    /// What blocks have.
    schema: Schema,
    labels: LabelSums,
}

/// Bytes after which what was written is brought to the disk, so that little is left to wait for at the end.
const SYNC_BYTES: u64 = 32 << 20;

impl Writer {
    /// Starts the cache `path` for the fingerprints of features and source.
    pub(super) fn create(path: &Path, layout: Layout, (fingerprint, source): (String, String)) -> Result<Self> {
        let temporary = temporary(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        }
        let file = File::create(&temporary).map_err(Error::io("create", &temporary))?;
        let syncer = file.try_clone().map(|file| Syncer { file, until: 0, running: None }).ok();
        let metadata = HashMap::from([("trainyard.fingerprint".to_owned(), fingerprint.clone())]);
        let schema = layout.schema(metadata);
        let file = FileWriter::try_new(Counted::new(BufWriter::new(file)), &schema).map_err(writing(path))?;
        let (blocks, labels) = (Vec::new(), LabelTotals::default());
        let index = Index { version: VERSION, fingerprint, source, skipped: 0, layout, blocks, labels };
        let (path, labels) = (path.to_owned(), LabelSums::default());
        Ok(Self { path, temporary, file: Some(file), syncer, index, schema, labels })
    }

    /// Adds a block.
    ///
    /// # Errors
    ///
    /// `Internal` when it is of another layout than the cache, `Io` when it cannot be written.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        if batch.schema_ref().fields() != self.schema.fields() {
            return Err(internal("encoded rows are of another layout than their cache"));
        }
        let labels = floats(batch, "label").unwrap_or_default();
        let weights = floats(batch, "weight").unwrap_or_default();
        self.labels.update(labels, weights);
        let (label_mean, label_variance) = moments(labels);
        let file = self.file.as_mut().ok_or_else(|| internal("a cache is written after its end"))?;
        file.get_mut().crc = crc32fast::Hasher::new();
        let offset = file.get_ref().written;
        file.write(batch).map_err(writing(&self.path))?;
        let (length, crc) = (file.get_ref().written - offset, file.get_ref().crc.clone().finalize());
        let rows = batch.num_rows() as u32;
        let synced = self.syncer.as_mut().map_or(Ok(()), |syncer| syncer.advance(offset + length));
        synced.map_err(Error::io("write", &self.path))?;
        self.index.blocks.push(BlockEntry { offset, length, crc, rows, label_mean, label_variance });
        Ok(())
    }

    /// Ends the file, makes it durable and gives it its name. So many rows of the source were skipped.
    pub(crate) fn finish(mut self, skipped: u64) -> Result<()> {
        (self.index.skipped, self.index.labels) = (skipped, self.labels.totals());
        let file = self.file.as_mut().ok_or_else(|| internal("a cache is ended twice"))?;
        file.write_metadata(KEY, self.index.to_text().map_err(internal)?);
        file.finish().map_err(writing(&self.path))?;
        let buffer = &mut file.get_mut().inner;
        let synced = buffer
            .flush()
            .and_then(|()| self.syncer.take().map_or(Ok(()), |mut syncer| syncer.join()))
            .and_then(|()| buffer.get_ref().sync_all());
        synced.map_err(Error::io("write", &self.path))?;
        fs::rename(&self.temporary, &self.path).map_err(Error::io("rename", &self.temporary))?;
        self.file = None;
        sync_folder(&self.path)
    }

    /// For a file that need not last.
    pub(crate) fn without_sync(mut self) -> Self {
        self.syncer = None;
        self
    }

    /// Ends the writing and reads what was written, from a file that goes away with the result.
    pub(crate) fn into_scratch(mut self) -> Result<Scratch> {
        let file = self.file.as_mut().ok_or_else(|| internal("a cache is ended twice"))?;
        file.get_mut().inner.flush().map_err(Error::io("write", &self.temporary))?;
        let reader = File::open(&self.temporary).map_err(Error::io("open", &self.temporary))?;
        let cache = Cache::of_index(&self.temporary, reader, self.index.clone());
        Ok(Scratch { cache, _writer: self })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(syncer) = &mut self.syncer {
            let _ = syncer.join();
        }
        if self.file.take().is_some() {
            // The file is of no use, but what broke the writing matters more than that it stays.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// A column of numbers, if rows have it.
fn floats<'a>(batch: &'a RecordBatch, name: &str) -> Option<&'a [f32]> {
    let column = batch.column_by_name(name)?.as_any().downcast_ref::<Float32Array>()?;
    Some(column.values())
}

/// Mean and variance of labels; 0 of none.
fn moments(labels: &[f32]) -> (f64, f64) {
    let mean_of = |value: &dyn Fn(f64) -> f64| {
        labels.iter().map(|&label| value(f64::from(label))).sum::<f64>() / (labels.len().max(1)) as f64
    };
    let mean = mean_of(&|label| label);
    (mean, mean_of(&|label| (label - mean).powi(2)))
}

/// Rows in a file that has no name and is removed when this is dropped.
pub(crate) struct Scratch {
    pub(crate) cache: Cache,
    _writer: Writer,
}

/// The error of a file that cannot be written. The name that the file will have says more than the one that it has.
fn writing(path: &Path) -> impl FnOnce(ArrowError) -> Error {
    move |error| match error {
        ArrowError::IoError(_, source) => Error::io("write", path)(source),
        error => Error::Arrow(error),
    }
}

/// A name beside `path` that no other process uses.
fn temporary(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    name.into()
}

/// Makes a rename durable.
fn sync_folder(path: &Path) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io("sync", folder))
}

/// Brings what was written of a file to the disk while more is written.
struct Syncer {
    file: File,
    /// Bytes that were written when the last run began.
    until: u64,
    running: Option<JoinHandle<io::Result<()>>>,
}

impl Syncer {
    /// Takes note of the bytes written so far.
    fn advance(&mut self, written: u64) -> io::Result<()> {
        if written - self.until < SYNC_BYTES || self.running.as_ref().is_some_and(|running| !running.is_finished()) {
            return Ok(());
        }
        self.join()?;
        self.until = written;
        // Without a thread there is more to wait for at the end.
        let sync = |file: File| thread::Builder::new().name("sync".to_owned()).spawn(move || file.sync_data());
        self.running = self.file.try_clone().and_then(sync).ok();
        Ok(())
    }

    /// Waits for the last run. The system tells an error once, so nobody else will hear of it.
    fn join(&mut self) -> io::Result<()> {
        let Some(running) = self.running.take() else { return Ok(()) };
        running.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// A writer that counts the bytes and sums them up.
struct Counted<W> {
    inner: W,
    written: u64,
    crc: crc32fast::Hasher,
}

impl<W> Counted<W> {
    fn new(inner: W) -> Self {
        Self { inner, written: 0, crc: crc32fast::Hasher::new() }
    }
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(bytes)?;
        self.written += n as u64;
        self.crc.update(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_synced_while_it_grows() {
        let file = tempfile::tempfile().unwrap();
        let mut syncer = Syncer { file, until: 0, running: None };
        syncer.advance(SYNC_BYTES - 1).unwrap();
        assert!(syncer.running.is_none());
        syncer.advance(SYNC_BYTES).unwrap();
        assert!(syncer.running.is_some() && syncer.until == SYNC_BYTES);
        syncer.join().unwrap();
        syncer.advance(SYNC_BYTES + 1).unwrap();
        assert!(syncer.running.is_none());
    }

    /// A pipe cannot be synced.
    #[test]
    fn an_error_of_the_sync_is_told() {
        let (_reader, pipe) = std::io::pipe().unwrap();
        let mut syncer = Syncer { file: File::from(std::os::fd::OwnedFd::from(pipe)), until: 0, running: None };
        syncer.advance(SYNC_BYTES).unwrap();
        assert!(syncer.join().is_err());
    }
}
