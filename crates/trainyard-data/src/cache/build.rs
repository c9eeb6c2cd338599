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
    use std::sync::atomic::{AtomicU64, Ordering};

    use trainyard_features::Features;

    use crate::{Cache, Source, SourceConfig, Split, fit};

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
