//! One pass over all rows on many threads, each with a state of its own.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use arrow::record_batch::RecordBatch;

use crate::ordered::internal;
use crate::{Result, Scan, Source};

/// What is found out about rows, in any order and partition.
pub(crate) trait Gather: Clone + Send + Sync {
    /// Adds rows.
    fn update(&mut self, batch: &RecordBatch) -> Result<()>;

    /// Adds the rows that another has seen.
    fn merge(&mut self, other: Self) -> Result<()>;
}

/// What a pass has found.
#[derive(Debug)]
pub(crate) struct Gathered<T> {
    pub state: T,
    /// Rows left out because they could not be read.
    pub skipped: u64,
}

/// Passes over the rows of `source` once: each thread takes the next batch when it is done with its last one, beginning with a
/// copy of `empty`. `progress` is called with the rows of each batch.
///
/// # Errors
///
/// When a row cannot be read or added, and when there are no rows.
pub(crate) fn gather<T: Gather>(
    source: &Source,
    threads: usize,
    empty: &T,
    progress: &mut dyn FnMut(u64),
) -> Result<Gathered<T>> {
    let scan = Mutex::new(source.scan()?);
    let (counter, counts) = channel();
    let mut seen = 0;
    let state = thread::scope(|scope| {
        let start = |_| {
            let (state, counter, scan) = (empty.clone(), counter.clone(), &scan);
            scope.spawn(move || collect(scan, state, &counter))
        };
        let threads: Vec<_> = (0..threads.max(1)).map(start).collect();
        drop(counter);
        for rows in counts {
            seen += rows;
            progress(rows);
        }
        let states = threads.into_iter().map(|thread| match thread.join() {
            Ok(state) => state,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        merge(states.collect::<Result<Vec<_>>>()?)
    })?;
    let scan = scan.into_inner().unwrap_or_else(PoisonError::into_inner);
    if seen == 0 { Err(source.no_rows(scan.skipped())) } else { Ok(Gathered { state, skipped: scan.skipped() }) }
}

/// What one thread does. Its error ends the scan, and with it the other threads.
fn collect<T: Gather>(scan: &Mutex<Scan>, mut state: T, counter: &Sender<u64>) -> Result<T> {
    let next = || scan.lock().unwrap_or_else(PoisonError::into_inner).next();
    while let Some(batch) = next() {
        let batch = batch?;
        if let Err(error) = state.update(&batch) {
            scan.lock().unwrap_or_else(PoisonError::into_inner).stop();
            return Err(error);
        }
        // The receiver outlives this thread.
        let _ = counter.send(batch.num_rows() as u64);
    }
    Ok(state)
}

fn merge<T: Gather>(states: Vec<T>) -> Result<T> {
    let mut states = states.into_iter();
    let mut merged = states.next().ok_or_else(|| internal("a pass ran on no thread"))?;
    states.try_for_each(|state| merged.merge(state))?;
    Ok(merged)
}
