//! A pass over the rows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::record_batch::RecordBatch;

use super::config::Format;
use super::piece::{Decoded, Piece, PieceSink};
use super::shape::shaped;
use super::source::Source;
use super::{csv, ipc, parquet, records};
use crate::Result;
use crate::background::{Background, Sink};

/// Batches that wait for their reader.
pub(crate) const AHEAD: usize = 1;

/// The rows of a source in the order of its inputs and their files, as batches of at most 8192 rows, or more where texts come
/// by their places in a dictionary.
///
/// A thread of its own decodes ahead; it ends with the scan. After an error there are no more batches.
#[derive(Debug)]
pub struct Scan {
    source: Source,
    batches: Background<Result<Decoded>>,
    skipped: Arc<AtomicU64>,
    /// The piece that the last batch came from, and its rows so far, of all parts.
    place: (u64, u64),
}

impl Scan {
    /// Starts a pass over some pieces; all of the source if there are none given.
    pub(super) fn start(source: Source, pieces: Option<Vec<Piece>>) -> Scan {
        let skipped = Arc::new(AtomicU64::new(0));
        let (read, count) = (source.clone(), Arc::clone(&skipped));
        let batches = Background::spawn(AHEAD, move |sink| {
            if let Err(error) = decode(&read, pieces.as_deref(), &count, &sink) {
                // Who has dropped the scan does not want its error either.
                let _ = sink.send(Err(error));
            }
        });
        Scan { source, batches, skipped, place: (0, 0) }
    }

    /// The rows of a batch that belong to the scan's part, with the columns that are given.
    fn taken(&mut self, Decoded { piece, rows }: Decoded) -> Result<RecordBatch> {
        let first = if self.place.0 == piece.number { self.place.1 } else { 0 };
        self.place = (piece.number, first + rows.num_rows() as u64);
        let plan = self.source.plan(&piece);
        shaped(plan.part.of(rows, piece.number, first)?, plan.config.weight.as_ref(), self.source.arrow_schema())
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
                Ok(decoded) => self.taken(decoded),
                Err(error) => return Some(Err(error)),
            };
            if batch.as_ref().map_or(true, |batch| batch.num_rows() > 0) {
                return Some(batch);
            }
        }
    }
}

/// Sends the rows of the pieces, in order, to `sink`, until it wants no more.
fn decode(source: &Source, pieces: Option<&[Piece]>, skipped: &AtomicU64, sink: &Sink<Result<Decoded>>) -> Result<()> {
    let pieces = pieces.map_or_else(|| source.pieces(), Ok)?;
    for piece in pieces {
        let (plan, sink) = (source.plan(piece).of_piece(piece), PieceSink::new(piece, sink));
        match plan.files.format {
            Format::Csv => csv::scan(&plan, skipped, &sink)?,
            Format::Parquet => parquet::scan(&plan, skipped, &sink)?,
            Format::Arrow => ipc::scan(&plan, skipped, &sink)?,
            Format::JsonLines | Format::TfRecord => records::scan(&plan, skipped, &sink)?,
        }
        if !sink.is_open() {
            break;
        }
    }
    Ok(())
}
