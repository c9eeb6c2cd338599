//! Zeros on both sides of the last axis.

use super::{Op, Operation, only_with_last};
use crate::device::Call;
use crate::{Graph, NodeId, Result, Shape, Split};
use serde::{Deserialize, Serialize};

/// The value with `before` zeros in front of each row of its last axis and `after` behind it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Pad {
    /// Zeros in front.
    pub before: usize,
    /// Zeros behind.
    pub after: usize,
    /// Last axis of the input.
    pub width: usize,
}

impl Graph {
    /// Adds zeros on both sides of the last axis.
    ///
    /// # Errors
    ///
    /// When the last axis is not of fixed size.
    pub fn pad(&mut self, x: NodeId, before: usize, after: usize) -> Result<NodeId> {
        let width = self.shape(x).last().unwrap_or(0);
        if before == 0 && after == 0 {
            return Ok(x);
        }
        self.apply(Op::Pad(Pad { before, after, width }), &[x])
    }

    /// Adds zeros on both sides of the axis `axis`, counted without the batch.
    ///
    /// # Errors
    ///
    /// When there is no such axis.
    pub fn pad_axis(&mut self, x: NodeId, axis: usize, before: usize, after: usize) -> Result<NodeId> {
        let (flat, Split { inner, .. }) = self.merge_from("pad_axis", x, axis)?;
        let padded = self.pad(flat, before.saturating_mul(inner), after.saturating_mul(inner))?;
        let size = self.shape(padded).last().unwrap_or(0) / inner.max(1);
        let to = self.shape(x).with_axis(axis, size);
        self.reshape(padded, to.dims())
    }
}

impl Operation for Pad {
    fn name(&self) -> &'static str {
        "pad"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        let (shape, width) = only_with_last(inputs)?;
        match self.before.checked_add(width).and_then(|end| end.checked_add(self.after)) {
            Some(total) if width == self.width && shape.table().is_none() => Ok(shape.with_last(total)),
            _ => Err(format!("a last axis of {} elements, of which the zeros leave room to count", self.width)),
        }
    }

    fn gradient(&self, graph: &mut Graph, _node: NodeId, upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        Ok(vec![Some(graph.slice(upstream, self.before, self.width)?)])
    }

    fn is_linear_in(&self, _i: usize) -> bool {
        true
    }

    fn run(&self, call: &mut Call<'_>) {
        let total = self.before + self.width + self.after;
        call.output.fill(0.0);
        let x = call.input(0);
        let rows = call.output.chunks_exact_mut(total).zip(x.chunks_exact(self.width));
        rows.for_each(|(to, from)| to[self.before..self.before + self.width].copy_from_slice(from));
    }
}

#[cfg(test)]
mod tests {
    use crate::Dim;
    use crate::check::{self, Case};

    #[test]
    fn zeros_surround_each_row() {
        let case = Case::new(&[(&[Dim::Batch, Dim::Fixed(1)], &[1.0, 2.0])], |g, x| g.pad(x[0], 1, 2));
        check::close(&case.values(), &[0.0, 1.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0], 0.0);
        case.check_gradients();
    }

    #[test]
    fn zeros_surround_an_inner_axis() {
        let case = Case::new(&[(&[Dim::Batch, Dim::Fixed(1), Dim::Fixed(2)], &[1.0, 2.0, 3.0, 4.0])], |g, x| {
            g.pad_axis(x[0], 0, 1, 0)
        });
        check::close(&case.values(), &[0.0, 0.0, 1.0, 2.0, 0.0, 0.0, 3.0, 4.0], 0.0);
        case.check_gradients();
    }
}
