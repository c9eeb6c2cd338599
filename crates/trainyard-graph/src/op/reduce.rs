//! Sum, mean, maximum and minimum along axes.

use super::binary::{larger, smaller};
use super::{Op, Operation, only};
use crate::device::Call;
use crate::{Dim, Graph, NodeId, Result, Shape, Split, simd};
use serde::{Deserialize, Serialize};

/// Which number stands for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReduceKind {
    /// The largest; NaN if one is.
    Max,
    /// The smallest; NaN if one is.
    Min,
}

/// The largest or smallest number along an axis, which becomes 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Reduce {
    /// Which number.
    pub kind: ReduceKind,
    /// The axis, counted without the batch.
    pub axis: usize,
    /// The input's axes around it.
    pub split: Split,
}

/// The gradient for `x`, from that for `y` (input 0), `x` (input 1) and `y` (input 2): it goes to the first number along the
/// axis that is `y`, and nowhere if `y` is NaN.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ReduceGrad {
    /// The axis, counted without the batch.
    pub axis: usize,
    /// The axes of `x` around it.
    pub split: Split,
}

impl Graph {
    /// Sums along the axes `axes`, counted without the batch. They become 1 if `keep_dims`, and are dropped otherwise.
    ///
    /// # Errors
    ///
    /// When an axis is not there or named twice.
    pub fn sum_axes(&mut self, x: NodeId, axes: &[usize], keep_dims: bool) -> Result<NodeId> {
        self.check_axes("sum_axes", x, axes)?;
        self.reduce_axes(x, axes, keep_dims, |graph, x, axis| {
            let to = graph.shape(x).with_axis(axis, 1);
            graph.sum_to(x, to)
        })
    }

    /// The mean along the axes `axes`; as [`sum_axes`](Self::sum_axes).
    ///
    /// # Errors
    ///
    /// When an axis is not there or named twice.
    pub fn mean_axes(&mut self, x: NodeId, axes: &[usize], keep_dims: bool) -> Result<NodeId> {
        self.check_axes("mean_axes", x, axes)?;
        let n: usize = axes.iter().filter_map(|&axis| self.shape(x).axis_size(axis)).product();
        let sum = self.sum_axes(x, axes, keep_dims)?;
        self.affine(sum, 1.0 / n as f32, 0.0)
    }

    /// The largest number along the axes `axes`; as [`sum_axes`](Self::sum_axes). Of equal ones a single one gets the
    /// gradient, along one axis the first.
    ///
    /// # Errors
    ///
    /// When an axis is not there or named twice.
    pub fn max_axes(&mut self, x: NodeId, axes: &[usize], keep_dims: bool) -> Result<NodeId> {
        self.check_axes("max_axes", x, axes)?;
        self.reduce_axes(x, axes, keep_dims, |graph, x, axis| graph.reduce(ReduceKind::Max, x, axis))
    }

    /// The smallest number along the axes `axes`; as [`max_axes`](Self::max_axes).
    ///
    /// # Errors
    ///
    /// When an axis is not there or named twice.
    pub fn min_axes(&mut self, x: NodeId, axes: &[usize], keep_dims: bool) -> Result<NodeId> {
        self.check_axes("min_axes", x, axes)?;
        self.reduce_axes(x, axes, keep_dims, |graph, x, axis| graph.reduce(ReduceKind::Min, x, axis))
    }

    fn reduce(&mut self, kind: ReduceKind, x: NodeId, axis: usize) -> Result<NodeId> {
        let split = self.shape(x).split_at(axis).unwrap_or_default();
        self.apply(Op::Reduce(Reduce { kind, axis, split }), &[x])
    }

    /// Refuses axes that `x` lacks or that are named twice.
    fn check_axes(&self, op: &'static str, x: NodeId, axes: &[usize]) -> Result<()> {
        let shape = self.checked(x)?;
        let is_repeated = (1..axes.len()).any(|i| axes[..i].contains(&axes[i]));
        if is_repeated || axes.iter().any(|&axis| shape.split_at(axis).is_none()) {
            let expected =
                format!("the axes {axes:?}, counted from 0 without the batch, to be there and named once each");
            return Err(self.misfit(op, &[x], expected));
        }
        Ok(())
    }

    /// Reduces one axis after the other, so that each is a walk over neighbouring numbers.
    fn reduce_axes(
        &mut self,
        x: NodeId,
        axes: &[usize],
        keep_dims: bool,
        mut reduce: impl FnMut(&mut Self, NodeId, usize) -> Result<NodeId>,
    ) -> Result<NodeId> {
        let shape = self.shape(x).clone();
        let kept = axes.iter().try_fold(x, |x, &axis| reduce(self, x, axis))?;
        if keep_dims {
            return Ok(kept);
        }
        let lead = shape.has_batch().then_some(Dim::Batch);
        let rest = (0..).map_while(|axis| shape.axis_size(axis).map(|size| (axis, size)));
        let rest = rest.filter(|(axis, _)| !axes.contains(axis)).map(|(_, size)| Dim::Fixed(size));
        self.reshape(kept, &lead.into_iter().chain(rest).collect::<Vec<_>>())
    }
}

