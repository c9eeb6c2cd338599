//! What a model server needs of a model.

use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use trainyard_features::{Batch, FittedFeatures, Schema};
use trainyard_model::{Output, Predictor};

use crate::error::Result;

/// A loaded model: raw columns in, one column per output out.
///
/// Why a trait and not `trainyard_model::Predictor` alone: the server is tested without training anything, and an
/// ensemble or a model of another kind can stand behind the same door.
pub trait Servable: Send + Sync {
    /// The model's own name, under which it is served when its directory does not name it.
    fn name(&self) -> &str;

    /// The raw columns that [`predict`](Self::predict) reads.
    fn inputs(&self) -> &Schema;

    /// Columns that name a row. Clients may send them with the inputs, for the log of served features.
    fn keys(&self) -> &[String] {
        &[]
    }

    /// The features that the model reads; `None` of a model whose features cannot be logged.
    fn features(&self) -> Option<&FittedFeatures> {
        None
    }

    /// The columns that [`predict`](Self::predict) gives, at least one.
    fn outputs(&self) -> &[Output];

    /// Predicts for each row: `Float32Array`, `Int64Array` or `StringArray` per output, or `FixedSizeListArray` of
    /// `Float32` where the width is above 1.
    ///
    /// `rows` has the columns of [`inputs`](Self::inputs) in their order (`Float64Array`, `Int64Array`, `StringArray`,
    /// `BooleanArray`; null = missing), then those keys that are no inputs, and at least one row.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument) where the rows are at fault.
    fn predict(&self, rows: &RecordBatch) -> Result<RecordBatch>;

    /// Predicts, and gives what the model has read of the rows by its [`features`](Self::features), if it has any.
    ///
    /// # Errors
    /// As [`predict`](Self::predict).
    fn predict_with_features(&self, rows: &RecordBatch) -> Result<(RecordBatch, Option<Batch>)> {
        Ok((self.predict(rows)?, None))
    }
}

/// Loads the model in a version directory.
pub type Loader = Box<dyn Fn(&Path) -> Result<Arc<dyn Servable>> + Send + Sync>;

/// The [`Loader`] of exported models.
///
/// # Errors
/// [`Error::Model`](crate::Error::Model) when the directory is not a whole export.
pub fn load_export(path: &Path) -> Result<Arc<dyn Servable>> {
    Ok(Arc::new(Predictor::load(path)?))
}

impl Servable for Predictor {
    fn name(&self) -> &str {
        self.name()
    }

    fn inputs(&self) -> &Schema {
        self.inputs()
    }

    fn keys(&self) -> &[String] {
        self.keys()
    }

    fn features(&self) -> Option<&FittedFeatures> {
        Some(self.features())
    }

    fn outputs(&self) -> &[Output] {
        self.outputs()
    }

    fn predict(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        Ok(self.predict(rows)?)
    }

    fn predict_with_features(&self, rows: &RecordBatch) -> Result<(RecordBatch, Option<Batch>)> {
        let (answers, batch) = self.predict_with_features(rows)?;
        Ok((answers, Some(batch)))
    }
}
