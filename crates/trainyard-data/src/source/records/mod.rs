//! Files of records that name their own fields: JSON lines and TFRecord.
//!
//! ```text
//! file ──► record ──► fields ──────────► columns ──────► RecordBatch
//!          with its   a name and a       one builder per
//!          place      `Cell` each        needed column
//! ```
//!
//! A record may lack any field; then the value is missing. So the first records, not a header, tell which columns there are.

mod cell;
mod column;
mod infer;
mod rows;

pub(super) use cell::{Cell, Texts};
pub(super) use infer::columns;
pub(super) use rows::scan;

use super::location::{Input, Location};
use super::{json, tfrecord};
use crate::Result;
use crate::error::{Error, Place};
use crate::source::config::Format;
use crate::source::files::Files;

/// One open file of records.
pub(super) trait RecordFile {
    /// Reads the next record, and says whether there was one.
    fn advance(&mut self) -> Result<bool>;

    /// Where the record stands that was read last.
    fn place(&self) -> Place;

    /// Gives the fields of the record to a visitor.
    ///
    /// # Errors
    ///
    /// What is wrong with the record, in words that go on after "line 7 of the file".
    fn fields(&mut self, visitor: &mut dyn Visitor) -> Result<(), String>;
}

/// Who wants the fields of a record.
pub(super) trait Visitor {
    /// The column that a field belongs to, if its value is wanted.
    fn find(&mut self, name: &str) -> Option<usize>;

    /// Takes the value of a column.
    fn take(&mut self, column: usize, cell: Cell);
}

fn open(files: &Files, location: &Location) -> Result<Box<dyn RecordFile>> {
    let input: Input = files.open(location)?;
    match files.format {
        Format::TfRecord => Ok(Box::new(tfrecord::Records::new(input, location))),
        _ => Ok(Box::new(json::Lines::new(input, location))),
    }
}

fn bad_record(location: &Location, place: Place, problem: String) -> Error {
    Error::Record { path: location.clone(), place, problem: problem.into() }
}
