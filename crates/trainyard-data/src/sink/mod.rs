//! Where answers go: Arrow batches to files.
//!
//! A [`Sink`] writes batches one after the other as CSV, JSON lines, Parquet or TFRecord, and holds no more of them than Parquet needs
//! for a row group. Each format is an [`Encoder`] of its own; names and places of files are in `target.rs`.

mod csv;
mod format;
mod json_lines;
mod parquet;
#[expect(clippy::module_inception, reason = "a file carries the name of its type")]
mod sink;
mod target;
mod tfrecord;

pub use format::SinkFormat;
pub use sink::Sink;
pub(crate) use target::Target;

use std::io::{self, Write};

use arrow::record_batch::RecordBatch;

/// Where an encoder writes to; buffered.
type Output = Box<dyn Write + Send>;

/// A format: batches to bytes.
trait Encoder: Send {
    /// Writes some rows. The batch has the schema that the encoder was made for.
    fn write(&mut self, batch: &RecordBatch) -> io::Result<()>;

    /// Writes what the format has after its last row, and flushes.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

#[cfg(test)]
mod tests {
    //! What the tests of the formats use.

    use std::sync::{Arc, Mutex};

    use arrow::array::{ArrayRef, FixedSizeListArray};
    use arrow::datatypes::Float32Type;

    use super::*;

    pub(super) type NamedColumn = (String, ArrayRef);

    pub(super) fn column(name: &str, array: ArrayRef) -> NamedColumn {
        (name.to_owned(), array)
    }

    pub(super) fn batch_of(columns: &[NamedColumn]) -> RecordBatch {
        RecordBatch::try_from_iter_with_nullable(columns.iter().map(|(name, array)| (name, array.clone(), true)))
            .unwrap()
    }

    /// Lists of two numbers.
    pub(super) fn list(rows: &[Option<[f32; 2]>]) -> FixedSizeListArray {
        let rows = rows.iter().map(|row| row.map(|values| values.map(Some)));
        FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(rows, 2)
    }

    /// What a sink makes of a batch, as text.
    pub(super) fn written(format: SinkFormat, columns: &[NamedColumn]) -> String {
        let (batch, bytes) = (batch_of(columns), Shared::default());
        let mut sink = Sink::to_writer(bytes.clone(), format, &batch.schema()).unwrap();
        sink.write(&batch).unwrap();
        sink.finish().unwrap();
        let bytes = bytes.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}
