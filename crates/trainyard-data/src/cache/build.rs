//! From a source to a file.

use std::path::Path;

use arrow::record_batch::RecordBatch;
use trainyard_features::{Batch, Encoding};

use super::layout::Layout;
use super::writer::Writer;
use crate::loan::{Loan, Purse};
use crate::ordered::map_in_order;
use crate::{Resources, Result, Source};

/// What it takes to write a cache.
pub(super) struct Build<'a> {
    pub path: &'a Path,
    pub fingerprint: String,
    pub source: &'a Source,
    pub resources: Resources,
    /// Makes raw rows ready for a model.
    pub transform: &'a (dyn Fn(&RecordBatch) -> Result<Batch> + Sync),
    /// Is told the rows written so far.
    pub progress: &'a dyn Fn(u64),
}

/// What a thread makes of a batch of raw rows.
enum Encoded<'a> {
    Rows(RecordBatch, Loan<'a>),
    /// The rows do not fit the layout, but this one.
    Misfit(Layout),
}

impl Build<'_> {
    /// Writes all rows, which have this encoding.
    pub(super) fn run(&self, encoding: &Encoding) -> Result<()> {
        let mut scan = self.source.scan()?;
        let Some(first) = scan.next().transpose()? else {
            return Err(self.source.no_rows(&scan));
        };
        drop(scan);
        let mut layout = Layout::new(encoding, &(self.transform)(&first)?);
        // The first rows tell the layout nearly always. Where a later row has more ids than it holds, all is done again.
        while let Some(wider) = self.write(&layout)? {
            layout = wider;
        }
        Ok(())
    }

    /// Writes all rows, or gives the layout that it takes.
    fn write(&self, layout: &Layout) -> Result<Option<Layout>> {
        let fingerprints = (self.fingerprint.clone(), self.source.fingerprint()?);
        let mut writer = Writer::create(self.path, layout.clone(), fingerprints)?;
        let (mut rows, mut wider) = (0, None);
        let transform = self.transform;
        let purse = Purse::new(self.resources.memory.flight_bytes());
        let encode = |(raw, loan)| {
            let batch = transform(&raw)?;
            drop(raw);
            match layout.widened(&batch) {
                Some(wider) => Ok(Encoded::Misfit(wider)),
                None => Ok(Encoded::Rows(layout.encode(batch)?, loan)),
            }
        };
        let mut scan = self.source.scan()?;
        let lent = scan.by_ref().map(|raw| raw.map(|raw| lend(&purse, raw)));
        map_in_order(lent, self.resources.threads, encode, |encoded| {
            match encoded {
                Encoded::Misfit(layout) => wider = Some(layout),
                Encoded::Rows(batch, _loan) => {
                    writer.write(&batch)?;
                    rows += batch.num_rows() as u64;
                    (self.progress)(rows);
                }
            }
            Ok(wider.is_none())
        })?;
        if wider.is_none() {
            writer.finish(scan.skipped())?;
        }
        Ok(wider)
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

    use trainyard_features::CategoricalFeature;
    use trainyard_graph::Ragged;

    use super::*;
    use crate::Cache;
    use crate::testing::people;

    /// One id in each row, and two from the second batch on.
    fn two_ids_later(rows: &RecordBatch) -> Result<Batch> {
        let n = rows.num_rows();
        let mut ids = Ragged::new();
        (0..n as u64).for_each(|row| if n < 8192 { ids.push_row(&[row, 1]) } else { ids.push_row(&[row]) });
        Ok(Batch { rows: n, ids: vec![ids], labels: vec![0.0; n], ..Batch::default() })
    }

    #[test]
    fn rows_that_need_another_layout_get_it() {
        let (folder, config) = people(10_000);
        let source = Source::open(&config, &[("age", None)]).unwrap();
        let path = folder.path().join("cache.arrow");
        let started = AtomicU64::new(0);
        let build = Build {
            path: &path,
            fingerprint: "f".into(),
            source: &source,
            resources: Resources::default(),
            transform: &two_ids_later,
            progress: &|rows| {
                started.fetch_add(u64::from(rows == 8192), Ordering::Relaxed);
            },
        };
        let categorical = vec![CategoricalFeature::new("tags", 10_000)];
        build.run(&Encoding { numeric: Vec::new(), categorical }).unwrap();
        let cache = Cache::open(&path, "f").unwrap();
        assert_eq!(cache.read(0).unwrap().ids[0].row(8191), [8191]);
        assert_eq!(cache.read(1).unwrap().ids[0].row(7), [7, 1]);
        assert_eq!(started.into_inner(), 2);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "a temporary file stayed");
    }
}
