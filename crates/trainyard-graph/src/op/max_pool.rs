//! The largest number in each window.

use super::binary::larger;
use super::reduce::hand_over;
use super::{Op, Operation, Padding, Pooling};
use crate::device::Call;
use crate::{Graph, NodeId, Result, Shape, simd};
use serde::{Deserialize, Serialize};

/// The largest number of each channel in each window; NaN if one is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MaxPool {
    /// The windows.
    pub pooling: Pooling,
}

/// The gradient for `x`, from that for `y` (input 0), `x` (input 1) and `y` (input 2): each window's goes to its first number
/// that is the largest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MaxPoolGrad {
    /// The windows.
    pub pooling: Pooling,
}

impl Graph {
    /// The largest number in each window along a sequence.
    ///
    /// # Shapes
    /// - x: `[batch, length, channels]`
    /// - returns: `[batch, places, channels]`; [`Padding`] says how many places
    ///
    /// # Errors
    ///
    /// When `x` has other axes, the window is 0 or larger than the axis, or the stride is 0.
    pub fn max_pool_1d(&mut self, x: NodeId, window: usize, stride: usize, padding: Padding) -> Result<NodeId> {
        self.max_pool(x, &[window], &[stride], padding)
    }

    /// The largest number in each window of an image.
    ///
    /// # Shapes
    /// - x: `[batch, height, width, channels]`
    /// - returns: `[batch, rows, columns, channels]`; [`Padding`] says how many rows and columns
    ///
    /// # Errors
    ///
    /// When `x` has other axes, the window is 0 or larger than an axis, or a stride is 0.
    pub fn max_pool_2d(
        &mut self,
        x: NodeId,
        window: [usize; 2],
        strides: [usize; 2],
        padding: Padding,
    ) -> Result<NodeId> {
        self.max_pool(x, &window, &strides, padding)
    }

    fn max_pool(&mut self, x: NodeId, window: &[usize], strides: &[usize], padding: Padding) -> Result<NodeId> {
        let pooling = Pooling::new(self.shape(x), window, strides, padding);
        self.apply(Op::MaxPool(MaxPool { pooling }), &[x])
    }
}

impl Operation for MaxPool {
    fn name(&self) -> &'static str {
        if self.pooling.sizes.len() == 2 { "max_pool_2d" } else { "max_pool_1d" }
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        self.pooling.pooled(inputs)
    }

    fn gradient(&self, graph: &mut Graph, node: NodeId, upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        let x = graph.node(node).inputs[0];
        let op = MaxPoolGrad { pooling: self.pooling.clone() };
        Ok(vec![Some(graph.apply(Op::MaxPoolGrad(op), &[upstream, x, node])?)])
    }

    fn run(&self, call: &mut Call<'_>) {
        let (pooling, x) = (&self.pooling, call.input(0));
        let examples = call.output.chunks_exact_mut(pooling.pooled_len()).zip(x.chunks_exact(pooling.row_len()));
        simd::vectorize(
            #[inline(always)]
            || examples.for_each(|(y, x)| pool(pooling, y, x)),
        );
    }
}

#[inline(always)]
fn pool(pooling: &Pooling, y: &mut [f32], x: &[f32]) {
    let channels = pooling.channels;
    pooling.each_window(|range, covered| {
        let y = &mut y[range];
        y.copy_from_slice(&x[covered.first() * channels..(covered.first() + 1) * channels]);
        covered.each(|place| {
            let x = &x[place * channels..(place + 1) * channels];
            y.iter_mut().zip(x).for_each(|(y, &x)| *y = larger(*y, x));
        });
    });
}

