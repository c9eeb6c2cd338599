//! Sum along axes.

use super::{Op, Operation, only};
use crate::device::{Call, broadcast};
use crate::{Dim, Graph, NodeId, Result, Shape};
use serde::{Deserialize, Serialize};

/// The sum along the axes in which `to` is 1 or shorter: what undoes [`BroadcastTo`](super::BroadcastTo).
///
/// Terms are added in `f64` from the first to the last, so that the sum of a row does not depend on its neighbours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SumTo {
    /// Shape of the input.
    pub from: Shape,
    /// Shape of the value.
    pub to: Shape,
}

impl Graph {
    /// Sums `x` along the axes that `to` lacks or in which it is 1.
    ///
    /// # Errors
    ///
    /// When `to` does not fit `x` by NumPy's broadcasting rule.
    pub fn sum_to(&mut self, x: NodeId, to: Shape) -> Result<NodeId> {
        let from = self.shape(x).clone();
        if from == to {
            return Ok(x);
        }
        self.apply(Op::SumTo(SumTo { from, to }), &[x])
    }

    /// Sums all numbers, those of all rows of the batch too: `[]`.
    ///
    /// # Errors
    ///
    /// When `x` is ids.
    pub fn sum_all(&mut self, x: NodeId) -> Result<NodeId> {
        self.sum_to(x, Shape::default())
    }

    /// Sums along the last axis: `[.., n]` becomes `[..]`.
    ///
    /// # Errors
    ///
    /// When the last axis is not of fixed size.
    pub fn sum_last(&mut self, x: NodeId) -> Result<NodeId> {
        self.check_last("sum_last", x)?;
        let (kept, reduced) = (self.shape(x).with_last(1), self.shape(x).without_last());
        let sum = self.sum_to(x, kept)?;
        self.reshape(sum, reduced.dims())
    }

    /// The mean along the last axis: `[.., n]` becomes `[..]`.
    ///
    /// # Errors
    ///
    /// When the last axis is not of fixed size.
    pub fn mean_last(&mut self, x: NodeId) -> Result<NodeId> {
        let n = self.check_last("mean_last", x)?;
        let sum = self.sum_last(x)?;
        self.affine(sum, 1.0 / n as f32, 0.0)
    }

    /// The size of the last axis, which the method `op` sums along: of `[batch]` it would be the sum over the batch.
    fn check_last(&self, op: &'static str, x: NodeId) -> Result<usize> {
        self.checked(x)?.last().ok_or_else(|| self.misfit(op, &[x], "a last axis of fixed size"))
    }
}

impl Operation for SumTo {
    fn name(&self) -> &'static str {
        "sum_to"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        let from = only(inputs)?;
        if from.dims().iter().any(|dim| matches!(dim, Dim::Rows(_))) {
            return Err("a value that is not rows of a table".to_owned());
        }
        if *from == self.from && self.to.broadcast(from).as_ref() == Some(from) {
            return Ok(self.to.clone());
        }
        Err(format!("axes to which those of {} are repeated", self.to))
    }

    fn gradient(&self, graph: &mut Graph, _node: NodeId, upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        Ok(vec![Some(graph.broadcast_to(upstream, self.from.clone())?)])
    }

    fn is_linear_in(&self, _i: usize) -> bool {
        true
    }

    fn run(&self, call: &mut Call<'_>) {
        broadcast::sum(call.output, &self.to, call.input(0), &self.from);
    }
}

#[cfg(test)]
mod tests {
    use crate::check::{self, Case};
    use crate::{Dim, Shape};

    const MATRIX: (&[Dim], &[f32]) = (&[Dim::Batch, Dim::Fixed(3)], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);

    #[test]
    fn rows_are_summed_over_the_batch() {
        let case = Case::new(&[MATRIX], |g, x| g.sum_to(x[0], Shape::fixed(&[3])));
        check::close(&case.values(), &[5.0, 7.0, 9.0], 0.0);
        case.check_gradients();
    }

    #[test]
    fn each_row_is_summed_alone() {
        let case = Case::new(&[MATRIX], |g, x| g.sum_last(x[0]));
        check::close(&case.values(), &[6.0, 15.0], 0.0);
        case.check_gradients();
    }

    #[test]
    fn everything_is_summed() {
        let case = Case::new(&[MATRIX], |g, x| g.sum_all(x[0]));
        check::close(&case.values(), &[21.0], 0.0);
        case.check_gradients();
    }

    #[test]
    fn a_middle_axis_is_summed() {
        let cube = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
        let case = Case::new(&[(&[Dim::Fixed(2), Dim::Fixed(2), Dim::Fixed(2)], &cube)], |g, x| {
            g.sum_to(x[0], Shape::fixed(&[2, 1, 2]))
        });
        check::close(&case.values(), &[4.0, 6.0, 12.0, 14.0], 0.0);
        case.check_gradients();
    }

    #[test]
    fn the_mean_of_a_row_is_its_sum_over_its_length() {
        check::close(&Case::new(&[MATRIX], |g, x| g.mean_last(x[0])).values(), &[2.0, 5.0], 1e-7);
    }

    #[test]
    fn an_empty_batch_sums_to_zero() {
        let case = Case::new(&[(&[Dim::Batch, Dim::Fixed(3)], &[])], |g, x| g.sum_to(x[0], Shape::fixed(&[3])));
        check::close(&case.values(), &[0.0, 0.0, 0.0], 0.0);
    }
}
