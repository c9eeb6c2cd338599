//! The gradient of recurrent weights.

use super::Recurrence;
use crate::device::Call;
use crate::device::gemm::{self, Axis, Matrix, Target};
use crate::op::{Operation, no_gradient};
use crate::{Dim, Graph, NodeId, Result, Shape};
use serde::{Deserialize, Serialize};

/// `[units, gates·units]`: the product of the states before the steps, from the tape, and of the slopes that
/// [`RecurrentGrad`](super::RecurrentGrad) gives, over all rows and steps at once.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RecurrentWeightsGrad {
    /// Cell, direction and sizes.
    pub recurrence: Recurrence,
}

impl Operation for RecurrentWeightsGrad {
    fn name(&self) -> &'static str {
        "recurrent_weights_grad"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        let Recurrence { steps, units, .. } = self.recurrence;
        let blocks = self.recurrence.blocks();
        let [tape, slopes] = inputs else { return Err("a tape and slopes".to_owned()) };
        let sizes = units.checked_mul(blocks.gates).zip(units.checked_mul(blocks.inner));
        let (gates, inner) = sizes.ok_or("fewer units")?;
        let expected = Shape::new([Dim::Batch, Dim::Fixed(steps), Dim::Fixed(inner)]);
        // Slopes of that shape bound `steps · units`, so that the length of the tape is a number.
        if units == 0 || **slopes != expected || **tape != self.recurrence.tape_shape() {
            return Err(format!("a tape and slopes of shape {expected}"));
        }
        Ok(Shape::fixed(&[units, gates]))
    }

    fn gradient(&self, _graph: &mut Graph, _node: NodeId, _upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        Err(no_gradient(self.name()))
    }

    fn run(&self, call: &mut Call<'_>) {
        let blocks = self.recurrence.blocks();
        let Recurrence { units, .. } = self.recurrence;
        let gates = blocks.gates * units;
        if blocks.inner == blocks.gates {
            return self.multiply(call, 0, 0, gates);
        }
        self.multiply(call, 0, 0, gates - units);
        self.multiply(call, (blocks.inner - 1) * units, gates - units, units);
    }
}

impl RecurrentWeightsGrad {
    /// The columns from `to` on, `columns` of them, from those of the slopes from `from` on.
    fn multiply(&self, call: &mut Call<'_>, from: usize, to: usize, columns: usize) {
        let Recurrence { steps, units, .. } = self.recurrence;
        let rows = call.rows();
        let (gates, inner) = (self.recurrence.blocks().gates * units, self.recurrence.blocks().inner * units);
        let times = Axis::nested([(1, 0), (rows, self.recurrence.tape_len()), (steps, self.recurrence.state_len())]);
        let first = if rows == 0 { 0 } else { self.recurrence.before(0) };
        let states = Matrix::view(&call.input(0)[first..], Axis::new(units, 1), times);
        let first = if rows == 0 { 0 } else { from };
        let slopes = Matrix::view(&call.input(1)[first..], Axis::new(rows * steps, inner), Axis::new(columns, 1));
        let target = Target::view(&mut call.output[to..], Axis::new(units, gates), columns, false);
        gemm::multiply_into(states, slopes, target);
    }
}
