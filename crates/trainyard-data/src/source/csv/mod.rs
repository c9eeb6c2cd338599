//! CSV by an own decoder on `csv-core`.
//!
//! Why not DataFusion's CSV reader? It scans byte ranges in parallel, so it can neither name the line of a bad value nor
//! leave a bad row out; both matter more for raw data than the speed of a scan that the cache makes rare.
//!
//! ```text
//! file ──► [spaces] ──► records ──────────► columns ──────► RecordBatch
//!          without the    fields, with the    one builder per
//!          blanks          line they start    needed column
//! ```

mod column;
mod decoder;
mod file;
mod records;
mod spaces;
mod value;

pub(super) use column::Column;
pub(super) use decoder::{infer, scan};
pub(super) use file::CsvFile;
pub(super) use value::{Rules, boolean, float, int};
