//! `features.json`: everything that a server needs to know to transform rows.

use crate::label::Label;
use crate::op::Constants;
use crate::plan::Plan;
use crate::schema::{Field, Schema};
use crate::spec::FeatureSpecs;
use crate::statistics::ColumnStatistics;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const FORMAT: &str = "trainyard-features";

/// The latest format version that this program reads, and the one it writes.
const VERSION: u64 = 1;

/// The content of `features.json`. Numbers survive bit for bit, and equal content has equal bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    /// What kind of file it is.
    pub format: String,
    /// Its format version.
    pub version: u64,
    /// The raw columns that features read.
    pub inputs: Schema,
    /// The features that reach the model, and those that they read.
    pub features: FeatureSpecs,
    /// What fitting found, by feature.
    pub fitted: BTreeMap<String, Constants>,
    /// The fitted label.
    pub label: Option<Label>,
    /// The column of weights.
    pub weight: Option<Field>,
    /// What the training data looked like, one entry per input.
    pub statistics: Vec<ColumnStatistics>,
    /// The same of the label.
    pub label_statistics: Option<ColumnStatistics>,
}

impl Default for Document {
    fn default() -> Self {
        Self {
            format: FORMAT.to_string(),
            version: VERSION,
            inputs: Schema::default(),
            features: FeatureSpecs::default(),
            fitted: BTreeMap::new(),
            label: None,
            weight: None,
            statistics: Vec::new(),
            label_statistics: None,
        }
    }
}

/// What can be read of a document of any version.
#[derive(Deserialize)]
struct Header {
    format: String,
    version: u64,
}

impl Document {
    /// Reads a document.
    ///
    /// # Errors
    ///
    /// [`Error::Version`] when it is of a later program, [`Error::Artifact`] when it is not a document.
    pub fn parse(json: &str) -> Result<Self> {
        let not_ours =
            |error: serde_json::Error| Error::artifact(format!("it is not a `features.json` of ours: {error}"));
        let header: Header = serde_json::from_str(json).map_err(not_ours)?;
        if header.format != FORMAT {
            return Err(Error::artifact(format!("its format is `{}`; expected `{FORMAT}`", header.format)));
        }
        if header.version > VERSION {
            return Err(Error::Version { found: header.version, supported: VERSION });
        }
        serde_json::from_str(json).map_err(|error| Error::artifact(error.to_string()))
    }

    /// The features, checked again as if they had just been written.
    pub fn plan(&self) -> Result<Plan> {
        let mut schema = self.inputs.clone();
        if let Some(label) = &self.label {
            schema.fields.push(Field { name: label.spec().column.clone(), column_type: label.column_type() });
        }
        let weight = self.weight.as_ref();
        schema.fields.extend(weight.filter(|weight| self.inputs.get(&weight.name).is_none()).cloned());
        let label = self.label.as_ref().map(|label| label.spec().clone());
        Plan::new(self.features.clone(), &schema, label, weight.map(|weight| weight.name.clone()))
    }

    /// Writes the document in its only form.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string(self)
            .map_err(|error| Error::Internal(format!("`features.json` cannot be written: {error}")))
    }
}
