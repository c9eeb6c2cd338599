//! All time steps of a recurrent layer.

use super::cell::{Cell, Kernel};
use super::gru::Gru;
use super::lstm::Lstm;
use super::simple::Simple;
use super::{Recurrence, RecurrentStates, Returns};
use crate::device::Call;
use crate::device::gemm::{self, Matrix};
use crate::op::{Op, Operation, Weights, no_gradient};
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

    fn weights(&self) -> Option<Weights> {
        Some(self.recurrence.weights())
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
    fn weights(&self) -> Weights {
        Weights::new(1, self.blocks().gates * self.units)
    }

    fn forward<K: Kernel>(&self, call: &mut Call<'_>) {
        let gates = K::BLOCKS.gates * self.units;
        let (projected, weights, bias) = (call.input(0), call.weights(self.weights()), call.input(2));
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
        let (gates, len) = (K::BLOCKS.gates * self.units, self.tape_len());
        for (i, hidden) in hidden.chunks_exact_mut(self.units).enumerate() {
            self.prefetch(i + 1, t, inputs.projected, tape);
            let (before, after, saved) = self.parts_mut(&mut tape[i * len..(i + 1) * len], t);
            if self.stays(inputs.mask, i, t) {
                after.copy_from_slice(before);
                saved.fill(0.0);
            } else {
                let product = &inputs.product[i * gates..(i + 1) * gates];
                let projected = &inputs.projected[(i * self.steps + t) * gates..][..gates];
                K::forward(self.units, [product, projected, inputs.bias], before, after, saved);
            }
            hidden.copy_from_slice(&after[..self.units]);
        }
    }

    /// Asks for what row `i`, if there is one, reads and writes at time `t`: rows lie far apart, and those of all steps together do
    /// not fit into the second cache.
    #[inline(always)]
    fn prefetch(&self, i: usize, t: usize, projected: &[f32], tape: &[f32]) {
        let (gates, len) = (self.blocks().gates * self.units, self.tape_len());
        let start = (i * self.steps + t) * gates;
        simd::prefetch_all(projected.get(start..start + gates).unwrap_or_default());
        if let Some(row) = tape.get(i * len..(i + 1) * len) {
            simd::prefetch_all(&row[self.saved(t)]);
            simd::prefetch_all(&row[self.after(t)..][..self.state_len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{CELLS, Sizes};
    use super::*;
    use crate::check::{self, Case};

    /// One row of one unit, with weights 2 and bias 0.5 throughout.
    fn scalar(cell: Cell, x: &[f32]) -> Vec<f32> {
        let gates = cell.gates();
        let layer = RecurrentLayer { cell, reversed: false, returns: Returns::AllStates };
        let dims = [Dim::Batch, Dim::Fixed(x.len() / gates), Dim::Fixed(gates)];
        let w = (&[Dim::Fixed(1), Dim::Fixed(gates)][..], &[2.0; 4][..gates]);
        let b = (&[Dim::Fixed(cell.biases())][..], &[0.5; 4][..cell.biases()]);
        Case::new(&[(&dims, x), w, b], |g, x| g.recurrent(layer, x[0], x[1], x[2], None)).values()
    }

    fn sigmoid(x: f32) -> f32 {
        1.0 / (1.0 + (-x).exp())
    }

    #[test]
    fn a_simple_cell_is_a_tanh_of_input_and_state() {
        let first = 0.75_f32.tanh();
        check::close(&scalar(Cell::Simple, &[0.25, -1.0]), &[first, (2.0 * first - 0.5).tanh()], 1e-6);
    }

    #[test]
    fn an_lstm_has_gates_in_the_order_input_forget_cell_output() {
        let x = [0.1, 5.0, 0.2, 0.3, 0.0, 0.4, -0.5, 0.6_f32];
        let c = sigmoid(0.6) * 0.7_f32.tanh();
        let h = sigmoid(0.8) * c.tanh();
        let sum = |x: f32| x + 2.0 * h + 0.5;
        let c_next = sigmoid(sum(0.4)) * c + sigmoid(sum(0.0)) * sum(-0.5).tanh();
        check::close(&scalar(Cell::Lstm, &x), &[h, sigmoid(sum(0.6)) * c_next.tanh()], 1e-6);
    }

    #[test]
    fn a_gru_resets_behind_the_product() {
        let x = [0.1, 0.2, 0.3, -0.4, 0.5, -0.6_f32];
        let h = (1.0 - sigmoid(0.7)) * (0.8 + sigmoid(0.6) * 0.5).tanh();
        let (r, z) = (sigmoid(0.1 + 2.0 * h), sigmoid(1.0 + 2.0 * h));
        let candidate = (-0.1 + r * (2.0 * h + 0.5)).tanh();
        check::close(&scalar(Cell::Gru, &x), &[h, (1.0 - z) * candidate + z * h], 1e-6);
    }

    #[test]
    fn gradients_match_finite_differences() {
        for cell in CELLS {
            Sizes::of(cell).case(None).check_gradients();
            Sizes::of(cell).reversed().last().case(None).check_gradients();
        }
    }

    #[test]
    fn results_have_the_same_bits_for_any_number_of_lanes() {
        for cell in CELLS {
            for (rows, steps, units) in [(0, 3, 5), (1, 1, 1), (9, 3, 17), (13, 4, 20), (70, 2, 33)] {
                let sizes = Sizes { rows, steps, units, ..Sizes::of(cell).reversed() };
                let one = sizes.run(1);
                assert!(one.iter().flatten().all(|x| x.is_finite()));
                for lanes in [2, 3, 8] {
                    assert_eq!(sizes.run(lanes), one, "{lanes} lanes, {sizes:?}");
                }
            }
        }
    }

    #[test]
    fn a_row_does_not_depend_on_its_neighbours() {
        for cell in CELLS {
            // Weights are packed for many rows alone.
            let of = |rows| Sizes { rows, units: 19, ..Sizes::of(cell) }.run(1).swap_remove(0);
            assert_eq!(of(70)[..3 * 4 * 19], of(3)[..]);
        }
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused_by_name() {
        for cell in CELLS {
            let (g, b) = (cell.gates(), cell.biases());
            refused(cell, &[5, 3 * g], &[4, 4 * g], 4 * b, &[5]);
            refused(cell, &[5, 4 * g], &[3, 4 * g], 4 * b, &[5]);
            refused(cell, &[5, 4 * g], &[4, 4 * g + 1], 4 * b, &[5]);
            refused(cell, &[5, 4 * g], &[4, 4 * g], 4 * b + 1, &[5]);
            refused(cell, &[5, 4 * g], &[4, 4 * g], 4 * b, &[6]);
            refused(cell, &[4 * g], &[4, 4 * g], 4 * b, &[5]);
        }
    }

    #[test]
    fn a_tape_beyond_all_memory_is_refused() {
        let mut graph = Graph::new();
        let x = graph.input("x", &[Dim::Batch, Dim::Fixed(1 << 26), Dim::Fixed(16)]).unwrap();
        let (w, b) = (graph.param("w", &[4, 16]).unwrap(), graph.param("b", &[16]).unwrap());
        let layer = RecurrentLayer { cell: Cell::Lstm, reversed: false, returns: Returns::LastState };
        assert!(graph.recurrent(layer, x, w, b, None).unwrap_err().to_string().contains("`recurrent`"));
    }

    #[track_caller]
    fn refused(cell: Cell, x: &[usize], w: &[usize], bias: usize, mask: &[usize]) {
        let mut graph = Graph::new();
        let batched = |sizes: &[usize]| [&[Dim::Batch], Shape::fixed(sizes).dims()].concat();
        let x = graph.input("x", &batched(x)).unwrap();
        let (w, bias) = (graph.param("w", w).unwrap(), graph.param("b", &[bias]).unwrap());
        let mask = graph.input("mask", &batched(mask)).unwrap();
        let layer = RecurrentLayer { cell, reversed: false, returns: Returns::AllStates };
        let error = graph.scope("layer", |g| g.recurrent(layer, x, w, bias, Some(mask))).unwrap_err().to_string();
        for part in ["`recurrent`".to_owned(), "`layer`".to_owned(), graph.shape(x).to_string()] {
            assert!(error.contains(&part), "{error} lacks {part}");
        }
    }
}
