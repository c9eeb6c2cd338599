//! Gated recurrent unit.

use super::recurrent::Recurrent;
use crate::{Network, Result};
use trainyard_graph::{Cell, NodeId, Returns};

/// Gated recurrent unit: reads a sequence step by step and mixes its state with a candidate.
///
/// ```text
/// r, z = σ(x·w + h·v + b)    n = tanh(x·w + b + r∘(h·v + c))
/// h' = (1 - z)∘n + z∘h
/// ```
///
/// Parameters of layer `l`, from 1: `layer_l/forward/weights` `[inputs, 3·units]` and
/// `layer_l/forward/recurrent_weights` `[units, 3·units]`, columns in the order `r, z, n`; `bias`
/// `[3·units]` and `recurrent_bias`, the `c` of the candidate, `[units]`, which start at 0.
/// If bidirectional, `layer_l/backward` has the same. Weights start Glorot uniform, recurrent weights uniform below
/// `1 / sqrt(units)`.
///
/// The reset gate acts behind the product, as in PyTorch and in Keras with `reset_after`. Source: Cho and others, *Learning Phrase
/// Representations using RNN Encoder-Decoder* (2014).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gru {
    /// Numbers of the state. Positive.
    pub units: usize,
    /// Which states are the output. The last one unless said otherwise.
    pub returns: Returns,
    /// Whether a second layer reads from the last time step to the first, and the states of both are joined. Not unless said
    /// otherwise.
    pub bidirectional: bool,
    /// Layers on top of each other, each of which reads all states of the one below. 1 unless said otherwise; with none of
    /// them the input passes as it is.
    pub layers: usize,
}

impl Gru {
    /// One layer of `units` from the first time step to the last, which gives its last state.
    pub fn new(units: usize) -> Self {
        Self { units, returns: Returns::LastState, bidirectional: false, layers: 1 }
    }

    /// Adds the layer. Where the mask is 0 the state stays as it is, so the last state is that of a padded sequence's end.
    ///
    /// # Shapes
    /// - x: `[batch, steps, inputs]`
    /// - mask: `[batch, steps]`
    /// - returns: `[batch, steps, units]` or `[batch, units]`; twice the units if bidirectional
    ///
    /// # Errors
    ///
    /// When the shapes do not fit, there are 0 units, or the name is taken.
    pub fn apply(&self, network: &mut Network, name: &str, x: NodeId, mask: Option<NodeId>) -> Result<NodeId> {
        let Self { units, returns, bidirectional, layers } = *self;
        Recurrent { cell: Cell::Gru, units, returns, bidirectional, layers }.apply(network, name, x, mask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::Built;
    use trainyard_graph::Dim;

    fn build(layer: Gru) -> Built {
        Built::dense(&[1.0, 2.0, -1.0, 0.5], 2, |network, x| {
            let x = network.graph.reshape(x, &[Dim::Batch, Dim::Fixed(2), Dim::Fixed(1)])?;
            layer.apply(network, "gru", x, None)
        })
    }

    #[test]
    fn the_update_gate_mixes_state_and_candidate() {
        let params =
            ["weights", "recurrent_weights", "recurrent_bias"].map(|name| format!("gru/layer_1/forward/{name}"));
        // Both gates are one half; the candidate sees the input, and half of its recurrent bias.
        let built = build(Gru::new(1)).set(&params[0], &[0.0, 0.0, 1.0]).set(&params[1], &[0.0; 3]);
        let built = built.set(&params[2], &[0.4]);
        let state = |first: f32, second: f32| 0.25 * (first + 0.2).tanh() + 0.5 * (second + 0.2).tanh();
        built.check(&[state(1.0, 2.0), state(-1.0, 0.5)]);
    }

    #[test]
    fn all_states_are_given_if_asked_for() {
        let layer = Gru { returns: Returns::AllStates, bidirectional: true, layers: 2, ..Gru::new(3) };
        assert_eq!(build(layer).values().len(), 2 * 2 * 6);
    }
}
