//! Batch normalisation.

use super::inputs_of;
use crate::{Initializer, Network, Result, STATISTICS_GROUP, error::Settings};
use trainyard_graph::{NodeId, op::BatchNormParams};

/// `(x - μ) / √(σ² + ε)·scale + shift`, with the mean `μ` and the variance `σ²` of each channel, the last axis: in training
/// those of the micro-batch (see [`BatchNorm`](trainyard_graph::op::BatchNorm) for why), after it their moving averages.
///
/// Parameters: `scale` `[channels]`, which starts at 1; `shift` `[channels]`, which starts at 0; and, of the group
/// [`STATISTICS_GROUP`], `moving_mean` `[channels]`, which starts at 0, and `moving_variance` `[channels]`, which starts at 1.
/// A store moves these by plain gradient descent: its learning rate is 1 less the momentum of the moving average.
///
/// Source: Ioffe and Szegedy, *Batch Normalization* (2015).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchNorm {
    /// Added to the variance. Positive; 1e-3 unless said otherwise, as in Keras (PyTorch has 1e-5).
    pub epsilon: f32,
}

impl BatchNorm {
    /// Adds the layer.
    ///
    /// # Shapes
    /// - x: `[batch, .., channels]`
    /// - returns: the same
    ///
    /// # Errors
    ///
    /// When `x` has no batch or no last axis of fixed size, `epsilon` is not positive, or the name is taken.
    pub fn apply(&self, network: &mut Network, name: &str, x: NodeId) -> Result<NodeId> {
        Settings("batch_norm").positive("epsilon", self.epsilon)?;
        let channels = inputs_of(network, name, x)?;
        let one = Initializer::Constant { value: 1.0 };
        network.scope(name, |network| {
            let scale = network.param("scale", &[channels], one)?;
            let shift = network.param("shift", &[channels], Initializer::Zeros)?;
            let (moving_mean, moving_variance) = network.group(STATISTICS_GROUP, |network| {
                let mean = network.param("moving_mean", &[channels], Initializer::Zeros)?;
                Ok::<_, crate::Error>((mean, network.param("moving_variance", &[channels], one)?))
            })?;
            let params = BatchNormParams { scale, shift, moving_mean, moving_variance };
            Ok(network.graph.batch_norm(x, params, self.epsilon)?)
        })
    }
}

impl Default for BatchNorm {
    fn default() -> Self {
        Self { epsilon: 1e-3 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MAIN_GROUP;
    use crate::layers::testing::Built;
    use trainyard_graph::{Mode, check};

    fn build() -> Built {
        Built::dense(&[1.0, -8.0, 3.0, -4.0], 2, |network, x| BatchNorm { epsilon: 1e-6 }.apply(network, "norm", x))
    }

    #[test]
    fn training_normalises_by_the_batch() {
        check::close(&build().values_in_training(), &[-1.0, -1.0, 1.0, 1.0], 1e-5);
    }

    #[test]
    fn serving_normalises_by_the_moving_statistics() {
        build().check(&[1.0, -8.0, 3.0, -4.0].map(|x| x / (1.0_f32 + 1e-6).sqrt()));
        let built = build().set("norm/moving_mean", &[2.0, -6.0]).set("norm/moving_variance", &[4.0, 1.0]);
        check::close(&built.values(), &[-0.5, -2.0, 0.5, 2.0], 1e-5);
    }

    #[test]
    fn gradients_match_finite_differences() {
        let x = [1.0, -8.0, 3.0, -4.0, 0.5, 2.0, -1.0, 6.0, 2.5, -3.0];
        // Squares of normalised numbers alone add up to the same whatever comes in.
        let built = Built::dense(&x, 2, |network, x| {
            let normalised = BatchNorm::default().apply(network, "norm", x)?;
            Ok(network.graph.mul(normalised, x)?)
        });
        let statistics = ["norm/moving_mean", "norm/moving_variance"];
        for mode in [Mode::Inference, Mode::Training { seed: 1, step: 1 }] {
            built.check_gradients_in(mode, &statistics);
        }
    }

    #[test]
    fn moving_statistics_are_of_a_group_of_their_own() {
        let mut network = Network::new();
        let x = network.graph.input("x", &[trainyard_graph::Dim::Batch, trainyard_graph::Dim::Fixed(2)]).unwrap();
        BatchNorm::default().apply(&mut network, "norm", x).unwrap();
        let groups: Vec<&str> = network.params.iter().map(|spec| spec.group.as_str()).collect();
        assert_eq!(groups, [MAIN_GROUP, MAIN_GROUP, STATISTICS_GROUP, STATISTICS_GROUP]);
        assert_eq!(build().names(), ["norm/scale", "norm/shift", "norm/moving_mean", "norm/moving_variance"]);
    }

    #[test]
    fn a_value_without_batch_is_refused_by_name() {
        let mut network = Network::new();
        let x = network.graph.param("x", &[3]).unwrap();
        let error = BatchNorm::default().apply(&mut network, "norm", x).unwrap_err().to_string();
        assert!(error.contains("`norm`"), "{error}");
    }
}
