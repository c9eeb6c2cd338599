//! Numbers of a column: moments, quantiles, histogram.

use super::cells::{Cell, cells};
use crate::fit::{Histogram, Moments, Quantile, Refinement};
use serde::{Deserialize, Serialize};
use trainyard_graph::ExactSum;

/// Buckets of a standard histogram, as in TensorFlow Data Validation.
const BUCKETS: usize = 10;

/// Shares whose quantiles are told: deciles, quartiles and tails, in thousandths.
const SHARES: [u64; 17] = [1, 10, 50, 100, 200, 250, 300, 400, 500, 600, 700, 750, 800, 900, 950, 990, 999];

/// Running statistics of numbers; those of any partition of the rows merge to the same bits.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct NumberState {
    moments: Moments,
    cubes: ExactSum,
    histogram: Histogram,
    zeros: u64,
    nan: u64,
    negative_infinite: u64,
    positive_infinite: u64,
}

/// What the numbers of a column are like. All but `nan` and the two infinities are of the finite ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumberProfile {
    /// Finite numbers.
    pub count: u64,
    /// Those of them that are 0.
    pub zeros: u64,
    /// Values that are no number.
    pub nan: u64,
    /// Values that are minus infinity.
    pub negative_infinite: u64,
    /// Values that are infinity.
    pub positive_infinite: u64,
    /// Their mean; 0 of nothing, as the next four.
    pub mean: f64,
    /// Their deviation (of the rows themselves: divided by `n`, not `n − 1`).
    pub std: f64,
    /// Their third standardised moment: 0 when symmetric, 2 of an exponential distribution.
    pub skewness: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// Quantiles by ascending share; empty of nothing. To the precision of `f32`, in which features see numbers.
    pub quantiles: Vec<QuantileValue>,
    /// Ten buckets of one width from the smallest to the largest; a single one when these are the same; none of nothing.
    pub histogram: Vec<Bucket>,
    /// Where they lie, by which columns are compared.
    pub cells: Vec<Cell>,
    /// Whether quantiles and buckets are exact; otherwise they are right to within 0.8 % of the number.
    pub exact: bool,
}

/// A number of which a given share of all is no larger: of `n` sorted numbers the one at place `floor(share · n)`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuantileValue {
    /// The share, above 0 and below 1.
    pub share: f64,
    /// The number.
    pub value: f64,
}

/// Numbers from `low` to below `high`; the last bucket of a histogram holds its `high`, too.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    /// Numbers in it.
    pub count: u64,
}

impl NumberState {
    /// Adds numbers.
    pub fn update(&mut self, values: impl IntoIterator<Item = f64>) {
        let mut finite = Vec::new();
        for value in values {
            match value {
                nan if nan.is_nan() => self.nan += 1,
                f64::INFINITY => self.positive_infinite += 1,
                f64::NEG_INFINITY => self.negative_infinite += 1,
                value => finite.push(value),
            }
        }
        self.zeros += finite.iter().filter(|value| **value == 0.0).count() as u64;
        self.moments.update(&finite);
        self.histogram.update(&singles(&finite));
        finite.iter_mut().for_each(|value| *value = value.powi(3));
        self.cubes.add_all(&finite);
    }

    /// Adds what another has seen.
    pub fn merge(&mut self, other: &Self) {
        self.moments.merge(&other.moments);
        self.cubes.merge(&other.cubes);
        self.histogram.merge(&other.histogram);
        self.zeros += other.zeros;
        self.nan += other.nan;
        self.negative_infinite += other.negative_infinite;
        self.positive_infinite += other.positive_infinite;
    }

    /// Finite numbers.
    pub fn count(&self) -> u64 {
        self.moments.count
    }

    /// Infinite ones.
    pub fn infinite(&self) -> u64 {
        self.negative_infinite + self.positive_infinite
    }

    /// The smallest finite number; infinity when there is none.
    pub fn min(&self) -> f64 {
        self.moments.min
    }

    /// The largest finite number; minus infinity when there is none.
    pub fn max(&self) -> f64 {
        self.moments.max
    }

    /// The mean of the finite numbers; 0 of nothing.
    pub fn mean(&self) -> f64 {
        self.moments.mean()
    }

