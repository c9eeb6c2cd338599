//! Layers: parts of a network.
//!
//! A layer is its settings. [`apply`](Dense::apply) adds it to a [`Network`]: its operations to the graph, its
//! parameters to the list. A layer has no values of its own; they live in a store.

mod average_pool;
mod batch_norm;
mod conv;
mod cross;
mod dense;
mod dropout;
mod embedding;
mod factorization_machine;
mod global_pool;
mod gru;
mod layer_norm;
mod linear;
mod lstm;
mod max_pool;
mod mlp;
mod multi_head_attention;
mod positional_embedding;
mod recurrent;
mod rms_norm;
mod sequence_embedding;
mod simple_rnn;
#[cfg(test)]
mod testing;
mod transformer_encoder;

pub use average_pool::{AveragePool1d, AveragePool2d};
pub use batch_norm::BatchNorm;
pub use conv::{Conv1d, Conv2d};
pub use cross::Cross;
pub use dense::Dense;
pub use dropout::Dropout;
pub use embedding::Embedding;
pub use factorization_machine::FactorizationMachine;
pub use global_pool::{GlobalAveragePool, GlobalMaxPool};
pub use gru::Gru;
pub use layer_norm::LayerNorm;
pub use linear::Linear;
pub use lstm::Lstm;
pub use max_pool::{MaxPool1d, MaxPool2d};
pub use mlp::Mlp;
pub use multi_head_attention::MultiHeadAttention;
pub use positional_embedding::PositionalEmbedding;
pub use rms_norm::RmsNorm;
pub use sequence_embedding::SequenceEmbedding;
pub use simple_rnn::SimpleRnn;
pub use transformer_encoder::TransformerEncoder;

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