impl Operation for Reduce {
    fn name(&self) -> &'static str {
        match self.kind {
            ReduceKind::Max => "max_axes",
            ReduceKind::Min => "min_axes",
        }
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        match only(inputs)? {
            x if x.split_at(self.axis) == Some(self.split) => Ok(x.with_axis(self.axis, 1)),
            _ => Err(format!("an axis {}, counted without the batch", self.axis)),
        }
    }

    fn gradient(&self, graph: &mut Graph, node: NodeId, upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        let x = graph.node(node).inputs[0];
        let op = ReduceGrad { axis: self.axis, split: self.split };
        Ok(vec![Some(graph.apply(Op::ReduceGrad(op), &[upstream, x, node])?)])
    }

    fn run(&self, call: &mut Call<'_>) {
        let (x, split) = (call.input(0), self.split);
        match self.kind {
            ReduceKind::Max => reduce(call.output, x, split, larger),
            ReduceKind::Min => reduce(call.output, x, split, smaller),
        }
    }
}

/// Replaces the numbers along an axis by one of them.
fn reduce(values: &mut [f32], x: &[f32], split: Split, pick: impl Fn(f32, f32) -> f32 + Copy) {
    simd::vectorize(
        #[inline(always)]
        || {
            let blocks = x.chunks_exact(split.size * split.inner).zip(values.chunks_exact_mut(split.inner));
            if split.inner == 1 {
                return blocks.for_each(|(row, y)| y[0] = pick_from(row, pick));
            }
            for (block, y) in blocks {
                y.copy_from_slice(&block[..split.inner]);
                for row in block.chunks_exact(split.inner).skip(1) {
                    y.iter_mut().zip(row).for_each(|(y, &x)| *y = pick(*y, x));
                }
            }
        },
    );
}

/// One number of a row: first one for each lane of a vector, then one of these.
#[inline(always)]
fn pick_from(row: &[f32], pick: impl Fn(f32, f32) -> f32 + Copy) -> f32 {
    let (vectors, rest) = row.as_chunks::<16>();
    let mut best = *vectors.first().unwrap_or(&[row[0]; 16]);
    for vector in vectors {
        best.iter_mut().zip(vector).for_each(|(best, &x)| *best = pick(*best, x));
    }
    let start = best.into_iter().fold(best[0], pick);
    rest.iter().fold(start, |best, &x| pick(best, x))
}

impl Operation for ReduceGrad {
    fn name(&self) -> &'static str {
        "reduce_grad"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        match inputs {
            [upstream, x, y]
                if upstream == y && **y == x.with_axis(self.axis, 1) && x.split_at(self.axis) == Some(self.split) =>
            {
                Ok((*x).clone())
            }
            _ => Err("a gradient, what was reduced, and to what".to_owned()),
        }
    }

    fn gradient(&self, _graph: &mut Graph, _node: NodeId, _upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        Err(super::no_gradient(self.name()))
    }

    fn scratch_len(&self) -> usize {
        self.split.inner
    }

    fn scratch_is_per_row(&self) -> bool {
        false
    }

    fn run(&self, call: &mut Call<'_>) {
        let (upstream, x, y) = (call.input(0), call.input(1), call.input(2));
        let Split { size, inner, .. } = self.split;
        if upstream.is_empty() {
            return;
        }
        let left = &mut call.scratch[..inner];
        let blocks = call.output.chunks_exact_mut(size * inner).zip(x.chunks_exact(size * inner));
        let values = upstream.chunks_exact(inner).zip(y.chunks_exact(inner));
        simd::vectorize(
            #[inline(always)]
            || {
                for ((gradient, x), (upstream, y)) in blocks.zip(values) {
                    left.copy_from_slice(upstream);
                    gradient.fill(0.0);
                    for (gradient, x) in gradient.chunks_exact_mut(inner).zip(x.chunks_exact(inner)) {
                        hand_over(gradient, left, x, y);
                    }
                }
            },
        );
    }
}

