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
    /// kept in the end, such as a vocabulary.
    pub bytes: usize,
    /// The file for counts that outgrow them.
    pub spill: Spill,
}

impl Default for Memory {
    /// 1 GiB, and a file in the directory for temporary files of the system.
    fn default() -> Self {
        Self { bytes: 1 << 30, spill: Spill::default() }
    }
}

impl Memory {
    /// Moves counts to disk, the largest first, until there is room for the values of columns.
    pub(super) fn make_room(&self, mut counted: Vec<(&mut Counts, &Column)>) -> Result<()> {
        loop {
            let needed = counted.iter().map(|(counts, column)| counts.bytes() + counts.growth(column)).sum::<usize>();
            if needed <= self.bytes {
                return Ok(());
            }
            let large = counted.iter_mut().filter(|(counts, _)| counts.can_spill() && counts.bytes() > SMALL);
            let Some((largest, _)) = large.max_by_key(|(counts, _)| counts.bytes()) else { return Ok(()) };
            largest.spill(&self.spill)?;
        }
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
