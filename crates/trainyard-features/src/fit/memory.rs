//! How much memory counts may take.

use super::counts::Counts;
use super::spill::Spill;
use crate::Result;
use crate::column::Column;

/// Counts that take less stay in memory: a run on disk would hardly be more than its page.
const SMALL: usize = 1 << 16;

/// The memory that the counts of a collector may take, and where they go beyond it.
#[derive(Debug, Clone)]
pub struct Memory {
    /// Bytes that all counts together may take. What each column needs at least, some 64 KiB, is taken even beyond it; so is what is
    /// kept in the end, such as a vocabulary. Columns to which other threads add at the moment do not go to disk to make room.
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

    /// Memory that is taken besides while the values of a column are added.
    fn growth(&mut self, column: &Column) -> usize {
        self.counted_mut().map(|counts| counts.growth(column)).sum()
    }

    /// The largest counts that may go to disk.
    fn largest(&mut self) -> Option<&mut Counts> {
        let large = self.counted_mut().filter(|counts| counts.can_spill() && counts.bytes() > SMALL);
        large.max_by_key(|counts| counts.bytes())
    }

    /// Memory that spilling gives back; 0 when nothing may go to disk.
    fn spillable(&mut self) -> usize {
        self.largest().map_or(0, |counts| counts.bytes())
    }

    /// Moves the largest counts to disk, and says how much memory that gives back.
    fn spill_largest(&mut self, spill: &Spill) -> Result<usize> {
        let Some(largest) = self.largest() else { return Ok(0) };
        let before = largest.bytes();
        largest.spill(spill)?;
        Ok(before - largest.bytes())
    }
}

impl Default for Memory {
    /// 1 GiB, and a file in the directory for temporary files of the system.
    fn default() -> Self {
        Self { bytes: 1 << 30, spill: Spill::default() }
    }
}

impl Memory {
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
