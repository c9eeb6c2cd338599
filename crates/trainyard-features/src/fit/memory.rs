//! How much memory counts may take.

use super::counts::Counts;
use super::spill::Spill;
use crate::Result;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts that take less stay in memory: a run on disk would hardly be more than its page.
const SMALL: usize = 1 << 16;

/// The memory that the counts of a collector may take, and where they go beyond it.
#[derive(Debug, Clone)]
pub struct Memory {
    /// Bytes that all counts together may take. What each column needs at least, some 64 KiB, is taken even beyond it; so is what is
    /// kept in the end, such as a vocabulary.
    pub bytes: usize,
    /// The file for counts that outgrow them.
    pub spill: Spill,
}

/// What counts values.
pub(super) trait Counted {
    /// What is counted value by value.
    fn counted_mut(&mut self) -> impl Iterator<Item = &mut Counts>;

    /// Memory that the counts take.
    fn bytes(&mut self) -> usize {
        self.counted_mut().map(|counts| counts.bytes()).sum()
    }
}

impl Default for Memory {
    /// 1 GiB, and a file in the directory for temporary files of the system.
    fn default() -> Self {
        Self { bytes: 1 << 30, spill: Spill::default() }
    }
}

impl Memory {
    /// Moves counts to disk, the largest first, until so many bytes more than are `used` are within the memory.
    pub(super) fn make_room(&self, used: &AtomicUsize, more: usize, mut counted: Vec<&mut Counts>) -> Result<()> {
        while used.load(Ordering::Relaxed) + more > self.bytes {
            let large = counted.iter_mut().filter(|counts| counts.can_spill() && counts.bytes() > SMALL);
            let Some(largest) = large.max_by_key(|counts| counts.bytes()) else { return Ok(()) };
            let before = largest.bytes();
            largest.spill(&self.spill)?;
            used.fetch_sub(before - largest.bytes(), Ordering::Relaxed);
        }
        Ok(())
    }

    /// Of counts that are to be merged pairwise, moves those to disk for which there is no room.
    pub(super) fn make_room_to_merge(&self, pairs: Vec<(&mut Counts, &mut Counts)>) -> Result<()> {
        let mut used: usize = pairs.iter().map(|(mine, theirs)| mine.bytes() + theirs.bytes()).sum();
        for (mine, theirs) in pairs {
            let growth = mine.merge_growth(theirs);
            used -= theirs.bytes();
            if used + theirs.bytes() + growth > self.bytes && theirs.can_spill() && theirs.bytes() > SMALL {
                theirs.spill(&self.spill)?;
            } else if growth > 0 {
                used += growth - mine.bytes().min(growth);
            }
        }
        Ok(())
    }

    /// Ends counting.
    pub(super) fn settle<'a>(&self, mut counted: impl Iterator<Item = &'a mut Counts>) -> Result<()> {
        counted.try_for_each(|counts| counts.settle(&self.spill))
    }
}
