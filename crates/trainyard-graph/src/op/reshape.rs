//! Other axes over the same numbers.

use super::{Op, Operation, only};
use crate::device::Call;
use crate::{Dim, Graph, NodeId, Result, Shape, Split};
use serde::{Deserialize, Serialize};

/// The same numbers in the same order, with other axes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reshape {
    /// Shape of the value.
    pub to: Shape,
}

impl Graph {
    /// Gives `x` other axes; the batch stays first and the number of elements in a row stays the same.
    ///
    /// # Errors
    ///
    /// When the number of elements differs.
    pub fn reshape(&mut self, x: NodeId, dims: &[Dim]) -> Result<NodeId> {
        if self.shape(x).dims() == dims {
            return Ok(x);
        }
        self.apply(Op::Reshape(Reshape { to: Shape::new(dims) }), &[x])
    }

    /// `x` with the axis `axis`, counted without the batch, and those behind it merged into one, and how its numbers lay around
    /// that axis: what acts on a last axis then acts on any. Errors name the method `op`, which asked for it.
    ///
    /// # Errors
    ///
    /// When there is no such axis.
    pub(super) fn merge_from(&mut self, op: &'static str, x: NodeId, axis: usize) -> Result<(NodeId, Split)> {
        let shape = self.checked(x)?.clone();
        let Some(split) = shape.split_at(axis) else {
            return Err(self.misfit(op, &[x], format!("an axis {axis}, counted from 0 without the batch")));
        };
        let lead = usize::from(shape.has_batch()) + axis;
        let merged = Shape::new(&shape.dims()[..lead]).with_new_last(split.size * split.inner);
        Ok((self.reshape(x, merged.dims())?, split))
    }
}

impl Operation for Reshape {
    fn name(&self) -> &'static str {
        "reshape"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        let from = only(inputs)?;
        let inner_is_fixed = self.to.dims().iter().skip(1).all(|dim| matches!(dim, Dim::Fixed(_)));
        let same_rows = from.has_batch() == self.to.has_batch() && from.table() == self.to.table();
        if inner_is_fixed && same_rows && from.row_len() == self.to.row_len() {
            return Ok(self.to.clone());
        }
        Err(format!("as many elements as {} has, with the batch first in both or in none", self.to))
    }

    fn gradient(&self, graph: &mut Graph, node: NodeId, upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        let from = graph.shape(graph.node(node).inputs[0]).clone();
        Ok(vec![Some(graph.reshape(upstream, from.dims())?)])
    }

    fn in_place(&self) -> bool {
        true
    }

    fn is_linear_in(&self, _i: usize) -> bool {
        true
    }

    fn run(&self, _call: &mut Call<'_>) {}
}

#[cfg(test)]
mod tests {
    use crate::check::{self, Case};
    use crate::{Dim, Graph};

    #[test]
    fn numbers_keep_their_order() {
        let dims = [Dim::Batch, Dim::Fixed(4)];
        let case = Case::new(&[(&dims, &[1.0, 2.0, 3.0, 4.0])], |g, x| {
            g.reshape(x[0], &[Dim::Batch, Dim::Fixed(2), Dim::Fixed(2)])
        });
        check::close(&case.values(), &[1.0, 2.0, 3.0, 4.0], 0.0);
        case.check_gradients();
    }

    #[test]
    fn another_number_of_elements_is_refused() {
        let mut graph = Graph::new();
        let x = graph.input("x", &[Dim::Batch, Dim::Fixed(4)]).unwrap();
        assert!(graph.reshape(x, &[Dim::Batch, Dim::Fixed(3)]).is_err());
        assert!(graph.reshape(x, &[Dim::Fixed(4)]).is_err());
    }
}
