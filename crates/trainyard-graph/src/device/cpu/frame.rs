//! What one lane sees of memory while it computes one micro-batch.
#![expect(unsafe_code, reason = "values of one micro-batch live in one arena")]

use super::buffer::Buffer;
use super::packed::Packed;
use super::plan::{Place, Step, Value};
use crate::device::{Bags, Call, Feeds, Mode};
use std::ops::Range;

/// A micro-batch, the memory of its lane, and what is fed.
pub(crate) struct Frame<'a> {
    pub(crate) feeds: &'a dyn Feeds,
    pub(crate) mode: Mode,
    pub(crate) first_row: usize,
    pub(crate) rows: usize,
    /// What is packed if it serves a batch of this size; nothing before packing.
    pub(super) packed: &'a [Packed],
    pub(super) arena: &'a Buffer,
    /// Values that are the same for all rows.
    pub(super) shared: &'a Buffer,
    pub(super) batch: &'a [Buffer],
    pub(super) parts: &'a Buffer,
    /// Where the parts of this micro-batch start.
    pub(super) first_part: usize,
}

impl<'a> Frame<'a> {
    /// Computes all of `steps`.
    ///
    /// # Safety
    ///
    /// While it runs, nobody else uses the arena, the rows `first_row..first_row + rows` of the batch buffers, the parts from
    /// `first_part` on, or what the steps write of the shared values.
    pub(super) unsafe fn run(&self, steps: &[Step]) {
        for step in steps {
            // SAFETY: passed on from this function's caller.
            unsafe { self.run_step(step) };
        }
    }

    /// # Safety
    ///
    /// As for [`run`](Self::run).
    unsafe fn run_step(&self, step: &Step) {
        let (buffer, range) = self.locate(step.output);
        let operation = step.op.operation();
        let inherits = step.inputs.first().is_some_and(|input| input.place == step.output.place);
        if operation.in_place() && !inherits {
            let from = self.read(step.inputs[0]);
            // SAFETY: the plan gives the value a place apart from all values that are still read, input 0 among them;
            // other lanes have other arenas, rows and parts.
            unsafe { buffer.part_mut(range.clone()) }.copy_from_slice(from);
        }
        // SAFETY: as above. When the value inherits the place of input 0, an operation that works in place does not read
        // that input, and the plan made sure that no other input lives there.
        let output = unsafe { buffer.part_mut(range) };
        let (buffer, range) = self.locate(step.scratch);
        // SAFETY: the plan keeps the working memory of a step apart from all values that are in use during it.
        let scratch = unsafe { buffer.part_mut(range) };
        operation.run(&mut Call::new(output, scratch, step, self));
    }

    /// Packs panel `i` of a matrix.
    ///
    /// # Safety
    ///
    /// While it runs, nobody else uses the panel or writes what is packed.
    pub(super) unsafe fn pack(&self, packed: &Packed, i: usize) {
        let matrix = packed.weights.matrix(self.read(packed.from));
        // SAFETY: passed on from this function's caller.
        matrix.pack(i, unsafe { self.shared.part_mut(packed.panel(i)) });
    }

    /// The packed form of the weights of a step, if there is one.
    pub(crate) fn panels(&self, step: &Step) -> Option<&'a [f32]> {
        let packed = self.packed.get(step.packed?).filter(|packed| packed.serves(self.feeds.rows()))?;
        // SAFETY: weights are packed before any step that reads them runs, and not written again in a run.
        Some(unsafe { self.shared.part(packed.range()) })
    }

    /// The numbers of a value, those of this micro-batch if it has rows.
    pub(crate) fn read(&self, value: Value) -> &'a [f32] {
        if let Place::Feed(slot) = value.place {
            let floats = self.feeds.floats(slot);
            return if value.batched { &floats[self.rows_of(value)] } else { floats };
        }
        let (buffer, range) = self.locate(value);
        // SAFETY: an operation reads values that earlier steps have computed; the plan keeps their places from being
        // written until the last of their readers has run.
        unsafe { buffer.part(range) }
    }

    /// The ids of a value, those of this micro-batch.
    pub(crate) fn bags(&self, value: Value) -> Bags<'a> {
        let bags = if let Place::Feed(slot) = value.place { self.feeds.bags(slot) } else { Default::default() };
        bags.of_rows(self.first_row, self.rows)
    }

    fn locate(&self, value: Value) -> (&'a Buffer, Range<usize>) {
        let len = if value.batched { value.row_len * self.rows } else { value.row_len };
        match value.place {
            Place::Arena(offset) => (self.arena, offset..offset + len),
            Place::Batch(buffer) => (&self.batch[buffer], self.rows_of(value)),
            Place::Part(offset) => (self.parts, self.first_part + offset..self.first_part + offset + len),
            Place::Shared(offset) => (self.shared, offset..offset + len),
            Place::Feed(_) => (self.arena, 0..0),
        }
    }

    fn rows_of(&self, value: Value) -> Range<usize> {
        self.first_row * value.row_len..(self.first_row + self.rows) * value.row_len
    }
}
