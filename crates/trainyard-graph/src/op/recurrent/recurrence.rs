//! What the operations of a recurrent layer have in common: its sizes, and where a row's tape holds what.

use super::cell::{Blocks, Cell};
use crate::{Dim, Shape};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// A recurrent layer's cell, direction and sizes.
///
/// A row of its tape holds `steps + 1` states in the order of time, the initial one, zeros, at the end from which the layer
/// starts; then for each time what the cell saves. So the states before the steps lie as regularly as those after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recurrence {
    /// What is computed at each time step.
    pub cell: Cell,
    /// Whether the last time step comes first.
    pub reversed: bool,
    /// Whether there is a mask.
    pub masked: bool,
    /// Time steps.
    pub steps: usize,
    /// Numbers of the state `h`.
    pub units: usize,
}

impl Recurrence {
    pub(super) fn blocks(&self) -> Blocks {
        self.cell.blocks()
    }

    /// Checks the inputs: projected input, weights, bias, and the mask if there is one.
    pub(super) fn check(&self, inputs: &[&Shape]) -> Result<(), String> {
        let blocks = self.blocks();
        let sizes = (self.units.checked_mul(blocks.gates), self.units.checked_mul(blocks.inner));
        let (Some(gates), Some(inner)) = sizes else { return Err(self.expected()) };
        let batched = |sizes: &[usize]| Shape::new([&[Dim::Batch], Shape::fixed(sizes).dims()].concat());
        let mut shapes =
            vec![batched(&[self.steps, gates]), Shape::fixed(&[self.units, gates]), Shape::fixed(&[inner])];
        shapes.extend(self.masked.then(|| batched(&[self.steps])));
        if self.units > 0 && inputs.iter().copied().eq(&shapes) { Ok(()) } else { Err(self.expected()) }
    }

    fn expected(&self) -> String {
        let Blocks { gates, inner, .. } = self.blocks();
        let mask = if self.masked { ", and a mask [batch, steps]" } else { "" };
        format!("[batch, steps, {gates}·units], weights [units, {gates}·units], a bias [{inner}·units]{mask}")
    }

    /// Numbers in a row of the tape; too many to be allowed where sizes from a file overflow.
    pub(super) fn tape_len(&self) -> usize {
        let saved = self.blocks().saved.saturating_mul(self.units);
        self.states_len().saturating_add(self.steps.saturating_mul(saved))
    }

    pub(super) fn tape_shape(&self) -> Shape {
        Shape::new([Dim::Batch, Dim::Fixed(self.tape_len())])
    }

    /// Numbers of all states in a row of the tape.
    pub(super) fn states_len(&self) -> usize {
        self.steps.saturating_add(1).saturating_mul(self.state_len())
    }

    /// Numbers of a state.
    pub(super) fn state_len(&self) -> usize {
        self.blocks().states.saturating_mul(self.units)
    }

    /// The time of the step that is computed as number `step`.
    pub(super) fn time(&self, step: usize) -> usize {
        if self.reversed { self.steps - 1 - step } else { step }
    }

    /// Where the state before time `t` begins.
    pub(super) fn before(&self, t: usize) -> usize {
        (t + usize::from(self.reversed)) * self.state_len()
    }

    /// Where the state after time `t` begins.
    pub(super) fn after(&self, t: usize) -> usize {
        (t + usize::from(!self.reversed)) * self.state_len()
    }

    /// Where the cell's numbers of time `t` lie.
    pub(super) fn saved(&self, t: usize) -> Range<usize> {
        let len = self.blocks().saved * self.units;
        self.states_len() + t * len..self.states_len() + (t + 1) * len
    }

    /// The state before time `t`, the one after it, and the cell's numbers, in a row of the tape.
    #[inline(always)]
    pub(super) fn parts_mut<'a>(&self, row: &'a mut [f32], t: usize) -> (&'a [f32], &'a mut [f32], &'a mut [f32]) {
        let (len, saved) = (self.state_len(), self.saved(t));
        let (states, rest) = row.split_at_mut(saved.start);
        let (earlier, later) = states[t * len..(t + 2) * len].split_at_mut(len);
        let (before, after) = if self.reversed { (later, earlier) } else { (earlier, later) };
        (before, after, &mut rest[..saved.len()])
    }

    /// Whether the state stays at time `t` of row `row`.
    #[inline(always)]
    pub(super) fn stays(&self, mask: &[f32], row: usize, t: usize) -> bool {
        mask.get(row * self.steps + t) == Some(&0.0)
    }
}
