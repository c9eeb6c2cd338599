//! A pass over the rows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::record_batch::RecordBatch;

use super::config::Format;
use super::plan::Plan;
use super::{csv, parquet};
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
}

impl Scan {
    pub(super) fn start(plan: Arc<Plan>) -> Scan {
        let skipped = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&skipped);
        let batches = Background::spawn(DEPTH, move |sink| {
            let result = match plan.files.format {
                Format::Csv => csv::scan(&plan, &count, &sink),
                Format::Parquet => parquet::scan(&plan, &count, &sink),
            };
            if let Err(error) = result {
                // Who has dropped the scan does not want its error either.
                let _ = sink.send(Err(error));
            }
        });
        Scan { batches, skipped }
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
        self.batches.next()
    }
}
