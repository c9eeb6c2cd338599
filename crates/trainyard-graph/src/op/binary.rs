//! Sum, difference, product, quotient, maximum, minimum and comparison, with broadcasting.

use super::{Op, Operation};
use crate::device::{Call, broadcast};
use crate::{Graph, NodeId, Result, Shape};
use serde::{Deserialize, Serialize};

/// Which operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BinaryKind {
    /// `a + b`.
    Add,
    /// `a - b`.
    Sub,
    /// `a·b`.
    Mul,
    /// `a / b`.
    Div,
    /// The larger of `a` and `b`; NaN if one is. The gradient goes to `a` where they are equal.
    Max,
    /// The smaller of `a` and `b`; NaN if one is. The gradient goes to `a` where they are equal.
    Min,
    /// 1 where `a ≥ b`, 0 elsewhere. It has no slope.
    AtLeast,
}

/// An operation on two numbers, element by element. Input 0 has the shape of the value; input 1 is repeated to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Binary {
    /// Which operation.
    pub kind: BinaryKind,
    /// Shape of input 0 and of the value.
    pub shape: Shape,
    /// Shape of input 1.
    pub other: Shape,
}

impl Graph {
    /// `a + b`; shapes by NumPy's broadcasting rule.
    ///
    /// # Errors
    ///
    /// When the shapes do not fit.
    pub fn add(&mut self, a: NodeId, b: NodeId) -> Result<NodeId> {
        self.binary(BinaryKind::Add, a, b)
    }

    /// `a - b`; shapes by NumPy's broadcasting rule.
    ///
    /// # Errors
    ///
    /// When the shapes do not fit.
    pub fn sub(&mut self, a: NodeId, b: NodeId) -> Result<NodeId> {
        self.binary(BinaryKind::Sub, a, b)
    }

    /// `a·b`, element by element; shapes by NumPy's broadcasting rule.
    ///
    /// # Errors
    ///
    /// When the shapes do not fit.
    pub fn mul(&mut self, a: NodeId, b: NodeId) -> Result<NodeId> {
        self.binary(BinaryKind::Mul, a, b)
    }

    /// `a / b`; shapes by NumPy's broadcasting rule.
    ///
    /// # Errors
    ///
    /// When the shapes do not fit.
    pub fn div(&mut self, a: NodeId, b: NodeId) -> Result<NodeId> {
        self.binary(BinaryKind::Div, a, b)
    }

    /// The larger of `a` and `b`, element by element; shapes by NumPy's broadcasting rule. Where they are equal the gradient
    /// goes to `a`, as in TensorFlow (PyTorch gives each half).
    ///
    /// # Errors
    ///
    /// When the shapes do not fit.
    pub fn max(&mut self, a: NodeId, b: NodeId) -> Result<NodeId> {
        self.binary(BinaryKind::Max, a, b)
    }

    /// The smaller of `a` and `b`, element by element; as [`max`](Self::max).
    ///
    /// # Errors
    ///
    /// When the shapes do not fit.
    pub fn min(&mut self, a: NodeId, b: NodeId) -> Result<NodeId> {
        self.binary(BinaryKind::Min, a, b)
    }

    /// 1 where `a ≥ b`, 0 elsewhere; shapes by NumPy's broadcasting rule. No gradient passes.
    ///
    /// # Errors
    ///
    /// When the shapes do not fit.
    pub fn at_least(&mut self, a: NodeId, b: NodeId) -> Result<NodeId> {
        self.binary(BinaryKind::AtLeast, a, b)
    }

    /// `x` within `[low, high]`: `min(max(x, low), high)`, with slope 1 at both bounds.
    ///
    /// # Errors
    ///
    /// When `x` is ids.
    pub fn clip(&mut self, x: NodeId, low: f32, high: f32) -> Result<NodeId> {
        let low = self.constant(low)?;
        let raised = self.max(x, low)?;
        let high = self.constant(high)?;
        self.min(raised, high)
    }

    /// `1 / x`.
    ///
    /// # Errors
    ///
    /// When `x` is ids.
    pub fn reciprocal(&mut self, x: NodeId) -> Result<NodeId> {
        let one = self.constant(1.0)?;
        self.div(one, x)
    }

    fn binary(&mut self, kind: BinaryKind, a: NodeId, b: NodeId) -> Result<NodeId> {
        let other = self.shape(b).clone();
        let shape = self.shape(a).broadcast(&other).unwrap_or_else(|| self.shape(a).clone());
        let a = if *self.shape(a) == shape { a } else { self.broadcast_to(a, shape.clone())? };
        self.apply(Op::Binary(Binary { kind, shape, other }), &[a, b])
    }
}

