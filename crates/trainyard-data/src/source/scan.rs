//! A pass over the rows.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;

use super::config::Format;
use super::plan::Plan;
use super::shape::shaped;
use super::{csv, parquet};
use crate::Result;
use crate::background::Background;

/// Batches that wait for their reader.
const DEPTH: usize = 4;

/// The rows of a source in the order of its inputs and their files, as batches of at most 8192 rows.
///
/// A thread of its own decodes ahead; it ends with the scan. After an error there are no more batches.
#[derive(Debug)]
pub struct Scan {
    /// The input that is read, and those that come after it.
    plans: VecDeque<Arc<Plan>>,
    batches: Option<Background<Result<RecordBatch>>>,
    /// The columns that are given.
    arrow: SchemaRef,
    skipped: Arc<AtomicU64>,
    /// Rows decoded so far, of all parts.
    row: u64,
}

impl Scan {
    pub(super) fn start(plans: &[Arc<Plan>], arrow: &SchemaRef) -> Scan {
        let plans: VecDeque<_> = plans.iter().cloned().collect();
        let skipped = Arc::new(AtomicU64::new(0));
        let batches = plans.front().map(|plan| read(Arc::clone(plan), Arc::clone(&skipped)));
        Scan { plans, batches, arrow: Arc::clone(arrow), skipped, row: 0 }
    }

    /// The rows of a batch that belong to the scan's part, with the columns that are given.
    fn taken(&mut self, plan: &Plan, batch: RecordBatch) -> Result<RecordBatch> {
        let first = self.row;
        self.row += batch.num_rows() as u64;
        shaped(plan.part.of(batch, first)?, plan.config.weight.as_ref(), &self.arrow)
    }

    /// Ends the scan: there are no more batches.
    pub(crate) fn stop(&mut self) {
        self.plans.clear();
        self.batches = None;
    }

    /// Rows left out so far because they could not be read; always 0 unless `on_error` is `skip`.
    ///
    /// As decoding runs ahead, the number belongs to the rows given out only at the end of the scan.
    pub fn skipped(&self) -> u64 {
        self.skipped.load(Ordering::Relaxed)
    }
}

impl Iterator for Scan {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let plan = Arc::clone(self.plans.front()?);
            let Some(batch) = self.batches.as_mut().and_then(Iterator::next) else {
                self.plans.pop_front();
                self.batches = self.plans.front().map(|plan| read(Arc::clone(plan), Arc::clone(&self.skipped)));
                continue;
            };
            match batch.and_then(|batch| self.taken(&plan, batch)) {
                Ok(batch) if batch.num_rows() == 0 => {}
                Ok(batch) => return Some(Ok(batch)),
                Err(error) => {
                    self.stop();
                    return Some(Err(error));
                }
            }
        }
    }
}

/// Starts to decode the rows of an input.
fn read(plan: Arc<Plan>, skipped: Arc<AtomicU64>) -> Background<Result<RecordBatch>> {
    Background::spawn(DEPTH, move |sink| {
        let result = match plan.files.format {
            Format::Csv => csv::scan(&plan, &skipped, &sink),
            Format::Parquet => parquet::scan(&plan, &skipped, &sink),
        };
        if let Err(error) = result {
            // Who has dropped the scan does not want its error either.
            let _ = sink.send(Err(error));
        }
    })
}
