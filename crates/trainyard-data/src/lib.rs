//! Where rows come from and in which order: sources, fitting, loading.
//!
//! ```text
//! files ──► Source ──► RecordBatch ──► fit ──────────► FittedFeatures
//!                          │                                │
//!                          └──► Cache::build ◄──────────────┘
//!                                    │
//!                                  Cache ──► Loader ──► Batch, Batch, .. in a new order each epoch
//! ```
//!
//! A [`Source`] is a set of CSV or Parquet files and the columns that are needed of them. [`fit`] passes over its rows until
//! the features know what they need. A [`Cache`] holds the encoded rows on disk. A [`Loader`] gives them out as batches. All
//! of it streams: memory does not grow with the number of rows. All of it is deterministic: neither the fitted features nor
//! the bytes of a cache nor the order of batches depend on the number of threads.
//!
//! ```
//! use std::sync::Arc;
//! use trainyard_data::{Cache, Loader, LoaderConfig, LoaderState, Source, SourceConfig, Split, fit};
//! use trainyard_features::{Features, LabelSpec, LabelTask};
//!
//! # let folder = tempfile::tempdir()?;
//! let path = folder.path().join("people.csv");
//! std::fs::write(&path, "age,city,rich\n42,Bern,1\n,Basel,0\n30,Bern,0\n18,Chur,1\n")?;
//! let config = SourceConfig { path: path.as_path().into(), ..SourceConfig::default() };
//! let source = Source::open(&config, &[("age", None), ("city", None), ("rich", None)])?;
//!
//! let specs = serde_json::from_str(r#"{ "age": { "op": "z_score" }, "city": { "op": "vocabulary" } }"#)?;
//! let label = LabelSpec::new("rich", LabelTask::Binary);
//! let features = fit(Features::new(specs, source.schema(), Some(label), None)?, &source, 2, &|_rows| {})?;
//!
//! let cache = Cache::build(&folder.path().join("train.arrow"), &features, (Split::Training, &source), 2, &|_rows| {})?;
//! let config = LoaderConfig { batch_size: 3, ..LoaderConfig::default() };
//! let mut loader = Loader::new(Arc::new(cache), config, LoaderState::default())?;
//! let mut rows = Vec::new();
//! while let Some(batch) = loader.next_batch()? {
//!     rows.push(batch.rows);
//! }
//! assert_eq!(rows, [3, 1]);
//! assert_eq!(loader.state(), LoaderState { epoch: 1, position: 0 });
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod background;
mod cache;
mod error;
mod fit;
mod gather;
mod loader;
mod ordered;
mod profile;
mod sink;
mod skew;
mod source;
#[cfg(test)]
mod testing;
mod validation;

pub use arrow::record_batch::RecordBatch;
pub use cache::{Cache, Split};
pub use error::{Error, Place, Result};
pub use fit::fit;
pub use loader::{Loader, LoaderConfig, LoaderState};
pub use profile::{Profiling, profile};
pub use sink::{Sink, SinkFormat};
pub use skew::{Skew, SkewExample, compare_served};
pub use source::{Format, Location, ObjectUrl, OnError, PathSpec, Scan, Source, SourceConfig};
pub use validation::{Validated, profile_against};
