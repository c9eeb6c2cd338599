//! The mean of each window.

use super::{Op, Operation, Padding, Pooling, only};
use crate::device::Call;
use crate::{Graph, NodeId, Result, Shape, simd};
use serde::{Deserialize, Serialize};

/// The mean of each channel in each window, over the places inside alone, as in Keras (PyTorch counts those beyond the ends as
/// zeros unless told otherwise).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AveragePool {
    /// The windows.
    pub pooling: Pooling,
}

/// The gradient for `x`, from that for `y`: each window's in equal shares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AveragePoolGrad {
    /// The windows.
    pub pooling: Pooling,
}

impl Graph {
    /// The mean of each window along a sequence.
    ///
    /// # Shapes
    /// - x: `[batch, length, channels]`
    /// - returns: `[batch, places, channels]`; [`Padding`] says how many places
    ///
    /// # Errors
    ///
    /// When `x` has other axes, the window is 0 or larger than the axis, or the stride is 0.
    pub fn average_pool_1d(&mut self, x: NodeId, window: usize, stride: usize, padding: Padding) -> Result<NodeId> {
        self.average_pool(x, &[window], &[stride], padding)
    }

    /// The mean of each window of an image.
    ///
    /// # Shapes
    /// - x: `[batch, height, width, channels]`
    /// - returns: `[batch, rows, columns, channels]`; [`Padding`] says how many rows and columns
    ///
    /// # Errors
    ///
    /// When `x` has other axes, the window is 0 or larger than an axis, or a stride is 0.
    pub fn average_pool_2d(
        &mut self,
        x: NodeId,
        window: [usize; 2],
        strides: [usize; 2],
        padding: Padding,
    ) -> Result<NodeId> {
        self.average_pool(x, &window, &strides, padding)
    }

    fn average_pool(&mut self, x: NodeId, window: &[usize], strides: &[usize], padding: Padding) -> Result<NodeId> {
        let pooling = Pooling::new(self.shape(x), window, strides, padding);
        self.apply(Op::AveragePool(AveragePool { pooling }), &[x])
    }
}

impl Operation for AveragePool {
    fn name(&self) -> &'static str {
        if self.pooling.sizes.len() == 2 { "average_pool_2d" } else { "average_pool_1d" }
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        self.pooling.pooled(inputs)
    }

    fn gradient(&self, graph: &mut Graph, _node: NodeId, upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        let op = AveragePoolGrad { pooling: self.pooling.clone() };
        Ok(vec![Some(graph.apply(Op::AveragePoolGrad(op), &[upstream])?)])
    }

    fn is_linear_in(&self, _i: usize) -> bool {
        true
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
        y.fill(0.0);
        covered.each(|place| {
            let x = &x[place * channels..(place + 1) * channels];
            y.iter_mut().zip(x).for_each(|(y, x)| *y += x);
        });
        let share = 1.0 / covered.len() as f32;
        y.iter_mut().for_each(|y| *y *= share);
    });
}

impl Operation for AveragePoolGrad {
    fn name(&self) -> &'static str {
        "average_pool_grad"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        let upstream = only(inputs)?;
        let mut sizes = self.pooling.sizes.clone();
        sizes.push(self.pooling.channels);
        let x = sizes.iter().enumerate().fold(upstream.clone(), |shape, (axis, &size)| shape.with_axis(axis, size));
        if self.pooling.pooled(&[&x]).as_ref() == Ok(upstream) {
            return Ok(x);
        }
        Err("the gradient of what was pooled".to_owned())
    }

    fn gradient(&self, graph: &mut Graph, _node: NodeId, upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        let op = AveragePool { pooling: self.pooling.clone() };
        Ok(vec![Some(graph.apply(Op::AveragePool(op), &[upstream])?)])
    }

    fn is_linear_in(&self, _i: usize) -> bool {
        true
    }

    fn run(&self, call: &mut Call<'_>) {
        let (pooling, upstream) = (&self.pooling, call.input(0));
        call.output.fill(0.0);
        let examples = call.output.chunks_exact_mut(pooling.row_len()).zip(upstream.chunks_exact(pooling.pooled_len()));
        simd::vectorize(
            #[inline(always)]
            || examples.for_each(|(gradient, upstream)| spread(pooling, gradient, upstream)),
        );
    }
}

#[inline(always)]
fn spread(pooling: &Pooling, gradient: &mut [f32], upstream: &[f32]) {
    let channels = pooling.channels;
    pooling.each_window(|range, covered| {
        let share = 1.0 / covered.len() as f32;
        let upstream = &upstream[range];
        covered.each(|place| {
            let gradient = &mut gradient[place * channels..(place + 1) * channels];
            gradient.iter_mut().zip(upstream).for_each(|(sum, g)| *sum += share * g);
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dim;
    use crate::check::{self, Case};

    #[test]
    fn windows_are_averaged_channel_by_channel() {
        let x = [1.0, -1.0, 3.0, -2.0, 2.0, -3.0, 0.0, 5.0];
        let case = Case::new(&[(&[Dim::Batch, Dim::Fixed(4), Dim::Fixed(2)], &x)], |g, x| {
            g.average_pool_1d(x[0], 2, 2, Padding::Valid)
        });
        check::close(&case.values(), &[2.0, -1.5, 1.0, 1.0], 1e-6);
    }

    #[test]
    fn places_beyond_the_ends_do_not_count() {
        let case = Case::new(&[(&[Dim::Batch, Dim::Fixed(3), Dim::Fixed(1)], &[1.0, 2.0, 3.0])], |g, x| {
            g.average_pool_1d(x[0], 2, 2, Padding::Same)
        });
        check::close(&case.values(), &[1.5, 3.0], 0.0);
    }

    #[test]
    fn gradients_match_finite_differences() {
        for padding in [Padding::Valid, Padding::Same] {
            for (window, strides) in [([2, 2], [2, 2]), ([3, 2], [1, 2]), ([1, 3], [2, 1])] {
                let dims = [Dim::Batch, Dim::Fixed(4), Dim::Fixed(3), Dim::Fixed(2)];
                let x: Vec<f32> = (0..72).map(|i| (i % 7) as f32 - 3.0).collect();
                Case::new(&[(&dims, &x)], |g, x| g.average_pool_2d(x[0], window, strides, padding)).check_gradients();
            }
        }
    }

    #[test]
    fn windows_that_do_not_fit_are_refused() {
        let mut graph = Graph::new();
        let x = graph.input("x", &[Dim::Batch, Dim::Fixed(4), Dim::Fixed(2)]).unwrap();
        assert!(graph.average_pool_1d(x, 5, 1, Padding::Valid).is_err());
        assert!(graph.average_pool_1d(x, 0, 1, Padding::Same).is_err());
        assert!(graph.average_pool_1d(x, 2, 0, Padding::Same).is_err());
    }
}
