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
mod ipc;
mod json;
mod location;
mod parquet;
mod plan;
mod records;
mod scan;
#[expect(clippy::module_inception, reason = "a file carries the name of its type")]
mod source;
mod table;
mod tfrecord;

pub use config::{Format, OnError, PathSpec, SourceConfig};
pub use location::{Location, ObjectUrl};
pub use scan::Scan;
pub use source::Source;

pub(crate) use config::config;
pub(crate) use plan::BATCH_ROWS;
pub(crate) use tfrecord::{Feature, Writer as TfRecordWriter};
