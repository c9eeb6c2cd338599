//! Apache Parquet.

use std::io::{self, Write};

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::Compression;
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::properties::WriterProperties;

use super::{Encoder, Output};

/// Rows of a row group at most.
const GROUP_ROWS: usize = 1 << 17;
/// Encoded bytes of a row group at most: what is held in memory.
const GROUP_BYTES: usize = 64 << 20;

/// Writes rows in row groups.
pub(super) struct Parquet {
    writer: ArrowWriter<Output>,
}

impl Parquet {
    /// Writes what comes before the first row.
    pub(super) fn new(output: Output, schema: &SchemaRef) -> io::Result<Parquet> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .set_max_row_group_bytes(Some(GROUP_BYTES))
            .build();
        let writer = ArrowWriter::try_new(output, SchemaRef::clone(schema), Some(properties)).map_err(io_error)?;
        Ok(Parquet { writer })
    }
}

impl Encoder for Parquet {
    fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        self.writer.write(batch).map_err(io_error)
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        self.writer.into_inner().map_err(io_error)?.flush()
    }
}

/// The system's error in Parquet's.
fn io_error(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(error) => error.downcast::<io::Error>().map_or_else(io::Error::other, |error| *error),
        other => io::Error::other(other),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::sync::Arc;

    use arrow::array::Float32Array;
    use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    use crate::Sink;
    use crate::sink::tests::{batch_of, column, list};

    #[test]
    fn numbers_and_lists_read_back_bit_for_bit() {
        let floats = Float32Array::from(vec![Some(0.1), None, Some(f32::NAN), Some(f32::NEG_INFINITY)]);
        let lists = list(&[Some([0.1, 1.0]), None, Some([f32::MIN_POSITIVE, -0.0]), Some([1e30, 2.0])]);
        let batch = batch_of(&[column("x", Arc::new(floats)), column("p", Arc::new(lists))]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        let mut sink = Sink::create(Some(&path), None, &batch.schema()).unwrap();
        sink.write(&batch).unwrap();
        sink.finish().unwrap();

        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap();
        let read: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
        assert_eq!(read, [batch]);
    }

    #[test]
    fn rows_leave_memory_in_groups() {
        let rows = super::GROUP_ROWS + 1;
        let batch = batch_of(&[column("x", Arc::new(Float32Array::from(vec![1.0; rows])))]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        let mut sink = Sink::create(Some(&path), None, &batch.schema()).unwrap();
        sink.write(&batch).unwrap();
        sink.finish().unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap();
        assert_eq!(reader.metadata().num_row_groups(), 2);
    }
}