impl Operation for Binary {
    fn name(&self) -> &'static str {
        match self.kind {
            BinaryKind::Add => "add",
            BinaryKind::Sub => "sub",
            BinaryKind::Mul => "mul",
            BinaryKind::Div => "div",
            BinaryKind::Max => "max",
            BinaryKind::Min => "min",
            BinaryKind::AtLeast => "at_least",
        }
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        match inputs {
            [a, b] if a.broadcast(b).as_ref() == Some(a) && (*a, *b) == (&self.shape, &self.other) => Ok((*a).clone()),
            _ => Err("shapes whose axes, aligned at the end, are equal, 1 or missing".to_owned()),
        }
    }

    fn gradient(&self, graph: &mut Graph, node: NodeId, upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        let (a, b) = (graph.node(node).inputs[0], graph.node(node).inputs[1]);
        let (for_a, for_b) = match self.kind {
            BinaryKind::Add => (upstream, upstream),
            BinaryKind::Sub => (upstream, graph.affine(upstream, -1.0, 0.0)?),
            BinaryKind::Mul => (graph.mul(upstream, b)?, graph.mul(upstream, a)?),
            BinaryKind::Div => {
                let for_a = graph.div(upstream, b)?;
                let product = graph.mul(for_a, node)?;
                (for_a, graph.affine(product, -1.0, 0.0)?)
            }
            BinaryKind::Max => split(graph, upstream, |graph| graph.at_least(a, b))?,
            BinaryKind::Min => split(graph, upstream, |graph| {
                let (a, b) = (graph.neg(a)?, graph.neg(b)?);
                graph.at_least(a, b)
            })?,
            BinaryKind::AtLeast => return Ok(vec![None, None]),
        };
        Ok(vec![Some(for_a), Some(graph.sum_to(for_b, self.other.clone())?)])
    }

    fn in_place(&self) -> bool {
        true
    }

    fn is_linear_in(&self, i: usize) -> bool {
        match self.kind {
            BinaryKind::Add | BinaryKind::Sub | BinaryKind::Mul => true,
            BinaryKind::Div => i == 0,
            BinaryKind::Max | BinaryKind::Min | BinaryKind::AtLeast => false,
        }
    }

    fn run(&self, call: &mut Call<'_>) {
        let b = call.input(1);
        match self.kind {
            BinaryKind::Add => broadcast::zip(call.output, &self.shape, b, &self.other, |a, b| *a += b),
            BinaryKind::Sub => broadcast::zip(call.output, &self.shape, b, &self.other, |a, b| *a -= b),
            BinaryKind::Mul => broadcast::zip(call.output, &self.shape, b, &self.other, |a, b| *a *= b),
            BinaryKind::Div => broadcast::zip(call.output, &self.shape, b, &self.other, |a, b| *a /= b),
            BinaryKind::Max => broadcast::zip(call.output, &self.shape, b, &self.other, |a, b| *a = larger(*a, b)),
            BinaryKind::Min => broadcast::zip(call.output, &self.shape, b, &self.other, |a, b| *a = smaller(*a, b)),
            BinaryKind::AtLeast => {
                broadcast::zip(call.output, &self.shape, b, &self.other, |a, b| *a = if *a >= b { 1.0 } else { 0.0 });
            }
        }
    }
}

/// The upstream gradient where `chosen` is 1, and that where it is 0.
fn split(
    graph: &mut Graph,
    upstream: NodeId,
    chosen: impl FnOnce(&mut Graph) -> Result<NodeId>,
) -> Result<(NodeId, NodeId)> {
    let chosen = chosen(graph)?;
    let for_a = graph.mul(upstream, chosen)?;
    Ok((for_a, graph.sub(upstream, for_a)?))
}

/// The larger number, NaN if one is; `a` when they are equal.
#[inline(always)]
pub(super) fn larger(a: f32, b: f32) -> f32 {
    if a >= b || a.is_nan() { a } else { b }
}

