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
//! A [`Source`] is a set of files, on this machine or in an object store, and the columns that are needed of them. A [`View`] puts
//! the result of an SQL query over its rows in their place. [`fit`] passes over the rows until the features know what they need;
//! [`learn_within`] leaves statistics, where they are all that is open, to [`Cache::build_learnt`]. A
//! [`Cache`] holds the encoded rows on disk. A [`Loader`] gives them out as batches. All of it streams: memory does not grow
//! with the number of rows. All of it is deterministic: neither the fitted features nor
//! the bytes of a cache nor the order of batches depend on the number of threads, nor on the [`Engine`]: passes over raw rows may
//! run on the machines of a cluster.
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
//! assert_eq!((loader.state().epoch, loader.state().position), (1, 0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod background;
mod cache;
#[cfg(feature = "cluster")]
pub mod cluster;
mod engine;
mod error;
mod fit;
mod gather;
mod loader;
mod loan;
mod memory;
mod ordered;
mod profile;
mod shuffle;
mod sink;
mod skew;
mod source;
#[cfg(test)]
mod testing;
mod validation;
mod view;

pub use arrow::record_batch::RecordBatch;
pub use cache::{Cache, LabelTotals, Split};
pub use engine::Engine;
pub use error::{Error, Place, Result};
pub use fit::{FitMemory, Learnt, fit, fit_within, learn_within};
pub use loader::{Loader, LoaderConfig, LoaderState, Origin, Share};
pub use memory::{Memory, Resources};
pub use profile::{Profiling, profile};
pub use sink::{Sink, SinkFormat};
pub use skew::{Skew, SkewExample, compare_served};
pub use source::{
    Format, INPUT_WEIGHT, Location, ObjectUrl, OnError, PathSpec, Piece, RowWeight, Scan, Source, SourceConfig,
    SplitConfig,
};
pub use validation::{Validated, profile_against};
pub use view::{Made, SavedView, TableConfig, View, ViewConfig};
