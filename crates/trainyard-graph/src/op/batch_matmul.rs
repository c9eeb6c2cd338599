//! Products of many pairs of matrices.

use super::{Op, Operation};
use crate::device::Call;
use crate::device::gemm::{self, Matrix};
use crate::{Dim, Graph, NodeId, Result, Shape};
use serde::{Deserialize, Serialize};

/// `A·B` for each pair of matrices of two values, where either may be transposed.
///
/// [`MatMul`](super::MatMul) has one B for all rows of A; here each A has a B of its own.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BatchMatMul {
    /// `Aᵀ` instead of `A`.
    pub transpose_a: bool,
    /// `Bᵀ` instead of `B`.
    pub transpose_b: bool,
    /// Last two axes of input 0: rows and columns of each A.
    pub a: (usize, usize),
    /// Last two axes of input 1: rows and columns of each B.
    pub b: (usize, usize),
}

impl Graph {
    /// `a·b` for each index of the leading axes.
    ///
    /// # Shapes
    /// - a: `[.., m, k]`, or `[.., k, m]` if `transpose_a`
    /// - b: `[.., k, n]`, or `[.., n, k]` if `transpose_b`, with the same leading axes
    /// - returns: `[.., m, n]`
    ///
    /// # Errors
    ///
    /// When the shapes do not fit.
    pub fn batch_matmul(&mut self, a: NodeId, b: NodeId, transpose_a: bool, transpose_b: bool) -> Result<NodeId> {
        let sizes = |shape: &Shape| last_two(shape).unwrap_or((0, 0));
        let (of_a, of_b) = (sizes(self.shape(a)), sizes(self.shape(b)));
        self.apply(Op::BatchMatMul(BatchMatMul { transpose_a, transpose_b, a: of_a, b: of_b }), &[a, b])
    }
}

/// The last two axes, if they are of fixed size.
fn last_two(shape: &Shape) -> Option<(usize, usize)> {
    match shape.dims() {
        [.., Dim::Fixed(rows), Dim::Fixed(columns)] if shape.table().is_none() => Some((*rows, *columns)),
        _ => None,
    }
}

fn swap_if(yes: bool, (rows, columns): (usize, usize)) -> (usize, usize) {
    if yes { (columns, rows) } else { (rows, columns) }
}

impl Operation for BatchMatMul {
    fn name(&self) -> &'static str {
        "batch_matmul"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        let [a, b] = inputs else { return Err("two values".to_owned()) };
        if (last_two(a), last_two(b)) != (Some(self.a), Some(self.b)) {
            return Err("two values of which each has two last axes of fixed size".to_owned());
        }
        let ((m, k), (k_of_b, n)) = self.sizes();
        let leading = a.without_last().without_last();
        if leading != b.without_last().without_last() {
            return Err("equal axes but for the last two".to_owned());
        }
        if k != k_of_b {
            return Err(format!("matrices of {k} rows as the second, which have {k_of_b} as they are multiplied"));
        }
        Ok(Shape::new([leading.dims(), &[Dim::Fixed(m), Dim::Fixed(n)]].concat()))
    }

    fn gradient(&self, graph: &mut Graph, node: NodeId, upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        let (a, b) = (graph.node(node).inputs[0], graph.node(node).inputs[1]);
        let (ta, tb) = (self.transpose_a, self.transpose_b);
        let for_a = if ta {
            graph.batch_matmul(b, upstream, tb, true)?
        } else {
            graph.batch_matmul(upstream, b, false, !tb)?
        };
        let for_b = if tb {
            graph.batch_matmul(upstream, a, true, ta)?
        } else {
            graph.batch_matmul(a, upstream, !ta, false)?
        };
        Ok(vec![Some(for_a), Some(for_b)])
    }

    fn is_linear_in(&self, _i: usize) -> bool {
        true
    }

    /// A transposed B is copied first: the kernels want the rows of B side by side.
    fn scratch_len(&self) -> usize {
        if self.transpose_b { self.b.0.saturating_mul(self.b.1) } else { 0 }
    }

    fn run(&self, call: &mut Call<'_>) {
        let ((m, _), (_, n)) = self.sizes();
        let a = call.input(0).chunks_exact(self.a.0 * self.a.1);
        let b = call.input(1).chunks_exact(self.b.0 * self.b.1);
        for ((a, b), out) in a.zip(b).zip(call.output.chunks_exact_mut(m * n)) {
            let a = Matrix::new(a, self.a.1).transposed_if(self.transpose_a);
            let b = Matrix::new(b, self.b.1).transposed_if(self.transpose_b);
            if self.transpose_b && n > 1 {
                let copy = &mut call.scratch[..self.b.0 * self.b.1];
                b.copy_to(copy);
                gemm::multiply(a, Matrix::new(copy, n), out);
            } else {
                gemm::multiply(a, b, out);
            }
        }
    }
}

