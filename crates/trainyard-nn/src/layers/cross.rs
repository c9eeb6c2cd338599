//! Cross network.

use super::inputs_of;
use crate::{Initializer, Network, Result};
use trainyard_graph::{Activation, NodeId};

/// Products of features, one degree more with each layer: `xₗ₊₁ = x₀ ∘ (xₗ·Wₗ + bₗ) + xₗ`, where `∘` multiplies element
/// by element.
///
/// Parameters of layer `l`, from 1: `weights_l` `[inputs, inputs]`, `bias_l` `[inputs]`.
///
/// Source: Wang and others, *DCN V2: Improved Deep & Cross Network* (2021), equation 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Cross {
    /// Number of layers; the products have one factor more. With none of them the input passes as it is.
    pub layers: usize,
    /// How the weights start. Glorot uniform unless said otherwise.
    pub initializer: Initializer,
}

impl Cross {
    /// A cross network of this many layers.
    pub fn new(layers: usize) -> Self {
        Self { layers, initializer: Initializer::GlorotUniform }
    }

    /// Adds the layers.
    ///
    /// # Shapes
    /// - x: `[batch, inputs]`
    /// - returns: `[batch, inputs]`
    ///
    /// # Errors
    ///
    /// When the last axis of `x` is not fixed, or the name is taken.
    pub fn apply(&self, network: &mut Network, name: &str, x: NodeId) -> Result<NodeId> {
        let inputs = inputs_of(network, name, x)?;
        network.scope(name, |network| {
            (1..=self.layers).try_fold(x, |y, layer| {
                let weights = network.param(&format!("weights_{layer}"), &[inputs, inputs], self.initializer)?;
                let bias = network.param(&format!("bias_{layer}"), &[inputs], Initializer::Zeros)?;
                let mixed = network.graph.dense(y, weights, Some(bias), Activation::Linear)?;
                let crossed = network.graph.mul(x, mixed)?;
                Ok(network.graph.add(crossed, y)?)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::Built;

    fn build(layers: usize) -> Built {
        Built::dense(&[1.0, 2.0, -3.0, 0.5], 2, |network, x| Cross::new(layers).apply(network, "cross", x))
    }

    #[test]
    fn one_layer_multiplies_pairs() {
        // Weights that swap the two numbers: x + x ∘ (swapped + bias).
        let built = build(1).set("cross/weights_1", &[0.0, 1.0, 1.0, 0.0]).set("cross/bias_1", &[0.0, 10.0]);
        built.check(&[3.0, 24.0, -4.5, 4.0]);
    }

    #[test]
    fn no_layers_pass_the_input() {
        build(0).check(&[1.0, 2.0, -3.0, 0.5]);
    }

    #[test]
    fn gradients_match_finite_differences() {
        build(2).check_gradients();
    }
}
