//! Joining along the last axis.

use super::{Op, Operation};
use crate::device::Call;
use crate::{Dim, Graph, NodeId, Result, Shape};
use serde::{Deserialize, Serialize};

/// The inputs side by side along the last axis: `[.., n₁]`, `[.., n₂]` … become `[.., n₁ + n₂ + …]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Concat {
    /// Last axis of each input.
    pub widths: Vec<usize>,
}

impl Graph {
    /// Joins values along the last axis.
    ///
    /// # Errors
    ///
    /// When there is none, or other axes than the last differ.
    pub fn concat(&mut self, parts: &[NodeId]) -> Result<NodeId> {
        if let [only] = parts {
            return Ok(*only);
        }
        let widths = parts.iter().map(|&part| self.shape(part).last().unwrap_or(0)).collect();
        self.apply(Op::Concat(Concat { widths }), parts)
    }
}

impl Operation for Concat {
    fn name(&self) -> &'static str {
        "concat"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        let expected = || "at least one value; all axes equal but the last, which is of fixed size".to_owned();
        let first = inputs.first().ok_or_else(expected)?;
        let fits = |shape: &&Shape| shape.last().is_some() && shape.without_last() == first.without_last();
        let inner_fixed = !matches!(first.dims().last(), Some(Dim::Batch | Dim::Rows(_)) | None);
        let widths_fit = inputs.iter().map(|shape| shape.last()).eq(self.widths.iter().map(|&width| Some(width)));
        if inner_fixed && widths_fit && inputs.iter().all(fits) && first.table().is_none() {
            return Ok(first.with_last(self.widths.iter().sum()));
        }
        Err(expected())
    }

    fn gradient(&self, graph: &mut Graph, _node: NodeId, upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        let starts = self.widths.iter().scan(0, |end, &width| {
            *end += width;
            Some(*end - width)
        });
        starts.zip(&self.widths).map(|(start, &width)| Ok(Some(graph.slice(upstream, start, width)?))).collect()
    }

    fn is_linear_in(&self, _i: usize) -> bool {
        true
    }

    fn run(&self, call: &mut Call<'_>) {
        let total: usize = self.widths.iter().sum();
        let mut start = 0;
        for (i, &width) in self.widths.iter().enumerate() {
            let part = call.input(i);
            let rows = call.output.chunks_exact_mut(total).zip(part.chunks_exact(width));
            rows.for_each(|(to, from)| to[start..start + width].copy_from_slice(from));
            start += width;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::check::{self, Case};
    use crate::{Dim, Graph};

    #[test]
    fn rows_are_joined() {
        let (two, one) = ([Dim::Batch, Dim::Fixed(2)], [Dim::Batch, Dim::Fixed(1)]);
        let case = Case::new(&[(&two, &[1.0, 2.0, 3.0, 4.0]), (&one, &[9.0, 8.0])], |g, x| g.concat(x));
        check::close(&case.values(), &[1.0, 2.0, 9.0, 3.0, 4.0, 8.0], 0.0);
        case.check_gradients();
    }

    #[test]
    fn nothing_cannot_be_joined() {
        assert!(Graph::new().concat(&[]).is_err());
    }
}
