//! The states of a recurrent layer, read from its tape.

use super::Recurrence;
use super::grad::RecurrentGrad;
use super::weights_grad::RecurrentWeightsGrad;
use crate::device::Call;
use crate::op::{Op, Operation};
use crate::{Dim, Graph, NodeId, Result, Shape};
use serde::{Deserialize, Serialize};

/// Which states are the value of a recurrent layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Returns {
    /// That after each time step: `[batch, steps, units]`.
    AllStates,
    /// That after the step computed last, `[batch, units]`.
    #[default]
    LastState,
}

/// The states `h` in the tape that is input 0; the others are those of [`Recurrent`](super::Recurrent), to which the gradient
/// goes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RecurrentStates {
    /// Cell, direction and sizes.
    pub recurrence: Recurrence,
    /// Which states.
    pub returns: Returns,
}

impl Returns {
    /// The shape of a layer's value.
    pub(super) fn shape(self, recurrence: &Recurrence) -> Shape {
        let units = Dim::Fixed(recurrence.units);
        match self {
            Self::AllStates => Shape::new([Dim::Batch, Dim::Fixed(recurrence.steps), units]),
            Self::LastState => Shape::new([Dim::Batch, units]),
        }
    }
}

impl Operation for RecurrentStates {
    fn name(&self) -> &'static str {
        "recurrent_states"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        let (tape, others) = inputs.split_first().ok_or("a tape")?;
        self.recurrence.check(others)?;
        if **tape != self.recurrence.tape_shape() {
            return Err(format!("a tape of shape {}", self.recurrence.tape_shape()));
        }
        Ok(self.returns.shape(&self.recurrence))
    }

    fn gradient(&self, graph: &mut Graph, node: NodeId, upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        let Self { recurrence, returns } = *self;
        let inputs = graph.node(node).inputs.clone();
        let (tape, weights, bias) = (inputs[0], inputs[2], inputs[3]);
        let transposed = graph.transpose(weights, &[1, 0])?;
        let read: Vec<NodeId> = [tape, upstream, transposed].into_iter().chain(inputs.get(4).copied()).collect();
        let slopes = graph.apply(Op::RecurrentGrad(RecurrentGrad { recurrence, returns }), &read)?;
        let for_weights =
            graph.apply(Op::RecurrentWeightsGrad(RecurrentWeightsGrad { recurrence }), &[tape, slopes])?;
        let for_bias = graph.sum_to(slopes, graph.shape(bias).clone())?;
        let for_projected = graph.slice(slopes, 0, recurrence.cell.gates() * recurrence.units)?;
        let gradients = [None, Some(for_projected), Some(for_weights), Some(for_bias), None];
        Ok(gradients[..inputs.len()].to_vec())
    }

    fn run(&self, call: &mut Call<'_>) {
        let Recurrence { steps, units, .. } = self.recurrence;
        let times = match self.returns {
            Returns::AllStates => 0..steps,
            Returns::LastState => {
                let last = self.recurrence.time(steps - 1);
                last..last + 1
            }
        };
        let tape = call.input(0).chunks_exact(self.recurrence.tape_len());
        for (from, to) in tape.zip(call.output.chunks_exact_mut(times.len() * units)) {
            for (t, to) in times.clone().zip(to.chunks_exact_mut(units)) {
                to.copy_from_slice(&from[self.recurrence.after(t)..][..units]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{CELLS, Sizes};
    use super::*;
    use crate::check;

    #[test]
    fn the_last_state_is_that_of_the_step_computed_last() {
        for cell in CELLS {
            let (forward, backward) = (Sizes::of(cell), Sizes::of(cell).reversed());
            for (sizes, at) in [(forward, 3), (backward, 0)] {
                let all = sizes.case(None).values();
                let expected: Vec<f32> = all.chunks(12).flat_map(|row| row[at * 3..][..3].to_vec()).collect();
                assert_eq!(sizes.last().case(None).values(), expected);
            }
        }
    }

    #[test]
    fn a_masked_step_leaves_the_state() {
        let mask = [1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0];
        for cell in CELLS {
            let states = Sizes::of(cell).case(Some(&mask)).values();
            let state = |row: usize, t: usize| &states[(row * 4 + t) * 3..][..3];
            assert!(state(0, 3) == state(0, 1) && state(1, 1) == state(1, 0) && state(1, 2) != state(1, 1));
            assert_eq!(Sizes::of(cell).last().case(Some(&mask)).values()[..3], *state(0, 1));
            check::close(&states[24..], &[0.0; 12], 0.0);
            Sizes::of(cell).case(Some(&mask)).check_gradients();
            Sizes::of(cell).reversed().last().case(Some(&mask)).check_gradients();
        }
    }

    #[test]
    fn what_is_masked_may_be_anything() {
        let mask = [1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0];
        for cell in CELLS {
            let gates = cell.gates() * 3;
            let mut sizes = Sizes::of(cell);
            let expected = sizes.case(Some(&mask)).gradients();
            sizes.fill = Some(f32::NAN);
            let values = sizes.case(Some(&mask));
            assert!(values.values().iter().all(|h| h.is_finite()));
            assert_eq!(values.gradients(), expected);
            assert_eq!(expected[0][gates..4 * gates], vec![0.0; 3 * gates]);
        }
    }

    #[test]
    fn a_graph_with_gradients_survives_json_and_a_damaged_one_is_refused() {
        for cell in CELLS {
            let (graph, _) = Sizes::of(cell).graph();
            let json = serde_json::to_string(&graph).unwrap();
            let again: Graph = serde_json::from_str(&json).unwrap();
            assert_eq!(serde_json::to_string(&again).unwrap(), json);
            let huge = usize::MAX.to_string();
            for field in ["steps", "units"] {
                for (i, _) in json.match_indices(&format!("\"{field}\":")) {
                    for size in ["0", "5", &huge] {
                        let start = i + field.len() + 3;
                        let damaged = format!("{}{size}{}", &json[..start], &json[start + 1..]);
                        assert!(serde_json::from_str::<Graph>(&damaged).is_err(), "{damaged}");
                    }
                }
            }
        }
    }
}
