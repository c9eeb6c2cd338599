//! Wide and deep: a linear model and a deep network, trained together.

use crate::{Dnn, EmbeddingConfig, Inputs, Linear, Model, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use trainyard_graph::{Activation, NodeId};

/// The sum of a linear model's logits and a deep network's.
///
/// The linear part remembers which ids mean what, the deep part generalises. Each is trained by an optimizer of its own: the
/// parameters of the one are of the group `wide`, those of the other of `main`.
///
/// Source: Cheng and others, *Wide & Deep Learning for Recommender Systems* (2016).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WideDeep {
    /// Names of the features that the linear part reads; all categorical ones when left out.
    pub wide: Option<Vec<String>>,
    /// Names of the features that the deep part reads; all when left out.
    pub deep: Option<Vec<String>>,
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
}

impl Default for WideDeep {
    fn default() -> Self {
        let Dnn { hidden_units, activation, dropout, embedding_dim, embeddings, features } = Dnn::default();
        Self { wide: None, deep: features, hidden_units, activation, dropout, embedding_dim, embeddings }
    }
}

impl Model for WideDeep {
    fn logits(&self, inputs: &mut Inputs<'_>, width: usize) -> Result<NodeId> {
        let categorical = || inputs.encoding().categorical.iter().map(|feature| feature.name.clone()).collect();
        let linear = Linear { features: Some(self.wide.clone().unwrap_or_else(categorical)) };
        let deep = Dnn {
            hidden_units: self.hidden_units.clone(),
            activation: self.activation,
            dropout: self.dropout,
            embedding_dim: self.embedding_dim,
            embeddings: self.embeddings.clone(),
            features: self.deep.clone(),
        };
        let wide = linear.logits(inputs, width)?;
        let deep = deep.logits(inputs, width)?;
        Ok(inputs.network.graph.add(wide, deep)?)
    }
}
