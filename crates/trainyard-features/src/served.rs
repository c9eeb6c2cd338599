//! Rows that a server has answered, as they stand in its log, and whether they would be made the same again.

use crate::batch::{Batch, Encoding};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A row that was served: a line of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServedRow {
    /// Name of the model.
    pub model: String,
    /// Its version.
    pub version: i64,
    /// [`FittedFeatures::fingerprint`](crate::FittedFeatures::fingerprint) of its features.
    pub fingerprint: String,
    /// What names the row, by column.
    pub keys: Map<String, Value>,
    /// The raw values, by column.
    pub inputs: Map<String, Value>,
    /// What the model read, by feature.
    pub features: EncodedRow,
}

/// What a model reads of a row, by feature.
pub type EncodedRow = BTreeMap<String, EncodedFeature>;

/// What a model reads of one feature of a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EncodedFeature {
    /// Numbers, always finite.
    Numbers(Vec<f32>),
    /// Ids.
    Ids(Vec<u64>),
    /// Ids with their weights.
    WeightedIds(Vec<(u64, f32)>),
}

/// A feature of a row that was served and would be made otherwise now; `None` on the side that does not have it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mismatch {
    /// Name of the feature.
    pub feature: String,
    /// What was served.
    pub logged: Option<EncodedFeature>,
    /// What is made now.
    pub recomputed: Option<EncodedFeature>,
}

impl ServedRow {
    /// Reads a line of a log.
    ///
    /// # Errors
    ///
    /// [`Error::Saved`] when it is none.
    pub fn from_json(line: &str) -> Result<Self> {
        serde_json::from_str(line).map_err(|error| Error::saved(format!("this is no row of a feature log: {error}")))
    }

    /// The features that are not bit for bit what they are in `now`.
    pub fn mismatches(&self, now: &EncodedRow) -> Vec<Mismatch> {
        let mismatch = |feature: &String| {
            let (logged, recomputed) = (self.features.get(feature).cloned(), now.get(feature).cloned());
            (!same_bits(logged.as_ref(), recomputed.as_ref())).then(|| Mismatch {
                feature: feature.clone(),
                logged,
                recomputed,
            })
        };
        let unknown = now.keys().filter(|feature| !self.features.contains_key(*feature));
        self.features.keys().chain(unknown).filter_map(mismatch).collect()
    }
}

impl Encoding {
    /// What the model reads of row `i` of a batch.
    ///
    /// # Panics
    ///
    /// When the batch is of other features or has no row `i`.
    pub fn row(&self, batch: &Batch, i: usize) -> EncodedRow {
        let numbers = &batch.numeric[i * self.numeric_width()..];
        let numeric = self.numeric.iter().map(|feature| {
            let values = numbers[feature.offset..feature.offset + feature.width].to_vec();
            (feature.name.clone(), EncodedFeature::Numbers(values))
        });
        let categorical = self.categorical.iter().zip(&batch.ids).map(|(feature, ids)| {
            let row = ids.row(i).to_vec();
            let encoded = match &ids.weights {
                None => EncodedFeature::Ids(row),
                Some(weights) => {
                    let weights = weights[ids.offsets[i] as usize..].iter().copied();
                    EncodedFeature::WeightedIds(row.into_iter().zip(weights).collect())
                }
            };
            (feature.name.clone(), encoded)
        });
        numeric.chain(categorical).collect()
    }
}

fn same_bits(a: Option<&EncodedFeature>, b: Option<&EncodedFeature>) -> bool {
    let bits = |numbers: &[f32]| numbers.iter().map(|number| number.to_bits()).collect::<Vec<_>>();
    let weighted = |ids: &[(u64, f32)]| ids.iter().map(|(id, weight)| (*id, weight.to_bits())).collect::<Vec<_>>();
    match (a, b) {
        (Some(EncodedFeature::Numbers(a)), Some(EncodedFeature::Numbers(b))) => bits(a) == bits(b),
        (Some(EncodedFeature::WeightedIds(a)), Some(EncodedFeature::WeightedIds(b))) => weighted(a) == weighted(b),
        (a, b) => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{CategoricalFeature, NumericFeature};
    use trainyard_graph::Ragged;

    fn encoded() -> EncodedRow {
        let numeric = vec![
            NumericFeature { name: "a".into(), width: 1, offset: 0 },
            NumericFeature { name: "b".into(), width: 2, offset: 1 },
        ];
        let categorical = vec![CategoricalFeature::new("c", 9), CategoricalFeature::new("w", 9)];
        let ids = Ragged { offsets: vec![0, 1, 3], ids: vec![1, 2, u64::MAX], weights: None };
        let weighted = Ragged { weights: Some(vec![0.5, 0.1, 0.2]), ..ids.clone() };
        let batch = Batch {
            rows: 2,
            numeric: vec![9.0, 9.0, 9.0, 0.1, 1e-40, -0.0],
            ids: vec![ids, weighted],
            ..Batch::default()
        };
        Encoding { numeric, categorical }.row(&batch, 1)
    }

    fn served(features: EncodedRow) -> ServedRow {
        let row = ServedRow {
            model: "m".into(),
            version: 1,
            fingerprint: "f".into(),
            keys: Map::new(),
            inputs: Map::new(),
            features,
        };
        ServedRow::from_json(&serde_json::to_string(&row).unwrap()).unwrap()
    }

    #[test]
    fn a_row_survives_its_log_bit_for_bit() {
        assert_eq!(served(encoded()).mismatches(&encoded()), []);
        assert_eq!(encoded()["w"], EncodedFeature::WeightedIds(vec![(2, 0.1), (u64::MAX, 0.2)]));
    }

    #[test]
    fn every_feature_that_differs_is_told() {
        let mut now = encoded();
        now.insert("b".into(), EncodedFeature::Numbers(vec![1e-40, 0.0]));
        now.remove("c");
        now.insert("new".into(), EncodedFeature::Ids(vec![]));
        let mismatches = served(encoded()).mismatches(&now);
        assert_eq!(mismatches.iter().map(|m| m.feature.as_str()).collect::<Vec<_>>(), ["b", "c", "new"]);
        assert_eq!(mismatches[1].recomputed, None);
    }

    #[test]
    fn other_lines_are_refused() {
        for line in ["", "{}", "[1]", "{\"model\": 1}"] {
            assert!(matches!(ServedRow::from_json(line), Err(Error::Saved { .. })), "{line}");
        }
    }
}