/// The smaller number, NaN if one is; `a` when they are equal.
#[inline(always)]
pub(super) fn smaller(a: f32, b: f32) -> f32 {
    if a <= b || a.is_nan() { a } else { b }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dim;
    use crate::check::{self, Case};

    type Function = fn(&mut Graph, NodeId, NodeId) -> Result<NodeId>;
    const ALL: [Function; 4] = [Graph::add, Graph::sub, Graph::mul, Graph::div];

    #[track_caller]
    fn check(f: Function, a: (&[Dim], &[f32]), b: (&[Dim], &[f32]), expected: &[f32]) {
        check::close(&Case::binary(a, b, f).values(), expected, 0.0);
        for f in ALL {
            Case::binary(a, b, f).check_gradients();
            Case::binary(b, a, f).check_gradients();
        }
    }

    #[test]
    fn equal_shapes_go_element_by_element() {
        let dims = [Dim::Batch, Dim::Fixed(2)];
        check(Graph::sub, (&dims, &[1.0, 2.0, 3.0, 4.0]), (&dims, &[4.0, 3.0, 2.0, 1.0]), &[-3.0, -1.0, 1.0, 3.0]);
    }

    #[test]
    fn a_vector_is_repeated_for_each_row() {
        let dims = [Dim::Batch, Dim::Fixed(2)];
        check(Graph::mul, (&dims, &[1.0, 2.0, 3.0, 4.0]), (&[Dim::Fixed(2)], &[10.0, -1.0]), &[10.0, -2.0, 30.0, -4.0]);
    }

    #[test]
    fn a_column_is_repeated_along_each_row() {
        let (dims, column) = ([Dim::Batch, Dim::Fixed(2)], [Dim::Batch, Dim::Fixed(1)]);
        check(Graph::div, (&dims, &[1.0, 2.0, 3.0, 4.0]), (&column, &[2.0, 4.0]), &[0.5, 1.0, 0.75, 1.0]);
    }

    #[test]
    fn a_middle_axis_is_repeated() {
        let a = [Dim::Fixed(2), Dim::Fixed(2), Dim::Fixed(2)];
        let b = [Dim::Fixed(2), Dim::Fixed(1), Dim::Fixed(2)];
        let expected = [2.0, 4.0, 4.0, 6.0, 8.0, 10.0, 10.0, 12.0];
        check(Graph::add, (&a, &[1., 2., 3., 4., 5., 6., 7., 8.]), (&b, &[1.0, 2.0, 3.0, 4.0]), &expected);
    }

    #[test]
    fn both_sides_are_repeated_where_needed() {
        let (a, b) = ([Dim::Fixed(2), Dim::Fixed(1)], [Dim::Fixed(1), Dim::Fixed(2)]);
        check(Graph::add, (&a, &[1.0, 2.0]), (&b, &[10.0, 20.0]), &[11.0, 21.0, 12.0, 22.0]);
    }

    #[test]
    fn the_larger_and_the_smaller_are_taken_and_nan_stays() {
        let (a, b) = ([1.0, 3.0, f32::NAN, 0.0], [2.0, -3.0, 0.0, f32::NAN]);
        let run = |f: Function| Case::binary((&[Dim::Batch], &a), (&[Dim::Batch], &b), f).values();
        assert_eq!((&run(Graph::max)[..2], &run(Graph::min)[..2]), (&[2.0, 3.0][..], &[1.0, -3.0][..]));
        assert!([Graph::max, Graph::min].iter().all(|&f| run(f)[2..].iter().all(|y| y.is_nan())));
        assert_eq!(run(Graph::at_least), [0.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn the_gradient_of_a_maximum_goes_where_the_number_came_from() {
        let (dims, column) = ([Dim::Batch, Dim::Fixed(2)], [Dim::Batch, Dim::Fixed(1)]);
        let (a, b) = ((&dims[..], &[1.0, 3.0, -4.0, 0.5][..]), (&column[..], &[2.0, -1.0][..]));
        for f in [Graph::max, Graph::min] {
            Case::binary(a, b, f).check_gradients();
            Case::binary(b, a, f).check_gradients();
        }
    }

    #[test]
    fn of_equal_numbers_the_first_gets_the_gradient() {
        for f in [Graph::max, Graph::min] {
            let case = Case::binary((&[Dim::Batch], &[2.0]), (&[Dim::Batch], &[2.0]), f);
            assert_eq!(case.gradients(), [[1.0], [0.0]]);
        }
    }

    #[test]
    fn a_comparison_passes_no_gradient() {
        let case = Case::binary((&[Dim::Batch], &[2.0]), (&[Dim::Batch], &[1.0]), Graph::at_least);
        assert_eq!(case.gradients(), [[0.0], [0.0]]);
    }

    #[test]
    fn clip_cuts_both_ends_and_passes_the_gradient_inside() {
        let case = Case::unary(&[-2.0, -1.0, 0.5, 3.0, 4.0], |g, x| g.clip(x, -1.0, 3.0));
        assert_eq!(case.values(), [-1.0, -1.0, 0.5, 3.0, 3.0]);
        assert_eq!(case.gradients(), [[0.0, 1.0, 1.0, 1.0, 0.0]]);
    }

    #[test]
    fn the_reciprocal_is_one_over_the_number() {
        let case = Case::unary(&[2.0, -4.0], Graph::reciprocal);
        assert_eq!(case.values(), [0.5, -0.25]);
        case.check_gradients();
    }

    #[test]
    fn shapes_that_do_not_fit_are_named() {
        let mut graph = Graph::new();
        let (a, b) = (graph.param("a", &[2]).unwrap(), graph.param("b", &[3]).unwrap());
        let error = graph.add(a, b).unwrap_err().to_string();
        assert!(error.contains("[2] and [3]"), "{error}");
    }
}
