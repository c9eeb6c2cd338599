//! Linear model.

use crate::inputs::Selection;
use crate::{Error, Inputs, Model, Result};
use serde::{Deserialize, Serialize};
use trainyard_graph::NodeId;
use trainyard_nn::layers;

/// `x·w + Σ weights of ids + b`. All of its parameters are of the group `wide`, whose default optimizer is FTRL.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Linear {
    /// Names of the features to read; all when left out.
    pub features: Option<Vec<String>>,
}

/// The group of parameters that a linear model or part has.
pub const WIDE: &str = "wide";

impl Model for Linear {
    fn logits(&self, inputs: &mut Inputs<'_>, width: usize) -> Result<NodeId> {
        let selection = Selection::of(inputs.encoding(), self.features.as_deref())?;
        if selection.is_empty() {
            return Err(Error::config(
                "the linear part of the model reads no features",
                "name some, or leave the list out",
            ));
        }
        let numeric = inputs.numeric_features(&selection.numeric)?;
        let categorical =
            selection.categorical.iter().map(|feature| Ok((feature.name.as_str(), inputs.ids(&feature.name)?)));
        let categorical = categorical.collect::<Result<Vec<_>>>()?;
        let layer = layers::Linear::new(width);
        Ok(inputs.network.group(WIDE, |network| layer.apply(network, "linear", numeric, &categorical))?)
    }
}
