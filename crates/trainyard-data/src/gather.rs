//! One pass over all rows, on threads or machines that each have a state of their own.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use arrow::record_batch::RecordBatch;
use serde::{Deserialize, Serialize};
use trainyard_features::profile::{Profiler, Refiner};

use crate::ordered::internal;
use crate::{Engine, Resources, Result, Scan, Source};

/// What is found out about rows, in any order and partition.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Findings {
    /// What all columns are like.
    Profile(Profiler),
    /// What makes quantiles and buckets exact.
    Refinement(Refiner),
}

impl Findings {
    /// Adds rows.
    pub(crate) fn update(&mut self, batch: &RecordBatch) -> Result<()> {
        match self {
            Self::Profile(profiler) => profiler.update(batch)?,
            Self::Refinement(refiner) => refiner.update(batch)?,
        }
        Ok(())
    }

    /// Adds the rows that another has seen.
    pub(crate) fn merge(&mut self, other: &Self) -> Result<()> {
        match (self, other) {
            (Self::Profile(mine), Self::Profile(theirs)) => mine.merge(theirs),
            (Self::Refinement(mine), Self::Refinement(theirs)) => mine.merge(theirs),
            _ => return Err(internal("findings of two kinds were to be merged")),
        }
        Ok(())
    }

    /// Findings as they travel.
    #[cfg(feature = "cluster")]
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(|error| internal(error.to_string()))
    }

    /// Reads [`Findings::to_bytes`].
    #[cfg(feature = "cluster")]
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self> {
        serde_json::from_slice(bytes).map_err(|error| internal(format!("findings are damaged: {error}")))
    }
}

/// Passes over the rows of `source` once, beginning with copies of `empty`, and gives what was found and how many rows were left
/// out because they could not be read. `progress` is told how many more were read.
///
/// # Errors
///
/// When a row cannot be read or added, and when there are no rows.
pub(crate) fn gather(
    source: &Source,
    engine: &Engine,
    empty: &Findings,
    progress: &mut dyn FnMut(u64),
) -> Result<(Findings, u64)> {
    match engine {
        Engine::Local(Resources { threads, .. }) => gather_here(source, *threads, empty, progress),
        #[cfg(feature = "cluster")]
        Engine::Cluster(cluster) => cluster.gather(source, empty, progress),
    }
}

/// A pass on threads of this process: each takes the next batch when it is done with its last one.
fn gather_here(
    source: &Source,
    threads: usize,
    empty: &Findings,
    progress: &mut dyn FnMut(u64),
) -> Result<(Findings, u64)> {
    let scan = Mutex::new(source.scan()?);
    let (counter, counts) = channel();
    let mut seen = 0;
    let found = thread::scope(|scope| {
        let start = |_| {
            let (found, counter, scan) = (empty.clone(), counter.clone(), &scan);
            scope.spawn(move || collect(scan, found, &counter))
        };
        let threads: Vec<_> = (0..threads.max(1)).map(start).collect();
        drop(counter);
        for rows in counts {
            seen += rows;
            progress(rows);
        }
        let all = threads.into_iter().map(|thread| match thread.join() {
            Ok(found) => found,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        merge(all.collect::<Result<Vec<_>>>()?)
    })?;
    let scan = scan.into_inner().unwrap_or_else(PoisonError::into_inner);
    if seen == 0 { Err(source.no_rows(scan.skipped())) } else { Ok((found, scan.skipped())) }
}

/// What one thread does. Its error ends the scan, and with it the other threads.
fn collect(scan: &Mutex<Scan>, mut found: Findings, counter: &Sender<u64>) -> Result<Findings> {
    let next = || scan.lock().unwrap_or_else(PoisonError::into_inner).next();
    while let Some(batch) = next() {
        let batch = batch?;
        if let Err(error) = found.update(&batch) {
            scan.lock().unwrap_or_else(PoisonError::into_inner).stop();
            return Err(error);
        }
        // The receiver outlives this thread.
        let _ = counter.send(batch.num_rows() as u64);
    }
    Ok(found)
}

fn merge(all: Vec<Findings>) -> Result<Findings> {
    let mut all = all.into_iter();
    let mut merged = all.next().ok_or_else(|| internal("a pass ran on no thread"))?;
    all.try_for_each(|found| merged.merge(&found))?;
    Ok(merged)
}
