//! Axes in another order.

use super::{Op, Operation, only};
use crate::device::Call;
use crate::{Dim, Graph, NodeId, Result, Shape, simd};
use serde::{Deserialize, Serialize};

/// The axes of a value in another order. The batch stays first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Transpose {
    /// Sizes of the input's axes, without the batch.
    pub sizes: Vec<usize>,
    /// For each axis of the value the input's axis that it is, without the batch.
    pub axes: Vec<usize>,
}

impl Graph {
    /// `x` with its axes, counted without the batch, in the order `axes`.
    ///
    /// # Shapes
    /// - x: `[batch?, d0, d1, ..]`
    /// - returns: `[batch?, d(axes[0]), d(axes[1]), ..]`
    ///
    /// # Errors
    ///
    /// When `axes` does not name every axis once.
    pub fn transpose(&mut self, x: NodeId, axes: &[usize]) -> Result<NodeId> {
        let sizes = fixed_sizes(self.shape(x));
        self.apply(Op::Transpose(Transpose { sizes, axes: axes.to_vec() }), &[x])
    }
}

fn fixed_sizes(shape: &Shape) -> Vec<usize> {
    shape.dims().iter().filter_map(|dim| if let Dim::Fixed(size) = dim { Some(*size) } else { None }).collect()
}

impl Operation for Transpose {
    fn name(&self) -> &'static str {
        "transpose"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        let shape = only(inputs)?;
        let mut sorted = self.axes.clone();
        sorted.sort_unstable();
        if shape.table().is_some() || fixed_sizes(shape) != self.sizes || !sorted.into_iter().eq(0..self.sizes.len()) {
            return Err(format!("{} axes beside the batch, each named once", self.sizes.len()));
        }
        let batch = shape.has_batch().then_some(Dim::Batch);
        Ok(Shape::new(batch.into_iter().chain(self.value_sizes().map(Dim::Fixed)).collect::<Vec<_>>()))
    }

    fn gradient(&self, graph: &mut Graph, _node: NodeId, upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        let mut back = vec![0; self.axes.len()];
        self.axes.iter().enumerate().for_each(|(to, &from)| back[from] = to);
        Ok(vec![Some(graph.transpose(upstream, &back)?)])
    }

    fn is_linear_in(&self, _i: usize) -> bool {
        true
    }

    fn run(&self, call: &mut Call<'_>) {
        let row_len: usize = self.sizes.iter().product();
        let x = call.input(0);
        for (from, to) in x.chunks_exact(row_len).zip(call.output.chunks_exact_mut(row_len)) {
            self.copy(from, to, 0, 0);
        }
    }
}

impl Transpose {
    fn value_sizes(&self) -> impl Iterator<Item = usize> + '_ {
        self.axes.iter().map(|&axis| self.sizes[axis])
    }

    /// Distance in the input between neighbours along the value's axis `i`.
    fn stride(&self, i: usize) -> usize {
        self.sizes[self.axes[i] + 1..].iter().product()
    }

    /// Fills `to`, the part of the value from axis `axis` on, whose first number is at `start` in the input.
    fn copy(&self, from: &[f32], to: &mut [f32], axis: usize, start: usize) {
        let rest = self.axes.len() - axis;
        let whole = (axis..self.axes.len()).all(|i| self.axes[i] == i);
        if whole {
            return to.copy_from_slice(&from[start..start + to.len()]);
        }
        let (size, stride) = (self.sizes[self.axes[axis]], self.stride(axis));
        if rest == 1 {
            to.iter_mut().enumerate().for_each(|(i, y)| *y = from[start + i * stride]);
        } else if rest == 2 {
            self.copy_matrix(from, to, axis, start);
        } else {
            let part = to.len() / size;
            to.chunks_exact_mut(part).enumerate().for_each(|(i, to)| self.copy(from, to, axis + 1, start + i * stride));
        }
    }

    /// As [`copy`](Self::copy) for the last two axes, in squares that stay in registers or in cache.
    fn copy_matrix(&self, from: &[f32], to: &mut [f32], axis: usize, start: usize) {
        let columns = self.sizes[self.axes[axis + 1]];
        let (down, right) = (self.stride(axis), self.stride(axis + 1));
        simd::vectorize(
            #[inline(always)]
            || {
                for (square, to) in to.chunks_mut(SIDE * columns).enumerate() {
                    copy_rows(&from[start + square * SIDE * down..], to, columns, (down, right));
                }
            },
        );
    }
}

/// Rows of the value that a square is high.
const SIDE: usize = 8;

/// Fills the rows of `to`, at most [`SIDE`] of them, whose numbers lie in `from` at the strides `down` and `right`.
#[inline(always)]
fn copy_rows(from: &[f32], to: &mut [f32], columns: usize, (down, right): (usize, usize)) {
    let whole = if to.len() == SIDE * columns && down == 1 { columns - columns % simd::SQUARE } else { 0 };
    for left in (0..whole).step_by(simd::SQUARE) {
        for top in (0..SIDE).step_by(simd::SQUARE) {
            let square = simd::transpose(&from[left * right + top..], right);
            for (i, row) in square.iter().enumerate() {
                to[(top + i) * columns + left..][..simd::SQUARE].copy_from_slice(row);
            }
        }
    }
    for (i, row) in to.chunks_exact_mut(columns).enumerate() {
        for (j, y) in row.iter_mut().enumerate().skip(whole) {
            *y = from[i * down + j * right];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{self, Case};

    fn case(sizes: &[usize], axes: &'static [usize]) -> Case {
        let dims: Vec<Dim> = [Dim::Batch].into_iter().chain(sizes.iter().map(|&size| Dim::Fixed(size))).collect();
        let values: Vec<f32> = (0..2 * sizes.iter().product::<usize>()).map(|i| i as f32).collect();
        Case::new(&[(&dims, &values)], |g, x| g.transpose(x[0], axes))
    }

    #[test]
    fn a_matrix_turns_row_by_row_of_the_batch() {
        let case = case(&[2, 3], &[1, 0]);
        check::close(&case.values(), &[0.0, 3.0, 1.0, 4.0, 2.0, 5.0, 6.0, 9.0, 7.0, 10.0, 8.0, 11.0], 0.0);
        case.check_gradients();
    }

    #[test]
    fn every_order_of_three_axes_is_right() {
        let (a, b, c) = (17, 3, 19);
        for axes in [&[0, 1, 2], &[0, 2, 1], &[1, 0, 2], &[1, 2, 0], &[2, 0, 1], &[2, 1, 0]] {
            let sizes = [a, b, c];
            let mut expected = Vec::new();
            for row in 0..2 {
                for i in 0..sizes[axes[0]] {
                    for j in 0..sizes[axes[1]] {
                        for k in 0..sizes[axes[2]] {
                            let mut at = [0; 3];
                            (at[axes[0]], at[axes[1]], at[axes[2]]) = (i, j, k);
                            expected.push((((row * a + at[0]) * b + at[1]) * c + at[2]) as f32);
                        }
                    }
                }
            }
            assert_eq!(case(&sizes, axes).values(), expected, "{axes:?}");
        }
    }

    #[test]
    fn each_axis_must_be_named_once() {
        let mut graph = Graph::new();
        let x = graph.input("x", &[Dim::Batch, Dim::Fixed(2), Dim::Fixed(3)]).unwrap();
        for axes in [&[0][..], &[0, 0], &[0, 2], &[0, 1, 2]] {
            assert!(graph.transpose(x, axes).is_err(), "{axes:?}");
        }
    }
}
