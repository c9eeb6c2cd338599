//! Several dense layers in a row.

use super::{Dense, Dropout};
use crate::{Initializer, Network, Result};
use trainyard_graph::{Activation, NodeId};

/// Multi-layer perceptron: hidden [`Dense`] layers, each followed by [`Dropout`]. The output layer is the caller's.
///
/// Parameters: those of the layers `hidden_1`, `hidden_2` and so on.
#[derive(Debug, Clone, PartialEq)]
pub struct Mlp {
    /// Sizes of the hidden layers, first to last. With none of them the input passes as it is.
    pub units: Vec<usize>,
    /// Activation of each layer. ReLU unless said otherwise.
    pub activation: Activation,
    /// Share of values dropped behind each layer, in `[0, 1)`. 0 unless said otherwise.
    pub dropout: f32,
    /// How the weights start. Glorot uniform unless said otherwise.
    pub initializer: Initializer,
}

impl Mlp {
    /// Hidden layers of these sizes.
    pub fn new(units: impl Into<Vec<usize>>) -> Self {
        let initializer = Initializer::GlorotUniform;
        Self { units: units.into(), activation: Activation::Relu, dropout: 0.0, initializer }
    }

    /// Adds the layers.
    ///
    /// # Shapes
    /// - x: `[batch, inputs]`
    /// - returns: `[batch, last of units]`
    ///
    /// # Errors
    ///
    /// As [`Dense::apply`] and [`Dropout::apply`].
    pub fn apply(&self, network: &mut Network, name: &str, x: NodeId) -> Result<NodeId> {
        network.scope(name, |network| {
            self.units.iter().enumerate().try_fold(x, |x, (i, &units)| self.layer(network, i + 1, units, x))
        })
    }

    fn layer(&self, network: &mut Network, number: usize, units: usize, x: NodeId) -> Result<NodeId> {
        let dense = Dense { initializer: self.initializer, ..Dense::new(units).with_activation(self.activation) };
        let y = dense.apply(network, &format!("hidden_{number}"), x)?;
        Dropout::new(self.dropout).apply(network, &format!("dropout_{number}"), y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::Built;

    fn build(mlp: &Mlp) -> Built {
        Built::dense(&[1.0, 2.0, -3.0, 0.5], 2, |network, x| mlp.apply(network, "deep", x))
    }

    #[test]
    fn layers_follow_each_other() {
        let built = build(&Mlp::new([1, 2])).set("deep/hidden_1/weights", &[2.0, 3.0]);
        built
            .set("deep/hidden_2/weights", &[1.0, -1.0])
            .set("deep/hidden_2/bias", &[0.0, 10.0])
            .check(&[8.0, 2.0, 0.0, 10.0]);
    }

    #[test]
    fn no_layers_pass_the_input() {
        build(&Mlp::new([])).check(&[1.0, 2.0, -3.0, 0.5]);
    }

    #[test]
    fn gradients_match_finite_differences() {
        build(&Mlp { activation: Activation::Tanh, ..Mlp::new([3, 2]) }).check_gradients();
    }

    #[test]
    fn dropout_is_for_training() {
        let mlp = Mlp { dropout: 0.5, ..Mlp::new([50]) };
        let built = build(&mlp).set("deep/hidden_1/bias", &[100.0; 50]);
        assert!(!built.values().contains(&0.0) && built.values_in_training().contains(&0.0));
    }
}
