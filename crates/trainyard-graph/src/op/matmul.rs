//! Product of matrices.

use super::{Op, Operation, Weights};
use crate::device::Call;
use crate::device::gemm::{self, Matrix};
use crate::{Graph, NodeId, Result, Shape};
use serde::{Deserialize, Serialize};

/// `A·B`, where either may be transposed.
///
/// A value with more than two axes counts as a matrix of its last axis, all others being rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MatMul {
    /// `Aᵀ` instead of `A`: the product then sums over the rows of both, the batch too.
    pub transpose_a: bool,
    /// `Bᵀ` instead of `B`.
    pub transpose_b: bool,
    /// Last axis of input 0.
    pub a_width: usize,
    /// Last axis of input 1.
    pub b_width: usize,
}

impl Graph {
    /// `a·b`.
    ///
    /// # Shapes
    /// - a: `[.., k]`
    /// - b: `[k, n]`
    /// - returns: `[.., n]`
    ///
    /// # Errors
    ///
    /// When the shapes do not fit.
    pub fn matmul(&mut self, a: NodeId, b: NodeId) -> Result<NodeId> {
        self.matmul_transposed(a, b, false, false)
    }

    pub(super) fn matmul_transposed(&mut self, a: NodeId, b: NodeId, ta: bool, tb: bool) -> Result<NodeId> {
        let (a_width, b_width) = (self.shape(a).last().unwrap_or(0), self.shape(b).last().unwrap_or(0));
        self.apply(Op::MatMul(MatMul { transpose_a: ta, transpose_b: tb, a_width, b_width }), &[a, b])
    }
}

impl Operation for MatMul {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        let [a, b] = inputs else { return Err("two matrices".to_owned()) };
        let (Some(k), Some(n)) = (a.last(), b.last()) else { return Err("last axes of fixed size".to_owned()) };
        if (k, n) != (self.a_width, self.b_width) {
            return Err(format!("last axes of {} and {}", self.a_width, self.b_width));
        }
        let matrix = |shape: &Shape| {
            (shape.rank() == 2 && !shape.has_batch()).then(|| shape.row_len() / shape.last().unwrap_or(1))
        };
        match (self.transpose_a, self.transpose_b) {
            (false, false) if matrix(b) == Some(k) && a.table().is_none() => Ok(a.with_last(n)),
            (false, true) if n == k && matrix(b).is_some() && a.table().is_none() => {
                Ok(a.with_last(matrix(b).unwrap_or(1)))
            }
            (true, false) if a.without_last() == b.without_last() && a.rank() >= 2 => Ok(Shape::fixed(&[k, n])),
            (true, false) => Err("two values whose axes are equal but the last".to_owned()),
            (true, true) => Err("at most one transposed".to_owned()),
            (_, false) => Err(format!("a matrix of {k} rows as the second, the last axis of the first")),
            (_, true) => Err(format!("a matrix of {k} columns as the second, the last axis of the first")),
        }
    }

    fn gradient(&self, graph: &mut Graph, node: NodeId, upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        let (a, b) = (graph.node(node).inputs[0], graph.node(node).inputs[1]);
        let (for_a, for_b) = match (self.transpose_a, self.transpose_b) {
            (true, _) => (graph.matmul_transposed(b, upstream, false, true)?, graph.matmul(a, upstream)?),
            (_, true) => (graph.matmul(upstream, b)?, graph.matmul_transposed(upstream, a, true, false)?),
            _ => {
                let for_b = graph.matmul_transposed(a, upstream, true, false)?;
                (graph.matmul_transposed(upstream, b, false, true)?, for_b)
            }
        };
        Ok(vec![Some(for_a), Some(for_b)])
    }

    fn is_linear_in(&self, _i: usize) -> bool {
        true
    }

    fn weights(&self) -> Option<Weights> {
        (!self.transpose_a).then_some(self.second())
    }

    fn run(&self, call: &mut Call<'_>) {
        let a = Matrix::new(call.input(0), self.a_width).transposed_if(self.transpose_a);
        let b = call.weights(self.second());
        gemm::multiply(a, b, call.output);
    }
}

impl MatMul {
    /// The second matrix.
    fn second(&self) -> Weights {
        Weights { input: 1, width: self.b_width, transposed: self.transpose_b }
    }
}

#[cfg(test)]
mod tests {
    use crate::check::{self, Case};
    use crate::{Dim, Graph};

    const A: (&[Dim], &[f32]) = (&[Dim::Batch, Dim::Fixed(2)], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    const B: (&[Dim], &[f32]) = (&[Dim::Fixed(2), Dim::Fixed(3)], &[1.0, 0.5, -1.0, 2.0, 0.0, 3.0]);

    #[test]
    fn rows_times_columns() {
        let case = Case::new(&[A, B], |g, x| g.matmul(x[0], x[1]));
        check::close(&case.values(), &[5.0, 0.5, 5.0, 11.0, 1.5, 9.0, 17.0, 2.5, 13.0], 0.0);
        case.check_gradients();
    }

    #[test]
    fn transposed_forms_have_gradients_too() {
        let dims = [Dim::Batch, Dim::Fixed(3)];
        let c = (&dims[..], &[1.0, -2.0, 0.5, 0.0, 1.0, 2.0, 3.0, 1.0, -1.0][..]);
        Case::new(&[A, c], |g, x| g.matmul_transposed(x[0], x[1], true, false)).check_gradients();
        Case::new(&[c, B], |g, x| g.matmul_transposed(x[0], x[1], false, true)).check_gradients();
    }

    #[test]
    fn a_vector_times_a_matrix_is_a_vector() {
        let case = Case::new(&[(&[Dim::Fixed(2)], &[1.0, 2.0]), B], |g, x| g.matmul(x[0], x[1]));
        check::close(&case.values(), &[5.0, 0.5, 5.0], 0.0);
    }

    #[test]
    fn inner_sizes_must_be_equal() {
        let mut graph = Graph::new();
        let (a, b) = (graph.param("a", &[2, 3]).unwrap(), graph.param("b", &[2, 3]).unwrap());
        assert!(graph.matmul(a, b).unwrap_err().to_string().contains("3 rows"));
    }
}
