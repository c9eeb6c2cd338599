//! From the columns that were read of an input to those that a source gives.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array};
use arrow::datatypes::{Float64Type, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};

use super::config::RowWeight;
use crate::Result;
use crate::ordered::internal;

/// The columns `to` of rows that were read: without those that only told which rows to take, and with what the rows weigh.
pub(super) fn shaped(batch: RecordBatch, weight: Option<&RowWeight>, to: &SchemaRef) -> Result<RecordBatch> {
    if weight.is_none() && batch.schema_ref() == to {
        return Ok(batch);
    }
    let column = |field: &Arc<arrow::datatypes::Field>| {
        let read = batch.column_by_name(field.name()).cloned();
        match weight.filter(|weight| weight.name() == field.name()) {
            Some(weight) => Ok(weighed(read, weight.factor, batch.num_rows())),
            None => read.ok_or_else(|| internal(format!("the column `{}` was not read", field.name()))),
        }
    };
    let columns = to.fields().iter().map(column).collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(to), columns, &options)?)
}

/// The weights of rows: those that were read times the factor, or the factor.
fn weighed(read: Option<ArrayRef>, factor: f64, rows: usize) -> ArrayRef {
    let weights = read.as_ref().and_then(|array| array.as_primitive_opt::<Float64Type>());
    match weights {
        Some(weights) => Arc::new(weights.unary::<_, Float64Type>(|weight| weight * factor)),
        None => Arc::new(Float64Array::from(vec![factor; rows])),
    }
}
