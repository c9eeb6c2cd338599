//! How rows are loaded, and how far.

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::source::config;

/// How the rows of a cache become batches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoaderConfig {
    /// Rows of a batch. At least 1.
    pub batch_size: usize,
    /// Whether each epoch has an order of its own; otherwise rows come as in the file.
    pub shuffle: bool,
    /// Rows that are mixed with each other at a time. More is closer to a full shuffle and takes more memory: two such
    /// groups are held.
    pub shuffle_rows: usize,
    /// Bytes that such a group may take, whatever `shuffle_rows` says.
    pub shuffle_bytes: u64,
    /// The order of an epoch is a function of this and the epoch's number.
    pub seed: u64,
    /// Whether the last batch of an epoch is left out when it is not full.
    pub drop_last: bool,
    /// Batches that are made ahead.
    pub prefetch: usize,
}

impl Default for LoaderConfig {
    fn default() -> Self {
        Self {
            batch_size: 512,
            shuffle: true,
            shuffle_rows: 1_000_000,
            shuffle_bytes: 256 << 20,
            seed: 0,
            drop_last: false,
            prefetch: 4,
        }
    }
}

impl LoaderConfig {
    /// Rows in their order, for evaluation.
    pub fn in_order(batch_size: usize) -> Self {
        Self { batch_size, shuffle: false, ..Self::default() }
    }

    /// Refuses what no loader can do.
    pub(super) fn check(&self) -> Result<()> {
        if self.batch_size == 0 {
            return config("batch_size", "is 0; expected at least 1");
        }
        Ok(())
    }
}

/// How far a loader has come. With the same cache and configuration it goes on from there as if it had never stopped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoaderState {
    /// The epoch, from 0.
    pub epoch: u64,
    /// Rows of this epoch that have been given out.
    pub position: u64,
}