impl BatchMatMul {
    /// Rows and columns of the matrices as they are multiplied.
    fn sizes(&self) -> ((usize, usize), (usize, usize)) {
        (swap_if(self.transpose_a, self.a), swap_if(self.transpose_b, self.b))
    }
}

#[cfg(test)]
mod tests {
    use crate::check::{self, Case};
    use crate::{Dim, Graph, random};

    const FORMS: [(bool, bool); 4] = [(false, false), (true, false), (false, true), (true, true)];

    fn numbers(name: &str, n: usize) -> Vec<f32> {
        let stream = random::stream(1, name);
        (0..n as u64).map(|i| random::normal(stream, i)).collect()
    }

    /// `[batch, 2, m, k]·[batch, 2, k, n]` for 3 rows of the batch, and its value by a loop.
    fn case((ta, tb): (bool, bool), (m, k, n): (usize, usize, usize)) -> (Case, Vec<f32>) {
        let (a, b) = (numbers("a", 6 * m * k), numbers("b", 6 * k * n));
        let dims = |rows, columns, transposed| {
            let (rows, columns) = if transposed { (columns, rows) } else { (rows, columns) };
            [Dim::Batch, Dim::Fixed(2), Dim::Fixed(rows), Dim::Fixed(columns)]
        };
        let at_a = |p: usize, i: usize, j: usize| a[p * m * k + if ta { j * m + i } else { i * k + j }];
        let at_b = |p: usize, i: usize, j: usize| b[p * k * n + if tb { j * k + i } else { i * n + j }];
        let number = |i: usize| {
            let (p, row, column) = (i / (m * n), i / n % m, i % n);
            (0..k).map(|j| at_a(p, row, j) * at_b(p, j, column)).sum()
        };
        let expected = (0..6 * m * n).map(number).collect();
        let inputs = [(&dims(m, k, ta)[..], &a[..]), (&dims(k, n, tb)[..], &b[..])];
        (Case::new(&inputs, |g, x| g.batch_matmul(x[0], x[1], ta, tb)), expected)
    }

    #[test]
    fn each_pair_of_matrices_has_its_product_in_every_form() {
        for form in FORMS {
            for sizes in [(1, 1, 1), (3, 1, 4), (1, 5, 1), (5, 7, 3), (17, 33, 18)] {
                let (case, expected) = case(form, sizes);
                check::close(&case.values(), &expected, 1e-5);
            }
        }
    }

    #[test]
    fn gradients_match_finite_differences_in_every_form() {
        FORMS.iter().for_each(|&form| case(form, (2, 3, 4)).0.check_gradients());
    }

    #[test]
    fn a_batch_without_rows_is_none() {
        let dims = [Dim::Batch, Dim::Fixed(2), Dim::Fixed(2)];
        let case = Case::binary((&dims, &[]), (&dims, &[]), |g, a, b| g.batch_matmul(a, b, false, true));
        assert!(case.values().is_empty());
    }

    #[test]
    fn matrices_that_do_not_fit_are_refused_by_name() {
        let mut graph = Graph::new();
        let x = graph.input("x", &[Dim::Batch, Dim::Fixed(2), Dim::Fixed(3)]).unwrap();
        let y = graph.input("y", &[Dim::Batch, Dim::Fixed(2)]).unwrap();
        let z = graph.param("z", &[2, 3]).unwrap();
        let error = graph.batch_matmul(x, x, false, false).unwrap_err().to_string();
        assert!(error.contains("`batch_matmul`") && error.contains("[batch, 2, 3]"), "{error}");
        for (a, b) in [(x, y), (y, y), (x, z), (z, x)] {
            assert!(graph.batch_matmul(a, b, false, true).is_err());
        }
        assert!(graph.batch_matmul(x, x, false, true).is_ok() && graph.batch_matmul(z, z, true, false).is_ok());
    }
}
