//! Fitting features over all rows of a source.

use arrow::record_batch::RecordBatch;
use trainyard_features::{Collector, Features, FittedFeatures};

use crate::gather::{Gather, gather};
use crate::{Result, Source};

/// Fits features: passes over the rows of `source` until nothing more is to be learnt, on `threads` threads.
///
/// The result is the same for any number of threads, as what the threads collect merges in any order. `progress` is called
/// from time to time with the rows read so far, those of all passes together.
///
/// # Errors
///
/// When a row cannot be read, there are no rows, or a feature cannot be fitted to them.
pub fn fit(features: Features, source: &Source, threads: usize, progress: &dyn Fn(u64)) -> Result<FittedFeatures> {
    let mut fitting = features.fit();
    let mut rows = 0;
    while !fitting.finished() {
        let source = source.select(&fitting.columns())?;
        let collected = gather(&source, threads, &fitting.collector(), &mut |more| {
            rows += more;
            progress(rows);
        })?;
        fitting.absorb(collected.state)?;
    }
    Ok(fitting.finish()?)
}

impl Gather for Collector {
    fn update(&mut self, batch: &RecordBatch) -> Result<()> {
        Ok(self.update(batch)?)
    }

    fn merge(&mut self, other: Self) -> Result<()> {
        Ok(self.merge(other)?)
    }
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
