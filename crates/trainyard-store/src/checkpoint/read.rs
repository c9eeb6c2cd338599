//! The files of a checkpoint to a snapshot. The files may be anything: nothing is trusted that has not been checked.

use super::layout::{HEADER, Header, PARAMS, STATE, tensor_name};
use super::manifest::{Manifest, damaged};
use crate::error::io;
use crate::snapshot::{DenseState, TableState};
use crate::spec::{check_specs, table_dim};
use crate::{Result, Snapshot};
use safetensors::Dtype;
use safetensors::tensor::Metadata;
use std::fs::{self, File};
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use trainyard_nn::ParamSpec;

/// Bytes converted at a time.
const CHUNK: usize = 1 << 16;

/// Reads the checkpoint in `dir` after verifying its files.
pub(super) fn read_files(dir: &Path, step: u64) -> Result<(Snapshot, String)> {
    Manifest::verified(dir, step)?;
    let path = dir.join(PARAMS);
    let snapshot = read_params(&path)?;
    if snapshot.step != step {
        return Err(damaged(&path, format!("it is of step {}", snapshot.step)));
    }
    let path = dir.join(STATE);
    let state = fs::read(&path).map_err(io("read", &path))?;
    let state = String::from_utf8(state).map_err(|error| damaged(&path, error))?;
    Ok((snapshot, state))
}

/// Reads the file of the parameters. No more memory is taken than the file has bytes.
pub(super) fn read_params(path: &Path) -> Result<Snapshot> {
    let mut file = TensorFile::open(path)?;
    let header = file.header()?;
    let mut snapshot = Snapshot {
        step: header.step,
        seed: header.seed,
        optimizers: header.optimizers,
        specs: header.specs,
        dense: Vec::new(),
        tables: Vec::new(),
    };
    check_specs(&snapshot.specs).map_err(|error| damaged(path, error))?;
    for spec in &snapshot.specs {
        match table_dim(spec) {
            None => snapshot.dense.push(file.dense(spec)?),
            Some(dim) => snapshot.tables.push(file.table(spec, dim)?),
        }
    }
    snapshot.check().map_err(|error| damaged(path, error))?;
    Ok(snapshot)
}

/// An open safetensors file whose tensors cover it exactly.
struct TensorFile<'a> {
    path: &'a Path,
    file: BufReader<File>,
    /// Where the tensors begin.
    start: u64,
    metadata: Metadata,
}

impl<'a> TensorFile<'a> {
    fn open(path: &'a Path) -> Result<Self> {
        let file = File::open(path).map_err(io("open", path))?;
        let len = file.metadata().map_err(io("read", path))?.len();
        let mut file = BufReader::new(file);
        let mut size = [0; 8];
        file.read_exact(&mut size).map_err(io("read", path))?;
        let size = u64::from_le_bytes(size);
        if size > len.saturating_sub(8) {
            return Err(damaged(path, format!("its header of {size} bytes is longer than the file of {len}")));
        }
        let json = read_bytes(&mut file, size).map_err(io("read", path))?;
        let metadata: Metadata = serde_json::from_slice(&json).map_err(|error| damaged(path, error))?;
        let start = 8 + size;
        if metadata.data_len() as u64 != len - start {
            return Err(damaged(path, format!("its tensors have {} bytes, not {}", metadata.data_len(), len - start)));
        }
        Ok(Self { path, file, start, metadata })
    }

    fn header(&self) -> Result<Header> {
        let text = self.metadata.metadata().as_ref().and_then(|metadata| metadata.get(HEADER));
        let text = text.ok_or_else(|| damaged(self.path, format!("its metadata has no `{HEADER}`")))?;
        serde_json::from_str(text).map_err(|error| damaged(self.path, error))
    }

    fn dense(&mut self, spec: &ParamSpec) -> Result<DenseState> {
        Ok(DenseState {
            name: spec.name.clone(),
            weights: self.floats(&tensor_name("dense", &spec.name, "weights"))?,
            slots: self.floats(&tensor_name("dense", &spec.name, "slots"))?,
        })
    }

    fn table(&mut self, spec: &ParamSpec, dim: usize) -> Result<TableState> {
        Ok(TableState {
            name: spec.name.clone(),
            dim,
            ids: self.values(&tensor_name("table", &spec.name, "ids"), Dtype::U64, u64::from_le_bytes)?,
            weights: self.floats(&tensor_name("table", &spec.name, "weights"))?,
            slots: self.floats(&tensor_name("table", &spec.name, "slots"))?,
        })
    }

    fn floats(&mut self, name: &str) -> Result<Vec<f32>> {
        self.values(name, Dtype::F32, f32::from_le_bytes)
    }

