//! Fitting features over all rows of a source.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use trainyard_features::{Collector, Features, FittedFeatures, Round};

use crate::ordered::internal;
use crate::{Engine, Resources, Result, Scan, Source};

/// Fits features: passes over the rows of `source` on an engine, such as a number of threads, until nothing more is to be
/// learnt.
///
/// The result is the same for any engine, as what threads and machines collect merges in any order. `progress` is called from
/// time to time with the rows read so far, those of all passes together.
///
/// # Errors
///
/// When a row cannot be read, there are no rows, or a feature cannot be fitted to them.
pub fn fit(
    features: Features,
    source: &Source,
    engine: impl Into<Engine>,
    progress: &dyn Fn(u64),
) -> Result<FittedFeatures> {
    let (mut fitting, engine) = (features.fit(), engine.into());
    let mut rows = 0;
    while let Some(round) = fitting.round() {
        let source = source.select(&round.columns())?;
        let mut progress = |more| {
            rows += more;
            progress(rows);
        };
        let collector = match &engine {
            Engine::Local(Resources { threads, .. }) => pass(round, &source, *threads, &mut progress)?,
            #[cfg(feature = "cluster")]
            Engine::Cluster(cluster) => cluster.fit(round, &source, &mut progress)?,
        };
        fitting.absorb(collector)?;
    }
    Ok(fitting.finish()?)
}

/// One pass: each thread takes the next batch when it is done with its last one.
fn pass(round: &Round, source: &Source, threads: usize, progress: &mut dyn FnMut(u64)) -> Result<Collector> {
    let scan = Mutex::new(source.scan()?);
    let (counter, counts) = channel();
    let mut seen = 0;
    let collector = thread::scope(|scope| {
        let start = |_| {
            let (collector, counter) = (round.collector(), counter.clone());
            scope.spawn(|| collect(&scan, collector, counter))
        };
        let threads: Vec<_> = (0..threads.max(1)).map(start).collect();
        drop(counter);
        for rows in counts {
            seen += rows;
            progress(rows);
        }
        let collectors = threads.into_iter().map(|thread| match thread.join() {
            Ok(collector) => collector,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        merge(collectors.collect::<Result<Vec<_>>>()?)
    })?;
    let scan = scan.into_inner().unwrap_or_else(PoisonError::into_inner);
    if seen == 0 { Err(source.no_rows(scan.skipped())) } else { Ok(collector) }
}

/// What one thread does. Its error ends the scan, and with it the other threads.
fn collect(scan: &Mutex<Scan>, mut collector: Collector, counter: Sender<u64>) -> Result<Collector> {
    let next = || scan.lock().unwrap_or_else(PoisonError::into_inner).next();
    while let Some(batch) = next() {
        let batch = batch?;
        if let Err(error) = collector.update(&batch) {
            scan.lock().unwrap_or_else(PoisonError::into_inner).stop();
            return Err(error.into());
        }
        // The receiver outlives this thread.
        let _ = counter.send(batch.num_rows() as u64);
    }
    Ok(collector)
}

fn merge(collectors: Vec<Collector>) -> Result<Collector> {
    let mut collectors = collectors.into_iter();
    let mut merged = collectors.next().ok_or_else(|| internal("fitting ran on no thread"))?;
    collectors.try_for_each(|collector| merged.merge(collector))?;
    Ok(merged)
}

#[cfg(test)]
mod tests {
    use crate::testing::{features, people};
    use crate::{Error, OnError, Source, SourceConfig};

    use super::*;

    #[test]
    fn the_result_does_not_depend_on_the_threads() {
        let (_folder, config) = people(20_000);
        let (expected, _) = features(&config, 1).unwrap();
        for threads in [0, 2, 5] {
            assert_eq!(features(&config, threads).unwrap().0.fingerprint(), expected.fingerprint());
        }
    }

    #[test]
    fn progress_counts_the_rows_of_all_passes() {
        let (_folder, config) = people(10_000);
        let (unfitted, source) = crate::testing::unfitted(&config).unwrap();
        let last = std::cell::Cell::new(0);
        fit(unfitted, &source, 2, &|rows| last.set(rows)).unwrap();
        assert!(last.get() >= 10_000 && last.get().is_multiple_of(10_000), "{}", last.get());
    }

    #[test]
    fn an_error_in_a_row_ends_the_fit() {
        let (folder, mut config) = people(20_000);
        let path = folder.path().join("people.csv");
        let text = std::fs::read_to_string(&path).unwrap() + "old,Bern,1,0\n";
        std::fs::write(&path, &text).unwrap();
        let error = features(&config, 2).unwrap_err();
        assert!(error.to_string().starts_with("line 20002 of `"), "{error}");
        config.on_error = OnError::Skip;
        assert!(features(&config, 2).is_ok());
    }

    #[test]
    fn no_rows_is_an_error() {
        let (_folder, config) = people(0);
        let error = features(&config, 2).unwrap_err();
        assert!(matches!(error, Error::NoRows { .. }), "{error}");
    }

    #[test]
    fn an_error_of_a_feature_ends_the_fit() {
        let (folder, config) = people(10);
        let (unfitted, _) = crate::testing::unfitted(&config).unwrap();
        // The same columns with other types: the features refuse them in their first batch.
        let other = folder.path().join("other.csv");
        std::fs::write(&other, format!("age,city,income,rich\n{}", "x,1,y,z\n".repeat(30_000))).unwrap();
        let config = SourceConfig { path: other.as_path().into(), ..SourceConfig::default() };
        let source = Source::open_all(&config).unwrap();
        assert!(matches!(fit(unfitted, &source, 3, &|_| {}), Err(Error::Features(_))));
    }
}
