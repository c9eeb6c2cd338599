//! Embeddings of categorical features.

use crate::inputs::unknown;
use crate::{Error, Inputs, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use trainyard_features::CategoricalFeature;
use trainyard_graph::{Combiner, NodeId};
use trainyard_nn::layers::Embedding;

/// How the embedding of a feature differs from what is usual. The settings of TensorFlow's `embedding_column`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmbeddingConfig {
    /// Values per embedding; that of the model when left out. At least 1, and the same for all features of a shared table.
    pub dim: Option<usize>,
    /// How the embeddings of the ids of a row become one.
    pub combiner: Combiner,
    /// Bound on the Euclidean length of an embedding: longer ones are scaled to it as they are read. Positive; none when left out.
    pub max_norm: Option<f32>,
}

/// The embeddings of a model under construction.
pub(crate) struct Embeddings<'a> {
    /// Values per embedding; by the number of ids when left out.
    dim: Option<usize>,
    of_features: &'a BTreeMap<String, EmbeddingConfig>,
    /// Those that features share, with their values per embedding.
    tables: BTreeMap<&'a str, (NodeId, usize)>,
}

impl<'a> Embeddings<'a> {
    /// For these features, of which `of_features` says how they differ.
    ///
    /// # Errors
    ///
    /// When it names another.
    pub(crate) fn new(
        dim: Option<usize>,
        of_features: &'a BTreeMap<String, EmbeddingConfig>,
        features: &[&CategoricalFeature],
    ) -> Result<Self> {
        let names = || features.iter().map(|feature| feature.name.as_str());
        match of_features.keys().find(|name| names().all(|known| known != *name)) {
            Some(name) => Err(unknown("categorical", name, names())),
            None => Ok(Self { dim, of_features, tables: BTreeMap::new() }),
        }
    }

    /// The embedding of a feature, from a table of its own or from one that it shares.
    pub(crate) fn embed(&mut self, inputs: &mut Inputs<'_>, feature: &'a CategoricalFeature) -> Result<NodeId> {
        let config = self.of_features.get(&feature.name).cloned().unwrap_or_default();
        let dim = config.dim.or(self.dim).unwrap_or_else(|| embedding_dim(feature.buckets));
        let layer = Embedding { combiner: config.combiner, max_norm: config.max_norm, ..Embedding::new(dim) };
        let ids = inputs.ids(&feature.name)?;
        let Some(shared) = feature.table.as_deref() else {
            return Ok(layer.apply(&mut inputs.network, &format!("embedding/{}", feature.name), ids)?);
        };
        let name = format!("embedding/{shared}");
        let (table, found) = match self.tables.entry(shared) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => *entry.insert((layer.table(&mut inputs.network, &name)?, dim)),
        };
        if found != dim {
            let problem =
                format!("`{}` reads {dim} values per id of the embedding `{shared}`, which has {found}", feature.name);
            return Err(Error::config(problem, "features that share an embedding need the same `dim`"));
        }
        Ok(layer.look_up(&mut inputs.network, &name, table, ids)?)
    }
}

/// Values per embedding of a feature of `buckets` ids: `⌈2·buckets^0.25⌉`, at least 2 and at most 64.
///
/// The rule of thumb of TensorFlow's feature columns is `buckets^0.25`; twice that costs little and did better on the data
/// sets shipped with Trainyard.
fn embedding_dim(buckets: u64) -> usize {
    ((2.0 * (buckets as f64).powf(0.25)).ceil() as usize).clamp(2, 64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dnn, Model};
    use trainyard_features::Encoding;
    use trainyard_graph::Op;

    /// `item` and `history`, which share an embedding, and `city`.
    fn encoding() -> Encoding {
        let feature = |name: &str, table: Option<&str>| CategoricalFeature {
            table: table.map(ToOwned::to_owned),
            ..CategoricalFeature::new(name, 10)
        };
        let categorical =
            vec![feature("item", Some("items")), feature("city", None), feature("history", Some("items"))];
        Encoding { numeric: Vec::new(), categorical }
    }

    fn network(spec: &str) -> Result<trainyard_nn::Network> {
        let (encoding, dnn) = (encoding(), serde_json::from_str::<Dnn>(spec).unwrap());
        let mut inputs = Inputs::new(&encoding);
        Dnn { hidden_units: vec![], ..dnn }.logits(&mut inputs, 1)?;
        Ok(inputs.network)
    }

    #[track_caller]
    fn check_refused(spec: &str, expected: &str) {
        let message = network(spec).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }

    #[test]
    fn embeddings_grow_slowly_with_the_number_of_ids() {
        assert_eq!([1, 10, 100, 1000, 1_000_000, u64::MAX].map(embedding_dim), [2, 4, 7, 12, 64, 64]);
    }

    #[test]
    fn features_that_share_a_table_have_one() {
        let network = network("{}").unwrap();
        let names: Vec<&str> = network.params.iter().map(|param| param.name.as_str()).collect();
        assert_eq!(names, ["embedding/items/table", "embedding/city/table", "deep/output/weights", "deep/output/bias"]);
    }

    #[test]
    fn a_feature_has_settings_of_its_own() {
        let city = r#"{ "dim": 3, "combiner": "sqrtn", "max_norm": 1.5 }"#;
        let spec = format!(r#"{{ "embedding_dim": 5, "embeddings": {{ "city": {city} }} }}"#);
        let network = network(&spec).unwrap();
        let dims: Vec<usize> = network.params.iter().take(2).map(|param| param.shape.len()).collect();
        assert_eq!(dims, [5, 3]);
        let bags = network.graph.nodes().filter_map(|(_, node)| match &node.op {
            Op::EmbeddingBag(bag) => Some((bag.combiner, bag.max_norm)),
            _ => None,
        });
        let usual = (Combiner::Mean, None);
        assert_eq!(bags.collect::<Vec<_>>(), [usual, (Combiner::Sqrtn, Some(1.5)), usual]);
    }

    #[test]
    fn settings_that_fit_no_feature_are_refused() {
        let dim = |feature: &str| {
            format!(r#"{{ "features": ["item", "history"], "embeddings": {{ "{feature}": {{ "dim": 3 }} }} }}"#)
        };
        check_refused(&dim("town"), "the model reads feature `town`, which is no categorical feature");
        check_refused(&dim("city"), "`city`, which is no categorical feature");
        check_refused(&dim("history"), "`history` reads 3 values per id of the embedding `items`, which has 4");
    }
}
