//! Features that are checked, but not fitted yet.

use crate::Result;
use crate::fit::Fitting;
use crate::label::LabelSpec;
use crate::plan::Plan;
use crate::schema::Schema;
use crate::spec::FeatureSpecs;

/// Features that are checked against a schema and ordered, but not fitted yet.
///
/// The name of a feature hides a column of the same name, except in the feature itself: a feature `city` may read the
/// column `city`, and all others that read `city` get the feature. A feature reaches the model unless another one reads it;
/// `output` in its table says otherwise.
#[derive(Debug, Clone)]
pub struct Features {
    fitting: Fitting,
}

impl Features {
    /// Puts features together.
    ///
    /// # Errors
    ///
    /// [`Feature`](crate::Error::Feature) when a table is wrong: it reads a name that is neither a column nor a feature,
    /// reads features in a circle, or its operation does not take such an input or parameter.
    /// [`Spec`](crate::Error::Spec) when no feature reaches the model, or when the label or weight is not a fitting column.
    pub fn new(specs: FeatureSpecs, schema: &Schema, label: Option<LabelSpec>, weight: Option<String>) -> Result<Self> {
        Ok(Self { fitting: Fitting::new(Plan::new(specs, schema, label, weight)?)? })
    }

    /// Starts fitting.
    pub fn fit(self) -> Fitting {
        self.fitting
    }
}
