//! `manifest.json`: what the other files of a checkpoint must be.

use super::layout::{PARAMS, STATE};
use crate::error::io;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Version of the checkpoints that this program writes, and the newest that it reads.
pub const FORMAT_VERSION: u64 = 1;

/// File of the manifest.
pub(super) const MANIFEST: &str = "manifest.json";

/// More than any manifest, so that no file can make the reader take much memory before it is checked.
const MAX_BYTES: u64 = 1 << 16;

/// Sizes and sums of the files of one checkpoint.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    format_version: u64,
    step: u64,
    files: BTreeMap<String, Sum>,
}

/// Length and CRC-32 (IEEE) of a file.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sum {
    pub(super) bytes: u64,
    pub(super) crc32: u32,
}

/// The part that all versions share.
#[derive(Deserialize)]
struct Version {
    format_version: u64,
}

impl Manifest {
    pub(super) fn new(step: u64, params: Sum, state: Sum) -> Self {
        let files = BTreeMap::from([(PARAMS.to_owned(), params), (STATE.to_owned(), state)]);
        Self { format_version: FORMAT_VERSION, step, files }
    }

    pub(super) fn to_json(&self) -> Result<String> {
        serde_json::to_string_pretty(self).map_err(|error| Error::Internal(error.to_string()))
    }

    /// The manifest of the checkpoint in `dir`, with all files verified against it.
    pub(super) fn verified(dir: &Path, step: u64) -> Result<Self> {
        let path = dir.join(MANIFEST);
        let manifest = Self::parse(&path, &read_start(&path)?)?;
        if manifest.step != step {
            return Err(damaged(&path, format!("it is of step {}", manifest.step)));
        }
        for name in [PARAMS, STATE] {
            let sum = manifest.files.get(name).ok_or_else(|| damaged(&path, format!("it does not list `{name}`")))?;
            verify(&dir.join(name), *sum)?;
        }
        Ok(manifest)
    }

    fn parse(path: &Path, json: &[u8]) -> Result<Self> {
        let version: Version = serde_json::from_slice(json).map_err(|error| damaged(path, error))?;
        if version.format_version > FORMAT_VERSION {
            let (path, found) = (path.to_owned(), version.format_version);
            return Err(Error::NewerVersion { path, found, supported: FORMAT_VERSION });
        }
        serde_json::from_slice(json).map_err(|error| damaged(path, error))
    }
}

/// A file is not what its writer wrote.
pub(super) fn damaged(path: &Path, reason: impl ToString) -> Error {
    Error::Damaged { path: path.to_owned(), reason: reason.to_string() }
}

fn read_start(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(io("open", path))?;
    file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(io("read", path))?;
    Ok(bytes)
}

/// Compares a file with its sum: the size first, which costs nothing.
fn verify(path: &Path, expected: Sum) -> Result<()> {
    let mut file = File::open(path).map_err(io("open", path))?;
    let bytes = file.metadata().map_err(io("read", path))?.len();
    if bytes != expected.bytes {
        return Err(damaged(path, format!("it has {bytes} bytes, its manifest says {}", expected.bytes)));
    }
    let crc32 = sum(&mut file).map_err(io("read", path))?;
    if crc32 != expected.crc32 {
        return Err(damaged(path, format!("its CRC-32 is {crc32}, its manifest says {}", expected.crc32)));
    }
    Ok(())
}

fn sum(file: &mut File) -> std::io::Result<u32> {
    let mut hasher = crc32fast::Hasher::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finalize()),
            n => hasher.update(&buffer[..n]),
        }
    }
}
