//! What one part of the rows has shown.

use super::counts::Counts;
use super::joint::Joint;
use super::memory::{Counted, Memory};
use super::round::{JointLook, Round};
use super::shared::Shared;
use super::state::State;
use super::wire::{Reader, Wire, Writer};
use crate::column::Column;
use crate::op::{Args, Checked};
use crate::pipeline::{Made, Pass};
use crate::{Error, Result};
use arrow::record_batch::RecordBatch;
use sha2::{Digest, Sha256};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// The first bytes of [`Collector::to_bytes`], the last of them its version.
const MAGIC: &[u8; 8] = b"TYPART\x00\x04";

/// Length of a SHA-256.
const HASH: usize = 32;

/// What one partition of the rows has shown in one round. Threads may share it.
#[derive(Debug)]
pub struct Collector {
    round: Option<Round>,
    memory: Memory,
    /// Memory that counts take, and that they may come to take by what is being added.
    used: AtomicUsize,
    rows: AtomicU64,
    states: Shared<State>,
    joints: Shared<Joint>,
}

impl Collector {
    /// Nothing seen yet in a round; without one it collects nothing.
    pub(super) fn new(round: Option<Round>, memory: Memory) -> Self {
        let states = round.as_ref().map(Round::states).unwrap_or_default().into();
        let joints = round.as_ref().map(Round::joints).unwrap_or_default().into();
        Self { round, memory, used: AtomicUsize::new(0), rows: AtomicU64::new(0), states, joints }
    }

    /// Adds rows. Threads that call it at the same time work on different columns.
    ///
    /// # Errors
    ///
    /// [`Error::Column`] when a column is absent or of another type; [`Error::Feature`] when a feature cannot take a value;
    /// [`Error::Spill`] when counts outgrow the memory and cannot be written to disk.
    pub fn update(&self, batch: &RecordBatch) -> Result<()> {
        if let Some(round) = &self.round {
            let made = round.pipeline().run(batch, Pass::Training)?;
            self.states.visit(|i, state| {
                let column = &made.columns[round.looks()[i].slot];
                self.count(state, column, |state| {
                    state.update(column);
                    Ok(())
                })
            })?;
            let labels = round.label().map(|(label, slot)| label.encode(&made.columns[slot]));
            let labels = labels.transpose()?.unwrap_or_default();
            self.joints.visit(|i, joint| {
                let look = &round.joint_looks()[i];
                let update = |joint: &mut Joint| look.update(joint, &made, &labels, batch.num_rows());
                match look.slots.first() {
                    Some(&slot) => self.count(joint, &made.columns[slot], update),
                    None => update(joint),
                }
            })?;
        }
        self.rows.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Updates a part, some of which may be counts of a column's values, when there is room for them.
    fn count<T: Counted>(
        &self,
        part: &mut T,
        column: &Column,
        update: impl FnOnce(&mut T) -> Result<()>,
    ) -> Result<()> {
        let growth = self.make_room(part, column)?;
        let before = part.bytes();
        let updated = update(part);
        self.used.fetch_add(part.bytes(), Ordering::Relaxed);
        self.used.fetch_sub(before + growth, Ordering::Relaxed);
        updated
    }

    /// Takes as used what a part will take besides, and gives it back; until there is room for it, the largest counts go to disk.
    fn make_room(&self, part: &mut impl Counted, column: &Column) -> Result<usize> {
        loop {
            let growth = part.growth(column);
            if self.used.fetch_add(growth, Ordering::Relaxed) + growth <= self.memory.bytes {
                return Ok(growth);
            }
            self.used.fetch_sub(growth, Ordering::Relaxed);
            let freed = self.spill_largest(part)?;
            if freed == 0 {
                self.used.fetch_add(growth, Ordering::Relaxed);
                return Ok(growth);
            }
            self.used.fetch_sub(freed, Ordering::Relaxed);
        }
    }

    /// Moves the largest counts of this part and of those that no other thread works on to disk; how much memory that gives back.
    fn spill_largest(&self, part: &mut impl Counted) -> Result<usize> {
        let spill = &self.memory.spill;
        let (own, state, joint) = (part.spillable(), self.states.largest(), self.joints.largest());
        match (state, joint) {
            (Some((size, mut state)), joint) if size > own && joint.as_ref().is_none_or(|joint| size >= joint.0) => {
                drop(joint);
                state.spill_largest(spill)
            }
            (_, Some((size, mut joint))) if size > own => joint.spill_largest(spill),
            _ => part.spill_largest(spill),
        }
    }

    /// Adds the rows that another collector of the same round has seen, and takes over its memory.
    ///
    /// # Errors
    ///
    /// [`Error::Fit`] when it is of another round; [`Error::Spill`] when counts outgrow the memory and cannot be written to disk.
    pub fn merge(&mut self, mut other: Self) -> Result<()> {
        match (&self.round, &other.round) {
            (None, None) => {}
            (Some(mine), Some(theirs)) if mine.is_same(theirs)? => {}
            _ => return Err(Error::fit("the collectors are of different rounds; merge those of one round only")),
        }
        self.memory.bytes = self.memory.bytes.saturating_add(other.memory.bytes);
        let memory = self.memory.clone();
        memory.make_room_to_merge(self.counted_mut().zip(other.counted_mut()).collect())?;
        self.states.iter_mut().zip(other.states.into_parts()).for_each(|(mine, theirs)| mine.merge(theirs));
        self.joints.iter_mut().zip(other.joints.into_parts()).for_each(|(mine, theirs)| mine.merge(theirs));
        *self.rows.get_mut() += other.rows.into_inner();
        *self.used.get_mut() = self.counted_mut().map(|counts| counts.bytes()).sum();
        Ok(())
    }

    /// What is counted value by value.
    fn counted_mut(&mut self) -> impl Iterator<Item = &mut Counts> {
        let joint = self.joints.iter_mut().flat_map(Counted::counted_mut);
        self.states.iter_mut().flat_map(Counted::counted_mut).chain(joint)
    }

    /// The memory that its counts may take.
    pub(super) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Rows seen.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// What was found, for [`Round::read`] of another process.
    ///
    /// # Errors
    ///
    /// [`Error::Exchange`] when fitting was finished, so that there is nothing to send; [`Error::Spill`] when counts that are on
    /// disk cannot be read.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let round = self.round.as_ref().ok_or_else(|| Error::exchange("the collector is of no round"))?;
        let mut out = Writer { bytes: MAGIC.to_vec() };
        out.bytes.extend(round.fingerprint()?);
        out.number(self.rows());
        self.states.try_for_each(|state| state.write(&mut out))?;
        self.joints.try_for_each(|joint| joint.write(&mut out))?;
        let hash = Sha256::digest(&out.bytes);
        out.bytes.extend(hash);
        Ok(out.bytes)
    }

