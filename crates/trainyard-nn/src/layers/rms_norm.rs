//! Normalisation by the root of the mean square.

use super::inputs_of;
use crate::{Initializer, Network, Result, error::Settings};
use trainyard_graph::NodeId;

/// `x / √(mean(x²) + ε)·scale` of each row of the last axis: [`LayerNorm`](super::LayerNorm) without the mean and the shift, which
/// costs less and, in transformers, trains as well. It is the same in training and after it.
///
/// Parameter: `scale` `[width]`, which starts at 1.
///
/// Source: Zhang and Sennrich, *Root Mean Square Layer Normalization* (2019).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RmsNorm {
    /// Added to the mean square. Positive; 1e-6 unless said otherwise, as in Keras.
    pub epsilon: f32,
}

impl RmsNorm {
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
        Settings("rms_norm").positive("epsilon", self.epsilon)?;
        let width = inputs_of(network, name, x)?;
        let shape = network.graph.shape(x);
        let last = shape.rank() - 1 - usize::from(shape.has_batch());
        network.scope(name, |network| {
            let scale = network.param("scale", &[width], Initializer::Constant { value: 1.0 })?;
            let graph = &mut network.graph;
            let squares = graph.square(x)?;
            let mean = graph.mean_axes(squares, &[last], true)?;
            let mean = graph.affine(mean, 1.0, self.epsilon)?;
            let root = graph.sqrt(mean)?;
            let normalised = graph.div(x, root)?;
            Ok(graph.mul(normalised, scale)?)
        })
    }
}

impl Default for RmsNorm {
    fn default() -> Self {
        Self { epsilon: 1e-6 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::Built;

    fn build() -> Built {
        Built::dense(&[3.0, -4.0, 0.5, 0.5], 2, |network, x| RmsNorm::default().apply(network, "norm", x))
    }

    /// 3 / √12.5 and -4 / √12.5; of equal numbers 1.
    #[test]
    fn it_starts_as_the_row_by_its_root_mean_square() {
        assert_eq!(build().names(), ["norm/scale"]);
        trainyard_graph::check::close(&build().values(), &[0.848_528_1, -1.131_370_9, 0.999_998, 0.999_998], 1e-6);
    }

    #[test]
    fn the_scale_is_learned() {
        let built = build().set("norm/scale", &[2.0, -1.0]);
        trainyard_graph::check::close(&built.values(), &[1.697_056_3, 1.131_370_9, 1.999_996, -0.999_998], 1e-6);
        built.check_gradients();
    }

    #[test]
    fn every_axis_but_the_last_is_a_row() {
        let steps =
            Built::axes(&[3.0, -4.0, 0.5, 0.5], &[2, 2], |network, x| RmsNorm::default().apply(network, "norm", x));
        trainyard_graph::check::close(&steps.values(), &build().values(), 1e-7);
        steps.check_gradients();
    }

    #[test]
    fn a_row_of_zeros_stays_zero() {
        let zeros = Built::dense(&[0.0, 0.0], 2, |network, x| RmsNorm::default().apply(network, "norm", x));
        zeros.check(&[0.0, 0.0]);
    }

    #[test]
    fn an_epsilon_of_zero_is_refused() {
        let mut network = Network::new();
        let x = network.graph.param("x", &[3]).unwrap();
        let error = RmsNorm { epsilon: 0.0 }.apply(&mut network, "norm", x).unwrap_err().to_string();
        assert_eq!(error, "`epsilon` of rms_norm is 0.0; set it to a number above 0");
    }
}
