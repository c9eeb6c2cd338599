//! Rows in memory that are mixed with each other.

use std::thread;

use trainyard_features::Batch;

use super::order::Order;
use super::packed::Packed;
use super::rows::Rows;
use crate::Result;
use crate::cache::Cache;
use crate::ordered::map_in_order;

/// Threads that read a group at most: few keep up with any disk, and training waits only for the first group.
const THREADS_MAX: usize = 4;

/// A group of blocks and the order of their rows, as far as it has not been passed.
#[derive(Debug)]
pub(super) struct Group {
    rows: Rows,
    passed: usize,
    /// Whether it is the last of its epoch.
    pub is_last: bool,
}

impl Group {
    /// Reads a group and passes over its first rows.
    pub(super) fn read(cache: &Cache, order: &Order, epoch: u64, group: usize, passed: u64) -> Result<Self> {
        let numbers = order.blocks(epoch, group);
        let picks = order.picks(epoch, group, &numbers);
        let mut blocks = Vec::with_capacity(numbers.len());
        let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
        map_in_order(
            numbers.into_iter().map(Ok),
            threads,
            |block| cache.block(block).map(Packed::new),
            |block| {
                blocks.push(block);
                Ok(true)
            },
        )?;
        Ok(Self { rows: Rows { blocks, picks }, passed: passed as usize, is_last: group + 1 == order.groups() })
    }

    /// Rows that have not been passed.
    pub(super) fn left(&self) -> usize {
        self.rows.picks.len() - self.passed
    }

    /// Passes over rows.
    pub(super) fn skip(&mut self, rows: usize) {
        self.passed += rows;
    }

    /// Copies rows to the end of `batch` and passes them.
    pub(super) fn take(&mut self, rows: usize, batch: &mut Batch) {
        self.rows.gather(self.passed..self.passed + rows, batch);
        self.passed += rows;
    }
}
