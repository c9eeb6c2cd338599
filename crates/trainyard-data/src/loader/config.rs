//! How rows are loaded, and how far.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::order::Order;
use crate::source::config;
use crate::{Cache, Result};

/// How the rows of a cache become batches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoaderConfig {
    /// Rows of a batch, those of all readers together. At least 1.
    pub batch_size: usize,
    /// Whether each epoch has an order of its own; otherwise rows come as in the file.
    pub shuffle: bool,
    /// Rows that are mixed with each other at a time. More is closer to a full shuffle and takes more memory: two such
    /// groups are held.
    pub shuffle_rows: usize,
    /// Bytes that such a group may take, whatever `shuffle_rows` says, and the batches that are made ahead.
    pub shuffle_bytes: u64,
    /// The order of an epoch is a function of this and the epoch's number.
    pub seed: u64,
    /// Whether the last batch of an epoch is left out when it is not full.
    pub drop_last: bool,
    /// Batches that are made ahead, as far as memory allows.
    pub prefetch: usize,
    /// Which part of every batch this reader takes.
    pub share: Share,
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
            share: Share::default(),
        }
    }
}

impl LoaderConfig {
    /// Rows in their order, for evaluation.
    pub fn in_order(batch_size: usize) -> Self {
        Self { batch_size, shuffle: false, ..Self::default() }
    }

    /// Whether all rows of `cache` are mixed with each other in an epoch, not only those of a group.
    pub fn mixes_all(&self, cache: &Cache) -> bool {
        self.shuffle && Order::new(cache, self).groups() <= 1
    }

    /// Refuses what no loader can do.
    pub(super) fn check(&self) -> Result<()> {
        if self.batch_size == 0 {
            return config("batch_size", "is 0; expected at least 1");
        }
        let Share { index, count } = self.share;
        if index >= count {
            return config("share", format!("is number {index} of {count}; readers count from 0"));
        }
        Ok(())
    }
}

/// One of several readers that go through an epoch together. Of every batch each takes a slice, as large as that of any other
/// give or take a row; the slices of all, one after the other, are the batch that a single reader has.
///
/// Where a batch has fewer rows than there are readers, as the last of an epoch may, some slices are empty: all readers give
/// equally many batches, so that they can step together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Which of the readers, from 0.
    pub index: usize,
    /// Number of readers. At least 1.
    pub count: usize,
}

impl Default for Share {
    /// The only reader.
    fn default() -> Self {
        Self { index: 0, count: 1 }
    }
}

impl Share {
    /// The places in a batch of so many rows that belong to this reader.
    pub fn of(self, rows: usize) -> Range<usize> {
        let end = |index: usize| (index as u128 * rows as u128 / self.count.max(1) as u128) as usize;
        end(self.index)..end(self.index + 1)
    }
}

/// How far a loader has come: with the same rows and order it goes on from there as if it had never stopped, also when the
/// number of readers has changed. It takes fewer than 200 bytes of JSON.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoaderState {
    /// The epoch, from 0.
    pub epoch: u64,
    /// Rows of this epoch that have been given out, by all readers together.
    pub position: u64,
    /// What these count: none at the very beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

/// What the numbers of a [`LoaderState`] count: rows in an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// [`Cache::content`](crate::Cache::content) of the rows: the data and the features that encoded it.
    pub rows: u64,
    /// The seed of the order; 0 for the order of the file.
    pub seed: u64,
    /// The blocks that are mixed with each other at a time; 0 for the order of the file.
    pub blocks: u64,
}

impl Origin {
    /// Refuses a state that counts something else than this.
    pub(super) fn check(&self, state: &LoaderState) -> Result<()> {
        let Some(found) = state.origin else { return Ok(()) };
        let refuse = |problem: String| config("state", problem);
        if found.rows != self.rows {
            return refuse(format!(
                "belongs to other rows (fingerprint {:016x}, these have {:016x}): the data, the features, the order of the \
                 file or the program that encoded it has changed; start anew, or bring the former ones back",
                found.rows, self.rows
            ));
        }
        if found.seed != self.seed || (found.blocks == 0) != (self.blocks == 0) {
            return refuse(format!(
                "belongs to another order ({}, now it is {}); set `seed` and `shuffle` as they were, or start anew",
                found.order(),
                self.order()
            ));
        }
        if found.blocks != self.blocks {
            return refuse(format!(
                "belongs to an order that mixes {} blocks of rows at a time, now it is {}; set `memory` and \
                 `shuffle_rows` as they were, or start anew",
                found.blocks, self.blocks
            ));
        }
        Ok(())
    }

    fn order(&self) -> String {
        if self.blocks == 0 { "that of the file".to_owned() } else { format!("shuffled by seed {}", self.seed) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn shares_are_even_and_cover_a_batch(rows in 0usize..1000, count in 1usize..50) {
            let shares: Vec<_> = (0..count).map(|index| Share { index, count }.of(rows)).collect();
            prop_assert_eq!(shares[0].start, 0);
            prop_assert_eq!(shares[count - 1].end, rows);
            prop_assert!(shares.windows(2).all(|pair| pair[0].end == pair[1].start));
            prop_assert!(shares.iter().all(|share| share.len().abs_diff(rows / count) <= 1));
        }
    }

    #[test]
    fn a_state_takes_fewer_than_200_bytes() {
        let origin = Some(Origin { rows: u64::MAX, seed: u64::MAX, blocks: u64::MAX });
        let state = LoaderState { epoch: u64::MAX, position: u64::MAX, origin };
        let json = serde_json::to_string(&state).unwrap();
        assert!(json.len() < 200, "{} bytes: {json}", json.len());
        assert_eq!(serde_json::from_str::<LoaderState>(&json).unwrap(), state);
    }

    #[test]
    fn a_state_of_two_numbers_is_understood() {
        let state: LoaderState = serde_json::from_str(r#"{"epoch":1,"position":2}"#).unwrap();
        assert_eq!(state, LoaderState { epoch: 1, position: 2, origin: None });
    }
}
