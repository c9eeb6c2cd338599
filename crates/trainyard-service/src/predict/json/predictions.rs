//! Predictions as JSON: `{"predictions": [..]}` by row, `{"outputs": ..}` by column.

use arrow::array::{Array, AsArray, FixedSizeListArray, Float32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::DataType;
use trainyard_model::Output;

use crate::error::{Error, Result};
use crate::predict::json_writer as writer;

/// How an answer is laid out, which is how its request was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// `predictions`: one element per row.
    Rows,
    /// `outputs`: one list per output.
    Columns,
}

/// The columns of an answer, checked against the outputs that the model declares.
pub(crate) struct Predictions<'a> {
    rows: usize,
    columns: Vec<Column<'a>>,
}

struct Column<'a> {
    name: &'a str,
    values: Values<'a>,
}

/// The values of one output.
enum Values<'a> {
    Floats(&'a Float32Array),
    FloatLists(&'a FixedSizeListArray, &'a Float32Array),
    Ints(&'a Int64Array),
    Texts(&'a StringArray),
    /// Texts of an output whose name ends in `_bytes`.
    Bytes(&'a StringArray),
}

impl<'a> Predictions<'a> {
    /// # Errors
    /// [`Error::Internal`] when `batch` is not `rows` rows of `outputs`.
    pub fn new(batch: &'a RecordBatch, outputs: &'a [Output], rows: usize) -> Result<Self> {
        if batch.num_columns() != outputs.len() || batch.num_rows() != rows {
            return Err(Error::internal(format!(
                "the model gave {} columns of {} rows for {} outputs and {rows} rows",
                batch.num_columns(),
                batch.num_rows(),
                outputs.len(),
            )));
        }
        let columns = outputs.iter().zip(batch.columns()).map(|(output, array)| Column::new(&output.name, array));
        Ok(Self { rows, columns: columns.collect::<Result<_>>()? })
    }

    /// The body of an answer.
    pub fn write(&self, layout: Layout) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(32 + 24 * self.rows * self.columns.len());
        match layout {
            Layout::Rows => self.write_rows(&mut out)?,
            Layout::Columns => self.write_columns(&mut out)?,
        }
        Ok(out)
    }

    fn write_rows(&self, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(b"{\"predictions\":[");
        writer::separated(out, 0..self.rows, |out, row| self.write_named(out, |column, out| column.write(out, row)))?;
        out.extend_from_slice(b"]}");
        Ok(())
    }

    fn write_columns(&self, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(b"{\"outputs\":");
        self.write_named(out, |column, out| {
            out.push(b'[');
            writer::separated(out, 0..self.rows, |out, row| column.write(out, row))?;
            out.push(b']');
            Ok(())
        })?;
        out.push(b'}');
        Ok(())
    }

    /// What `write` writes for each output, under its name unless there is only one.
    fn write_named(&self, out: &mut Vec<u8>, write: impl Fn(&Column<'_>, &mut Vec<u8>) -> Result<()>) -> Result<()> {
        if let [only] = self.columns.as_slice() {
            return write(only, out);
        }
        out.push(b'{');
        writer::separated(out, &self.columns, |out, column| {
            writer::text(out, column.name)?;
            out.push(b':');
            write(column, out)
        })?;
        out.push(b'}');
        Ok(())
    }
}

impl<'a> Column<'a> {
    fn new(name: &'a str, array: &'a dyn Array) -> Result<Self> {
        let values = match array.data_type() {
            DataType::Float32 => Values::Floats(array.as_primitive()),
            DataType::Int64 => Values::Ints(array.as_primitive()),
            DataType::Utf8 if name.ends_with("_bytes") => Values::Bytes(array.as_string()),
            DataType::Utf8 => Values::Texts(array.as_string()),
            DataType::FixedSizeList(item, _) if *item.data_type() == DataType::Float32 => {
                let lists = array.as_fixed_size_list();
                Values::FloatLists(lists, lists.values().as_primitive())
            }
            other => {
                return Err(Error::internal(format!("output `{name}` is of type {other}, which has no JSON form")));
            }
        };
        Ok(Self { name, values })
    }

    fn write(&self, out: &mut Vec<u8>, row: usize) -> Result<()> {
        match self.values {
            Values::Floats(values) => write_valid(out, values, row, |out| writer::float(out, values.value(row))),
            Values::Ints(values) => write_valid(out, values, row, |out| writer::int(out, values.value(row))),
            Values::Texts(values) => write_valid(out, values, row, |out| writer::text(out, values.value(row))),
            Values::Bytes(values) => {
                write_valid(out, values, row, |out| writer::bytes(out, values.value(row).as_bytes()))
            }
            Values::FloatLists(lists, values) => {
                let start = lists.value_offset(row) as usize;
                let list = &values.values()[start..start + lists.value_length() as usize];
                write_valid(out, lists, row, |out| writer::floats(out, list))
            }
        }
    }
}

/// A value that is not there is `null`.
fn write_valid(
    out: &mut Vec<u8>,
    array: &dyn Array,
    row: usize,
    write: impl FnOnce(&mut Vec<u8>) -> Result<()>,
) -> Result<()> {
    if array.is_valid(row) {
        return write(out);
    }
    out.extend_from_slice(b"null");
    Ok(())
}
