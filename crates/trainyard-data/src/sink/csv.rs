//! CSV, as in RFC 4180.

use std::io::{self, Write};

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, FixedSizeListArray, Int64Array, PrimitiveArray, StringArray,
};
use arrow::datatypes::{ArrowPrimitiveType, DataType, Float32Type, Float64Type, Int64Type, Schema};
use arrow::record_batch::RecordBatch;

use super::{Encoder, Output};

/// Writes rows as lines.
///
/// Why not Arrow's writer? It has no lists, and no line of names when there is no row.
pub(super) struct Csv {
    output: Output,
    /// Bytes of one batch.
    buffer: Vec<u8>,
}

impl Csv {
    /// Writes the line of names.
    pub(super) fn new(mut output: Output, schema: &Schema) -> io::Result<Csv> {
        let mut line = Vec::new();
        let mut fields = schema.fields().iter().flat_map(|field| names(field.name(), field.data_type()));
        if let Some(first) = fields.next() {
            text(&first, &mut line);
        }
        for name in fields {
            line.push(b',');
            text(&name, &mut line);
        }
        line.push(b'\n');
        output.write_all(&line)?;
        Ok(Csv { output, buffer: Vec::new() })
    }
}

impl Encoder for Csv {
    fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        let columns = batch.columns().iter().map(Column::new).collect::<io::Result<Vec<_>>>()?;
        self.buffer.clear();
        for row in 0..batch.num_rows() {
            let start = self.buffer.len();
            for (i, column) in columns.iter().enumerate() {
                if i > 0 {
                    self.buffer.push(b',');
                }
                column.push(row, &mut self.buffer)?;
            }
            if self.buffer.len() == start {
                // An empty line would be no row to most readers.
                self.buffer.extend_from_slice(b"\"\"");
            }
            self.buffer.push(b'\n');
        }
        self.output.write_all(&self.buffer)
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.output.flush()
    }
}

/// The names of a column's fields.
fn names(name: &str, data_type: &DataType) -> Vec<String> {
    match data_type {
        DataType::FixedSizeList(_, width) => (0..*width).map(|i| format!("{name}_{i}")).collect(),
        _ => vec![name.to_owned()],
    }
}

