//! The way back through the time steps of a recurrent layer.

use super::cell::{Cell, Kernel};
use super::gru::Gru;
use super::lstm::Lstm;
use super::simple::Simple;
use super::{Recurrence, Returns};
use crate::device::Call;
use crate::device::gemm::{self, Axis, Matrix, Target};
use crate::op::{Operation, Weights, no_gradient};
use crate::{Dim, Graph, NodeId, Result, Shape, simd};
use serde::{Deserialize, Serialize};

/// The gradients of all sums before activations, `[batch, steps, cell.biases()·units]`, from the tape, the upstream gradient,
/// the transposed recurrent weights and the mask, if there is one.
///
/// The weights come transposed because a product reads rows fastest, and a graph transposes a parameter once for a whole batch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RecurrentGrad {
    /// Cell, direction and sizes.
    pub recurrence: Recurrence,
    /// Of which states the upstream gradient is.
    pub returns: Returns,
}

impl Operation for RecurrentGrad {
    fn name(&self) -> &'static str {
        "recurrent_grad"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        let Self { recurrence, returns } = self;
        let Recurrence { steps, units, .. } = *recurrence;
        let (first, others) = inputs.split_at_checked(3).ok_or("a tape, a gradient, weights and a mask")?;
        let weights = first[2];
        let [Dim::Fixed(gates), Dim::Fixed(_)] = weights.dims() else { return Err("a matrix of weights".to_owned()) };
        let inner = Shape::fixed(&[gates / recurrence.cell.gates() * recurrence.cell.biases()]);
        let projected = Shape::new([Dim::Batch, Dim::Fixed(steps), Dim::Fixed(*gates)]);
        let straight = Shape::new(weights.dims().iter().rev().copied().collect::<Vec<_>>());
        recurrence.check(&[&[&projected, &straight, &inner][..], others].concat())?;
        if *first[0] != recurrence.tape_shape() || *first[1] != returns.shape(recurrence) {
            return Err(format!("{} and {}", recurrence.tape_shape(), returns.shape(recurrence)));
        }
        Ok(projected.with_last(recurrence.cell.biases() * units))
    }

    fn gradient(&self, _graph: &mut Graph, _node: NodeId, _upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        Err(no_gradient(self.name()))
    }

    /// The gradient of the state, and that of its product with the weights.
    fn scratch_len(&self) -> usize {
        self.recurrence.state_len() + self.recurrence.blocks().gates * self.recurrence.units
    }

    fn weights(&self) -> Option<Weights> {
        Some(Weights::new(2, self.recurrence.units))
    }

    fn run(&self, call: &mut Call<'_>) {
        match self.recurrence.cell {
            Cell::Simple => self.backward::<Simple>(call),
            Cell::Lstm => self.backward::<Lstm>(call),
            Cell::Gru => self.backward::<Gru>(call),
        }
    }
}

/// What a time step reads of all rows of a micro-batch.
struct Inputs<'a> {
    tape: &'a [f32],
    upstream: &'a [f32],
    mask: &'a [f32],
}

impl RecurrentGrad {
    fn backward<K: Kernel>(&self, call: &mut Call<'_>) {
        let Recurrence { steps, units, masked, .. } = self.recurrence;
        let mask = if masked { call.input(3) } else { &[] };
        let (inputs, weights) =
            (Inputs { tape: call.input(0), upstream: call.input(1), mask }, call.weights(Weights::new(2, units)));
        let (rows, state_len) = (call.rows(), self.recurrence.state_len());
        let (carry, product) = call.scratch.split_at_mut(rows * state_len);
        carry.fill(0.0);
        for step in (0..steps).rev() {
            simd::vectorize(
                #[inline(always)]
                || self.step::<K>(step, &inputs, carry, product, call.output),
            );
            // Nobody asks for the gradient of the initial state.
            if step > 0 {
                let before = Target::view(carry, Axis::new(rows, state_len), units, true);
                gemm::multiply_into(Matrix::new(product, K::BLOCKS.gates * units), weights, before);
            }
        }
    }

    /// Goes back over one step of all rows; `carry` is the gradient of their states, and `product` becomes that of the
    /// recurrent product.
    #[inline(always)]
    fn step<K: Kernel>(
        &self,
        step: usize,
        inputs: &Inputs<'_>,
        carry: &mut [f32],
        product: &mut [f32],
        slopes: &mut [f32],
    ) {
        let Recurrence { steps, units, .. } = self.recurrence;
        let t = self.recurrence.time(step);
        let (state_len, gates, inner) = (self.recurrence.state_len(), K::BLOCKS.gates * units, K::BLOCKS.inner * units);
        for (i, tape) in inputs.tape.chunks_exact(self.recurrence.tape_len()).enumerate() {
            let carry = &mut carry[i * state_len..(i + 1) * state_len];
            let product = &mut product[i * gates..(i + 1) * gates];
            self.prefetch(i + 1, t, inputs.tape, slopes);
            let slopes = &mut slopes[(i * steps + t) * inner..][..inner];
            self.add_upstream(inputs.upstream, i, step, carry);
            if self.recurrence.stays(inputs.mask, i, t) {
                slopes.fill(0.0);
            } else {
                let state = |start: usize| &tape[start..start + state_len];
                let (before, after) = (state(self.recurrence.before(t)), state(self.recurrence.after(t)));
                K::backward(units, &tape[self.recurrence.saved(t)], [before, after], carry, slopes);
            }
            // The last gate's part of the product has a gradient of its own where it is not that of the gate.
            let (others, last) = product.split_at_mut(gates - units);
            others.copy_from_slice(&slopes[..gates - units]);
            last.copy_from_slice(&slopes[inner - units..]);
        }
    }

    /// Asks for what row `i`, if there is one, reads and writes at time `t`, as on the way forward.
    #[inline(always)]
    fn prefetch(&self, i: usize, t: usize, tape: &[f32], slopes: &[f32]) {
        let (inner, len) = (self.recurrence.blocks().inner * self.recurrence.units, self.recurrence.tape_len());
        let start = (i * self.recurrence.steps + t) * inner;
        simd::prefetch_all(slopes.get(start..start + inner).unwrap_or_default());
        if let Some(row) = tape.get(i * len..(i + 1) * len) {
            simd::prefetch_all(&row[self.recurrence.saved(t)]);
            simd::prefetch_all(&row[self.recurrence.before(t)..][..self.recurrence.state_len()]);
        }
    }

    /// Adds the upstream gradient of the state after `step` in row `i`.
    #[inline(always)]
    fn add_upstream(&self, upstream: &[f32], i: usize, step: usize, carry: &mut [f32]) {
        let Recurrence { steps, units, .. } = self.recurrence;
        let place = match self.returns {
            Returns::AllStates => i * steps + self.recurrence.time(step),
            Returns::LastState if step + 1 == steps => i,
            Returns::LastState => return,
        };
        let upstream = &upstream[place * units..(place + 1) * units];
        for (sum, x) in carry.iter_mut().zip(upstream) {
            *sum += x;
        }
    }
}
