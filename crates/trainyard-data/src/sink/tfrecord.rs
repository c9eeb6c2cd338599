//! TFRecord: an example per row.

use std::io;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Float32Type, Float64Type, Int64Type};
use arrow::record_batch::RecordBatch;

use super::{Encoder, Output};
use crate::source::{Feature, TfRecordWriter};

/// Writes rows as `tf.train.Example`.
pub(super) struct TfRecord(TfRecordWriter<Output>);

impl TfRecord {
    pub(super) fn new(output: Output) -> TfRecord {
        TfRecord(TfRecordWriter::new(output))
    }
}

impl Encoder for TfRecord {
    fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        let fields = batch.schema_ref().fields();
        for row in 0..batch.num_rows() {
            let numbers: Vec<Vec<f32>> = batch.columns().iter().map(|column| floats(column, row)).collect();
            let features = fields.iter().zip(batch.columns()).zip(&numbers);
            self.0.write(
                features.map(|((field, column), floats)| (field.name().as_str(), feature(column, row, floats))),
            )?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        self.0.finish()
    }
}

/// The numbers of a row, which an example holds in 32 bits.
fn floats(column: &dyn Array, row: usize) -> Vec<f32> {
    match column.data_type() {
        DataType::Float32 => vec![column.as_primitive::<Float32Type>().value(row)],
        DataType::Float64 => vec![column.as_primitive::<Float64Type>().value(row) as f32],
        DataType::FixedSizeList(..) => {
            column.as_fixed_size_list().value(row).as_primitive::<Float32Type>().values().to_vec()
        }
        _ => Vec::new(),
    }
}

fn feature<'a>(column: &'a dyn Array, row: usize, floats: &'a [f32]) -> Feature<'a> {
    match column.data_type() {
        _ if column.is_null(row) => Feature::Missing,
        DataType::Int64 => Feature::Int(column.as_primitive::<Int64Type>().value(row)),
        DataType::Boolean => Feature::Int(i64::from(column.as_boolean().value(row))),
        DataType::Utf8 => Feature::Bytes(column.as_string::<i32>().value(row).as_bytes()),
        _ => Feature::Floats(floats),
    }
}
