//! Convolutional layers.

use crate::error::Settings;
use crate::{Error, Initializer, Network, Result};
use trainyard_graph::{Activation, ConvPadding, Dim, NodeId, Windows};

/// A convolution along a sequence: `activation(w·window + b)` of each window of neighbouring places.
///
/// Parameters: `weights` `[window, channels / groups, filters]`; `bias` `[filters]`, which starts at 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Conv1d {
    /// Size of the output at each window. Positive, and a multiple of `groups`.
    pub filters: usize,
    /// Places in a window. Positive.
    pub window: usize,
    /// Places from one window to the next. Positive, 1 unless said otherwise.
    pub stride: usize,
    /// Places from one number of a window to the next. Positive, 1 unless said otherwise.
    pub dilation: usize,
    /// Zeros around the sequence. None unless said otherwise.
    pub padding: ConvPadding<1>,
    /// Groups of neighbouring channels, each of which has filters of its own; as many as channels for a depthwise convolution.
    /// Divides channels and filters, 1 unless said otherwise.
    pub groups: usize,
    /// Applied at the end. Linear unless said otherwise.
    pub activation: Activation,
    /// How the weights start. Glorot uniform unless said otherwise.
    pub initializer: Initializer,
    /// Whether there is a bias. There is unless said otherwise.
    pub bias: bool,
}

/// A convolution over an image: `activation(w·window + b)` of each window of neighbouring places.
///
/// Parameters: `weights` `[window height, window width, channels / groups, filters]`; `bias` `[filters]`, which starts at 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Conv2d {
    /// Size of the output at each window. Positive, and a multiple of `groups`.
    pub filters: usize,
    /// Rows and columns of a window. Positive.
    pub window: [usize; 2],
    /// Rows and columns from one window to the next. Positive, 1 unless said otherwise.
    pub strides: [usize; 2],
    /// Rows and columns from one number of a window to the next. Positive, 1 unless said otherwise.
    pub dilations: [usize; 2],
    /// Zeros around the image. None unless said otherwise.
    pub padding: ConvPadding<2>,
    /// Groups of neighbouring channels, each of which has filters of its own; as many as channels for a depthwise convolution.
    /// Divides channels and filters, 1 unless said otherwise.
    pub groups: usize,
    /// Applied at the end. Linear unless said otherwise.
    pub activation: Activation,
    /// How the weights start. Glorot uniform unless said otherwise.
    pub initializer: Initializer,
    /// Whether there is a bias. There is unless said otherwise.
    pub bias: bool,
}

impl Conv1d {
    /// A linear layer of `filters` filters over windows of `window` places.
    pub fn new(filters: usize, window: usize) -> Self {
        Self {
            filters,
            window,
            stride: 1,
            dilation: 1,
            padding: ConvPadding::Valid,
            groups: 1,
            activation: Activation::Linear,
            initializer: Initializer::GlorotUniform,
            bias: true,
        }
    }

    /// The same with an activation.
    pub fn with_activation(self, activation: Activation) -> Self {
        Self { activation, ..self }
    }

    /// Adds the layer.
    ///
    /// # Shapes
    /// - x: `[batch, length, channels]`
    /// - returns: `[batch, windows, filters]`
    ///
    /// # Errors
    ///
    /// When `x` has other axes, a setting is out of its range, no window has room, or the name is taken.
    pub fn apply(&self, network: &mut Network, name: &str, x: NodeId) -> Result<NodeId> {
        let [_, channels] = sizes_of(network, name, x, "[batch, length, channels], such as [batch, 100, 16]")?;
        let shape = [self.window, group_channels("conv1d", channels, self.groups)?, self.filters];
        let windows = Windows { strides: [self.stride], dilations: [self.dilation], padding: self.padding };
        network.scope(name, |network| {
            let (weights, bias) = params(network, &shape, self.initializer, self.bias)?;
            Ok(network.graph.conv1d(x, weights, bias, &windows, self.activation)?)
        })
    }
}

impl Conv2d {
    /// A linear layer of `filters` filters over windows of `window` rows and as many columns.
    pub fn new(filters: usize, window: usize) -> Self {
        Self {
            filters,
            window: [window; 2],
            strides: [1; 2],
            dilations: [1; 2],
            padding: ConvPadding::Valid,
            groups: 1,
            activation: Activation::Linear,
            initializer: Initializer::GlorotUniform,
            bias: true,
        }
    }

    /// The same with an activation.
    pub fn with_activation(self, activation: Activation) -> Self {
        Self { activation, ..self }
    }

    /// Adds the layer.
    ///
    /// # Shapes
    /// - x: `[batch, height, width, channels]`
    /// - returns: `[batch, windows down, windows right, filters]`
    ///
    /// # Errors
    ///
    /// When `x` has other axes, a setting is out of its range, no window has room, or the name is taken.
    pub fn apply(&self, network: &mut Network, name: &str, x: NodeId) -> Result<NodeId> {
        let [.., channels] =
            sizes_of::<3>(network, name, x, "[batch, height, width, channels], such as [batch, 28, 28, 1]")?;
        let [down, right] = self.window;
        let shape = [down, right, group_channels("conv2d", channels, self.groups)?, self.filters];
        let windows = Windows { strides: self.strides, dilations: self.dilations, padding: self.padding };
        network.scope(name, |network| {
            let (weights, bias) = params(network, &shape, self.initializer, self.bias)?;
            Ok(network.graph.conv2d(x, weights, bias, &windows, self.activation)?)
        })
    }
}

