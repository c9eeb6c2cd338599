//! Blocks in memory whose rows are mixed with each other.

use trainyard_features::Batch;
use trainyard_graph::Ragged;

use super::order::{Order, Pick};
use crate::Result;
use crate::cache::{Block, Cache};

/// A group of blocks and the order of their rows.
#[derive(Debug)]
pub(super) struct Group {
    blocks: Vec<Block>,
    picks: Vec<Pick>,
    /// The picks that have been taken.
    taken: usize,
    /// Whether it is the last of its epoch.
    pub is_last: bool,
}

impl Group {
    /// Reads a group and passes over its first rows.
    pub(super) fn read(cache: &Cache, order: &Order, epoch: u64, group: usize, passed: u64) -> Result<Self> {
        let numbers = order.blocks(epoch, group);
        let picks = order.picks(epoch, group, &numbers);
        let blocks = numbers.into_iter().map(|block| cache.block(block)).collect::<Result<_>>()?;
        Ok(Self { blocks, picks, taken: passed as usize, is_last: group + 1 == order.groups() })
    }

    /// Moves up to `most` rows to the end of `batch`, and says how many.
    pub(super) fn take(&mut self, most: usize, batch: &mut Batch) -> usize {
        let picks = &self.picks[self.taken..];
        let picks = &picks[..most.min(picks.len())];
        self.taken += picks.len();
        let rows = || picks.iter().map(|pick| (&self.blocks[pick.block()], pick.row()));
        rows().for_each(|(block, row)| batch.numeric.extend_from_slice(block.numeric(row)));
        let features = self.blocks.first().map_or(0, Block::n_ids);
        batch.ids.resize_with(features, Ragged::new);
        for (feature, ids) in batch.ids.iter_mut().enumerate() {
            let rows = picks.iter().map(|pick| (pick.block(), pick.row()));
            Block::gather_ids(&self.blocks, feature, rows, ids);
        }
        batch.labels.extend(rows().filter_map(|(block, row)| block.label(row)));
        batch.weights.extend(rows().filter_map(|(block, row)| block.weight(row)));
        batch.rows += picks.len();
        picks.len()
    }
}
