//! Where rows come from: files to Arrow batches.
//!
//! A [`Source`] is a set of files and the columns that are needed of them; a [`Scan`] is one pass over their rows. A raw
//! column is of one of four types (see [`trainyard_features::ColumnType`]); null is a missing value.

mod config;
mod convert;
mod csv;
mod files;
mod inputs;
mod parquet;
mod plan;
mod scan;
mod shape;
#[expect(clippy::module_inception, reason = "a file carries the name of its type")]
mod source;
mod split;
mod table;

pub use config::{Format, INPUT_WEIGHT, OnError, PathSpec, RowWeight, SourceConfig};
pub use scan::Scan;
pub use source::Source;
pub use split::SplitConfig;

pub(crate) use config::config;
pub(crate) use convert::{column_type, convert};
pub(crate) use csv::Rules;
pub(crate) use plan::{BATCH_ROWS, arrow_schema, nearest};
pub(crate) use table::{Notes, SourceTable};