/// The sizes of the `N` axes of a layer's input behind the batch.
fn sizes_of<const N: usize>(network: &Network, layer: &str, x: NodeId, expected: &'static str) -> Result<[usize; N]> {
    let shape = network.graph.shape(x);
    let size = |dim: &Dim| if let Dim::Fixed(size) = dim { Some(*size) } else { None };
    let sizes: Vec<usize> = shape.dims().iter().skip(1).filter_map(size).collect();
    let refuse = |_| Error::Shape { part: format!("the layer `{layer}`"), shapes: shape.to_string(), expected };
    sizes.try_into().map_err(refuse)
}

/// The channels of a group.
fn group_channels(part: &'static str, channels: usize, groups: usize) -> Result<usize> {
    let divides = groups > 0 && channels.is_multiple_of(groups);
    Settings(part).require(divides, "groups", groups, "a number that divides channels and filters")?;
    Ok(channels / groups)
}

/// The weights, `[.., filters]`, and the bias if there is one.
fn params(
    network: &mut Network,
    shape: &[usize],
    initializer: Initializer,
    bias: bool,
) -> Result<(NodeId, Option<NodeId>)> {
    let weights = network.param("weights", shape, initializer)?;
    let filters = shape.last().copied().unwrap_or(0);
    let bias = if bias { Some(network.param("bias", &[filters], Initializer::Zeros)?) } else { None };
    Ok((weights, bias))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::Built;

    const X: [f32; 12] = [1.0, 2.0, -3.0, 0.5, 4.0, -1.0, 2.0, 0.0, 1.5, -2.0, 3.0, 1.0];

    fn sequence(layer: &Conv1d) -> Built {
        Built::axes(&X, &[3, 2], |network, x| layer.apply(network, "conv", x))
    }

    fn image(layer: &Conv2d) -> Built {
        Built::axes(&X, &[2, 3, 1], |network, x| layer.apply(network, "conv", x))
    }

    #[test]
    fn windows_of_a_sequence_give_one_number_a_filter() {
        let built = sequence(&Conv1d::new(1, 2)).set("conv/weights", &[1.0, 10.0, 100.0, 0.0]).set("conv/bias", &[0.5]);
        built.check(&[-278.5, 402.5, 152.5, 282.0]);
    }

    #[test]
    fn windows_of_an_image_give_one_number_a_filter() {
        let layer = Conv2d { padding: ConvPadding::Same, strides: [2, 2], bias: false, ..Conv2d::new(1, 2) };
        let built = image(&layer).set("conv/weights", &[1.0, 10.0, 100.0, 1000.0]);
        built.check(&[4071.0, -103.0, 2802.0, 101.5]);
        assert_eq!(built.names(), ["conv/weights"]);
    }

    #[test]
    fn the_activation_comes_last() {
        let layer = Conv1d { stride: 2, ..Conv1d::new(1, 1).with_activation(Activation::Relu) };
        let built = sequence(&layer).set("conv/weights", &[1.0, -1.0]).set("conv/bias", &[-0.5]);
        built.check(&[0.0, 4.5, 1.5, 1.5]);
    }

    #[test]
    fn groups_have_filters_of_their_own() {
        let layer = Conv1d { groups: 2, ..Conv1d::new(2, 3) };
        sequence(&layer).set("conv/weights", &[1.0; 6]).check(&[2.0, 1.5, 6.5, -1.0]);
        let layer = Conv2d { groups: 3, ..Conv2d::new(3, 1) };
        let built = Built::axes(&X, &[2, 2, 3], |network, x| layer.apply(network, "conv", x));
        let halved: Vec<f32> = X.iter().enumerate().map(|(i, x)| x * [1.0, 0.5, -1.0][i % 3]).collect();
        built.set("conv/weights", &[1.0, 0.5, -1.0]).check(&halved);
    }

    #[test]
    fn gradients_match_finite_differences() {
        let layer = Conv1d { dilation: 2, padding: ConvPadding::Same, ..Conv1d::new(3, 2) };
        sequence(&layer.with_activation(Activation::Tanh)).check_gradients();
        let layer = Conv2d { padding: ConvPadding::Explicit([(1, 0), (0, 2)]), ..Conv2d::new(2, 2) };
        image(&layer.with_activation(Activation::Sigmoid)).check_gradients();
    }

    #[test]
    fn inputs_of_other_axes_are_refused_by_name() {
        let mut network = Network::new();
        let x = network.graph.input("x", &[Dim::Batch, Dim::Fixed(8)]).unwrap();
        let error = Conv1d::new(1, 3).apply(&mut network, "stem", x).unwrap_err().to_string();
        assert!(
            error.starts_with("the layer `stem` cannot take [batch, 8]; give it [batch, length, channels]"),
            "{error}"
        );
        assert!(Conv2d::new(1, 3).apply(&mut network, "stem", x).is_err());
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        let refused = |layer: Conv1d, part: &str| {
            let mut network = Network::new();
            let x = network.graph.input("x", &[Dim::Batch, Dim::Fixed(3), Dim::Fixed(4)]).unwrap();
            let error = layer.apply(&mut network, "conv", x).unwrap_err().to_string();
            assert!(error.contains(part), "{error} lacks {part}");
        };
        refused(Conv1d { groups: 3, ..Conv1d::new(3, 2) }, "`groups` of conv1d is 3");
        refused(Conv1d { groups: 0, ..Conv1d::new(3, 2) }, "`groups` of conv1d is 0");
        refused(Conv1d { groups: 2, ..Conv1d::new(3, 2) }, "divides 4 channels and 3 filters");
        refused(Conv1d { stride: 0, ..Conv1d::new(3, 2) }, "1 or more along the length");
        refused(Conv1d::new(3, 4), "at most 3 along the length");
        refused(Conv1d::new(0, 1), "conv/weights");
    }
}
