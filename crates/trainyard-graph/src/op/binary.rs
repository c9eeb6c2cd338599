//! Sum, difference, product and quotient, with broadcasting.

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

    fn binary(&mut self, kind: BinaryKind, a: NodeId, b: NodeId) -> Result<NodeId> {
        let other = self.shape(b).clone();
        let shape = self.shape(a).broadcast(&other).unwrap_or_else(|| self.shape(a).clone());
        let a = if *self.shape(a) == shape { a } else { self.broadcast_to(a, shape.clone())? };
        self.apply(Op::Binary(Binary { kind, shape, other }), &[a, b])
    }
}

impl Binary {
    #[inline(always)]
    fn zip(&self, a: &mut [f32], b: &[f32], f: impl Fn(&mut f32, f32)) {
        broadcast::zip(a, &self.shape, b, &self.other, f);
    }
}

impl Operation for Binary {
    fn name(&self) -> &'static str {
        match self.kind {
            BinaryKind::Add => "add",
            BinaryKind::Sub => "sub",
            BinaryKind::Mul => "mul",
            BinaryKind::Div => "div",
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
        };
        Ok(vec![Some(for_a), Some(graph.sum_to(for_b, self.other.clone())?)])
    }

    fn in_place(&self) -> bool {
        true
    }

    fn is_linear_in(&self, i: usize) -> bool {
        i == 0 || self.kind != BinaryKind::Div
    }

    fn run(&self, call: &mut Call<'_>) {
        let b = call.input(1);
        match self.kind {
            BinaryKind::Add => self.zip(
                call.output,
                b,
                #[inline(always)]
                |a, b| *a += b,
            ),
            BinaryKind::Sub => self.zip(
                call.output,
                b,
                #[inline(always)]
                |a, b| *a -= b,
            ),
            BinaryKind::Mul => self.zip(
                call.output,
                b,
                #[inline(always)]
                |a, b| *a *= b,
            ),
            BinaryKind::Div => self.zip(
                call.output,
                b,
                #[inline(always)]
                |a, b| *a /= b,
            ),
        }
    }
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
    fn shapes_that_do_not_fit_are_named() {
        let mut graph = Graph::new();
        let (a, b) = (graph.param("a", &[2]).unwrap(), graph.param("b", &[3]).unwrap());
        let error = graph.add(a, b).unwrap_err().to_string();
        assert!(error.contains("[2] and [3]"), "{error}");
    }
}