impl Operation for MaxPoolGrad {
    fn name(&self) -> &'static str {
        "max_pool_grad"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        match inputs {
            [upstream, x, y] if upstream == y && self.pooling.pooled(&[x]).as_ref() == Ok(*y) => Ok((*x).clone()),
            _ => Err("a gradient, what was pooled, and to what".to_owned()),
        }
    }

    fn gradient(&self, _graph: &mut Graph, _node: NodeId, _upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        Err(super::no_gradient(self.name()))
    }

    fn scratch_len(&self) -> usize {
        self.pooling.channels
    }

    fn scratch_is_per_row(&self) -> bool {
        false
    }

    fn run(&self, call: &mut Call<'_>) {
        let (pooling, upstream, x, y) = (&self.pooling, call.input(0), call.input(1), call.input(2));
        call.output.fill(0.0);
        if upstream.is_empty() {
            return;
        }
        let left = &mut call.scratch[..pooling.channels];
        let examples = call.output.chunks_exact_mut(pooling.row_len()).zip(x.chunks_exact(pooling.row_len()));
        let pooled = upstream.chunks_exact(pooling.pooled_len()).zip(y.chunks_exact(pooling.pooled_len()));
        simd::vectorize(
            #[inline(always)]
            || {
                for ((gradient, x), (upstream, y)) in examples.zip(pooled) {
                    spread(pooling, gradient, x, upstream, y, left);
                }
            },
        );
    }
}

#[inline(always)]
fn spread(pooling: &Pooling, gradient: &mut [f32], x: &[f32], upstream: &[f32], y: &[f32], left: &mut [f32]) {
    let channels = pooling.channels;
    pooling.each_window(|range, covered| {
        left.copy_from_slice(&upstream[range.clone()]);
        covered.each(|place| {
            let at = place * channels..(place + 1) * channels;
            hand_over(&mut gradient[at.clone()], left, &x[at], &y[range.clone()]);
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dim;
    use crate::check::{self, Case};

    /// `n` numbers, none like another.
    fn numbers(n: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * 37 + 11) % 101) as f32 / 10.0 - 4.0).collect()
    }

    #[test]
    fn the_largest_of_each_window_is_taken_channel_by_channel() {
        let x = [1.0, -1.0, 3.0, -2.0, 2.0, -3.0, 0.0, 5.0];
        let case = Case::new(&[(&[Dim::Batch, Dim::Fixed(4), Dim::Fixed(2)], &x)], |g, x| {
            g.max_pool_1d(x[0], 2, 2, Padding::Valid)
        });
        check::close(&case.values(), &[3.0, -1.0, 2.0, 5.0], 0.0);
        check::close(&case.gradients()[0], &[0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0], 0.0);
    }

    #[test]
    fn beyond_the_ends_there_is_nothing() {
        let case = Case::new(&[(&[Dim::Batch, Dim::Fixed(3), Dim::Fixed(1)], &[-1.0, -2.0, -3.0])], |g, x| {
            g.max_pool_1d(x[0], 2, 2, Padding::Same)
        });
        check::close(&case.values(), &[-1.0, -3.0], 0.0);
    }

    #[test]
    fn the_first_of_equal_numbers_gets_the_gradient() {
        let case = Case::new(&[(&[Dim::Batch, Dim::Fixed(3), Dim::Fixed(1)], &[1.0, 2.0, 2.0])], |g, x| {
            g.max_pool_1d(x[0], 3, 1, Padding::Valid)
        });
        check::close(&case.gradients()[0], &[0.0, 1.0, 0.0], 0.0);
    }

    #[test]
    fn gradients_match_finite_differences() {
        for padding in [Padding::Valid, Padding::Same] {
            for (window, strides) in [([2, 2], [2, 2]), ([3, 2], [1, 2]), ([1, 3], [2, 1])] {
                let dims = [Dim::Batch, Dim::Fixed(4), Dim::Fixed(3), Dim::Fixed(2)];
                let x = numbers(3 * 24);
                Case::new(&[(&dims, &x)], |g, x| g.max_pool_2d(x[0], window, strides, padding)).check_gradients();
            }
        }
    }

    #[test]
    fn windows_that_do_not_fit_are_refused() {
        let mut graph = Graph::new();
        let x = graph.input("x", &[Dim::Batch, Dim::Fixed(4), Dim::Fixed(2)]).unwrap();
        for (window, stride) in [(5, 1), (0, 1), (2, 0), (usize::MAX, usize::MAX)] {
            assert!(graph.max_pool_1d(x, window, stride, Padding::Valid).is_err(), "{window} {stride}");
        }
        assert!(graph.max_pool_2d(x, [2, 2], [1, 1], Padding::Valid).is_err());
        assert!(graph.max_pool_1d(x, 9, 1, Padding::Same).is_err());
        assert!(graph.max_pool_1d(x, 2, usize::MAX, Padding::Same).is_ok());
    }
}
