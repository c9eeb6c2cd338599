//! A snapshot to the files of a checkpoint.

use super::layout::{HEADER, Header, PARAMS, STATE, tensors_of};
use super::manifest::{MANIFEST, Manifest, Sum};
use crate::error::io;
use crate::file::{Shown, sync_directory, write_synced};
use crate::tensors::Tensors;
use crate::{Error, Result, Snapshot};
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
    let tensors = Tensors::new(Some(metadata), tensors_of(snapshot))?;
    let write = |file: &mut BufWriter<File>| {
        let (mut bytes, mut hasher) = (0, crc32fast::Hasher::new());
        tensors.write(&mut Shown::new(file, |written| {
            bytes += written.len() as u64;
            hasher.update(written);
        }))?;
        Ok(Sum { bytes, crc32: hasher.finalize() })
    };
    write_synced(path, write).map_err(io("write", path))
}

fn header(snapshot: &Snapshot) -> Result<String> {
    let Snapshot { step, seed, optimizers, specs, .. } = snapshot;
    let header = Header { step: *step, seed: *seed, optimizers: optimizers.clone(), specs: specs.clone() };
    serde_json::to_string(&header).map_err(|error| Error::Internal(error.to_string()))
}
