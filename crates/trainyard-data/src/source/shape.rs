//! From the columns that were read of an input to those that a source gives.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array};
use arrow::datatypes::{Field, Float64Type, Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};

use super::config::RowWeight;
use super::plan::coded_type;
use crate::Result;
use crate::ordered::internal;

/// The columns `to` of rows that were read: without those that only told which rows to take, and with what the rows weigh.
pub(super) fn shaped(batch: RecordBatch, weight: Option<&RowWeight>, to: &SchemaRef) -> Result<RecordBatch> {
    if weight.is_none() && batch.schema_ref() == to {
        return Ok(batch);
    }
    let column = |field: &Arc<Field>| {
        let read = batch.column_by_name(field.name()).cloned();
        match weight.filter(|weight| weight.name() == field.name()) {
            Some(weight) => Ok(weighed(read, weight.factor, batch.num_rows())),
            None => read.ok_or_else(|| internal(format!("the column `{}` was not read", field.name()))),
        }
    };
    let columns = to.fields().iter().map(column).collect::<Result<Vec<_>>>()?;
    batch_of(to, columns, batch.num_rows())
}

/// The rows of columns, whose types are those of a schema but where texts are coded.
pub(super) fn batch_of(schema: &SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    let coded = coded_type();
    if columns.iter().all(|column| *column.data_type() != coded) {
        return Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?);
    }
    let typed = |(field, column): (&Arc<Field>, &ArrayRef)| match column.data_type() {
        data_type if *data_type == coded => Arc::new(field.as_ref().clone().with_data_type(coded.clone())),
        _ => Arc::clone(field),
    };
    let fields: Vec<_> = schema.fields().iter().zip(&columns).map(typed).collect();
    Ok(RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)?)
}

/// The weights of rows: those that were read times the factor, or the factor.
fn weighed(read: Option<ArrayRef>, factor: f64, rows: usize) -> ArrayRef {
    let weights = read.as_ref().and_then(|array| array.as_primitive_opt::<Float64Type>());
    match weights {
        Some(weights) => Arc::new(weights.unary::<_, Float64Type>(|weight| weight * factor)),
        None => Arc::new(Float64Array::from(vec![factor; rows])),
    }
}
