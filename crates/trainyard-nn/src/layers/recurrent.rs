//! What recurrent layers have in common: direction, depth and parameters.

use crate::{Error, Initializer, Network, Result};
use trainyard_graph::{Cell, Dim, NodeId, RecurrentLayer, Returns};

/// Recurrent layers on top of each other.
///
/// Parameters of layer `l`, from 1, and each direction: `layer_l/forward/weights` `[inputs, gates·units]`,
/// `layer_l/forward/recurrent_weights` `[units, gates·units]`, and biases; `layer_l/backward/..` likewise. The weights start Glorot
/// uniform, the recurrent weights uniform below `1 / sqrt(units)`, as PyTorch has it.
pub(super) struct Recurrent {
    pub(super) cell: Cell,
    pub(super) units: usize,
    pub(super) returns: Returns,
    pub(super) bidirectional: bool,
    pub(super) layers: usize,
}

impl Recurrent {
    pub(super) fn apply(&self, network: &mut Network, name: &str, x: NodeId, mask: Option<NodeId>) -> Result<NodeId> {
        network.scope(name, |network| {
            (1..=self.layers).try_fold(x, |x, layer| {
                let returns = if layer == self.layers { self.returns } else { Returns::AllStates };
                network.scope(&format!("layer_{layer}"), |network| self.layer(network, name, x, mask, returns))
            })
        })
    }

    fn layer(
        &self,
        network: &mut Network,
        name: &str,
        x: NodeId,
        mask: Option<NodeId>,
        returns: Returns,
    ) -> Result<NodeId> {
        let inputs = features_of(network, name, x)?;
        let mut direction = |scope: &str, reversed: bool| {
            network.scope(scope, |network| {
                let gates = self.cell.gates().saturating_mul(self.units);
                let weights = network.param("weights", &[inputs, gates], Initializer::GlorotUniform)?;
                let limit = 1.0 / (self.units as f32).sqrt();
                let recurrent =
                    network.param("recurrent_weights", &[self.units, gates], Initializer::Uniform { limit })?;
                let bias = self.bias(network)?;
                let projected = network.graph.matmul(x, weights)?;
                let layer = RecurrentLayer { cell: self.cell, reversed, returns };
                Ok::<NodeId, Error>(network.graph.recurrent(layer, projected, recurrent, bias, mask)?)
            })
        };
        let forward = direction("forward", false)?;
        if !self.bidirectional {
            return Ok(forward);
        }
        let backward = direction("backward", true)?;
        Ok(network.graph.concat(&[forward, backward])?)
    }

    /// The biases of the cell, side by side: one parameter for each part that has a start or a meaning of its own.
    fn bias(&self, network: &mut Network) -> Result<NodeId> {
        let parts: &[(&str, usize, Initializer)] = match self.cell {
            Cell::Simple => &[("bias", 1, Initializer::Zeros)],
            Cell::Lstm => &[
                ("input_bias", 1, Initializer::Zeros),
                ("forget_bias", 1, Initializer::Constant { value: 1.0 }),
                ("cell_bias", 1, Initializer::Zeros),
                ("output_bias", 1, Initializer::Zeros),
            ],
            Cell::Gru => &[("bias", 3, Initializer::Zeros), ("recurrent_bias", 1, Initializer::Zeros)],
        };
        let nodes = parts
            .iter()
            .map(|&(name, blocks, initializer)| network.param(name, &[self.units.saturating_mul(blocks)], initializer))
            .collect::<Result<Vec<_>>>()?;
        Ok(network.graph.concat(&nodes)?)
    }
}

