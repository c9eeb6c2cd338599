//! Long short-term memory.

use super::recurrent::Recurrent;
use crate::{Network, Result};
use trainyard_graph::{Cell, NodeId, Returns};

/// Long short-term memory: reads a sequence step by step and keeps in `c` what its gates let in.
///
/// ```text
/// i, f, o = σ(x·w + h·v + b)    g = tanh(x·w + h·v + b)
/// c' = f∘c + i∘g                h' = o∘tanh(c')
/// ```
///
/// Parameters of layer `l`, from 1: `layer_l/forward/weights` `[inputs, 4·units]` and
/// `layer_l/forward/recurrent_weights` `[units, 4·units]`, columns in the order `i, f, g, o`; `input_bias`,
/// `forget_bias`, `cell_bias` and `output_bias` `[units]`, of which the second starts at 1 and the others at 0.
/// If bidirectional, `layer_l/backward` has the same. Weights start Glorot uniform, recurrent weights uniform below
/// `1 / sqrt(units)`.
///
/// Sources: Gers, Schmidhuber and Cummins, *Learning to Forget* (2000); the bias of 1: Józefowicz and others, *An Empirical
/// Exploration of Recurrent Network Architectures* (2015).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lstm {
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

impl Lstm {
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
        Recurrent { cell: Cell::Lstm, units, returns, bidirectional, layers }.apply(network, name, x, mask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::Built;
    use trainyard_graph::Dim;

    fn build(layer: Lstm) -> Built {
        Built::dense(&[1.0, 2.0, -1.0, 0.5], 2, |network, x| {
            let x = network.graph.reshape(x, &[Dim::Batch, Dim::Fixed(2), Dim::Fixed(1)])?;
            layer.apply(network, "lstm", x, None)
        })
    }

    #[test]
    fn it_forgets_little_at_first() {
        let params = ["weights", "recurrent_weights"].map(|name| format!("lstm/layer_1/forward/{name}"));
        // Only the candidate sees the input.
        let built = build(Lstm::new(1)).set(&params[0], &[0.0, 0.0, 1.0, 0.0]).set(&params[1], &[0.0; 4]);
        let sigmoid = |x: f32| 1.0 / (1.0 + (-x).exp());
        let state = |first: f32, second: f32| {
            let c = sigmoid(1.0) * 0.5 * first.tanh() + 0.5 * second.tanh();
            0.5 * c.tanh()
        };
        built.check(&[state(1.0, 2.0), state(-1.0, 0.5)]);
    }

    #[test]
    fn all_states_are_given_if_asked_for() {
        let layer = Lstm { returns: Returns::AllStates, bidirectional: true, layers: 2, ..Lstm::new(3) };
        assert_eq!(build(layer).values().len(), 2 * 2 * 6);
    }
}