    pub(super) fn from_bytes(round: &Round, bytes: &[u8]) -> Result<Self> {
        let content = checked(bytes, round.fingerprint()?).map_err(Error::exchange)?;
        let mut collector = Self::new(Some(round.clone()), Memory { bytes: 0, ..Memory::default() });
        collector.fill(content).map_err(|problem| Error::exchange(format!("a collector is damaged: {problem}")))?;
        Ok(collector)
    }

    fn fill(&mut self, content: &[u8]) -> Checked<()> {
        let mut from = Reader::new(content);
        *self.rows.get_mut() = from.count()?;
        self.states.iter_mut().try_for_each(|state| state.read(&mut from))?;
        self.joints.iter_mut().try_for_each(|joint| joint.read(&mut from))?;
        *self.used.get_mut() = self.counted_mut().map(|counts| counts.bytes()).sum();
        from.finish()
    }

    /// The parts, for the round to take in, if there are rows and it is this round's.
    pub(super) fn into_parts(mut self, round: &Round) -> Result<(Vec<State>, Vec<Joint>)> {
        match &self.round {
            Some(other) if round.is_same(other)? => {}
            _ => return Err(Error::fit("the collector is of another round; make a new one for each round")),
        }
        if self.rows() == 0 {
            return Err(Error::fit("the training data has no rows"));
        }
        self.memory.clone().settle(self.counted_mut())?;
        Ok((self.states.into_parts().collect(), self.joints.into_parts().collect()))
    }
}

/// The bytes between the header and the hash, if these are right.
fn checked(bytes: &[u8], fingerprint: [u8; HASH]) -> Checked<&[u8]> {
    let split = bytes.split_first_chunk::<{ MAGIC.len() }>().and_then(|(magic, rest)| {
        let (round, rest) = rest.split_first_chunk::<HASH>()?;
        let (content, hash) = rest.split_last_chunk::<HASH>()?;
        Some((magic, round, content, hash))
    });
    let Some((magic, round, content, hash)) = split else {
        return Err(format!("a collector is cut off: it has only {} bytes", bytes.len()));
    };
    if magic != MAGIC {
        return Err("it is not a collector of this version; use the same program everywhere".to_string());
    }
    if *hash != <[u8; HASH]>::from(Sha256::digest(&bytes[..bytes.len() - HASH])) {
        return Err("the bytes of a collector are damaged: their hash is another; send them again".to_string());
    }
    if *round != fingerprint {
        return Err("the bytes of a collector are of another round; make new ones for each round".to_string());
    }
    Ok(content)
}

impl JointLook {
    fn update(&self, joint: &mut Joint, made: &Made, labels: &[f32], rows: usize) -> Result<()> {
        let args = Args { columns: &made.columns, inputs: &self.slots, rows, row_hashes: &made.row_hashes };
        joint.update(args, labels).map_err(|problem| Error::feature(&self.feature, problem))
    }
}