    /// The values of a tensor. Its offsets lie within the file, since all offsets are consecutive up to the file's end.
    fn values<T, const N: usize>(
        &mut self,
        name: &str,
        dtype: Dtype,
        from_bytes: impl Fn([u8; N]) -> T,
    ) -> Result<Vec<T>> {
        let info = self.metadata.info(name).ok_or_else(|| damaged(self.path, format!("it has no tensor `{name}`")))?;
        let (start, end) = info.data_offsets;
        if info.dtype != dtype {
            return Err(damaged(self.path, format!("tensor `{name}` has type {}, not {dtype}", info.dtype)));
        }
        let seek = SeekFrom::Start(self.start + start as u64);
        let read = || {
            self.file.seek(seek)?;
            read_values((&mut self.file).take((end - start) as u64), (end - start) / N, from_bytes)
        };
        read().map_err(io("read", self.path))
    }
}

fn read_values<T, const N: usize>(
    mut from: impl Read,
    count: usize,
    from_bytes: impl Fn([u8; N]) -> T,
) -> std::io::Result<Vec<T>> {
    let mut values = Vec::new();
    values.try_reserve_exact(count)?;
    let mut buffer = vec![0; CHUNK];
    while values.len() < count {
        let bytes = &mut buffer[..((count - values.len()) * N).min(CHUNK)];
        from.read_exact(bytes)?;
        values.extend(bytes.as_chunks::<N>().0.iter().map(|bytes| from_bytes(*bytes)));
    }
    Ok(values)
}

fn read_bytes(from: &mut impl Read, count: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(count).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::super::write::write_files;
    use super::*;
    use crate::contract::trained;
    use proptest::prelude::*;
    use std::sync::LazyLock;

    /// The parameters' file of a small model. Written once, since a sync is slow.
    fn params_file() -> Vec<u8> {
        static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| {
            let dir = tempfile::tempdir().unwrap();
            write_files(dir.path(), &trained(3), "{}").unwrap();
            fs::read(dir.path().join(PARAMS)).unwrap()
        });
        BYTES.clone()
    }

    fn read(bytes: &[u8]) -> Result<Snapshot> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(PARAMS);
        fs::write(&path, bytes).unwrap();
        read_params(&path)
    }

    /// Replaces a text of the header by one of the same length.
    #[track_caller]
    fn check_refused(from: &str, to: &str, expected: &str) {
        let mut bytes = params_file();
        let at = bytes.windows(from.len()).position(|window| window == from.as_bytes()).expect("the header has it");
        bytes[at..at + from.len()].copy_from_slice(to.as_bytes());
        let message = read(&bytes).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }

    #[test]
    fn what_was_written_is_read() {
        assert_eq!(read(&params_file()).unwrap(), trained(3));
    }

    #[test]
    fn any_safetensors_library_reads_it() {
        let bytes = params_file();
        let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(tensors.tensor("dense/kernel/slots").unwrap().shape(), [2, 2, 2]);
        assert_eq!(tensors.tensor("table/users/ids").unwrap().data()[..8], 0u64.to_le_bytes());
        assert_eq!(tensors.tensor("table/users/slots").unwrap().shape(), [4, 2, 3]);
    }

    #[test]
    fn a_header_longer_than_the_file_is_refused() {
        let mut bytes = params_file();
        bytes[..8].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(read(&bytes).unwrap_err().to_string().contains("longer than the file"));
    }

    #[test]
    fn a_renamed_tensor_is_missed() {
        check_refused("table/users/ids", "table/users/idz", "no tensor `table/users/ids`");
    }

    #[test]
    fn a_tensor_of_another_type_is_refused() {
        check_refused("U64", "I64", "type I64, not U64");
    }

    #[test]
    fn a_parameter_of_absurd_size_is_refused() {
        check_refused(r#"{\"dim\":3}"#, r#"{\"dim\":9}"#, "`users` has");
        check_refused(r#"{\"dense\":[2,2]}"#, r#"{\"dense\":[1e9]}"#, "invalid type");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        /// The sums of the manifest do not protect from one who computes them, so the reader itself must not fall.
        #[test]
        fn a_mutated_file_gives_an_error_or_a_sound_snapshot(
            at in prop_oneof![0..8usize, 0..2500usize, 0..100_000usize],
            bytes in proptest::collection::vec(any::<u8>(), 0..12),
            cut in prop_oneof![3 => Just(None), 1 => (0..100_000usize).prop_map(Some)],
        ) {
            let mut file = params_file();
            let at = at % file.len();
            for (to, from) in file[at..].iter_mut().zip(&bytes) {
                *to = *from;
            }
            file.truncate(cut.map_or(usize::MAX, |cut| cut % (file.len() + 1)));
            if let Ok(snapshot) = read(&file) {
                prop_assert!(snapshot.check().is_ok());
            }
        }

        /// Digits and quotes keep the header readable more often than arbitrary bytes do.
        #[test]
        fn a_mutated_header_gives_an_error_or_a_sound_snapshot(at in 8..2500usize, text in "[0-9\\[\\]\",:]{1,3}") {
            let mut file = params_file();
            let at = at % file.len();
            for (to, from) in file[at..].iter_mut().zip(text.bytes()) {
                *to = from;
            }
            if let Ok(snapshot) = read(&file) {
                prop_assert!(snapshot.check().is_ok());
            }
        }
    }
}
