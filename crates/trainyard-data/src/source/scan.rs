//! A pass over the rows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::BooleanArray;
use arrow::compute::filter_record_batch;
use arrow::record_batch::RecordBatch;

use super::config::Format;
use super::plan::{Part, Plan};
use super::{csv, ipc, parquet, records};
use crate::Result;
use crate::background::Background;

/// Batches that wait for their reader.
const DEPTH: usize = 4;

/// The rows of a source in the order of its files, as batches of at most 8192 rows.
///
/// A thread of its own decodes ahead; it ends with the scan. After an error there are no more batches.
#[derive(Debug)]
pub struct Scan {
    batches: Background<Result<RecordBatch>>,
    skipped: Arc<AtomicU64>,
    part: Part,
    /// Rows decoded so far, of all parts.
    row: u64,
}

impl Scan {
    pub(super) fn start(plan: Arc<Plan>) -> Scan {
        let skipped = Arc::new(AtomicU64::new(0));
        let part = plan.part;
        let count = Arc::clone(&skipped);
        let batches = Background::spawn(DEPTH, move |sink| {
            let result = match plan.files.format {
                Format::Csv => csv::scan(&plan, &count, &sink),
                Format::Parquet => parquet::scan(&plan, &count, &sink),
                Format::Arrow => ipc::scan(&plan, &count, &sink),
                Format::JsonLines | Format::TfRecord => records::scan(&plan, &count, &sink),
            };
            if let Err(error) = result {
                // Who has dropped the scan does not want its error either.
                let _ = sink.send(Err(error));
            }
        });
        Scan { batches, skipped, part, row: 0 }
    }

    /// The rows of a batch that belong to the scan's part.
    fn of_part(&mut self, batch: RecordBatch) -> Result<RecordBatch> {
        if self.part == Part::All {
            return Ok(batch);
        }
        let first = self.row;
        self.row += batch.num_rows() as u64;
        let mask = (first..self.row).map(|row| Some(self.part.holds(row))).collect::<BooleanArray>();
        Ok(filter_record_batch(&batch, &mask)?)
    }

    /// Ends the scan: there are no more batches.
    pub(crate) fn stop(&mut self) {
        self.batches.stop();
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
            let batch = match self.batches.next()? {
                Ok(batch) => self.of_part(batch),
                Err(error) => return Some(Err(error)),
            };
            if batch.as_ref().map_or(true, |batch| batch.num_rows() > 0) {
                return Some(batch);
            }
        }
    }
}
