//! Dropout.

use crate::{Network, Result, error::Settings};
use trainyard_graph::NodeId;

/// In training, sets each value to 0 with probability `rate` and divides the others by `1 - rate`; elsewhere does
/// nothing.
///
/// Source: Srivastava and others, *Dropout: A Simple Way to Prevent Neural Networks from Overfitting* (2014).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropout {
    /// Share of values set to 0, in `[0, 1)`.
    pub rate: f32,
}

impl Dropout {
    /// Dropout of a share `rate`.
    pub fn new(rate: f32) -> Self {
        Self { rate }
    }

    /// Adds the layer; at rate 0 there is nothing to add.
    ///
    /// # Shapes
    /// - x: any
    /// - returns: the same
    ///
    /// # Errors
    ///
    /// [`Error::Setting`](crate::Error::Setting) when the rate is out of range.
    pub fn apply(&self, network: &mut Network, name: &str, x: NodeId) -> Result<NodeId> {
        Settings("dropout").decay("rate", self.rate)?;
        if self.rate == 0.0 {
            return Ok(x);
        }
        network.scope(name, |network| Ok(network.graph.dropout(x, self.rate)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::Built;

    fn build(rate: f32) -> Built {
        Built::dense(&[1.0; 1000], 10, |network, x| Dropout::new(rate).apply(network, "dropout", x))
    }

    #[test]
    fn serving_does_nothing() {
        build(0.5).check(&[1.0; 1000]);
        Built::dense(&[1.0, -2.0], 2, |network, x| Dropout::new(0.5).apply(network, "dropout", x)).check_gradients();
    }

    #[test]
    fn training_keeps_the_mean() {
        let values = build(0.25).values_in_training();
        let zeros = values.iter().filter(|&&value| value == 0.0).count();
        assert!((200..300).contains(&zeros), "{zeros}");
        assert!(values.iter().all(|&value| value == 0.0 || (value - 4.0 / 3.0).abs() < 1e-6));
    }

    #[test]
    fn a_rate_of_zero_does_nothing_even_in_training() {
        assert_eq!(build(0.0).values_in_training(), [1.0; 1000]);
    }

    #[test]
    fn a_rate_of_one_is_refused() {
        let mut network = Network::new();
        let x = network.graph.input("x", &[trainyard_graph::Dim::Batch]).unwrap();
        let error = Dropout::new(1.0).apply(&mut network, "dropout", x).unwrap_err().to_string();
        assert_eq!(error, "`rate` of dropout is 1.0; set it to a number from 0 to below 1");
    }
}
