//! Chosen places of an axis.

use super::{Op, Operation, only};
use crate::device::Call;
use crate::{Graph, NodeId, Result, Shape, Split};
use serde::{Deserialize, Serialize};

/// The places `indices` of an axis, in that order, any of them several times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gather {
    /// The axis, counted without the batch.
    pub axis: usize,
    /// The input's axes around it.
    pub split: Split,
    /// Which places.
    pub indices: Vec<usize>,
}

/// The gradient of [`Gather`]: each place gets the sum of what was taken from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GatherGrad {
    /// What was gathered.
    pub gather: Gather,
}

impl Graph {
    /// The places `indices` of the axis `axis`, counted without the batch.
    ///
    /// # Shapes
    /// - x: `[batch?, .., size, ..]`
    /// - returns: `[batch?, .., indices, ..]`
    ///
    /// # Errors
    ///
    /// When there is no such axis, no index, or an index beyond the axis.
    pub fn gather(&mut self, x: NodeId, axis: usize, indices: &[usize]) -> Result<NodeId> {
        let split = self.shape(x).split_at(axis).unwrap_or_default();
        self.apply(Op::Gather(Gather { axis, split, indices: indices.to_vec() }), &[x])
    }
}

impl Operation for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        let shape = only(inputs)?;
        let in_range = !self.indices.is_empty() && self.indices.iter().all(|&index| index < self.split.size);
        if shape.split_at(self.axis) == Some(self.split) && in_range {
            return Ok(shape.with_axis(self.axis, self.indices.len()));
        }
        Err(format!("an axis {}, counted without the batch, and at least one index, each below its size", self.axis))
    }

    fn gradient(&self, graph: &mut Graph, _node: NodeId, upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        Ok(vec![Some(graph.apply(Op::GatherGrad(GatherGrad { gather: self.clone() }), &[upstream])?)])
    }

    fn is_linear_in(&self, _i: usize) -> bool {
        true
    }

    fn run(&self, call: &mut Call<'_>) {
        let inner = self.split.inner;
        let blocks = call.input(0).chunks_exact(self.split.size * inner);
        for (from, to) in blocks.zip(call.output.chunks_exact_mut(self.indices.len() * inner)) {
            let places = self.indices.iter().zip(to.chunks_exact_mut(inner));
            places.for_each(|(&index, to)| to.copy_from_slice(&from[index * inner..(index + 1) * inner]));
        }
    }
}

impl Operation for GatherGrad {
    fn name(&self) -> &'static str {
        "gather_grad"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        let Gather { axis, split, indices } = &self.gather;
        let upstream = only(inputs)?;
        let in_range = indices.iter().all(|&index| index < split.size);
        if upstream.split_at(*axis) == Some(Split { size: indices.len(), ..*split }) && in_range {
            return Ok(upstream.with_axis(*axis, split.size));
        }
        Err("the gradient of gathered places".to_owned())
    }

    fn gradient(&self, graph: &mut Graph, _node: NodeId, upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        Ok(vec![Some(graph.apply(Op::Gather(self.gather.clone()), &[upstream])?)])
    }

    fn is_linear_in(&self, _i: usize) -> bool {
        true
    }

    fn run(&self, call: &mut Call<'_>) {
        let Gather { split, indices, .. } = &self.gather;
        call.output.fill(0.0);
        let blocks = call.input(0).chunks_exact(indices.len() * split.inner);
        for (from, to) in blocks.zip(call.output.chunks_exact_mut(split.size * split.inner)) {
            for (&index, from) in indices.iter().zip(from.chunks_exact(split.inner)) {
                let to = &mut to[index * split.inner..(index + 1) * split.inner];
                to.iter_mut().zip(from).for_each(|(sum, g)| *sum += g);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::check::{self, Case};
    use crate::{Dim, Graph};

    fn case(axis: usize, indices: &'static [usize]) -> Case {
        let dims = [Dim::Batch, Dim::Fixed(3), Dim::Fixed(2)];
        let x: Vec<f32> = (0..12).map(|i| i as f32).collect();
        Case::new(&[(&dims, &x)], move |g, x| g.gather(x[0], axis, indices))
    }

    #[test]
    fn places_are_taken_in_the_order_given() {
        check::close(&case(0, &[2, 0, 2]).values()[..6], &[4.0, 5.0, 0.0, 1.0, 4.0, 5.0], 0.0);
        check::close(&case(1, &[1]).values(), &[1.0, 3.0, 5.0, 7.0, 9.0, 11.0], 0.0);
    }

    #[test]
    fn a_place_taken_twice_gets_both_gradients() {
        check::close(&case(0, &[2, 0, 2]).gradients()[0], &[1., 1., 0., 0., 2., 2., 1., 1., 0., 0., 2., 2.], 0.0);
        case(0, &[2, 0, 2]).check_gradients();
        case(1, &[1, 1, 0]).check_gradients();
    }

    #[test]
    fn axes_and_indices_that_are_not_there_are_refused() {
        let mut graph = Graph::new();
        let x = graph.input("x", &[Dim::Batch, Dim::Fixed(3)]).unwrap();
        assert!(graph.gather(x, 0, &[3]).is_err() && graph.gather(x, 0, &[]).is_err());
        assert!(graph.gather(x, 1, &[0]).is_err());
    }
}
