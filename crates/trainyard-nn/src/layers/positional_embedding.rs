//! Where a value stands in a sequence.

use crate::{Error, Initializer, Network, Result};
use trainyard_graph::{Dim, NodeId};

/// Adds to each position of a sequence a row that tells it from the others, as attention alone does not see their order.
///
/// Parameters: `table` `[length, dim]` if it is learned, which starts truncated normal with deviation 0.02, as in BERT
/// (Devlin and others, 2019).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PositionalEmbedding {
    /// Rows that are trained.
    Learned,
    /// Sines and cosines of the position (Vaswani and others, 2017, section 3.5).
    Sinusoidal,
}

impl PositionalEmbedding {
    /// Adds the layer.
    ///
    /// # Shapes
    /// - x: `[batch, length, dim]`
    /// - returns: the same
    ///
    /// # Errors
    ///
    /// When `x` has other axes, or the name is taken.
    pub fn apply(self, network: &mut Network, name: &str, x: NodeId) -> Result<NodeId> {
        let shape = network.graph.shape(x);
        let &[Dim::Batch, Dim::Fixed(length), Dim::Fixed(dim)] = shape.dims() else {
            return Err(Error::Shape {
                part: format!("the layer `{name}`"),
                shapes: shape.to_string(),
                expected: "[batch, length, dim]",
            });
        };
        network.scope(name, |network| {
            let rows = match self {
                Self::Learned => network.param("table", &[length, dim], Initializer::TruncatedNormal { std: 0.02 })?,
                Self::Sinusoidal => network.graph.sinusoidal_positions(length, dim)?,
            };
            Ok(network.graph.add(x, rows)?)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::Built;

    fn build(layer: PositionalEmbedding) -> Built {
        Built::dense(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], 4, |network, x| {
            let x = network.graph.reshape(x, &[Dim::Batch, Dim::Fixed(2), Dim::Fixed(2)])?;
            layer.apply(network, "positions", x)
        })
    }

    #[test]
    fn each_position_gets_its_row() {
        let built = build(PositionalEmbedding::Learned).set("positions/table", &[10.0, 20.0, 30.0, 40.0]);
        built.check(&[11.0, 22.0, 33.0, 44.0, 15.0, 26.0, 37.0, 48.0]);
        built.check_gradients();
    }

    #[test]
    fn sines_and_cosines_have_no_parameters() {
        let built = build(PositionalEmbedding::Sinusoidal);
        let (sin, cos) = 1_f32.sin_cos();
        built.check(&[1.0, 3.0, 3.0 + sin, 4.0 + cos, 5.0, 7.0, 7.0 + sin, 8.0 + cos]);
        assert!(built.names().is_empty());
        built.check_gradients();
    }

    #[test]
    fn what_is_no_sequence_is_refused_by_name() {
        let mut network = Network::new();
        let x = network.graph.input("x", &[Dim::Batch, Dim::Fixed(2)]).unwrap();
        let error = PositionalEmbedding::Learned.apply(&mut network, "positions", x).unwrap_err().to_string();
        assert_eq!(error, "the layer `positions` cannot take [batch, 2]; give it [batch, length, dim]");
    }
}
