//! Memory that lanes share, each in a part of its own.
#![expect(unsafe_code, reason = "disjoint parts of one buffer are written from several threads")]

use super::arena::Arena;
use crate::{Error, Result};
use std::cell::UnsafeCell;
use std::mem::ManuallyDrop;
use std::ops::Range;

/// Numbers of which several parts can be borrowed at once, some of them for writing.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    cells: Vec<UnsafeCell<f32>>,
    /// The cell of the first number.
    start: usize,
}

// SAFETY: cells are reached through `part` and `part_mut` only, whose callers promise that no part which is written
// overlaps another that is in use.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// Makes room for at least `len` numbers, whatever is in them. The first begins a line of cache: a vector that two lines
    /// share takes two accesses.
    pub(super) fn grow(&mut self, len: usize) -> Result<()> {
        if self.cells.len() < self.start + len {
            self.reserve(len.saturating_add(Arena::LINE - 1))?;
            let lines = size_of::<[f32; Arena::LINE]>();
            self.start = self.cells.as_ptr().align_offset(lines).min(Arena::LINE - 1);
        }
        Ok(())
    }

    /// Makes room for at least `len` numbers that can be swapped.
    pub(super) fn grow_to_swap(&mut self, len: usize) -> Result<()> {
        self.reserve(len)
    }

    fn reserve(&mut self, len: usize) -> Result<()> {
        let missing = len.saturating_sub(self.cells.len());
        if missing > 0 {
            self.cells.try_reserve_exact(missing).map_err(|_| Error::Memory {
                bytes: len.saturating_mul(size_of::<f32>()),
                expected: "the system has less: take smaller batches, fewer lanes or a smaller model".to_owned(),
            })?;
            self.cells.resize_with(len, UnsafeCell::default);
        }
        Ok(())
    }

    /// Exchanges the numbers, of which the first `len` count, with `numbers`. The buffer only ever grew to swap.
    pub(super) fn swap(&mut self, numbers: &mut Vec<f32>, len: usize) {
        let mut taken = into_numbers(std::mem::replace(&mut self.cells, into_cells(std::mem::take(numbers))));
        taken.truncate(len);
        *numbers = taken;
    }

    /// All numbers, for whoever holds the buffer alone.
    pub(super) fn as_slice(&self) -> &[f32] {
        // SAFETY: parts are borrowed for writing only inside `CpuProgram::run`, which holds the program exclusively,
        // so none is alive while a shared borrow of the program is.
        unsafe { self.part(0..self.cells.len() - self.start) }
    }

    /// A part for reading.
    ///
    /// # Safety
    ///
    /// While it is in use, no part that overlaps it is written.
    pub(super) unsafe fn part(&self, range: Range<usize>) -> &[f32] {
        let cells = &self.cells[self.start..][range];
        // SAFETY: `UnsafeCell<f32>` is laid out as `f32`, the range was checked, and the caller answers for overlaps.
        unsafe { std::slice::from_raw_parts(cells.as_ptr().cast::<f32>(), cells.len()) }
    }

    /// A part for writing.
    ///
    /// # Safety
    ///
    /// While it is in use, no part that overlaps it is read or written.
    #[expect(clippy::mut_from_ref, reason = "the parts of one buffer that lanes write are disjoint")]
    pub(super) unsafe fn part_mut(&self, range: Range<usize>) -> &mut [f32] {
        let cells = &self.cells[self.start..][range];
        // SAFETY: the cells allow writing through a shared borrow, the range was checked, and the caller answers for
        // overlaps.
        unsafe { std::slice::from_raw_parts_mut(UnsafeCell::raw_get(cells.as_ptr()), cells.len()) }
    }
}

fn into_cells(numbers: Vec<f32>) -> Vec<UnsafeCell<f32>> {
    let mut numbers = ManuallyDrop::new(numbers);
    let (start, len, capacity) = (numbers.as_mut_ptr(), numbers.len(), numbers.capacity());
    // SAFETY: `UnsafeCell<f32>` is laid out as `f32`, and the vector is not used any more.
    unsafe { Vec::from_raw_parts(start.cast(), len, capacity) }
}

fn into_numbers(cells: Vec<UnsafeCell<f32>>) -> Vec<f32> {
    let mut cells = ManuallyDrop::new(cells);
    let (start, len, capacity) = (cells.as_mut_ptr(), cells.len(), cells.capacity());
    // SAFETY: as above.
    unsafe { Vec::from_raw_parts(start.cast(), len, capacity) }
}
