//! Part of the last axis.

use super::{Op, Operation, only_with_last};
use crate::device::Call;
use crate::{Graph, NodeId, Result, Shape, Split, simd};
use serde::{Deserialize, Serialize};

/// The elements `start..start + len` of the last axis.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Slice {
    /// First element.
    pub start: usize,
    /// Number of elements, at least 1.
    pub len: usize,
    /// Last axis of the input.
    pub width: usize,
}

impl Graph {
    /// The elements `start..start + len` of the last axis.
    ///
    /// # Errors
    ///
    /// When the last axis is shorter, or `len` is 0.
    pub fn slice(&mut self, x: NodeId, start: usize, len: usize) -> Result<NodeId> {
        let width = self.shape(x).last().unwrap_or(0);
        if (start, len) == (0, width) && len > 0 {
            return Ok(x);
        }
        self.apply(Op::Slice(Slice { start, len, width }), &[x])
    }

    /// The elements `start..start + len` of the axis `axis`, counted without the batch.
    ///
    /// # Errors
    ///
    /// When there is no such axis, it is shorter, or `len` is 0.
    pub fn slice_axis(&mut self, x: NodeId, axis: usize, start: usize, len: usize) -> Result<NodeId> {
        let (flat, Split { size, inner, .. }) = self.merge_from("slice_axis", x, axis)?;
        if len == 0 || start.checked_add(len).is_none_or(|end| end > size) {
            let expected =
                format!("an axis {axis}, counted from 0 without the batch, that holds {len} elements from {start} on");
            return Err(self.misfit("slice_axis", &[x], expected));
        }
        let part = self.slice(flat, start * inner, len * inner)?;
        let to = self.shape(x).with_axis(axis, len);
        self.reshape(part, to.dims())
    }
}

impl Operation for Slice {
    fn name(&self) -> &'static str {
        "slice"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        let (shape, width) = only_with_last(inputs)?;
        match self.start.checked_add(self.len) {
            Some(end) if end <= width && width == self.width && self.len > 0 && shape.table().is_none() => {
                Ok(shape.with_last(self.len))
            }
            _ => Err(format!("a last axis that holds {} elements from {} on", self.len, self.start)),
        }
    }

    fn gradient(&self, graph: &mut Graph, _node: NodeId, upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        Ok(vec![Some(graph.pad(upstream, self.start, self.width - self.start - self.len)?)])
    }

    fn is_linear_in(&self, _i: usize) -> bool {
        true
    }

    fn run(&self, call: &mut Call<'_>) {
        let x = call.input(0);
        let rows = call.output.chunks_exact_mut(self.len).zip(x.chunks_exact(self.width));
        rows.for_each(|(to, from)| simd::copy_row(to, &from[self.start..self.start + self.len]));
    }
}

#[cfg(test)]
mod tests {
    use crate::check::{self, Case};
    use crate::{Dim, Graph};

    #[test]
    fn the_middle_is_taken() {
        let dims = [Dim::Batch, Dim::Fixed(3)];
        let case = Case::new(&[(&dims, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])], |g, x| g.slice(x[0], 1, 1));
        check::close(&case.values(), &[2.0, 5.0], 0.0);
        case.check_gradients();
    }

    #[test]
    fn part_of_an_inner_axis_is_taken() {
        let dims = [Dim::Batch, Dim::Fixed(3), Dim::Fixed(2)];
        let x: Vec<f32> = (0..12).map(|i| i as f32).collect();
        let case = Case::new(&[(&dims, &x)], |g, x| g.slice_axis(x[0], 0, 1, 2));
        check::close(&case.values(), &[2.0, 3.0, 4.0, 5.0, 8.0, 9.0, 10.0, 11.0], 0.0);
        case.check_gradients();
        let mut graph = Graph::new();
        let x = graph.input("x", &dims).unwrap();
        assert!(graph.slice_axis(x, 0, 2, 2).is_err() && graph.slice_axis(x, 2, 0, 1).is_err());
    }

    #[test]
    fn elements_beyond_the_end_are_refused() {
        let mut graph = Graph::new();
        let x = graph.param("x", &[3]).unwrap();
        assert!(
            graph.slice(x, 2, 2).is_err() && graph.slice(x, usize::MAX, 2).is_err() && graph.slice(x, 0, 0).is_err()
        );
    }
}
