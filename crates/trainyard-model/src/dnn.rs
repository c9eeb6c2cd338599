//! Deep network.

use crate::inputs::Selection;
use crate::{Error, Inputs, Model, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use trainyard_features::CategoricalFeature;
use trainyard_graph::{Activation, NodeId};
use trainyard_nn::layers::{Dense, Embedding, Mlp};

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
            features: None,
        }
    }
}

/// Values per embedding of a feature of `buckets` ids: `⌈2·buckets^0.25⌉`, at least 2 and at most 64.
///
/// The rule of thumb of TensorFlow's feature columns is `buckets^0.25`; twice that costs little and did better on the data
/// sets shipped with Trainyard.
fn embedding_dim(buckets: u64) -> usize {
    ((2.0 * (buckets as f64).powf(0.25)).ceil() as usize).clamp(2, 64)
}

impl Dnn {
    /// The embedding of a feature, from a table of its own or from one of `tables`, those that features share.
    fn embed<'a>(
        &self,
        inputs: &mut Inputs<'_>,
        feature: &'a CategoricalFeature,
        tables: &mut BTreeMap<&'a str, NodeId>,
    ) -> Result<NodeId> {
        let layer = Embedding::new(self.embedding_dim.unwrap_or_else(|| embedding_dim(feature.buckets)));
        let ids = inputs.ids(&feature.name)?;
        let Some(shared) = feature.table.as_deref() else {
            return Ok(layer.apply(&mut inputs.network, &format!("embedding/{}", feature.name), ids)?);
        };
        let name = format!("embedding/{shared}");
        let table = match tables.get(shared) {
            Some(&table) => table,
            None => layer.table(&mut inputs.network, &name)?,
        };
        tables.insert(shared, table);
        Ok(layer.look_up(&mut inputs.network, &name, table, ids)?)
    }
}

impl Model for Dnn {
    fn logits(&self, inputs: &mut Inputs<'_>, width: usize) -> Result<NodeId> {
        let selection = Selection::of(inputs.encoding(), self.features.as_deref())?;
        let mut parts: Vec<NodeId> = inputs.numeric_features(&selection.numeric)?.into_iter().collect();
        let mut tables = BTreeMap::new();
        for feature in &selection.categorical {
            parts.push(self.embed(inputs, feature, &mut tables)?);
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

#[cfg(test)]
mod tests {
    use super::*;
    use trainyard_features::Encoding;

    #[test]
    fn embeddings_grow_slowly_with_the_number_of_ids() {
        assert_eq!([1, 10, 100, 1000, 1_000_000, u64::MAX].map(embedding_dim), [2, 4, 7, 12, 64, 64]);
    }

    #[test]
    fn features_that_share_a_table_have_one() {
        let feature = |name: &str, table: Option<&str>| CategoricalFeature {
            table: table.map(ToOwned::to_owned),
            ..CategoricalFeature::new(name, 10)
        };
        let categorical =
            vec![feature("item", Some("items")), feature("city", None), feature("history", Some("items"))];
        let encoding = Encoding { numeric: Vec::new(), categorical };
        let mut inputs = Inputs::new(&encoding);
        Dnn { hidden_units: vec![], ..Dnn::default() }.logits(&mut inputs, 1).unwrap();
        let names: Vec<&str> = inputs.network.params.iter().map(|param| param.name.as_str()).collect();
        assert_eq!(names, ["embedding/items/table", "embedding/city/table", "deep/output/weights", "deep/output/bias"]);
    }
}
