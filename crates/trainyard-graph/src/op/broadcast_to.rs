//! Repetition along axes.

use super::{Op, Operation, only};
use crate::device::{Call, broadcast};
use crate::{Graph, NodeId, Result, Shape};
use serde::{Deserialize, Serialize};

/// The value, repeated along axes that are missing or 1, so that it has shape `to`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BroadcastTo {
    /// Shape of the input.
    pub from: Shape,
    /// Shape of the value.
    pub to: Shape,
}

impl Graph {
    /// Repeats `x` along axes that are missing or 1.
    ///
    /// # Errors
    ///
    /// When `x` does not fit `to` by NumPy's broadcasting rule.
    pub fn broadcast_to(&mut self, x: NodeId, to: Shape) -> Result<NodeId> {
        let from = self.shape(x).clone();
        if from == to {
            return Ok(x);
        }
        self.apply(Op::BroadcastTo(BroadcastTo { from, to }), &[x])
    }
}

impl Operation for BroadcastTo {
    fn name(&self) -> &'static str {
        "broadcast_to"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        let from = only(inputs)?;
        if *from == self.from && from.broadcast(&self.to).as_ref() == Some(&self.to) {
            return Ok(self.to.clone());
        }
        Err(format!("axes that, aligned at the end, are those of {}, 1 or missing", self.to))
    }

    fn gradient(&self, graph: &mut Graph, _node: NodeId, upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        Ok(vec![Some(graph.sum_to(upstream, self.from.clone())?)])
    }

    fn is_linear_in(&self, _i: usize) -> bool {
        true
    }

    fn run(&self, call: &mut Call<'_>) {
        broadcast::zip(call.output, &self.to, call.input(0), &self.from, |y, x| *y = x);
    }
}

#[cfg(test)]
mod tests {
    use crate::check::{self, Case};
    use crate::{Dim, Shape};

    #[test]
    fn a_row_is_repeated() {
        let case = Case::new(&[(&[Dim::Fixed(2)], &[1.0, 2.0])], |g, x| g.broadcast_to(x[0], Shape::fixed(&[2, 2])));
        check::close(&case.values(), &[1.0, 2.0, 1.0, 2.0], 0.0);
        case.check_gradients();
    }

    #[test]
    fn a_number_is_repeated() {
        let case = Case::new(&[(&[], &[3.0])], |g, x| g.broadcast_to(x[0], Shape::fixed(&[3])));
        check::close(&case.values(), &[3.0, 3.0, 3.0], 0.0);
    }
}
