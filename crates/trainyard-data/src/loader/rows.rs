//! Rows in memory, in an order of their own.

use std::ops::Range;

use trainyard_features::Batch;

use super::packed::{Packed, TILE};
use crate::source::BATCH_ROWS;

/// Blocks in memory, and the order in which their rows come.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) blocks: Vec<Packed>,
    pub(crate) picks: Vec<Pick>,
}

/// A row: the place of its block among the blocks in memory, and its place in the block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pick(u32);

/// Rows ahead of the one that is copied whose memory is asked for.
const AHEAD: usize = 16;

/// Bits for a place in a block.
const ROW_BITS: u32 = BATCH_ROWS.trailing_zeros();
const _: () = assert!(BATCH_ROWS.is_power_of_two(), "a place in a block takes `ROW_BITS` bits");

impl Pick {
    /// The number of blocks among which a pick can choose.
    pub(crate) const MOST_BLOCKS: usize = 1 << (u32::BITS - ROW_BITS);

    pub(crate) fn new(block: usize, row: u32) -> Self {
        debug_assert!(block < Self::MOST_BLOCKS && (row as usize) < BATCH_ROWS, "row {row} of block {block}");
        Self((block as u32) << ROW_BITS | row)
    }

    pub(crate) fn block(self) -> usize {
        (self.0 >> ROW_BITS) as usize
    }

    pub(crate) fn row(self) -> usize {
        (self.0 & (BATCH_ROWS as u32 - 1)) as usize
    }
}

impl Rows {
    /// Copies the rows at these places of the order to the end of `batch`.
    pub(crate) fn gather(&self, places: Range<usize>, batch: &mut Batch) {
        let Some(form) = self.blocks.first().map(Packed::form) else { return };
        let picks = &self.picks[places];
        form.reserve(picks.len(), batch);
        let mut words = Vec::with_capacity(TILE * form.width());
        let mut later = picks.iter().skip(AHEAD);
        for picks in picks.chunks(TILE) {
            words.clear();
            for pick in picks {
                if let Some(later) = later.next() {
                    self.blocks[later.block()].prefetch(later.row());
                }
                words.extend_from_slice(self.blocks[pick.block()].row(pick.row()));
            }
            form.unpack(&words, batch);
        }
        for &feature in form.other() {
            let ids = &mut batch.ids[feature];
            picks.iter().for_each(|pick| self.blocks[pick.block()].push_ids(feature, pick.row(), ids));
        }
        batch.rows += picks.len();
    }
}
