//! All time steps of a recurrent layer.

use super::cell::{Cell, Kernel};
use super::gru::Gru;
use super::lstm::Lstm;
use super::simple::Simple;
use super::{Recurrence, RecurrentStates, Returns};
use crate::device::Call;
use crate::device::gemm::{self, Matrix};
use crate::op::{Op, Operation, no_gradient};
use crate::{Dim, Graph, NodeId, Result, Shape, simd};
use serde::{Deserialize, Serialize};

/// The tape of a recurrent layer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Recurrent {
    /// Cell, direction and sizes.
    pub recurrence: Recurrence,
}

impl Graph {
    /// The states of a recurrent layer, which starts from zeros.
    ///
    /// The projected input is the product of the input with the input weights, without a bias. Where the mask is 0 the state
    /// stays as it is, so behind the end of a padded sequence the last state is that of its end.
    ///
    /// # Shapes
    /// - projected: `[batch, steps, cell.gates()·units]`
    /// - weights: `[units, cell.gates()·units]`
    /// - bias: `[cell.biases()·units]`
    /// - mask: `[batch, steps]`
    /// - returns: `[batch, steps, units]` or `[batch, units]`
    ///
    /// # Errors
    ///
    /// When the shapes do not fit.
    pub fn recurrent(
        &mut self,
        layer: RecurrentLayer,
        projected: NodeId,
        weights: NodeId,
        bias: NodeId,
        mask: Option<NodeId>,
    ) -> Result<NodeId> {
        let steps = match self.shape(projected).dims() {
            [Dim::Batch, Dim::Fixed(steps), _] => *steps,
            _ => 0,
        };
        let units = self.shape(weights).last().unwrap_or(0) / layer.cell.gates();
        let RecurrentLayer { cell, reversed, returns } = layer;
        let recurrence = Recurrence { cell, reversed, masked: mask.is_some(), steps, units };
        let inputs: Vec<NodeId> = [projected, weights, bias].into_iter().chain(mask).collect();
        let tape = self.apply(Op::Recurrent(Recurrent { recurrence }), &inputs)?;
        self.apply(Op::RecurrentStates(RecurrentStates { recurrence, returns }), &[vec![tape], inputs].concat())
    }
}

/// What a recurrent layer computes, beside its sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecurrentLayer {
    /// What is computed at each time step.
    pub cell: Cell,
    /// Whether the last time step comes first.
    pub reversed: bool,
    /// Which states are its value.
    pub returns: Returns,
}

impl Operation for Recurrent {
    fn name(&self) -> &'static str {
        "recurrent"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        self.recurrence.check(inputs)?;
        Ok(self.recurrence.tape_shape())
    }

    fn gradient(&self, _graph: &mut Graph, _node: NodeId, _upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        Err(no_gradient(self.name()))
    }

    /// The product of the state with the weights, and the state.
    fn scratch_len(&self) -> usize {
        (self.recurrence.blocks().gates + 1) * self.recurrence.units
    }

    fn run(&self, call: &mut Call<'_>) {
        match self.recurrence.cell {
            Cell::Simple => self.recurrence.forward::<Simple>(call),
            Cell::Lstm => self.recurrence.forward::<Lstm>(call),
            Cell::Gru => self.recurrence.forward::<Gru>(call),
        }
    }
}

/// What a time step reads of all rows of a micro-batch.
struct Inputs<'a> {
    product: &'a [f32],
    projected: &'a [f32],
    bias: &'a [f32],
    mask: &'a [f32],
}

impl Recurrence {
    fn forward<K: Kernel>(&self, call: &mut Call<'_>) {
        let gates = K::BLOCKS.gates * self.units;
        let (projected, weights, bias) = (call.input(0), Matrix::new(call.input(1), gates), call.input(2));
        let mask = if self.masked { call.input(3) } else { &[] };
        let (product, hidden) = call.scratch.split_at_mut(call.output.len() / self.tape_len() * gates);
        self.clear_initial(call.output);
        for step in 0..self.steps {
            // The initial state is zeros, and so is its product.
            if step == 0 {
                product.fill(0.0);
            } else {
                gemm::multiply(Matrix::new(hidden, self.units), weights, product);
            }
            let inputs = Inputs { product, projected, bias, mask };
            simd::vectorize(
                #[inline(always)]
                || self.step::<K>(self.time(step), &inputs, call.output, hidden),
            );
        }
    }

    fn clear_initial(&self, tape: &mut [f32]) {
        let first = self.before(self.time(0));
        tape.chunks_exact_mut(self.tape_len()).for_each(|row| row[first..first + self.state_len()].fill(0.0));
    }

    /// Computes time `t` of all rows; `hidden` becomes their states `h`, side by side for the next product.
    #[inline(always)]
    fn step<K: Kernel>(&self, t: usize, inputs: &Inputs<'_>, tape: &mut [f32], hidden: &mut [f32]) {
        let gates = K::BLOCKS.gates * self.units;
        let rows = tape.chunks_exact_mut(self.tape_len()).zip(hidden.chunks_exact_mut(self.units));
        for (i, (row, hidden)) in rows.enumerate() {
            let (before, after, saved) = self.parts_mut(row, t);
            if self.stays(inputs.mask, i, t) {
                after.copy_from_slice(before);
                saved.fill(0.0);
            } else {
                let product = &inputs.product[i * gates..(i + 1) * gates];
                let projected = &inputs.projected[(i * self.steps + t) * gates..][..gates];
                K::forward(product, projected, inputs.bias, before, after, saved);
            }
            hidden.copy_from_slice(&after[..self.units]);
        }
    }
}
