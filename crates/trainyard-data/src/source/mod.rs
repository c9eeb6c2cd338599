//! Where rows come from: files to Arrow batches.
//!
//! A [`Source`] is a set of files and the columns that are needed of them; a [`Scan`] is one pass over their rows. A raw
//! column is of one of four types (see [`trainyard_features::ColumnType`]); null is a missing value.

mod batches;
mod columns;
mod config;
mod convert;
mod csv;
mod expand;
mod files;
mod inputs;
mod ipc;
mod json;
mod location;
mod parquet;
mod piece;
mod plan;
mod records;
mod scan;
mod shape;
#[expect(clippy::module_inception, reason = "a file carries the name of its type")]
mod source;
mod split;
mod table;
mod tfrecord;

pub use config::{Format, INPUT_WEIGHT, OnError, PathSpec, RowWeight, SourceConfig};
pub use location::{Location, ObjectUrl};
pub use piece::Piece;
pub(crate) use scan::AHEAD;
pub use scan::Scan;
pub use source::Source;
pub use split::SplitConfig;

pub(crate) use columns::{nearest, time_field};
pub(crate) use config::config;
pub(crate) use convert::{Converted, convert, raw_type};
pub(crate) use csv::Rules;
pub(crate) use plan::BATCH_ROWS;
#[cfg(feature = "cluster")]
pub(crate) use source::Description;
pub(crate) use table::{Notes, SourceTable};
pub(crate) use tfrecord::{Feature, Writer as TfRecordWriter};
