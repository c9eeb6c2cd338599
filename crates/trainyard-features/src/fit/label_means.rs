//! The mean of the label by category.

use super::wire::{Reader, Wire, Writer};
use crate::Result;
use crate::hash::Map;
use crate::op::Checked;
use trainyard_graph::{ExactSum, Ragged};

/// Count and sum of the label by id and fold; a row counts for each of its ids, and once for all rows.
///
/// A row is in fold `hash % folds`, with the hash of what it holds apart from label and weight: equal rows share a fold, and no
/// order or partition changes it. The sums are exact.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LabelMeans {
    folds: u64,
    all: Vec<Total>,
    by_id: Map<u64, Vec<Total>>,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Total {
    count: u64,
    sum: ExactSum,
}

impl Total {
    fn add(&mut self, label: f32) {
        self.count += 1;
        self.sum.add(f64::from(label));
    }

    fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sum.merge(&other.sum);
    }
}

/// The rows of all folds but one, or of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rows {
    /// All rows.
    All,
    /// Those outside a fold.
    Outside(u64),
}

impl LabelMeans {
    /// Nothing seen yet.
    pub fn new(folds: u64) -> Self {
        Self { folds, all: vec![Total::default(); folds as usize], by_id: Map::default() }
    }

    /// Adds rows with their hashes and labels.
    pub fn update(&mut self, ids: &Ragged, hashes: &[u64], labels: &[f32]) {
        for (row, (hash, &label)) in hashes.iter().zip(labels).enumerate() {
            let fold = (hash % self.folds) as usize;
            self.all[fold].add(label);
            for &id in ids.row(row) {
                let totals = self.by_id.entry(id).or_insert_with(|| vec![Total::default(); self.folds as usize]);
                totals[fold].add(label);
            }
        }
    }

    /// Adds the rows that another has seen.
    pub fn merge(&mut self, other: &Self) {
        let merge = |mine: &mut [Total], theirs: &[Total]| {
            mine.iter_mut().zip(theirs).for_each(|(mine, theirs)| mine.merge(theirs));
        };
        merge(&mut self.all, &other.all);
        for (&id, theirs) in &other.by_id {
            let mine = self.by_id.entry(id).or_insert_with(|| vec![Total::default(); self.folds as usize]);
            merge(mine, theirs);
        }
    }

    /// `(Σ label + smoothing · prior) / (n + smoothing)` over the rows of each id below `n_ids`, and last the prior: the mean of
    /// the label over all of these rows, 0 of nothing.
    pub fn smoothed(&self, rows: Rows, smoothing: f64, n_ids: u64) -> Vec<f32> {
        let (count, sum) = total(&self.all, rows);
        let prior = if count > 0.0 { sum / count } else { 0.0 };
        let mean = |id: u64| {
            let (count, sum) = self.by_id.get(&id).map_or((0.0, 0.0), |totals| total(totals, rows));
            let weight = count + smoothing;
            (if weight > 0.0 { (sum + smoothing * prior) / weight } else { prior }) as f32
        };
        (0..n_ids).map(mean).chain([prior as f32]).collect()
    }
}

impl Wire for LabelMeans {
    fn write(&self, out: &mut Writer) -> Result<()> {
        self.all.iter().try_for_each(|total| total.write(out))?;
        out.number(self.by_id.len() as u64);
        for (&id, totals) in &self.by_id {
            out.number(id);
            totals.iter().try_for_each(|total| total.write(out))?;
        }
        Ok(())
    }

    fn read(&mut self, from: &mut Reader<'_>) -> Checked<()> {
        self.all.iter_mut().try_for_each(|total| total.read(from))?;
        for _ in 0..from.len(self.all.len())? {
            let id = from.number()?;
            let mut totals = vec![Total::default(); self.all.len()];
            totals.iter_mut().try_for_each(|total| total.read(from))?;
            self.by_id.insert(id, totals);
        }
        Ok(())
    }
}

impl Wire for Total {
    fn write(&self, out: &mut Writer) -> Result<()> {
        out.number(self.count);
        out.sum(&self.sum);
        Ok(())
    }

    fn read(&mut self, from: &mut Reader<'_>) -> Checked<()> {
        *self = Self { count: from.count()?, sum: from.sum()? };
        Ok(())
    }
}

/// Count and sum over some folds.
fn total(folds: &[Total], rows: Rows) -> (f64, f64) {
    let mut whole = Total::default();
    let used = (0..).zip(folds).filter(|(fold, _)| rows != Rows::Outside(*fold));
    used.for_each(|(_, total)| whole.merge(total));
    (whole.count as f64, whole.sum.value())
}
