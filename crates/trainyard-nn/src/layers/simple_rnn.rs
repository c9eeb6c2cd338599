//! Simple recurrent layer.

use super::recurrent::Recurrent;
use crate::{Network, Result};
use trainyard_graph::{Cell, NodeId, Returns};

/// Reads a sequence step by step: `h' = tanh(x·w + h·v + b)`, from `h = 0`.
///
/// Parameters of layer `l`, from 1: `layer_l/forward/weights` `[inputs, units]` and
/// `layer_l/forward/recurrent_weights` `[units, units]`; `bias` `[units]`, which
/// starts at 0.
/// If bidirectional, `layer_l/backward` has the same. Weights start Glorot uniform, recurrent weights uniform below
/// `1 / sqrt(units)`.
///
/// Source: Elman, *Finding Structure in Time* (1990).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SimpleRnn {
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

impl SimpleRnn {
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
        Recurrent { cell: Cell::Simple, units, returns, bidirectional, layers }.apply(network, name, x, mask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::Built;
    use trainyard_graph::Dim;

    fn build(layer: SimpleRnn) -> Built {
        Built::dense(&[1.0, 2.0, -1.0, 0.5], 2, |network, x| {
            let x = network.graph.reshape(x, &[Dim::Batch, Dim::Fixed(2), Dim::Fixed(1)])?;
            layer.apply(network, "rnn", x, None)
        })
    }

    #[test]
    fn the_state_passes_from_step_to_step() {
        let built = build(SimpleRnn::new(1)).set("rnn/layer_1/forward/weights", &[0.5]);
        let built = built.set("rnn/layer_1/forward/recurrent_weights", &[2.0]).set("rnn/layer_1/forward/bias", &[0.1]);
        let state = |first: f32, second: f32| (0.5 * second + 2.0 * (0.5 * first + 0.1).tanh() + 0.1).tanh();
        built.check(&[state(1.0, 2.0), state(-1.0, 0.5)]);
    }

    #[test]
    fn all_states_are_given_if_asked_for() {
        let layer = SimpleRnn { returns: Returns::AllStates, bidirectional: true, layers: 2, ..SimpleRnn::new(3) };
        assert_eq!(build(layer).values().len(), 2 * 2 * 6);
    }
}
