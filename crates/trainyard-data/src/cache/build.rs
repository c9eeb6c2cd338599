//! From a source to a file.

use std::path::Path;

use arrow::record_batch::RecordBatch;
use trainyard_features::{Collector, FittedFeatures};

use super::cache::Split;
use super::layout::Layout;
use super::writer::Writer;
use crate::fit::Open;
use crate::loan::{Loan, Purse};
use crate::ordered::map_in_order;
use crate::{Engine, Resources, Result, Scan, Source};

/// What it takes to write a cache.
pub(super) struct Build<'a> {
    pub path: &'a Path,
    pub fingerprint: String,
    pub features: (Split, &'a FittedFeatures),
    pub source: &'a Source,
    pub engine: Engine,
    /// Is told the rows written so far.
    pub progress: &'a dyn Fn(u64),
    /// Statistics that are gathered on the way. By threads only.
    pub open: Option<&'a Open>,
}

/// What became of writing all rows.
enum Written {
    /// They are written, and this was found on the way.
    Whole(Option<Collector>),
    /// They take another layout.
    Wider(Layout),
}

/// The raw rows, of which the first batch tells the layout.
struct Rows {
    first: Option<RecordBatch>,
    scan: Scan,
}

/// What is made of a batch of raw rows: encoded ones, or the layout that these would take.
type Encoded = Result<RecordBatch, Layout>;

impl Build<'_> {
    /// Writes all rows, and gives what was found on the way.
    pub(super) fn run(&self) -> Result<Option<Collector>> {
        let mut rows = self.rows()?;
        let Some(first) = &rows.first else {
            return Err(self.source.no_rows(rows.scan.skipped()));
        };
        let (split, features) = self.features;
        let mut layout = Layout::new(features.encoding(), &split.transform(features, first)?);
        // The first rows tell the layout nearly always. Where a later row has more ids than it holds, all is done again.
        loop {
            match self.write(&layout, rows)? {
                Written::Whole(found) => return Ok(found),
                Written::Wider(wider) => (layout, rows) = (wider, self.rows()?),
            }
        }
    }

    fn rows(&self) -> Result<Rows> {
        let mut scan = self.source.scan()?;
        Ok(Rows { first: scan.next().transpose()?, scan })
    }

    /// Writes all rows, unless they take another layout.
    fn write(&self, layout: &Layout, raw: Rows) -> Result<Written> {
        let fingerprints = (self.fingerprint.clone(), self.source.fingerprint()?);
        let mut writer = Writer::create(self.path, layout.clone(), fingerprints)?;
        let found = self.open.map(Open::collector);
        let (mut rows, mut wider) = (0, None);
        let skipped = self.encode(layout, raw, found.as_ref(), &mut |encoded| {
            match encoded {
                Err(layout) => wider = Some(layout),
                Ok(batch) => {
                    writer.write(&batch)?;
                    rows += batch.num_rows() as u64;
                    (self.progress)(rows);
                }
            }
            Ok(wider.is_none())
        })?;
        if let Some(wider) = wider {
            return Ok(Written::Wider(wider));
        }
        writer.finish(skipped)?;
        Ok(Written::Whole(found))
    }

    /// Hands the rows to `sink` in their order, until it wants no more, and shows them to `found`; how many were skipped.
    fn encode(
        &self,
        layout: &Layout,
        rows: Rows,
        found: Option<&Collector>,
        sink: &mut dyn FnMut(Encoded) -> Result<bool>,
    ) -> Result<u64> {
        let (split, features) = self.features;
        match &self.engine {
            Engine::Local(Resources { threads, memory }) => {
                let purse = Purse::new(memory.flight_bytes());
                let Rows { first, mut scan } = rows;
                let raw = first.map(Ok).into_iter().chain(scan.by_ref());
                let lent = raw.map(|raw| raw.map(|raw| lend(&purse, raw)));
                let encode = |(raw, loan)| {
                    found.map_or(Ok(()), |found| found.update(&raw))?;
                    let encoded = layout.encode_or_widen(split.transform(features, &raw)?)?;
                    drop(raw);
                    Ok((encoded, loan))
                };
                map_in_order(lent, *threads, encode, |(encoded, _loan)| sink(encoded))?;
                Ok(scan.skipped())
            }
            #[cfg(feature = "cluster")]
            Engine::Cluster(cluster) => {
                drop(rows);
                cluster.encode(self.source, (split, features), layout, sink)
            }
        }
    }
}

