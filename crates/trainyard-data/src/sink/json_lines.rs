//! JSON lines: one object per row.

use std::io::{self, Write};

use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use datafusion::arrow::json::WriterBuilder;
use datafusion::arrow::json::writer::{LineDelimited, Writer};

use super::{Encoder, Output};

/// Writes rows as objects.
pub(super) struct JsonLines {
    writer: Writer<Output, LineDelimited>,
}

impl JsonLines {
    pub(super) fn new(output: Output) -> JsonLines {
        // A missing value is written, so that every object has the same keys.
        JsonLines { writer: WriterBuilder::new().with_explicit_nulls(true).build(output) }
    }
}

impl Encoder for JsonLines {
    fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        self.writer.write(batch).map_err(io_error)
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.writer.finish().map_err(io_error)?;
        self.writer.into_inner().flush()
    }
}

/// The system's error in Arrow's.
fn io_error(error: ArrowError) -> io::Error {
    match error {
        ArrowError::IoError(_, error) => error,
        other => io::Error::other(other),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Array, BooleanArray, Float32Array, Int64Array, StringArray};

    use crate::SinkFormat;
    use crate::sink::tests::{column, list, written};

    #[track_caller]
    fn check(array: impl Array + 'static, expected: &str) {
        assert_eq!(written(SinkFormat::JsonLines, &[column("x", Arc::new(array))]), expected);
    }

    #[test]
    fn values_are_json() {
        check(StringArray::from(vec![Some("say \"é\"\n"), None]), "{\"x\":\"say \\\"é\\\"\\n\"}\n{\"x\":null}\n");
        check(BooleanArray::from(vec![true]), "{\"x\":true}\n");
        check(Int64Array::from(vec![i64::MIN]), "{\"x\":-9223372036854775808}\n");
    }

    #[test]
    fn floats_have_the_digits_of_their_own_width() {
        check(Float32Array::from(vec![0.1, 1.0]), "{\"x\":0.1}\n{\"x\":1.0}\n");
    }

    #[test]
    fn numbers_that_are_not_finite_are_null() {
        check(Float32Array::from(vec![f32::NAN, f32::INFINITY]), "{\"x\":null}\n{\"x\":null}\n");
        check(list(&[Some([f32::NAN, 0.5])]), "{\"x\":[null,0.5]}\n");
    }

    #[test]
    fn a_list_is_an_array() {
        check(list(&[Some([0.5, 2.0]), None]), "{\"x\":[0.5,2.0]}\n{\"x\":null}\n");
    }
}
