//! A snapshot to the files of a checkpoint.

use super::layout::{HEADER, Header, PARAMS, STATE, tensors_of};
use super::manifest::{MANIFEST, Manifest, Sum};
use crate::error::io;
use crate::file::{sync_directory, write_synced};
use crate::{Error, Result, Snapshot, tensors};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// Writes all files of a checkpoint into an empty directory and syncs them.
pub(super) fn write_files(dir: &Path, snapshot: &Snapshot, state: &str) -> Result<Manifest> {
    let params = write_params(&dir.join(PARAMS), snapshot)?;
    write_text(&dir.join(STATE), state)?;
    let state = Sum { bytes: state.len() as u64, crc32: crc32fast::hash(state.as_bytes()) };
    let manifest = Manifest::new(snapshot.step, params, state);
    write_text(&dir.join(MANIFEST), &manifest.to_json()?)?;
    sync_directory(dir)?;
    Ok(manifest)
}

fn write_text(path: &Path, text: &str) -> Result<()> {
    write_synced(path, |file| file.write_all(text.as_bytes())).map_err(io("write", path))
}

fn write_params(path: &Path, snapshot: &Snapshot) -> Result<Sum> {
    let metadata = HashMap::from([(HEADER.to_owned(), header(snapshot)?)]);
    let write = |file: &mut BufWriter<File>| {
        let mut out = Summed { sum: Sum::default(), hasher: crc32fast::Hasher::new(), inner: file };
        tensors::write(&mut out, Some(metadata), tensors_of(snapshot))?;
        Ok(Sum { crc32: out.hasher.finalize(), ..out.sum })
    };
    write_synced(path, write).map_err(io("write", path))
}

fn header(snapshot: &Snapshot) -> Result<String> {
    let Snapshot { step, seed, optimizers, specs, .. } = snapshot;
    let header = Header { step: *step, seed: *seed, optimizers: optimizers.clone(), specs: specs.clone() };
    serde_json::to_string(&header).map_err(|error| Error::Internal(error.to_string()))
}

/// Counts and sums what passes through.
struct Summed<W> {
    sum: Sum,
    hasher: crc32fast::Hasher,
    inner: W,
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.sum.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}
