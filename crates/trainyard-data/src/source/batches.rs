//! Arrow batches of files to batches of raw columns.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{ArrayRef, BooleanArray};
use arrow::compute::{BatchCoalescer, filter_record_batch};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use arrow::util::display::array_value_to_string;
use trainyard_features::Field;

use super::config::OnError;
use super::convert::{Converted, convert};
use super::csv::Rules;
use super::location::Location;
use super::piece::PieceSink;
use super::plan::{BATCH_ROWS, Plan, coded_type};
use super::shape::batch_of;
use crate::error::{Error, Place, Result, in_words, shortened};

/// Converts batches, leaves out rows that cannot be converted if these are to be skipped, and sends full ones on.
pub(super) struct Batches<'a> {
    plan: &'a Plan,
    rules: Rules,
    skipped: &'a AtomicU64,
    sink: &'a PieceSink<'a>,
    full: BatchCoalescer,
}

impl<'a> Batches<'a> {
    pub(super) fn new(plan: &'a Plan, skipped: &'a AtomicU64, sink: &'a PieceSink<'a>) -> Self {
        let full = BatchCoalescer::new(plan.arrow.clone(), BATCH_ROWS);
        Self { plan, rules: Rules::new(&plan.config), skipped, sink, full }
    }

    /// Takes rows of a file, behind `before` others, in columns as the plan has them, and says whether more are wanted.
    pub(super) fn push(&mut self, location: &Location, before: u64, batch: &RecordBatch) -> Result<bool> {
        let raw = self.raw(location, before, batch)?;
        self.skipped.fetch_add((batch.num_rows() - raw.num_rows()) as u64, Ordering::Relaxed);
        let is_coded = raw.schema_ref() != &self.plan.arrow;
        if is_coded {
            // Joining batches would join their dictionaries.
            self.full.finish_buffered_batch()?;
            return Ok(self.send() && self.sink.send(Ok(raw)));
        }
        if raw.num_rows() == BATCH_ROWS && self.full.is_empty() && is_compact(&raw) {
            return Ok(self.sink.send(Ok(raw)));
        }
        self.full.push_batch(raw)?;
        Ok(self.send())
    }

    /// Sends what is left.
    pub(super) fn finish(mut self) -> Result<()> {
        self.full.finish_buffered_batch()?;
        let _ = self.send();
        Ok(())
    }

    fn send(&mut self) -> bool {
        while let Some(batch) = self.full.next_completed_batch() {
            if !self.sink.send(Ok(batch)) {
                return false;
            }
        }
        true
    }

    fn raw(&self, location: &Location, before: u64, batch: &RecordBatch) -> Result<RecordBatch> {
        let mut columns: Vec<ArrayRef> = Vec::new();
        let mut keep = vec![true; batch.num_rows()];
        let coded = coded_type();
        for (i, array) in batch.columns().iter().enumerate() {
            if self.plan.is_coded(i) && *array.data_type() == coded {
                columns.push(Arc::clone(array));
                continue;
            }
            let Converted { array: column, bad } = convert(array, self.plan.arrow.field(i).data_type(), &self.rules)?;
            if let (Some(&row), OnError::Fail) = (bad.first(), self.plan.config.on_error) {
                let place = Place::Row(before + row as u64 + 1);
                return Err(bad_value(
                    location,
                    place,
                    &self.plan.schema.fields[i],
                    &array_value_to_string(array, row)?,
                ));
            }
            bad.iter().for_each(|&row| keep[row] = false);
            columns.push(column);
        }
        let batch = batch_of(&self.plan.arrow, columns, batch.num_rows())?;
        if keep.iter().all(|&keep| keep) {
            return Ok(batch);
        }
        Ok(filter_record_batch(&batch, &BooleanArray::from(keep))?)
    }
}

/// Whether a batch holds hardly more memory than its own rows take. Columns may be parts of what a file was read into, all of which
/// stays as long as they do.
fn is_compact(batch: &RecordBatch) -> bool {
    let own = batch.columns().iter().map(|column| column.to_data().get_slice_memory_size());
    own.sum::<Result<usize, ArrowError>>().is_ok_and(|own| batch.get_array_memory_size() <= 2 * own)
}

fn bad_value(location: &Location, place: Place, field: &Field, text: &str) -> Error {
    Error::Value {
        path: location.clone(),
        place,
        column: field.name.clone(),
        text: shortened(text.as_bytes()).into(),
        expected: in_words(field.column_type),
        hint: format!("set another type for `{}` in `types`, or set `on_error = \"skip\"`", field.name).into(),
    }
}
