//! Rows in memory that are mixed with each other.

use std::sync::{Arc, Mutex, PoisonError};
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

/// The groups of a cache.
pub(super) struct Groups<'a> {
    cache: &'a Cache,
    order: &'a Order,
    spare: Arc<Spare>,
}

/// Memory of groups that have passed, for the next ones: what goes back to the system must be cleared again.
#[derive(Debug, Default)]
struct Spare(Mutex<Vec<Vec<u32>>>);

/// A group of blocks and the order of their rows, as far as it has not been passed.
#[derive(Debug)]
pub(super) struct Group {
    rows: Rows,
    passed: usize,
    /// Whether it is the last of its epoch.
    pub is_last: bool,
    spare: Arc<Spare>,
}

impl<'a> Groups<'a> {
    pub(super) fn new(cache: &'a Cache, order: &'a Order) -> Self {
        Self { cache, order, spare: Arc::default() }
    }

    /// Reads a group and passes over its first rows.
    pub(super) fn read(&self, epoch: u64, group: usize, passed: u64) -> Result<Group> {
        let numbers = self.order.blocks(epoch, group);
        let picks = self.order.picks(epoch, group, &numbers);
        let mut blocks = Vec::with_capacity(numbers.len());
        let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
        let read = |block| Ok(Packed::new(self.cache.block(block)?, self.spare.take()));
        map_in_order(numbers.into_iter().map(Ok), threads, read, |block| {
            blocks.push(block);
            Ok(true)
        })?;
        let is_last = group + 1 == self.order.groups();
        Ok(Group { rows: Rows { blocks, picks }, passed: passed as usize, is_last, spare: Arc::clone(&self.spare) })
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

impl Drop for Group {
    fn drop(&mut self) {
        self.spare.give(self.rows.blocks.drain(..).map(Packed::into_words));
    }
}
