//! What is computed at one time step.

use super::gru::Gru;
use super::lstm::Lstm;
use super::simple::Simple;
use crate::math;
use serde::{Deserialize, Serialize};

/// A recurrent cell: how a row's state follows from the one before and from its input.
///
/// Gates stand side by side, each a block of `units` numbers, in PyTorch's order. The formula stands in each cell's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cell {
    /// `h' = tanh(x + h·w + b)`. One gate.
    Simple,
    /// Long short-term memory. Four gates: input, forget, cell, output.
    Lstm,
    /// Gated recurrent unit, the reset gate applied behind the product. Three gates: reset, update, candidate.
    Gru,
}

impl Cell {
    /// Its gates: blocks of `units` in the projected input and in the columns of the recurrent weights.
    pub fn gates(self) -> usize {
        self.blocks().gates
    }

    /// Blocks of `units` in the bias: one for each gate, and behind them one for the state's part of a GRU's candidate,
    /// which the reset gate scales.
    pub fn biases(self) -> usize {
        self.blocks().inner
    }

    pub(super) fn blocks(self) -> Blocks {
        match self {
            Self::Simple => Simple::BLOCKS,
            Self::Lstm => Lstm::BLOCKS,
            Self::Gru => Gru::BLOCKS,
        }
    }
}

/// Blocks of `units` numbers that a cell has for each row and time step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Blocks {
    /// Blocks of the projected input, and of the recurrent product.
    pub(super) gates: usize,
    /// Sums before activations: the gates' and, if there is one more, the last gate's recurrent part on its own.
    pub(super) inner: usize,
    /// Blocks kept for the way back beside the states.
    pub(super) saved: usize,
    /// Blocks of the state: `h` first.
    pub(super) states: usize,
}

/// A cell's arithmetic on one row at one time step; all slices are blocks of `units` numbers.
pub(super) trait Kernel {
    const BLOCKS: Blocks;

    /// The state `after`, and what is `saved`, from the state `before` and the terms of the gates' sums: its product with the recurrent
    /// weights, the projected input, and the bias.
    fn forward(units: usize, terms: [&[f32]; 3], before: &[f32], after: &mut [f32], saved: &mut [f32]);

    /// The gradients of the sums before activations, `slopes`, given the `states` before and after and in `carry` the gradient of the
    /// latter. Leaves in `carry` that of the state before, as far as it does not pass through the recurrent product.
    fn backward(units: usize, saved: &[f32], states: [&[f32]; 2], carry: &mut [f32], slopes: &mut [f32]);
}

/// `N` blocks of equal length.
#[inline(always)]
pub(super) fn split<const N: usize>(x: &[f32]) -> [&[f32]; N] {
    let mut blocks = x.chunks_exact(x.len() / N);
    std::array::from_fn(
        #[inline(always)]
        |_| blocks.next().unwrap_or_default(),
    )
}

/// `N` blocks of equal length, to write to.
#[inline(always)]
pub(super) fn split_mut<const N: usize>(x: &mut [f32]) -> [&mut [f32]; N] {
    let mut blocks = x.chunks_exact_mut(x.len() / N);
    std::array::from_fn(
        #[inline(always)]
        |_| blocks.next().unwrap_or_default(),
    )
}

/// Replaces each of the first `n` numbers `y` of `out` by `f(y, x)`, where `x` are its partners in `inputs`.
///
/// Indexes, as iterators over several slices leave checks in the loop that keep it from being vectorised. And one length for all:
/// where a compiler cannot tell that two are equal, it leaves the last vectors, half of 128 numbers, to a loop over single ones.
#[inline(always)]
pub(super) fn update<const N: usize>(n: usize, out: &mut [f32], inputs: [&[f32]; N], f: impl Fn(f32, [f32; N]) -> f32) {
    let out = &mut out[..n];
    let inputs = inputs.map(
        #[inline(always)]
        |x| &x[..n],
    );
    for j in 0..n {
        let mut x = [0.0; N];
        for i in 0..N {
            x[i] = inputs[i][j];
        }
        out[j] = f(out[j], x);
    }
}

#[inline(always)]
pub(super) fn sigmoid(x: &mut [f32]) {
    for x in x.iter_mut() {
        *x = math::sigmoid(*x);
    }
}

#[inline(always)]
pub(super) fn tanh(x: &mut [f32]) {
    for x in x.iter_mut() {
        *x = math::tanh(*x);
    }
}
