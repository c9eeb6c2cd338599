//! Rows in memory: a block in the order of the file, or many that are mixed with each other.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use trainyard_features::Batch;

use super::order::Order;
use super::packed::Packed;
use super::rows::Rows;
use crate::Result;
use crate::cache::{Block, Cache};
use crate::ordered::map_in_order;

/// Threads that read blocks to be mixed at most: few keep up with any disk, and training waits only for the first group.
const THREADS_MAX: usize = 4;

/// The groups of a cache.
pub(super) struct Groups<'a> {
    cache: &'a Cache,
    order: &'a Order,
    spare: Arc<Spare>,
}

/// Memory of groups that have passed, for the next ones: what goes back to the system must be cleared again.
#[derive(Debug, Default)]
struct Spare(Mutex<Vec<Vec<u32>>>);

/// The rows of a group in the order in which they come, as far as they have not been passed.
#[derive(Debug)]
pub(super) struct Group {
    rows: GroupRows,
    passed: usize,
    /// Whether it is the last of its epoch.
    pub is_last: bool,
}

#[derive(Debug)]
enum GroupRows {
    /// In the order of the file.
    Block(Block),
    Mixed(Mixed),
}

/// Rows of several blocks. Their memory serves again.
#[derive(Debug)]
struct Mixed {
    rows: Rows,
    spare: Arc<Spare>,
}

impl<'a> Groups<'a> {
    pub(super) fn new(cache: &'a Cache, order: &'a Order) -> Self {
        Self { cache, order, spare: Arc::default() }
    }

    /// Reads a group and passes over its first rows.
    pub(super) fn read(&self, epoch: u64, group: usize, passed: u64) -> Result<Group> {
        let rows = if self.order.is_shuffled() {
            GroupRows::Mixed(self.mix(epoch, group)?)
        } else {
            GroupRows::Block(self.cache.block(group)?)
        };
        let is_last = group + 1 == self.order.groups();
        Ok(Group { rows, passed: passed as usize, is_last })
    }

    /// Reads the blocks of a group on several threads.
    fn mix(&self, epoch: u64, group: usize) -> Result<Mixed> {
        let numbers = self.order.blocks(epoch, group);
        let picks = self.order.picks(epoch, group, &numbers);
        let mut blocks = Vec::with_capacity(numbers.len());
        let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
        let read = |block| Ok(Packed::new(self.cache.block(block)?, self.spare.take()));
        map_in_order(numbers.into_iter().map(Ok), threads, read, |block| {
            blocks.push(block);
            Ok(true)
        })?;
        Ok(Mixed { rows: Rows { blocks, picks }, spare: Arc::clone(&self.spare) })
    }
}

impl Spare {
    fn take(&self) -> Vec<u32> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn give(&self, memory: impl Iterator<Item = Vec<u32>>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(memory);
    }
}

impl Group {
    /// Rows that have not been passed.
    pub(super) fn left(&self) -> usize {
        let rows = match &self.rows {
            GroupRows::Block(block) => block.rows(),
            GroupRows::Mixed(mixed) => mixed.rows.picks.len(),
        };
        rows - self.passed
    }

    /// Passes over rows.
    pub(super) fn skip(&mut self, rows: usize) {
        self.passed += rows;
    }

    /// Copies rows to the end of `batch` and passes them.
    pub(super) fn take(&mut self, rows: usize, batch: &mut Batch) {
        let rows = self.passed..self.passed + rows;
        self.passed = rows.end;
        match &self.rows {
            GroupRows::Block(block) => block.push_rows(rows, batch),
            GroupRows::Mixed(mixed) => mixed.rows.gather(rows, batch),
        }
    }
}

impl Drop for Mixed {
    fn drop(&mut self) {
        self.spare.give(self.rows.blocks.drain(..).map(Packed::into_words));
    }
}