    /// Third standardised moment `E[(x − μ)³] / σ³`: 0 of symmetric or equal numbers, 2 of an exponential distribution.
    pub fn skewness(&self) -> f64 {
        let (mean, std) = (self.moments.mean(), self.moments.std());
        if std == 0.0 {
            return 0.0;
        }
        let third = self.cubes.value() / self.moments.count as f64 - 3.0 * mean * std * std - mean.powi(3);
        third / std.powi(3)
    }

    /// The bins that a second scan must look into, ascending.
    pub(super) fn unresolved(&self) -> Vec<u16> {
        let quantiles: Vec<Quantile> = SHARES.iter().map(|&share| Quantile::Ratio(share, 1000)).collect();
        let mut bins = self.histogram.unresolved(&quantiles);
        bins.extend(self.histogram.unresolved_edges(&self.edges().into_iter().map(single).collect::<Vec<_>>()));
        bins.sort_unstable();
        bins.dedup();
        bins
    }

    /// What was seen, with what a second scan has found in the unresolved bins.
    pub(super) fn profile(&self, refinement: Option<&Refinement>) -> NumberProfile {
        let (quantiles, quantiles_exact) = self.quantiles(refinement);
        let (histogram, histogram_exact) = self.buckets(refinement);
        let some = |value: f64| if self.count() > 0 { value } else { 0.0 };
        NumberProfile {
            count: self.count(),
            zeros: self.zeros,
            nan: self.nan,
            negative_infinite: self.negative_infinite,
            positive_infinite: self.positive_infinite,
            mean: self.mean(),
            std: self.moments.std(),
            skewness: self.skewness(),
            min: some(self.min()),
            max: some(self.max()),
            quantiles,
            histogram,
            cells: cells(&self.histogram, refinement),
            exact: quantiles_exact && histogram_exact,
        }
    }

    fn quantiles(&self, refinement: Option<&Refinement>) -> (Vec<QuantileValue>, bool) {
        let find = |share: u64| Some((share, self.histogram.quantile(refinement, Quantile::Ratio(share, 1000))?));
        let found: Vec<_> = SHARES.into_iter().filter_map(find).collect();
        let exact = found.iter().all(|(_, (_, exact))| *exact);
        let quantile = |(share, (value, _))| QuantileValue { share: share as f64 / 1000.0, value: f64::from(value) };
        (found.into_iter().map(quantile).collect(), exact)
    }

    fn buckets(&self, refinement: Option<&Refinement>) -> (Vec<Bucket>, bool) {
        if self.count() == 0 {
            return (Vec::new(), true);
        }
        let (edges, mut exact) = (self.edges(), true);
        let mut below = 0;
        let ends = edges.iter().map(|&edge| (edge, self.histogram.below(refinement, single(edge))));
        let ends: Vec<(f64, u64)> = ends
            .map(|(edge, (count, is_exact))| {
                exact &= is_exact;
                (edge, count)
            })
            .chain([(self.max(), self.count())])
            .collect();
        let mut low = self.min();
        let mut buckets = Vec::with_capacity(ends.len());
        for (high, end) in ends {
            buckets.push(Bucket { low, high, count: end.saturating_sub(below) });
            (low, below) = (high, end.max(below));
        }
        (buckets, exact)
    }

    /// The edges between buckets; none when there is one bucket alone, and none that two buckets would share.
    fn edges(&self) -> Vec<f64> {
        let (min, max) = (self.min(), self.max());
        if min >= max {
            return Vec::new();
        }
        // Divided before it is subtracted, so that it does not overflow.
        let width = max / BUCKETS as f64 - min / BUCKETS as f64;
        let mut edges: Vec<f64> = (1..BUCKETS).map(|i| min + width * i as f64).collect();
        edges.dedup();
        edges.retain(|edge| *edge > min && *edge < max);
        edges
    }
}

impl NumberProfile {
    /// The quantile of a share that is told.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        self.quantiles.iter().find(|quantile| quantile.share == share).map(|quantile| quantile.value)
    }

    /// Infinite values.
    pub fn infinite(&self) -> u64 {
        self.negative_infinite + self.positive_infinite
    }
}

/// Finite numbers as the histogram counts them.
pub(super) fn singles(finite: &[f64]) -> Vec<f32> {
    finite.iter().map(|&value| single(value)).collect()
}

/// A finite number in single precision: the nearest that is finite, and no negative zero.
fn single(value: f64) -> f32 {
    (value as f32 + 0.0).clamp(f32::MIN, f32::MAX)
}
