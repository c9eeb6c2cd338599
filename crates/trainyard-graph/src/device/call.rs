//! What an operation's kernel sees.

use super::cpu::{Frame, Step};
use super::gemm::Matrix;
use super::{Bags, Mode};
use crate::op::Weights;

/// One operation on the rows of one micro-batch.
pub(crate) struct Call<'a> {
    /// Where the value goes. Holds input 0 already for an operation that works in place.
    pub(crate) output: &'a mut [f32],
    /// As many numbers to work with as the operation asked for, whatever is in them.
    pub(crate) scratch: &'a mut [f32],
    step: &'a Step,
    frame: &'a Frame<'a>,
}

/// Seed and step of a training run.
pub(crate) struct Training {
    pub(crate) seed: u64,
    pub(crate) step: u64,
}

impl<'a> Call<'a> {
    pub(crate) fn new(output: &'a mut [f32], scratch: &'a mut [f32], step: &'a Step, frame: &'a Frame<'a>) -> Self {
        Self { output, scratch, step, frame }
    }

    /// The rows of the value, of `len` numbers each, for an operation that writes columns.
    pub(crate) fn output_rows(&mut self, len: usize) -> impl Iterator<Item = &mut [f32]> {
        let columns = self.step.column..self.step.column + len;
        self.output.chunks_exact_mut(self.step.output.row_len()).map(move |row| &mut row[columns.clone()])
    }

    /// Whether input `i` has been written where the value goes.
    pub(crate) fn is_written(&self, i: usize) -> bool {
        self.step.inputs[i].is_at(self.step.output)
    }

    /// The numbers of input `i`.
    pub(crate) fn input(&self, i: usize) -> &'a [f32] {
        self.frame.read(self.step.inputs[i])
    }

    /// The matrix that the operation has named as its [`weights`](crate::op::Operation::weights).
    pub(crate) fn weights(&self, weights: Weights) -> Matrix<'a> {
        weights.matrix(self.input(weights.input)).with_panels(self.frame.panels(self.step))
    }

    /// Whether there is an input `i`: some are optional.
    pub(crate) fn has_input(&self, i: usize) -> bool {
        i < self.step.inputs.len()
    }

    /// The ids of input `i`.
    pub(crate) fn bags(&self, i: usize) -> Bags<'a> {
        self.frame.bags(self.step.inputs[i])
    }

    /// Rows of the micro-batch.
    pub(crate) fn rows(&self) -> usize {
        self.frame.rows
    }

    /// The place of the micro-batch's first row in the batch.
    pub(crate) fn first_row(&self) -> usize {
        self.frame.first_row
    }

    /// Rows of the whole batch.
    pub(crate) fn batch_rows(&self) -> usize {
        self.frame.feeds.rows()
    }

    /// Seed and step, when random operations act.
    pub(crate) fn training(&self) -> Option<Training> {
        match self.frame.mode {
            Mode::Training { seed, step } => Some(Training { seed, step }),
            Mode::Inference => None,
        }
    }
}
