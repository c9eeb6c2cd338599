//! Deep network.

use crate::embeddings::{EmbeddingConfig, Embeddings};
use crate::inputs::Selection;
use crate::{Error, Inputs, Model, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use trainyard_graph::{Activation, NodeId};
use trainyard_nn::layers::{Dense, Mlp};

/// Numbers and embeddings of ids, side by side, through hidden layers to the logits. Its parameters are of the group `main`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dnn {
    /// Sizes of the hidden layers, first to last.
    pub hidden_units: Vec<usize>,
    /// Activation of the hidden layers.
    pub activation: Activation,
    /// Share of each hidden layer's values dropped in training, in `[0, 1)`.
    pub dropout: f32,
    /// Values per embedding; by the number of ids of each feature when left out.
    pub embedding_dim: Option<usize>,
    /// By name of the feature, embeddings that differ from that.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub embeddings: BTreeMap<String, EmbeddingConfig>,
    /// Names of the features to read; all when left out.
    pub features: Option<Vec<String>>,
}

impl Default for Dnn {
    fn default() -> Self {
        Self {
            hidden_units: vec![128, 64],
            activation: Activation::Relu,
            dropout: 0.0,
            embedding_dim: None,
            embeddings: BTreeMap::new(),
            features: None,
        }
    }
}

impl Model for Dnn {
    fn logits(&self, inputs: &mut Inputs<'_>, width: usize) -> Result<NodeId> {
        let selection = Selection::of(inputs.encoding(), self.features.as_deref())?;
        let mut parts: Vec<NodeId> = inputs.numeric_features(&selection.numeric)?.into_iter().collect();
        let mut embeddings = Embeddings::new(self.embedding_dim, &self.embeddings, &selection.categorical)?;
        for feature in selection.categorical {
            parts.push(embeddings.embed(inputs, feature)?);
        }
        if parts.is_empty() {
            return Err(Error::config(
                "the deep part of the model reads no features",
                "name some, or leave the list out",
            ));
        }
        let x = inputs.network.graph.concat(&parts)?;
        let mlp = Mlp { activation: self.activation, dropout: self.dropout, ..Mlp::new(self.hidden_units.clone()) };
        let hidden = mlp.apply(&mut inputs.network, "deep", x)?;
        Ok(Dense::new(width).apply(&mut inputs.network, "deep/output", hidden)?)
    }
}
