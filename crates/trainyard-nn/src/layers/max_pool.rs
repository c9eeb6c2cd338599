//! Maximum pooling.

use crate::{Network, Result};
use trainyard_graph::{NodeId, Padding};

/// The largest number of each channel in each window along a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxPool1d {
    /// Places in a window, from 1 to the length of the sequence.
    pub window: usize,
    /// Places from one window to the next. Those of a window unless said otherwise.
    pub stride: usize,
    /// What happens at the ends. Windows lie inside unless said otherwise.
    pub padding: Padding,
}

impl MaxPool1d {
    /// Windows of `window` places, side by side.
    pub fn new(window: usize) -> Self {
        Self { window, stride: window, padding: Padding::Valid }
    }

    /// Adds the layer.
    ///
    /// # Shapes
    /// - x: `[batch, length, channels]`
    /// - returns: `[batch, places, channels]`
    ///
    /// # Errors
    ///
    /// When `x` has other axes, the window does not fit, or the stride is 0.
    pub fn apply(&self, network: &mut Network, name: &str, x: NodeId) -> Result<NodeId> {
        network.scope(name, |network| Ok(network.graph.max_pool_1d(x, self.window, self.stride, self.padding)?))
    }
}

/// The largest number of each channel in each window of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxPool2d {
    /// Rows and columns of a window, from 1 to those of the image.
    pub window: [usize; 2],
    /// Rows and columns from one window to the next. Those of a window unless said otherwise.
    pub strides: [usize; 2],
    /// What happens at the edges. Windows lie inside unless said otherwise.
    pub padding: Padding,
}

impl MaxPool2d {
    /// Windows of `window` rows and as many columns, side by side.
    pub fn new(window: usize) -> Self {
        Self { window: [window; 2], strides: [window; 2], padding: Padding::Valid }
    }

    /// Adds the layer.
    ///
    /// # Shapes
    /// - x: `[batch, height, width, channels]`
    /// - returns: `[batch, rows, columns, channels]`
    ///
    /// # Errors
    ///
    /// When `x` has other axes, the window does not fit, or a stride is 0.
    pub fn apply(&self, network: &mut Network, name: &str, x: NodeId) -> Result<NodeId> {
        network.scope(name, |network| Ok(network.graph.max_pool_2d(x, self.window, self.strides, self.padding)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::Built;

    const X: [f32; 8] = [1.0, 8.0, 3.0, -2.0, 2.0, 0.0, 7.0, 5.0];

    #[test]
    fn windows_of_a_sequence_lie_side_by_side() {
        let layer = MaxPool1d::new(2);
        Built::axes(&X, &[4, 2], |network, x| layer.apply(network, "pool", x)).check(&[3.0, 8.0, 7.0, 5.0]);
    }

    #[test]
    fn windows_of_an_image_may_reach_over_its_edges() {
        let layer = MaxPool2d { padding: Padding::Same, ..MaxPool2d::new(2) };
        Built::axes(&X[..6], &[2, 3, 1], |network, x| layer.apply(network, "pool", x)).check(&[8.0, 3.0]);
    }

    #[test]
    fn gradients_match_finite_differences() {
        Built::axes(&X, &[4, 2], |network, x| MaxPool1d::new(2).apply(network, "pool", x)).check_gradients();
        let layer = MaxPool2d { padding: Padding::Same, ..MaxPool2d::new(2) };
        Built::axes(&X[..6], &[2, 3, 1], |network, x| layer.apply(network, "pool", x)).check_gradients();
    }

    #[test]
    fn a_window_that_does_not_fit_is_refused_by_name() {
        let mut network = Network::new();
        let x = network.graph.param("x", &[3, 2]).unwrap();
        let error = MaxPool1d::new(4).apply(&mut network, "narrow", x).unwrap_err().to_string();
        assert!(error.contains("`narrow`"), "{error}");
    }
}
