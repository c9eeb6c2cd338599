//! Profiles: what the columns of a data set are like, whatever features are made of them.
//!
//! A [`Profiler`] looks at rows and merges with others that looked at other rows; what it has seen is a [`Profile`], the same
//! bytes for any order and partition of the rows. All rows are looked at; memory does not grow with them.
//!
//! ```text
//! Profiler per partition ── update(batch) .. ──> merge ──> refiners ──> Refiner per partition ──> merge ──┐
//!                                                  └─────────────────────── finish ◄──────────────────────┘──> Profile
//! ```
//!
//! The second scan finds exact quantiles and counts of buckets where the first leaves them open; without it they are right to
//! within 0.8 % of the number.
//!
//! ```
//! use arrow::array::{ArrayRef, Float64Array, StringArray};
//! use arrow::record_batch::RecordBatch;
//! use std::sync::Arc;
//! use trainyard_features::profile::{Profiler, ProfilerConfig};
//! use trainyard_features::{ColumnType, Schema};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let rows = RecordBatch::try_from_iter([
//!     ("fare", Arc::new(Float64Array::from(vec![4.0, 8.0, 6.0, 6.0])) as ArrayRef),
//!     ("city", Arc::new(StringArray::from(vec!["Rome", "Oslo", "Rome", "Bern"])) as ArrayRef),
//! ])?;
//! let schema = Schema::new([("fare", ColumnType::Float), ("city", ColumnType::Text)]);
//!
//! let mut profiler = Profiler::new(&schema, &ProfilerConfig::default())?;
//! profiler.update(&rows)?;
//! let profile = profiler.finish(&[]);
//! assert_eq!(profile.rows, 4);
//! assert_eq!(profile.columns[0].numbers.as_ref().unwrap().mean, 6.0);
//! assert_eq!(profile.columns[1].values.as_ref().unwrap().top[0].value, "Rome");
//! # Ok(())
//! # }
//! ```

mod association;
mod cells;
mod column;
mod distance;
mod hints;
mod label;
mod numbers;
#[expect(clippy::module_inception, reason = "a file carries the name of its type")]
mod profile;
mod profiler;
mod sample;
#[cfg(test)]
mod tests;
mod values;

pub use association::{Association, Measure};
pub use cells::Cell;
pub use distance::{Distance, distances, jensen_shannon, l_infinity};
pub use hints::{Hint, hints, shared_rows};
pub use numbers::{Bucket, NumberProfile, NumberState, QuantileValue};
pub use profile::{ColumnProfile, ListProfile, Profile};
pub use profiler::{Profiler, ProfilerConfig, Refiner};
pub use values::{Distinct, ValueProfile};
