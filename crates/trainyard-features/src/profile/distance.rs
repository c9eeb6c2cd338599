//! How different two columns are, by the measures of TensorFlow Data Validation (`anomalies/metrics.cc`).

use super::cells::common;
use super::numbers::NumberProfile;
use super::profile::{ColumnProfile, Profile};
use super::values::ValueProfile;
use serde::Serialize;
use std::collections::BTreeMap;

/// How different a column is in two data sets.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Distance {
    /// Name of the column.
    pub column: String,
    /// See [`jensen_shannon`].
    pub jensen_shannon: Option<f64>,
    /// See [`l_infinity`].
    pub l_infinity: Option<f64>,
}

/// The columns that both data sets have, the most different first.
pub fn distances(a: &Profile, b: &Profile) -> Vec<Distance> {
    let both = a.columns.iter().filter_map(|mine| Some((mine, b.get(&mine.name)?)));
    let mut distances: Vec<Distance> = both
        .map(|(a, b)| Distance {
            column: a.name.clone(),
            jensen_shannon: jensen_shannon(a, b),
            l_infinity: l_infinity(a, b),
        })
        .collect();
    let size = |distance: &Distance| distance.jensen_shannon.unwrap_or(-1.0);
    distances.sort_by(|a, b| size(b).total_cmp(&size(a)));
    distances
}

/// The largest difference `max |p(v) − q(v)|` of the shares that a value `v` has of all values, from 0 to 1.
///
/// Of text, bool, int and time; a value that is not among the 1000 most frequent of a side counts as 0 there. `None` when a side has
/// no values, or so many that they are not listed.
pub fn l_infinity(a: &ColumnProfile, b: &ColumnProfile) -> Option<f64> {
    let pairs = value_shares(a.values.as_ref()?, b.values.as_ref()?)?;
    Some(pairs.into_iter().filter(|(value, _)| value.is_some()).map(|(_, (p, q))| (p - q).abs()).fold(0.0, f64::max))
}

/// The Jensen–Shannon divergence `½ KL(p‖m) + ½ KL(q‖m)`, `m = (p + q) / 2`, with logarithms to base 2: from 0 for equal
/// distributions to 1 for those without anything in common.
///
/// Of numbers, the distributions are over the finest [cells](super::Cell) that both sides know, some 64 of many numbers and √n of
/// few, of which frequent numbers are some; NaN and the two infinities are cells of their own. TensorFlow Data Validation takes ten
/// buckets of equal width instead and their numbers as spread evenly, which calls columns different that are not: an outlier in
/// one data set makes its buckets wide, and nearly all its numbers are then taken to be where they are not. Of values the
/// distributions are over the 1000 most frequent of either side, and what is left is one cell. `None` when a side has no values,
/// or so many that they are not listed.
pub fn jensen_shannon(a: &ColumnProfile, b: &ColumnProfile) -> Option<f64> {
    if let (Some(a), Some(b)) = (&a.numbers, &b.numbers) {
        return number_shares(a, b).map(divergence);
    }
    let pairs = value_shares(a.values.as_ref()?, b.values.as_ref()?)?;
    Some(divergence(pairs.into_values().collect()))
}

fn divergence(pairs: Vec<(f64, f64)>) -> f64 {
    let term = |p: f64, m: f64| if p > 0.0 { p * (p / m).log2() } else { 0.0 };
    let terms = pairs.into_iter().map(|(p, q)| {
        let m = (p + q) / 2.0;
        (term(p, m) + term(q, m)) / 2.0
    });
    terms.sum::<f64>().clamp(0.0, 1.0)
}

/// The share of each value that is listed on a side, and of those that are on neither (`None`).
type ValueShares<'a> = BTreeMap<Option<&'a str>, (f64, f64)>;

fn value_shares<'a>(a: &'a ValueProfile, b: &'a ValueProfile) -> Option<ValueShares<'a>> {
    if !(a.exact && b.exact && a.count > 0 && b.count > 0) {
        return None;
    }
    let mut shares = ValueShares::new();
    for value in &a.top {
        shares.entry(Some(value.value.as_str())).or_default().0 = value.count as f64 / a.count as f64;
    }
    for value in &b.top {
        shares.entry(Some(value.value.as_str())).or_default().1 = value.count as f64 / b.count as f64;
    }
    let listed = |values: &ValueProfile| values.top.iter().map(|value| value.count).sum::<u64>();
    let rest = |values: &ValueProfile| values.count.saturating_sub(listed(values)) as f64 / values.count as f64;
    shares.insert(None, (rest(a), rest(b)));
    Some(shares)
}

fn number_shares(a: &NumberProfile, b: &NumberProfile) -> Option<Vec<(f64, f64)>> {
    let (all_a, all_b) = (total(a), total(b));
    if all_a == 0.0 || all_b == 0.0 {
        return None;
    }
    let others =
        [(a.nan, b.nan), (a.negative_infinite, b.negative_infinite), (a.positive_infinite, b.positive_infinite)];
    let counts = common(&a.cells, &b.cells).into_iter().chain(others);
    Some(counts.map(|(in_a, in_b)| (in_a as f64 / all_a, in_b as f64 / all_b)).collect())
}

fn total(numbers: &NumberProfile) -> f64 {
    numbers.count as f64 + numbers.nan as f64 + numbers.infinite() as f64
}
