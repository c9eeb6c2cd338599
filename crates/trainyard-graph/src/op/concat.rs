//! Joining along the last axis.

use super::{Op, Operation};
use crate::device::Call;
use crate::{Dim, Graph, NodeId, Result, Shape, simd};
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

    /// Joins values along the axis `axis`, counted without the batch.
    ///
    /// # Errors
    ///
    /// When there is none, one lacks the axis, or other axes differ.
    pub fn concat_axis(&mut self, parts: &[NodeId], axis: usize) -> Result<NodeId> {
        self.check_joined(parts, axis)?;
        let mut flat = Vec::with_capacity(parts.len());
        let mut size = 0;
        for &part in parts {
            let (merged, split) = self.merge_from("concat_axis", part, axis)?;
            size += split.size;
            flat.push(merged);
        }
        let joined = self.concat(&flat)?;
        let to = parts.first().map(|&first| self.shape(first).with_axis(axis, size)).unwrap_or_default();
        self.reshape(joined, to.dims())
    }

    /// Refuses values that are none, lack the axis `axis` or differ in another one.
    fn check_joined(&self, parts: &[NodeId], axis: usize) -> Result<()> {
        let shapes = parts.iter().map(|&part| self.checked(part)).collect::<Result<Vec<_>>>()?;
        let mut others = shapes.iter().map(|shape| shape.split_at(axis).map(|_| shape.with_axis(axis, 1)));
        let first = others.next().flatten();
        if first.is_some() && others.all(|other| other == first) {
            return Ok(());
        }
        let expected =
            format!("at least one value; an axis {axis}, counted from 0 without the batch, and all other axes equal");
        Err(self.misfit("concat_axis", parts, expected))
    }

    /// Joins values of one shape along a new axis that becomes the axis `axis`, counted without the batch: `n` of
    /// `[batch, d]` become `[batch, n, d]` for `axis` 0 and `[batch, d, n]` for 1.
    ///
    /// # Errors
    ///
    /// When there is none, the shapes differ, or they have fewer axes than `axis`.
    pub fn stack(&mut self, parts: &[NodeId], axis: usize) -> Result<NodeId> {
        self.check_stacked(parts, axis)?;
        let mut raised = Vec::with_capacity(parts.len());
        for &part in parts {
            let dims = self.shape(part).with_new_axis(axis);
            raised.push(self.reshape(part, dims.dims())?);
        }
        self.concat_axis(&raised, axis)
    }

    /// Refuses values that are none, are no numbers, differ in shape or have fewer axes than `axis`.
    fn check_stacked(&self, parts: &[NodeId], axis: usize) -> Result<()> {
        let shapes = parts.iter().map(|&part| self.checked(part)).collect::<Result<Vec<_>>>()?;
        self.check_kinds("stack", None, parts)?;
        match shapes.split_first() {
            Some((first, rest))
                if first.table().is_none() && axis <= first.inner_rank() && rest.iter().all(|shape| shape == first) =>
            {
                Ok(())
            }
            _ => {
                let expected =
                    format!("at least one value, all of one shape with {axis} axes or more beside the batch");
                Err(self.misfit("stack", parts, expected))
            }
        }
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
            if !call.is_written(i) {
                let part = call.input(i);
                let rows = call.output.chunks_exact_mut(total).zip(part.chunks_exact(width));
                rows.for_each(|(to, from)| simd::copy_row(&mut to[start..start + width], from));
            }
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

    const MATRICES: [(&[Dim], &[f32]); 2] = [
        (&[Dim::Batch, Dim::Fixed(1), Dim::Fixed(2)], &[1.0, 2.0, 3.0, 4.0]),
        (&[Dim::Batch, Dim::Fixed(2), Dim::Fixed(2)], &[10., 20., 30., 40., 50., 60., 70., 80.]),
    ];

    #[test]
    fn an_inner_axis_is_joined() {
        let case = Case::new(&MATRICES, |g, x| g.concat_axis(x, 0));
        check::close(&case.values(), &[1., 2., 10., 20., 30., 40., 3., 4., 50., 60., 70., 80.], 0.0);
        case.check_gradients();
    }

    #[test]
    fn other_axes_that_differ_are_refused() {
        let mut graph = Graph::new();
        let (a, b) = (graph.param("a", &[2, 3]).unwrap(), graph.param("b", &[3, 2]).unwrap());
        for axis in 0..3 {
            assert!(graph.concat_axis(&[a, b], axis).is_err() && graph.stack(&[a, b], axis).is_err(), "{axis}");
        }
    }

    #[test]
    fn values_are_stacked_in_front_and_behind() {
        let rows: [(&[Dim], &[f32]); 2] = [
            (&[Dim::Batch, Dim::Fixed(2)], &[1.0, 2.0, 3.0, 4.0]),
            (&[Dim::Batch, Dim::Fixed(2)], &[5.0, 6.0, 7.0, 8.0]),
        ];
        let case = |axis| Case::new(&rows, move |g, x| g.stack(x, axis));
        check::close(&case(0).values(), &[1.0, 2.0, 5.0, 6.0, 3.0, 4.0, 7.0, 8.0], 0.0);
        check::close(&case(1).values(), &[1.0, 5.0, 2.0, 6.0, 3.0, 7.0, 4.0, 8.0], 0.0);
        case(0).check_gradients();
        case(1).check_gradients();
    }

    #[test]
    fn nothing_cannot_be_joined() {
        assert!(Graph::new().concat(&[]).is_err() && Graph::new().stack(&[], 0).is_err());
    }
}
