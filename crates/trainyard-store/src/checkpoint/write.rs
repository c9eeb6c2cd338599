//! A snapshot to the files of a checkpoint.

use super::layout::{HEADER, Header, PARAMS, STATE, Values, tensors};
use super::manifest::{MANIFEST, Manifest, Sum};
use crate::error::io;
use crate::file::{sync_directory, write_synced};
use crate::{Error, Result, Snapshot};
use safetensors::tensor::{Metadata, TensorInfo};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// Bytes converted at a time. A table may be half of the memory, so it is never copied whole.
const CHUNK: usize = 1 << 16;

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
    write_synced(path, text.as_bytes()).map_err(io("write", path))
}

fn write_params(path: &Path, snapshot: &Snapshot) -> Result<Sum> {
    let header = header(snapshot)?;
    let write = || {
        let file = File::create_new(path)?;
        let mut out = Summed { sum: Sum::default(), hasher: crc32fast::Hasher::new(), inner: BufWriter::new(file) };
        write_tensors(&mut out, &header, snapshot)?;
        out.inner.into_inner().map_err(|error| error.into_error())?.sync_all()?;
        Ok(Sum { crc32: out.hasher.finalize(), ..out.sum })
    };
    write().map_err(io("write", path))
}

fn write_tensors(out: &mut impl Write, header: &[u8], snapshot: &Snapshot) -> std::io::Result<()> {
    out.write_all(&(header.len() as u64).to_le_bytes())?;
    out.write_all(header)?;
    for tensor in tensors(snapshot) {
        match tensor.values {
            Values::Floats(values) => write_chunks(out, values, |value| value.to_le_bytes())?,
            Values::Ids(values) => write_chunks(out, values, |value| value.to_le_bytes())?,
        }
    }
    Ok(())
}

fn write_chunks<T: Copy, const N: usize>(
    out: &mut impl Write,
    values: &[T],
    to_bytes: impl Fn(T) -> [u8; N],
) -> std::io::Result<()> {
    let mut bytes = Vec::with_capacity(CHUNK);
    for chunk in values.chunks(CHUNK / N) {
        bytes.clear();
        bytes.extend(chunk.iter().flat_map(|value| to_bytes(*value)));
        out.write_all(&bytes)?;
    }
    Ok(())
}

/// The header of the safetensors format: JSON, with spaces after it so that the tensors are aligned.
fn header(snapshot: &Snapshot) -> Result<Vec<u8>> {
    let Snapshot { step, seed, optimizers, specs, .. } = snapshot;
    let header = Header { step: *step, seed: *seed, optimizers: optimizers.clone(), specs: specs.clone() };
    let metadata = HashMap::from([(HEADER.to_owned(), serde_json::to_string(&header).map_err(internal)?)]);
    let metadata = Metadata::new(Some(metadata), tensor_infos(snapshot)).map_err(internal)?;
    let mut json = serde_json::to_vec(&metadata).map_err(internal)?;
    json.resize(json.len().next_multiple_of(8), b' ');
    Ok(json)
}

fn tensor_infos(snapshot: &Snapshot) -> Vec<(String, TensorInfo)> {
    let mut end = 0;
    let info = |tensor: super::layout::Tensor<'_>| {
        let start = end;
        end += tensor.values.bytes();
        let info = TensorInfo { dtype: tensor.values.dtype(), shape: tensor.shape, data_offsets: (start, end) };
        (tensor.name, info)
    };
    tensors(snapshot).into_iter().map(info).collect()
}

fn internal(error: impl ToString) -> Error {
    Error::Internal(error.to_string())
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
