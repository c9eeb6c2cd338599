//! JSON to columns and back, by the rules of TensorFlow Serving's REST API.
//!
//! ```text
//! body ── Document::parse ──> spans of its members ── instances::read ──> RecordBatch   (rows)
//!                                                 └── inputs::read ─────> RecordBatch   (columns)
//! RecordBatch ── predictions::write ──> {"predictions": ..} or {"outputs": ..}
//! ```
//! The source of the rules and of the messages' wording is TensorFlow Serving's `g3doc/api_rest.md` and
//! `util/json_tensor.cc`. Where this server differs:
//! - Each input is a raw column, of shape `[-1]` (`[1, 2]`) or `[-1, 1]` (`[[1], [2]]`).
//! - `null` is a missing value; so are `""` in a text column and `NaN` in a float column.
//! - Answers are written without white space.
//!
//! Why not parse into a tree first: a body is read once to find its members and to check its syntax and depth, once more
//! to fill the columns, and never copied.

mod column;
mod document;
mod inputs;
mod instances;
mod predictions;

pub(crate) use document::{Document, Values};
pub(crate) use predictions::{Layout, Predictions};

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use jiter::{Jiter, JiterError};

use super::version::Inputs;
use crate::error::{Error, Result};
use column::Column;

/// Reads the rows of `instances`, a non-empty JSON array.
pub(crate) fn read_instances(text: &[u8], inputs: &Inputs) -> Result<RecordBatch> {
    instances::read(text, inputs).and_then(|columns| batch(columns, inputs))
}

/// Reads the columns of `inputs`, any JSON value.
pub(crate) fn read_inputs(text: &[u8], inputs: &Inputs) -> Result<RecordBatch> {
    inputs::read(text, inputs).and_then(|columns| batch(columns, inputs))
}

/// A reader that knows `NaN`, `Infinity` and `-Infinity`.
fn reader(text: &[u8]) -> Jiter<'_> {
    Jiter::new(text).with_allow_inf_nan()
}

/// Whether the next value is `{"b64": ".."}`, which stands for bytes and is not an object of names.
fn is_base64(mut json: Jiter<'_>) -> bool {
    let mut read = || -> Result<bool, JiterError> {
        let key = json.next_object()? == Some("b64");
        Ok(key && json.next_str().is_ok() && json.next_key()?.is_none())
    };
    read().unwrap_or(false)
}

fn batch(columns: Vec<Column>, inputs: &Inputs) -> Result<RecordBatch> {
    let rows = columns.first().map_or(0, Column::len);
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    let arrays: Vec<ArrayRef> = columns.into_iter().map(Column::finish).collect();
    RecordBatch::try_new_with_options(inputs.schema.clone(), arrays, &options).map_err(Error::internal)
}

impl From<JiterError> for Error {
    fn from(error: JiterError) -> Self {
        Self::invalid(format!("JSON Parse error: {} at offset: {}", error.error_type, error.index))
    }
}
