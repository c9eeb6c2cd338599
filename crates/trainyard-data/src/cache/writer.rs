//! Writing a cache.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use arrow::array::Float32Array;
use arrow::ipc::writer::FileWriter;
use arrow::record_batch::RecordBatch;

use super::index::{BlockEntry, Index, KEY, VERSION};
use super::layout::Layout;
use crate::Result;
use crate::error::Error;
use crate::ordered::internal;

/// A file under a temporary name that becomes a cache when it is finished, and goes away when it is not.
pub(super) struct Writer {
    path: PathBuf,
    temporary: PathBuf,
    file: Option<FileWriter<Counted<BufWriter<File>>>>,
    index: Index,
}

impl Writer {
    /// Starts the cache `path` for the fingerprints of features and source.
    pub(super) fn create(path: &Path, layout: Layout, (fingerprint, source): (String, String)) -> Result<Self> {
        let temporary = temporary(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        }
        let file = File::create(&temporary).map_err(Error::io("create", &temporary))?;
        let metadata = HashMap::from([("trainyard.fingerprint".to_owned(), fingerprint.clone())]);
        let file = FileWriter::try_new(Counted::new(BufWriter::new(file)), &layout.schema(metadata))?;
        let index = Index { version: VERSION, fingerprint, source, skipped: 0, layout, blocks: Vec::new() };
        Ok(Self { path: path.to_owned(), temporary, file: Some(file), index })
    }

    /// Adds a block.
    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let (label_mean, label_variance) = self.label_moments(batch);
        let file = self.file.as_mut().ok_or_else(|| internal("a cache is written after its end"))?;
        file.get_mut().crc = crc32fast::Hasher::new();
        let offset = file.get_ref().written;
        file.write(batch)?;
        let (length, crc) = (file.get_ref().written - offset, file.get_ref().crc.clone().finalize());
        let rows = batch.num_rows() as u32;
        self.index.blocks.push(BlockEntry { offset, length, crc, rows, label_mean, label_variance });
        Ok(())
    }

    /// Ends the file, makes it durable and gives it its name. So many rows of the source were skipped.
    pub(super) fn finish(mut self, skipped: u64) -> Result<()> {
        self.index.skipped = skipped;
        let mut file = self.file.take().ok_or_else(|| internal("a cache is ended twice"))?;
        file.write_metadata(KEY, self.index.to_text().map_err(internal)?);
        file.finish()?;
        let buffer = file.into_inner()?.inner;
        let file = buffer.into_inner().map_err(|error| Error::io("write", &self.temporary)(error.into_error()))?;
        file.sync_all().map_err(Error::io("sync", &self.temporary))?;
        fs::rename(&self.temporary, &self.path).map_err(Error::io("rename", &self.temporary))?;
        sync_folder(&self.path)
    }

    fn label_moments(&self, batch: &RecordBatch) -> (f64, f64) {
        let labels = batch.column_by_name("label").and_then(|labels| labels.as_any().downcast_ref::<Float32Array>());
        let labels = labels.filter(|_| self.index.layout.labels).map_or(&[][..], |labels| labels.values());
        let mean_of = |value: &dyn Fn(f64) -> f64| {
            labels.iter().map(|&label| value(f64::from(label))).sum::<f64>() / (labels.len().max(1)) as f64
        };
        let mean = mean_of(&|label| label);
        (mean, mean_of(&|label| (label - mean).powi(2)))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // The file is of no use, but what broke the writing matters more than that it stays.
            let _ = fs::remove_file(&self.temporary);
        }
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