/// Waits until there is memory for a batch and for what is made of it on the way.
fn lend(purse: &Purse, raw: RecordBatch) -> (RecordBatch, Loan<'_>) {
    let loan = purse.lend(2 * raw.get_array_memory_size() as u64);
    (raw, loan)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::path::{Path, PathBuf};
    use std::sync::atomic::{AtomicU64, Ordering};

    use tempfile::TempDir;
    use trainyard_features::{ColumnType, Features, LabelSpec, LabelTask};

    use crate::{Cache, Error, FitMemory, Result, Source, SourceConfig, Split, fit, learn_within};

    /// Features that learn nothing from the rows of a CSV with columns `town`, `tags`, `n` and `label`, and these.
    fn hashed(csv: &Path, (task, label_type): (LabelTask, ColumnType)) -> (Features, Source) {
        let config = SourceConfig { path: csv.into(), ..SourceConfig::default() };
        let columns = ["town", "tags"].map(|name| (name, Some(ColumnType::Text)));
        let columns = [&columns[..], &[("n", Some(ColumnType::Float)), ("label", Some(label_type))]].concat();
        let source = Source::open(&config, &columns).unwrap();
        let specs = r#"{
            "town": { "op": "hash", "buckets": 50 },
            "words": { "op": "tokenize", "input": "tags" },
            "tag_ids": { "op": "hash", "input": "words", "buckets": 9 },
            "large": { "op": "log1p", "input": "n" }
        }"#;
        let specs = serde_json::from_str(specs).unwrap();
        let features = Features::new(specs, source.schema(), Some(LabelSpec::new("label", task)), None).unwrap();
        (features, source)
    }

    /// Rows with these labels, from the second block on with more tags than before.
    fn rows(n: usize, label: impl Fn(usize) -> &'static str) -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.csv");
        let row = |i: usize| {
            let tags = if i < 8192 { "a" } else { "b a" };
            format!("town{},{tags},{}.5,{}\n", i % 97, i % 1000, label(i))
        };
        std::fs::write(&path, format!("town,tags,n,label\n{}", (0..n).map(row).collect::<String>())).unwrap();
        (folder, path)
    }

    /// `features.json` and the bytes of the cache, by a pass for the features and one for the rows, or on so many threads by as few as
    /// it takes; and how often it was told of rows.
    fn built(csv: &Path, label: (LabelTask, ColumnType), threads: Option<usize>) -> Result<(String, Vec<u8>, u64)> {
        let ((features, source), told) = (hashed(csv, label), Cell::new(0));
        let path = csv.with_extension("arrow");
        let count = |rows| told.set(told.get() + u64::from(rows > 0));
        let fitted = if let Some(threads) = threads {
            let learnt = learn_within(&FitMemory::default(), features, &source, threads, &count)?;
            Cache::build_learnt(&path, learnt, &source, &count)?.1
        } else {
            let fitted = fit(features, &source, 2, &count)?;
            Cache::build(&path, &fitted, (Split::Training, &source), 2, &count)?;
            fitted
        };
        Ok((fitted.to_json(), std::fs::read(path).unwrap(), told.get()))
    }

    #[test]
    fn statistics_gathered_on_the_way_are_those_of_a_pass_of_their_own() {
        let classes = |column_type| [(LabelTask::Binary, column_type), (LabelTask::Multiclass, column_type)];
        let tasks = [classes(ColumnType::Int), classes(ColumnType::Float), classes(ColumnType::Text)].concat();
        let tasks = [tasks, vec![(LabelTask::Regression, ColumnType::Float)]].concat();
        for labels in [["0", "1"], ["1", "0"], ["2", "1"], ["-1", "1"]] {
            let (_folder, csv) = rows(20_000, |row| labels[row % 2]);
            tasks.iter().for_each(|&task| check_learnt(&csv, task));
        }
        let (_folder, csv) = rows(9000, |row| ["true", "false"][row % 2]);
        check_learnt(&csv, (LabelTask::Binary, ColumnType::Bool));
    }

    #[track_caller]
    fn check_learnt(csv: &Path, task: (LabelTask, ColumnType)) {
        let (json, bytes, _) = built(csv, task, None).unwrap();
        for threads in [1, 3] {
            let learnt = built(csv, task, Some(threads)).unwrap();
            assert_eq!(learnt.0, json, "{task:?}");
            assert!(learnt.1 == bytes, "{task:?}");
        }
    }

    #[test]
    fn a_usual_label_takes_one_pass() {
        let (_folder, csv) = rows(8192, |row| ["0", "1"][row % 2]);
        for task in [(LabelTask::Binary, ColumnType::Int), (LabelTask::Regression, ColumnType::Float)] {
            assert_eq!(built(&csv, task, Some(2)).unwrap().2, 1);
            assert_eq!(built(&csv, task, None).unwrap().2, 2);
        }
    }

    #[test]
    fn a_label_that_cannot_be_learnt_is_told_as_by_a_pass_of_its_own() {
        for (task, labels) in [
            ((LabelTask::Binary, ColumnType::Int), ["0", "1", ""]),
            ((LabelTask::Binary, ColumnType::Int), ["0", "0", "0"]),
            ((LabelTask::Binary, ColumnType::Int), ["0", "1", "2"]),
            ((LabelTask::Regression, ColumnType::Float), ["0.5", "1.5", "inf"]),
            ((LabelTask::Regression, ColumnType::Float), ["3", "3", "3"]),
        ] {
            // The third kind comes last of all.
            let (folder, csv) = rows(9000, |row| labels[if row == 8999 { 2 } else { row % 2 }]);
            let message = |threads| match built(&csv, task, threads) {
                Err(error @ Error::Features(_)) => error.to_string(),
                other => panic!("{labels:?}: {other:?}"),
            };
            assert_eq!(message(Some(2)), message(None));
            let names = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name());
            assert_eq!(names.collect::<Vec<_>>(), ["rows.csv"], "a file of a build that failed is left");
        }
    }

    #[test]
    fn rows_that_need_another_layout_get_it() {
        let folder = tempfile::tempdir().unwrap();
        let (csv, path) = (folder.path().join("t.csv"), folder.path().join("cache.arrow"));
        // One tag in each row, and two from the second block on.
        let rows: String = (0..10_000).map(|row| if row < 8192 { "a\n" } else { "b a\n" }).collect();
        std::fs::write(&csv, format!("tags\n{rows}")).unwrap();
        let config = SourceConfig { path: csv.as_path().into(), ..SourceConfig::default() };
        let source = Source::open(&config, &[("tags", None)]).unwrap();
        let specs =
            r#"{ "parts": { "op": "tokenize", "input": "tags" }, "known": { "op": "vocabulary", "input": "parts" } }"#;
        let features = Features::new(serde_json::from_str(specs).unwrap(), source.schema(), None, None).unwrap();
        let features = fit(features, &source, 2, &|_| {}).unwrap();
        let started = AtomicU64::new(0);
        let progress = |rows| {
            started.fetch_add(u64::from(rows == 8192), Ordering::Relaxed);
        };
        let cache = Cache::build(&path, &features, (Split::Other, &source), 2, &progress).unwrap();
        let (a, b) = (cache.read(0).unwrap().ids[0].row(0)[0], cache.read(1).unwrap().ids[0].row(7)[0]);
        assert_eq!(cache.read(0).unwrap().ids[0].row(8191), [a]);
        assert_eq!(cache.read(1).unwrap().ids[0].row(7), [b, a]);
        assert_ne!(a, b);
        assert_eq!(started.into_inner(), 2);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "a temporary file stayed");
    }
}
