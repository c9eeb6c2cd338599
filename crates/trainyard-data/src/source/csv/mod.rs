//! CSV by a decoder of our own.
//!
//! Why not DataFusion's CSV reader? It scans byte ranges in parallel, so it can neither name the line of a bad value nor
//! leave a bad row out. Nor is it faster: it copies every byte of a record through a state machine, while here the places of all
//! delimiters of 64 bytes are found at once, and only the fields that are needed are looked at.
//!
//! ```text
//! files ──► cutter ──────────► chunk ──────────► records ────────► columns ──────► RecordBatch
//!           where records end    rows of a batch   where fields are   one builder per
//!           one thread           as text           any thread         needed column
//! ```

mod chunk;
mod column;
mod cutter;
mod decoder;
mod dialect;
mod file;
mod infer;
mod records;
mod texts;
mod value;

pub(super) use column::Column;
pub(super) use decoder::scan;
pub(super) use file::CsvFile;
pub(super) use infer::infer;
pub(crate) use value::Rules;
pub(super) use value::{boolean, float, int, time};
