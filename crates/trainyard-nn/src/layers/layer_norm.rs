//! Layer normalisation.

use super::inputs_of;
use crate::{Initializer, Network, Result, error::Settings};
use trainyard_graph::NodeId;

/// `(x - μ) / √(σ² + ε)·scale + shift`, with the mean `μ` and the variance `σ²` of each row of the last axis. It is the same
/// in training and after it.
///
/// Parameters: `scale` `[width]`, which starts at 1; `shift` `[width]`, which starts at 0.
///
/// Source: Ba, Kiros and Hinton, *Layer Normalization* (2016).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayerNorm {
    /// Added to the variance. Positive; 1e-5 unless said otherwise, as in PyTorch (Keras has 1e-3).
    pub epsilon: f32,
}

impl LayerNorm {
    /// Adds the layer.
    ///
    /// # Shapes
    /// - x: `[.., width]`
    /// - returns: the same
    ///
    /// # Errors
    ///
    /// When the last axis of `x` is not fixed, `epsilon` is not positive, or the name is taken.
    pub fn apply(&self, network: &mut Network, name: &str, x: NodeId) -> Result<NodeId> {
        Settings("layer_norm").positive("epsilon", self.epsilon)?;
        let width = inputs_of(network, name, x)?;
        network.scope(name, |network| {
            let scale = network.param("scale", &[width], Initializer::Constant { value: 1.0 })?;
            let shift = network.param("shift", &[width], Initializer::Zeros)?;
            Ok(network.graph.layer_norm(x, scale, shift, self.epsilon)?)
        })
    }
}

impl Default for LayerNorm {
    fn default() -> Self {
        Self { epsilon: 1e-5 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::Built;

    fn build() -> Built {
        Built::dense(&[1.0, 2.0, 3.0, -5.0, 5.0, 15.0], 3, |network, x| LayerNorm::default().apply(network, "norm", x))
    }

    #[test]
    fn it_starts_as_the_normalised_row() {
        let unit = 1.5_f32.sqrt();
        assert_eq!(build().names(), ["norm/scale", "norm/shift"]);
        trainyard_graph::check::close(&build().values(), &[-unit, 0.0, unit, -unit, 0.0, unit], 1e-5);
    }

    #[test]
    fn scale_and_shift_are_learned() {
        let built = build().set("norm/scale", &[0.0, 5.0, 0.0]).set("norm/shift", &[1.0, 2.0, 3.0]);
        built.check(&[1.0, 2.0, 3.0, 1.0, 2.0, 3.0]);
        built.check_gradients();
    }

    #[test]
    fn an_epsilon_of_zero_is_refused() {
        let mut network = Network::new();
        let x = network.graph.param("x", &[3]).unwrap();
        let error = LayerNorm { epsilon: 0.0 }.apply(&mut network, "norm", x).unwrap_err().to_string();
        assert_eq!(error, "`epsilon` of layer_norm is 0.0; set it to a number above 0");
    }
}
