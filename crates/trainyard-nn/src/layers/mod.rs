//! Layers: parts of a network.
//!
//! A layer is its settings. [`apply`](Dense::apply) adds it to a [`Network`]: its operations to the graph, its
//! parameters to the list. A layer has no values of its own; they live in a store.

mod cross;
mod dense;
mod dropout;
mod embedding;
mod factorization_machine;
mod gru;
mod linear;
mod lstm;
mod mlp;
mod recurrent;
mod simple_rnn;
#[cfg(test)]
mod testing;

pub use cross::Cross;
pub use dense::Dense;
pub use dropout::Dropout;
pub use embedding::Embedding;
pub use factorization_machine::FactorizationMachine;
pub use gru::Gru;
pub use linear::Linear;
pub use lstm::Lstm;
pub use mlp::Mlp;
pub use simple_rnn::SimpleRnn;

use crate::{Error, Network, Result};
use trainyard_graph::NodeId;

/// The size of the last axis of a layer's input.
fn inputs_of(network: &Network, layer: &str, x: NodeId) -> Result<usize> {
    let shape = network.graph.shape(x);
    shape.last().ok_or_else(|| Error::Shape {
        part: format!("the layer `{layer}`"),
        shapes: shape.to_string(),
        expected: "a last axis of fixed size, such as [batch, 3]",
    })
}