/// A column of a batch.
enum Column<'a> {
    Float(&'a PrimitiveArray<Float32Type>),
    Double(&'a PrimitiveArray<Float64Type>),
    Int(&'a Int64Array),
    Text(&'a StringArray),
    Bool(&'a BooleanArray),
    List(&'a FixedSizeListArray, &'a PrimitiveArray<Float32Type>),
}

impl<'a> Column<'a> {
    fn new(array: &'a ArrayRef) -> io::Result<Column<'a>> {
        Ok(match array.data_type() {
            DataType::Float32 => Column::Float(array.as_primitive()),
            DataType::Float64 => Column::Double(array.as_primitive()),
            DataType::Int64 => Column::Int(array.as_primitive::<Int64Type>()),
            DataType::Utf8 => Column::Text(array.as_string()),
            DataType::Boolean => Column::Bool(array.as_boolean()),
            DataType::FixedSizeList(..) => {
                let list = array.as_fixed_size_list();
                Column::List(list, list.values().as_primitive())
            }
            other => return Err(io::Error::other(format!("a column of type {other} cannot be written as CSV"))),
        })
    }

    /// Writes the fields of a row, nothing for a missing value.
    fn push(&self, row: usize, line: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Column::Float(array) => float(array, row, line),
            Column::Double(array) => float(array, row, line),
            Column::Int(array) if array.is_valid(row) => write!(line, "{}", array.value(row)),
            Column::Bool(array) if array.is_valid(row) => write!(line, "{}", array.value(row)),
            Column::Text(array) if array.is_valid(row) => {
                text(array.value(row), line);
                Ok(())
            }
            Column::List(list, values) => floats(list, values, row, line),
            Column::Int(_) | Column::Bool(_) | Column::Text(_) => Ok(()),
        }
    }
}

/// A float in the fewest digits that read back the same.
fn float<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>, row: usize, line: &mut Vec<u8>) -> io::Result<()>
where
    T::Native: Into<f64>,
{
    if array.is_null(row) {
        return Ok(());
    }
    let value = array.value(row);
    let wide: f64 = value.into();
    match wide {
        f64::INFINITY => line.write_all(b"Infinity"),
        f64::NEG_INFINITY => line.write_all(b"-Infinity"),
        // `Debug` of a float has the digits of its own width, `.0` after whole numbers, and `NaN`.
        _ => write!(line, "{value:?}"),
    }
}

fn floats(
    list: &FixedSizeListArray,
    values: &PrimitiveArray<Float32Type>,
    row: usize,
    line: &mut Vec<u8>,
) -> io::Result<()> {
    let first = list.value_offset(row) as usize;
    for i in 0..list.value_length() as usize {
        if i > 0 {
            line.push(b',');
        }
        if list.is_valid(row) {
            float(values, first + i, line)?;
        }
    }
    Ok(())
}

/// A text, in quotes where it needs them; the empty one too, since nothing at all means missing.
fn text(text: &str, line: &mut Vec<u8>) {
    let is_special = |byte: u8| matches!(byte, b',' | b'"' | b'\n' | b'\r');
    let at_edge = |c: char| c.is_whitespace();
    if !text.is_empty() && !text.bytes().any(is_special) && !text.starts_with(at_edge) && !text.ends_with(at_edge) {
        line.extend_from_slice(text.as_bytes());
        return;
    }
    line.push(b'"');
    line.extend_from_slice(text.replace('"', "\"\"").as_bytes());
    line.push(b'"');
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Float32Array, Float64Array};

    use super::*;
    use crate::SinkFormat;
    use crate::sink::tests::{column, list, written};

    #[track_caller]
    fn check(name: &str, array: impl Array + 'static, expected: &str) {
        assert_eq!(written(SinkFormat::Csv, &[column(name, Arc::new(array))]), expected);
    }

    #[test]
    fn floats_have_the_digits_of_their_own_width() {
        check(
            "x",
            Float32Array::from(vec![0.1, 1.0, -0.0, 1e-9, 16_777_216.0]),
            "x\n0.1\n1.0\n-0.0\n1e-9\n16777216.0\n",
        );
        check("x", Float64Array::from(vec![0.1, f64::from(0.1_f32)]), "x\n0.1\n0.10000000149011612\n");
    }

    #[test]
    fn floats_read_back_bit_for_bit() {
        let values: Vec<f32> = (0..100_000_u32).map(|i| f32::from_bits(i.wrapping_mul(0x9e37_79b9))).collect();
        let values: Vec<f32> = values.into_iter().filter(|value| !value.is_nan()).collect();
        let text = written(SinkFormat::Csv, &[column("x", Arc::new(Float32Array::from(values.clone())))]);
        let read: Vec<u32> = text.lines().skip(1).map(|line| line.parse::<f32>().unwrap().to_bits()).collect();
        assert_eq!(read, values.into_iter().map(f32::to_bits).collect::<Vec<_>>());
    }

    #[test]
    fn numbers_that_are_not_finite_have_names() {
        check("x", Float32Array::from(vec![f32::NAN, f32::INFINITY, -f32::INFINITY]), "x\nNaN\nInfinity\n-Infinity\n");
    }

    #[test]
    fn a_list_is_several_columns() {
        check("p", list(&[Some([0.5, 0.25]), None]), "p_0,p_1\n0.5,0.25\n,\n");
        check("p", list(&[Some([0.0, 1.0]), Some([0.5, 0.25])]).slice(1, 1), "p_0,p_1\n0.5,0.25\n");
    }

    #[test]
    fn texts_are_quoted_where_needed() {
        let texts =
            StringArray::from(vec![Some("a b"), Some("a,b"), Some("\"a\""), Some("a\nb"), Some(" a"), Some("")]);
        check("x", texts, "x\na b\n\"a,b\"\n\"\"\"a\"\"\"\n\"a\nb\"\n\" a\"\n\"\"\n");
        check("a,b", StringArray::from(vec!["c"]), "\"a,b\"\nc\n");
    }

    #[test]
    fn a_row_without_values_is_no_empty_line() {
        check("x", Int64Array::from(vec![None, Some(1)]), "x\n\"\"\n1\n");
        check("x", BooleanArray::from(vec![true, false]), "x\ntrue\nfalse\n");
    }

    #[test]
    fn no_rows_leave_the_names() {
        check("x", Int64Array::from(Vec::<i64>::new()), "x\n");
    }
}