/// The numbers at each time step.
fn features_of(network: &Network, layer: &str, x: NodeId) -> Result<usize> {
    let shape = network.graph.shape(x);
    match shape.dims() {
        [Dim::Batch, Dim::Fixed(_), Dim::Fixed(features)] => Ok(*features),
        _ => Err(Error::Shape {
            part: format!("the layer `{layer}`"),
            shapes: shape.to_string(),
            expected: "numbers for each time step, such as [batch, 10, 3]",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::Built;

    const X: [f32; 12] = [1.0, 2.0, -3.0, 0.5, 0.25, -1.0, 0.0, 1.0, -0.5, 2.0, 1.5, -2.0];

    /// Two rows of three time steps of two numbers.
    fn build(recurrent: &Recurrent) -> Built {
        Built::dense(&X, 6, |network, x| {
            let x = network.graph.reshape(x, &[Dim::Batch, Dim::Fixed(3), Dim::Fixed(2)])?;
            recurrent.apply(network, "rnn", x, None)
        })
    }

    fn recurrent(cell: Cell) -> Recurrent {
        Recurrent { cell, units: 2, returns: Returns::LastState, bidirectional: false, layers: 1 }
    }

    #[test]
    fn both_directions_are_joined() {
        let both = build(&Recurrent { bidirectional: true, returns: Returns::AllStates, ..recurrent(Cell::Simple) });
        let ones = ["forward", "backward"].into_iter().fold(both, |built, way| {
            let name = |param: &str| format!("rnn/layer_1/{way}/{param}");
            built.set(&name("weights"), &[1.0, 0.0, 0.0, 1.0]).set(&name("recurrent_weights"), &[0.5, 0.0, 0.0, 0.5])
        });
        let states = ones.values();
        let step = |t: usize| &states[t * 4..][..4];
        trainyard_graph::check::close(&step(0)[..2], &[1.0_f32.tanh(), 2.0_f32.tanh()], 1e-6);
        trainyard_graph::check::close(&step(2)[2..], &[0.25_f32.tanh(), (-1.0_f32).tanh()], 1e-6);
        let next = (-3.0 + 0.5 * step(0)[0]).tanh();
        let before = (-3.0 + 0.5 * step(2)[2]).tanh();
        trainyard_graph::check::close(&[step(1)[0], step(1)[2]], &[next, before], 1e-6);
    }

    #[test]
    fn layers_follow_each_other_and_the_last_one_returns_what_is_asked() {
        for cell in [Cell::Simple, Cell::Lstm, Cell::Gru] {
            let deep = Recurrent { layers: 2, bidirectional: true, ..recurrent(cell) };
            assert_eq!(build(&deep).values().len(), 2 * 4);
            let all = build(&Recurrent { returns: Returns::AllStates, ..deep });
            assert_eq!(all.values().len(), 2 * 3 * 4);
            assert!(all.names().contains(&"rnn/layer_2/backward/recurrent_weights"));
        }
    }

    #[test]
    fn no_layers_pass_the_input() {
        build(&Recurrent { layers: 0, ..recurrent(Cell::Gru) }).check(&X);
    }

    #[test]
    fn gradients_match_finite_differences() {
        for cell in [Cell::Simple, Cell::Lstm, Cell::Gru] {
            build(&Recurrent { layers: 2, bidirectional: true, ..recurrent(cell) }).check_gradients();
        }
    }

    #[test]
    fn a_mask_leaves_the_state_of_the_end() {
        for cell in [Cell::Simple, Cell::Lstm, Cell::Gru] {
            // The mask is 1 where the first number is not 0: all three steps of row 1, the first two of row 0.
            let states = |x: &[f32]| {
                let built = Built::dense(x, 6, |network, x| {
                    let x = network.graph.reshape(x, &[Dim::Batch, Dim::Fixed(3), Dim::Fixed(2)])?;
                    let first = network.graph.slice(x, 0, 1)?;
                    let mask = network.graph.reshape(first, &[Dim::Batch, Dim::Fixed(3)])?;
                    recurrent(cell).apply(network, "rnn", x, Some(mask))
                });
                built.values()
            };
            let row = [1.0, 2.0, -3.0, 0.5, 0.0, 7.0];
            let shorter = [1.0, 2.0, -3.0, 0.5, 0.0, -9.0];
            assert_eq!(states(&row), states(&shorter));
            assert_ne!(states(&row), states(&[1.0, 2.0, -3.0, 0.5, 0.1, 7.0]));
        }
    }

    #[test]
    fn an_input_without_time_steps_is_refused_by_name() {
        let mut network = Network::new();
        let x = network.graph.input("x", &[Dim::Batch, Dim::Fixed(3)]).unwrap();
        let error = recurrent(Cell::Lstm).apply(&mut network, "rnn", x, None).unwrap_err().to_string();
        let expected =
            "the layer `rnn` cannot take [batch, 3]; give it numbers for each time step, such as [batch, 10, 3]";
        assert_eq!(error, expected);
    }

    #[test]
    fn sizes_that_cannot_be_are_refused() {
        for units in [0, usize::MAX / 2, usize::MAX] {
            let mut network = Network::new();
            let x = network.graph.input("x", &[Dim::Batch, Dim::Fixed(3), Dim::Fixed(2)]).unwrap();
            let layer = Recurrent { units, ..recurrent(Cell::Gru) };
            assert!(layer.apply(&mut network, "rnn", x, None).is_err(), "{units} units");
        }
    }
}
