//! Fully connected layer.

use super::inputs_of;
use crate::{Initializer, Network, Result};
use trainyard_graph::{Activation, NodeId};

/// `activation(x·w + b)`.
///
/// Parameters: `weights` `[inputs, units]`; `bias` `[units]`, which starts at 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Dense {
    /// Size of the output. Positive.
    pub units: usize,
    /// Applied at the end. Linear unless said otherwise.
    pub activation: Activation,
    /// How the weights start. Glorot uniform unless said otherwise.
    pub initializer: Initializer,
    /// Whether there is a bias. There is unless said otherwise.
    pub bias: bool,
}

impl Dense {
    /// A linear layer of `units` outputs.
    pub fn new(units: usize) -> Self {
        Self { units, activation: Activation::Linear, initializer: Initializer::GlorotUniform, bias: true }
    }

    /// The same with an activation.
    pub fn with_activation(self, activation: Activation) -> Self {
        Self { activation, ..self }
    }

    /// Adds the layer.
    ///
    /// # Shapes
    /// - x: `[batch, inputs]`
    /// - returns: `[batch, units]`
    ///
    /// # Errors
    ///
    /// When the last axis of `x` is not fixed, there are 0 units, or the name is taken.
    pub fn apply(&self, network: &mut Network, name: &str, x: NodeId) -> Result<NodeId> {
        let inputs = inputs_of(network, name, x)?;
        network.scope(name, |network| {
            let weights = network.param("weights", &[inputs, self.units], self.initializer)?;
            let bias = match self.bias {
                true => Some(network.param("bias", &[self.units], Initializer::Zeros)?),
                false => None,
            };
            Ok(network.graph.dense(x, weights, bias, self.activation)?)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::Built;

    fn build(layer: &Dense) -> Built {
        Built::dense(&[1.0, 2.0, -3.0, 0.5], 2, |network, x| layer.apply(network, "dense", x))
    }

    #[test]
    fn it_is_product_plus_bias() {
        let built = build(&Dense::new(1)).set("dense/weights", &[2.0, 3.0]).set("dense/bias", &[0.5]);
        built.check(&[8.5, -4.0]);
    }

    #[test]
    fn the_activation_comes_last() {
        let layer = Dense::new(1).with_activation(Activation::Relu);
        build(&layer).set("dense/weights", &[2.0, 3.0]).set("dense/bias", &[0.5]).check(&[8.5, 0.0]);
    }

    #[test]
    fn the_bias_may_be_left_out() {
        let built = build(&Dense { bias: false, ..Dense::new(1) }).set("dense/weights", &[2.0, 3.0]);
        built.check(&[8.0, -4.5]);
        assert_eq!(built.names(), ["dense/weights"]);
    }

    #[test]
    fn gradients_match_finite_differences() {
        build(&Dense::new(3).with_activation(Activation::Tanh)).check_gradients();
    }

    #[test]
    fn no_units_are_refused() {
        let mut network = Network::new();
        let x = network.graph.input("x", &[trainyard_graph::Dim::Batch, trainyard_graph::Dim::Fixed(2)]).unwrap();
        assert!(Dense::new(0).apply(&mut network, "dense", x).is_err());
    }

    #[test]
    fn an_input_without_a_last_axis_is_refused_by_name() {
        let mut network = Network::new();
        let x = network.graph.input("x", &[trainyard_graph::Dim::Batch]).unwrap();
        let error = Dense::new(1).apply(&mut network, "hidden", x).unwrap_err().to_string();
        let expected = "the layer `hidden` cannot take [batch]; give it a last axis of fixed size, such as [batch, 3]";
        assert_eq!(error, expected);
    }
}
