//! Features: one definition that is fitted, applied in training and served.
//!
//! A spec names features, each an operation on raw columns or other features. [`Features`] checks them against a [`Schema`];
//! [`Fitting`] finds their constants (means, quantiles, vocabularies) in scans over the training rows; [`FittedFeatures`]
//! turns rows into [`Batch`]es, in the trainer and in the server alike, and is all there is in `features.json`.
//!
//! ```text
//! FeatureSpecs ──new──> Features ──fit──> Fitting ──finish──> FittedFeatures ──transform──> Batch
//!   (spec.toml)        (checked)          ↑  │ rounds           ↕ features.json              numeric [rows, width]
//!                               RecordBatch ─┘                RecordBatch ↑                  ids, one Ragged per feature
//! ```
//!
//! Three rules hold for every operation:
//! - **Missing** is null, NaN or empty text. It passes through numeric operations, and the model sees 0 for it, which after
//!   `z_score` is the mean. A categorical value that is missing has no id.
//! - **Numbers** are `f32`, in memory as in files; ints stay exact as ids and in `sql`, `time_part` and `cyclic`.
//! - **Fitting** leaves missing and infinite numbers out, and gives the same bytes for any order and
//!   partition of the rows.
//!
//! Reading files, threads and caching are left to `trainyard-data`; what a model does with ids to `trainyard-nn`.
//!
//! ```
//! use arrow::array::{ArrayRef, Float64Array, StringArray};
//! use arrow::record_batch::RecordBatch;
//! use std::sync::Arc;
//! use trainyard_features::{ColumnType, Features, FittedFeatures, Schema};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let rows = RecordBatch::try_from_iter([
//!     ("fare", Arc::new(Float64Array::from(vec![4.0, 8.0, 6.0, 6.0])) as ArrayRef),
//!     ("city", Arc::new(StringArray::from(vec!["Rome", "Oslo", "Rome", "Bern"])) as ArrayRef),
//! ])?;
//! let specs = toml::from_str(
//!     r#"
//!     [fare]
//!     op = "z_score"
//!     [city]
//!     op = "vocabulary"
//!     top_k = 2
//!     "#,
//! )?;
//! let schema = Schema::new([("fare", ColumnType::Float), ("city", ColumnType::Text)]);
//!
//! let mut fitting = Features::new(specs, &schema, None, None)?.fit();
//! while !fitting.finished() {
//!     let collector = fitting.collector(); // one per partition; merge them before absorbing
//!     collector.update(&rows)?;
//!     fitting.absorb(collector)?;
//! }
//! let fitted = fitting.finish()?;
//!
//! let batch = fitted.transform(&rows)?;
//! assert_eq!(batch.numeric, [-1.4142135, 1.4142135, 0.0, 0.0]);
//! assert_eq!(batch.ids[0].ids, [0, 1, 0, 2]); // Rome is the most frequent, Bern is not in the vocabulary
//!
//! let served = FittedFeatures::from_json(&fitted.to_json())?;
//! assert_eq!(served.transform(&rows)?, batch);
//! # Ok(())
//! # }
//! ```

mod artifact;
mod batch;
mod column;
mod error;
mod features;
mod fit;
mod fitted;
pub mod hash;
mod label;
pub mod op;
mod pipeline;
mod plan;
pub mod profile;
mod schema;
mod served;
mod spec;
mod statistics;
mod texts;
pub mod time;
mod tokens;
pub mod validation;

pub use batch::{Batch, CategoricalFeature, Encoding, NumericFeature};
pub use error::{Error, Result};
pub use features::Features;
pub use fit::{Collector, Fitting, Memory, Round, Spill};
pub use fitted::FittedFeatures;
pub use label::{Label, LabelSpec, LabelTask, LabelValue};
pub use op::FeatureOp;
pub use schema::{ColumnType, Field, Schema};
pub use served::{EncodedFeature, EncodedRow, Mismatch, ServedRow};
pub use spec::{FeatureSpec, FeatureSpecs};
pub use statistics::{ColumnStatistics, ValueCount};