/// Adds to the gradient of each `x` that is `y` what is left of the upstream gradient, and leaves nothing to later ones.
#[inline(always)]
pub(super) fn hand_over(gradient: &mut [f32], left: &mut [f32], x: &[f32], y: &[f32]) {
    for (((g, left), x), y) in gradient.iter_mut().zip(left).zip(x).zip(y) {
        let is_it = x == y;
        *g += if is_it { *left } else { 0.0 };
        *left = if is_it { 0.0 } else { *left };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{self, Case};

    const CUBE: [f32; 12] = [3.0, -1.0, 0.5, 2.0, 7.0, -4.0, 1.0, 8.0, -2.0, 6.0, 5.0, -3.0];
    type Function = fn(&mut Graph, NodeId, &[usize], bool) -> Result<NodeId>;
    const ALL: [Function; 4] = [Graph::sum_axes, Graph::mean_axes, Graph::max_axes, Graph::min_axes];

    fn case(f: Function, axes: &'static [usize]) -> Case {
        let dims = [Dim::Batch, Dim::Fixed(3), Dim::Fixed(2)];
        Case::new(&[(&dims, &CUBE)], move |g, x| f(g, x[0], axes, false))
    }

    #[test]
    fn a_middle_axis_is_reduced() {
        check::close(&case(Graph::sum_axes, &[0]).values(), &[10.5, -3.0, 4.0, 11.0], 0.0);
        check::close(&case(Graph::mean_axes, &[0]).values(), &[3.5, -1.0, 4.0 / 3.0, 11.0 / 3.0], 1e-6);
        check::close(&case(Graph::max_axes, &[0]).values(), &[7.0, 2.0, 5.0, 8.0], 0.0);
        check::close(&case(Graph::min_axes, &[0]).values(), &[0.5, -4.0, -2.0, -3.0], 0.0);
    }

    #[test]
    fn the_last_axis_is_reduced() {
        check::close(&case(Graph::max_axes, &[1]).values(), &[3.0, 2.0, 7.0, 8.0, 6.0, 5.0], 0.0);
    }

    #[test]
    fn several_axes_are_reduced() {
        check::close(&case(Graph::mean_axes, &[0, 1]).values(), &[1.25, 2.5], 1e-6);
        check::close(&case(Graph::min_axes, &[1, 0]).values(), &[-4.0, -3.0], 0.0);
    }

    #[test]
    fn gradients_match_finite_differences() {
        for f in ALL {
            for axes in [&[0][..], &[1], &[0, 1]] {
                case(f, axes).check_gradients();
            }
        }
    }

    #[test]
    fn reduced_axes_stay_as_one_when_asked() {
        let mut graph = Graph::new();
        let x = graph.input("x", &[Dim::Batch, Dim::Fixed(3), Dim::Fixed(2)]).unwrap();
        let shape = |graph: &mut Graph, axes: &[usize], keep| {
            let y = graph.max_axes(x, axes, keep).unwrap();
            graph.shape(y).to_string()
        };
        assert_eq!(shape(&mut graph, &[0], true), "[batch, 1, 2]");
        assert_eq!(shape(&mut graph, &[0], false), "[batch, 2]");
        assert_eq!(shape(&mut graph, &[1, 0], false), "[batch]");
    }

    #[test]
    fn of_equal_numbers_the_first_gets_the_gradient() {
        for inner in [1, 2] {
            let dims = [Dim::Fixed(3), Dim::Fixed(inner)];
            let x = [1.0, 2.0, 2.0].iter().flat_map(|&x| vec![x; inner]).collect::<Vec<_>>();
            let expected: Vec<f32> = [0.0, 1.0, 0.0].iter().flat_map(|&x| vec![x; inner]).collect();
            assert_eq!(Case::new(&[(&dims, &x)], |g, x| g.max_axes(x[0], &[0], false)).gradients(), [expected]);
        }
    }

    #[test]
    fn a_long_row_is_searched_whole() {
        for n in [1, 15, 16, 17, 100] {
            for at in 0..n {
                let x: Vec<f32> = (0..n).map(|i| if i == at { 1.0 } else { 0.0 }).collect();
                let case = |f: Function| Case::new(&[(&[Dim::Fixed(n)], &x)], move |g, x| f(g, x[0], &[0], false));
                assert_eq!(case(Graph::max_axes).values(), [1.0]);
                let negated = Case::new(&[(&[Dim::Fixed(n)], &x)], |g, x| {
                    let x = g.neg(x[0])?;
                    g.min_axes(x, &[0], false)
                });
                assert_eq!(negated.values(), [-1.0]);
            }
        }
    }

    #[test]
    fn nan_stays() {
        for f in [Graph::max_axes, Graph::min_axes] {
            let case = Case::new(&[(&[Dim::Fixed(3)], &[1.0, f32::NAN, 2.0])], |g, x| f(g, x[0], &[0], false));
            assert!(case.values()[0].is_nan());
        }
    }

    #[test]
    fn axes_that_are_not_there_are_refused() {
        let mut graph = Graph::new();
        let x = graph.input("x", &[Dim::Batch, Dim::Fixed(3)]).unwrap();
        for f in ALL {
            assert!(f(&mut graph, x, &[1], true).is_err() && f(&mut graph, x, &[0, 0], true).is_err());
        }
    }
}
