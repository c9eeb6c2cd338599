//! Exact quantiles in two scans and little memory.
//!
//! The first scan counts numbers by the upper 16 bits of an order-preserving image of `f32`. A quantile that falls into a bin
//! with a single value is then known; for the others a second scan counts the lower 16 bits inside their bins. Why not a
//! t-digest or KLL sketch? Their results depend on the order in which partitions merge, and two fits would differ.

use super::wire::{Reader, Wire, Writer};
use crate::Result;
use crate::op::Checked;
use serde::{Deserialize, Serialize};

/// A number of which a given share of all numbers is no larger.
///
/// Of `n` sorted numbers it is the one at place `floor(share · n)`, counted from 0: the smallest number whose cumulative
/// count is strictly greater than `share · n`. This is the rule of `tft.quantiles`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Quantile {
    /// The share `.0 / .1`.
    Ratio(u64, u64),
    /// A share in `[0, 1]`.
    Share(f64),
}

impl Quantile {
    /// The `k - 1` quantiles that cut the numbers into `k` equal parts.
    pub fn even(k: u64) -> impl Iterator<Item = Self> {
        (1..k).map(move |i| Self::Ratio(i, k))
    }

    fn rank(self, total: u64) -> u64 {
        let rank = match self {
            Self::Ratio(i, k) => (u128::from(total) * u128::from(i) / u128::from(k)) as u64,
            Self::Share(share) => (share * total as f64) as u64,
        };
        rank.min(total.saturating_sub(1))
    }
}

/// `f32` as an integer of the same order.
fn key(value: f32) -> u32 {
    let bits = value.to_bits();
    if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
}

/// The inverse of [`key`].
fn value(key: u32) -> f32 {
    f32::from_bits(if key >> 31 == 1 { key & !(1 << 31) } else { !key })
}

/// Where a quantile falls.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Place {
    bin: u16,
    /// Place among the numbers of the bin.
    rank: u64,
    /// Numbers in the bin.
    count: u64,
    /// Smallest and largest lower half in the bin.
    range: (u16, u16),
}

impl Place {
    fn key(&self, low: u16) -> u32 {
        u32::from(self.bin) << 16 | u32::from(low)
    }

    fn is_single(&self) -> bool {
        self.range.0 == self.range.1
    }
}

/// How many numbers a bin has, and the smallest and the largest lower half of their keys.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Tally {
    count: u64,
    range: (u16, u16),
}

/// 256 neighbouring bins.
type Page = [Tally; 256];

/// First scan: numbers by the upper half of their key. Pages that no number falls into take no memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Vec<Bin>", into = "Vec<Bin>")]
pub(crate) struct Histogram {
    total: u64,
    pages: Vec<Option<Box<Page>>>,
}

/// A bin that has numbers: its place, their count, and the smallest and the largest lower half.
type Bin = (u16, u64, (u16, u16));

impl From<Histogram> for Vec<Bin> {
    fn from(histogram: Histogram) -> Self {
        histogram.bins().collect()
    }
}

impl From<Vec<Bin>> for Histogram {
    fn from(bins: Vec<Bin>) -> Self {
        let mut histogram = Self::default();
        bins.into_iter().for_each(|(bin, count, range)| histogram.add(bin, count, range));
        histogram
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self { total: 0, pages: vec![None; 256] }
    }
}

impl Histogram {
    /// Adds numbers; missing and infinite ones are left out.
    pub fn update(&mut self, values: &[f32]) {
        let mut finite = 0;
        for key in values.iter().filter(|value| value.is_finite()).map(|&value| key(value)) {
            let low = key as u16;
            self.tally((key >> 16) as u16, 1, (low, low));
            finite += 1;
        }
        self.total += finite;
    }

    /// Adds the numbers that another has seen.
    pub fn merge(&mut self, other: &Self) {
        for (bin, count, range) in other.bins() {
            self.add(bin, count, range);
        }
    }

    /// The bins that a second scan must look into to find these quantiles, ascending.
    pub fn unresolved(&self, quantiles: &[Quantile]) -> Vec<u16> {
        let places = quantiles.iter().filter_map(|quantile| self.place(quantile.rank(self.total)));
        let mut bins: Vec<u16> = places.filter(|place| !place.is_single()).map(|place| place.bin).collect();
        bins.sort_unstable();
        bins.dedup();
        bins
    }

    /// A quantile, and whether it is exact. Where the second scan did not look, it is taken as if the numbers of its bin
    /// were spread evenly, which is right to within 0.8 %. `None` when there are no numbers.
    pub fn quantile(&self, refinement: Option<&Refinement>, quantile: Quantile) -> Option<(f32, bool)> {
        let place = self.place(quantile.rank(self.total))?;
        if place.is_single() {
            return Some((value(place.key(place.range.0)), true));
        }
        if let Some(low) = refinement.and_then(|refinement| refinement.select(place.bin, place.rank)) {
            return Some((value(place.key(low)), true));
        }
        let (low, high) = (f64::from(place.range.0), f64::from(place.range.1));
        let low = low + (high - low) * (place.rank as f64 + 0.5) / place.count as f64;
        Some((value(place.key(low as u16)), false))
    }

    /// The bins that a second scan must look into to count what is below each of these edges, ascending.
    pub fn unresolved_edges(&self, edges: &[f32]) -> Vec<u16> {
        let is_open = |(bin, low): &(u16, u16)| {
            let page = self.pages[usize::from(bin >> 8)].as_ref();
            page.is_some_and(|page| {
                let (least, greatest) = page[usize::from(bin & 255)].range;
                least < *low && *low <= greatest
            })
        };
        let keys = edges.iter().map(|&edge| key(edge)).map(|key| ((key >> 16) as u16, key as u16));
        let mut bins: Vec<u16> = keys.filter(is_open).map(|(bin, _)| bin).collect();
        bins.sort_unstable();
        bins.dedup();
        bins
    }

    /// How many numbers are below an edge, and whether that is exact. Where the second scan did not look, the numbers of the
    /// edge's bin are taken as spread evenly.
    pub fn below(&self, refinement: Option<&Refinement>, edge: f32) -> (u64, bool) {
        let (bin, low) = ((key(edge) >> 16) as u16, key(edge) as u16);
        let whole: u64 = self.bins().take_while(|(other, ..)| *other < bin).map(|(_, count, _)| count).sum();
        let Some((_, count, (least, greatest))) = self.bins().find(|(other, ..)| *other == bin) else {
            return (whole, true);
        };
        if low <= least || low > greatest {
            return (whole + if low > greatest { count } else { 0 }, true);
        }
        if let Some(inside) = refinement.and_then(|refinement| refinement.below(bin, low)) {
            return (whole + inside, true);
        }
        let share = f64::from(low - least) / (f64::from(greatest - least) + 1.0);
        (whole + (count as f64 * share) as u64, false)
    }

    /// The finest intervals of which the numbers are counted, ascending: their smallest key, the leading bits that their keys
    /// share, and the count. They are single numbers (32 bits) where a bin has one alone or the second scan looked, else bins.
    pub fn finest(&self, refinement: Option<&Refinement>) -> Vec<(u32, u8, u64)> {
        let mut finest = Vec::new();
        for (bin, count, (least, greatest)) in self.bins() {
            let key = |low: u16| u32::from(bin) << 16 | u32::from(low);
            match refinement.and_then(|refinement| refinement.lows_of(bin)) {
                _ if least == greatest => finest.push((key(least), 32, count)),
                Some(lows) => finest.extend(lows.map(|(low, count)| (key(low), 32, count))),
                None => finest.push((key(0), 16, count)),
            }
        }
        finest
    }

    /// The chance that a number of another histogram is larger than one of this, ties counting half: the area under the ROC
    /// curve. Numbers of one bin, which differ by less than 0.8 %, count as ties. `None` when either has no numbers.
    pub fn area_below(&self, other: &Self) -> Option<f64> {
        let mut theirs = other.bins().peekable();
        let (mut below, mut wins) = (0, 0.0);
        for (bin, count, _) in self.bins() {
            while let Some((_, passed, _)) = theirs.next_if(|(their_bin, ..)| *their_bin < bin) {
                below += passed;
            }
            let tied = theirs.peek().filter(|(their_bin, ..)| *their_bin == bin).map_or(0, |(_, count, _)| *count);
            wins += count as f64 * ((other.total - below - tied) as f64 + tied as f64 / 2.0);
        }
        (self.total > 0 && other.total > 0).then(|| wins / self.total as f64 / other.total as f64)
    }

    fn add(&mut self, bin: u16, count: u64, (low, high): (u16, u16)) {
        self.tally(bin, count, (low, high));
        self.total += count;
    }

    /// Adds to a bin, and leaves the total to the caller.
    #[inline(always)]
    fn tally(&mut self, bin: u16, count: u64, (low, high): (u16, u16)) {
        let page = &mut self.pages[usize::from(bin >> 8)];
        let page = page.get_or_insert_with(|| Box::new([Tally { count: 0, range: (u16::MAX, 0) }; 256]));
        let Tally { count: counted, range } = &mut page[usize::from(bin & 255)];
        *counted += count;
        // Seldom so, which is why a branch beats a store that the next number of the bin would wait for.
        if low < range.0 {
            range.0 = low;
        }
        if high > range.1 {
            range.1 = high;
        }
    }

    fn bins(&self) -> impl Iterator<Item = Bin> {
        let pages = self.pages.iter().enumerate().filter_map(|(i, page)| Some((i, page.as_ref()?)));
        pages
            .flat_map(|(i, page)| {
                (i << 8..).zip(page.iter()).map(|(bin, tally)| (bin as u16, tally.count, tally.range))
            })
            .filter(|(_, count, _)| *count > 0)
    }

    fn place(&self, rank: u64) -> Option<Place> {
        let mut below = 0;
        self.bins().find_map(|(bin, count, range)| {
            let place = Place { bin, rank: rank.checked_sub(below)?, count, range };
            below += count;
            (place.rank < count).then_some(place)
        })
    }
}

impl Wire for Histogram {
    fn write(&self, out: &mut Writer) -> Result<()> {
        out.number(self.bins().count() as u64);
        for (bin, count, (low, high)) in self.bins() {
            [bin, low, high].into_iter().for_each(|half| out.bytes.extend(half.to_le_bytes()));
            out.number(count);
        }
        Ok(())
    }

    fn read(&mut self, from: &mut Reader<'_>) -> Checked<()> {
        for _ in 0..from.len(7)? {
            let (bin, range) = (from.half()?, (from.half()?, from.half()?));
            let count = from.count()?;
            if count == 0 || range.0 > range.1 {
                return Err(format!("bin {bin} holds nothing"));
            }
            self.add(bin, count, range);
        }
        Ok(())
    }
}

/// Second scan: numbers of a few bins by the lower half of their key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Vec<RefinedBin>", into = "Vec<RefinedBin>")]
pub(crate) struct Refinement {
    bins: Vec<u16>,
    /// By bin, 256 pages of 256 counts.
    pages: Vec<Vec<Option<Box<[u64; 256]>>>>,
}

/// A bin, and the lower halves of its numbers with their counts.
type RefinedBin = (u16, Vec<(u16, u64)>);

impl From<Refinement> for Vec<RefinedBin> {
    fn from(refinement: Refinement) -> Self {
        let lows = |i: usize| refinement.lows(i).collect();
        refinement.bins.iter().enumerate().map(|(i, &bin)| (bin, lows(i))).collect()
    }
}

impl From<Vec<RefinedBin>> for Refinement {
    fn from(bins: Vec<RefinedBin>) -> Self {
        let mut refinement = Self::new(bins.iter().map(|(bin, _)| *bin).collect());
        for (i, (_, lows)) in bins.into_iter().enumerate() {
            lows.into_iter().for_each(|(low, count)| refinement.add(i, low, count));
        }
        refinement
    }
}

impl Refinement {
    /// Looks into these bins, which are ascending.
    pub fn new(bins: Vec<u16>) -> Self {
        Self { pages: vec![vec![None; 256]; bins.len()], bins }
    }

    /// Adds numbers; those outside the bins are left out.
    pub fn update(&mut self, values: &[f32]) {
        for key in values.iter().filter(|value| value.is_finite()).map(|&value| key(value)) {
            if let Ok(i) = self.bins.binary_search(&((key >> 16) as u16)) {
                self.add(i, key as u16, 1);
            }
        }
    }

    fn add(&mut self, i: usize, low: u16, count: u64) {
        let page = self.pages[i][usize::from(low >> 8)].get_or_insert_with(|| Box::new([0; 256]));
        page[usize::from(low & 255)] += count;
    }

    /// Adds the numbers that another has seen in the same bins.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.pages.iter_mut().flatten().zip(other.pages.iter().flatten()) {
            if let Some(theirs) = theirs {
                let mine = mine.get_or_insert_with(|| Box::new([0; 256]));
                mine.iter_mut().zip(theirs.iter()).for_each(|(mine, theirs)| *mine += theirs);
            }
        }
    }

    /// The lower half of the number at a place of a bin.
    fn select(&self, bin: u16, mut rank: u64) -> Option<u16> {
        for (low, count) in self.lows_of(bin)? {
            if rank < count {
                return Some(low);
            }
            rank -= count;
        }
        None
    }

    /// How many numbers of a bin have a smaller lower half; `None` when the scan did not look into the bin.
    fn below(&self, bin: u16, low: u16) -> Option<u64> {
        let lows = self.lows_of(bin)?;
        Some(lows.take_while(|(other, _)| *other < low).map(|(_, count)| count).sum())
    }

    /// The lower halves that a bin has, ascending, with their counts; `None` when the scan did not look into it.
    fn lows_of(&self, bin: u16) -> Option<impl Iterator<Item = (u16, u64)>> {
        Some(self.lows(self.bins.binary_search(&bin).ok()?))
    }

    /// The lower halves that the `i`-th bin has, ascending, with their counts.
    fn lows(&self, i: usize) -> impl Iterator<Item = (u16, u64)> {
        let pages = self.pages[i].iter().enumerate().filter_map(|(high, page)| Some((high, page.as_ref()?)));
        pages
            .flat_map(|(high, page)| page.iter().enumerate().map(move |(j, &count)| ((high << 8 | j) as u16, count)))
            .filter(|(_, count)| *count > 0)
    }
}

impl Wire for Refinement {
    fn write(&self, out: &mut Writer) -> Result<()> {
        for bin in 0..self.bins.len() {
            let counts: Vec<(u16, u64)> = self.lows(bin).collect();
            out.number(counts.len() as u64);
            for (low, count) in counts {
                out.bytes.extend(low.to_le_bytes());
                out.number(count);
            }
        }
        Ok(())
    }

    fn read(&mut self, from: &mut Reader<'_>) -> Checked<()> {
        for pages in &mut self.pages {
            for _ in 0..from.len(3)? {
                let (low, count) = (from.half()?, from.count()?);
                let page = pages[usize::from(low >> 8)].get_or_insert_with(|| Box::new([0; 256]));
                page[usize::from(low & 255)] += count;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn quantiles(values: &[f32], wanted: &[Quantile]) -> Vec<f32> {
        let mut histogram = Histogram::default();
        histogram.update(values);
        let mut refinement = Refinement::new(histogram.unresolved(wanted));
        refinement.update(values);
        wanted.iter().map(|&quantile| histogram.quantile(Some(&refinement), quantile).unwrap().0).collect()
    }

    #[track_caller]
    fn check(values: impl IntoIterator<Item = f32>, k: u64, expected: &[f32]) {
        let values: Vec<f32> = values.into_iter().collect();
        assert_eq!(quantiles(&values, &Quantile::even(k).collect::<Vec<_>>()), expected);
    }

    /// `tft.quantiles`, bucketize_integration_test.py, the tight sequence.
    #[test]
    fn matches_tensorflow_transform_on_a_tight_sequence() {
        check([1.0, 2.0, 3.0, 4.0], 10, &[1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 3.0, 4.0, 4.0]);
    }

    #[test]
    fn golden_vectors_match() {
        let golden = include_str!("../../tests/golden/features_golden.json");
        let golden: serde_json::Value = serde_json::from_str(golden).unwrap();
        let numbers = |value: &serde_json::Value| serde_json::from_value::<Vec<f32>>(value.clone()).unwrap();
        for case in golden["quantiles"].as_array().unwrap() {
            check(numbers(&case[0]), case[1].as_u64().unwrap(), &numbers(&case[2]));
        }
    }

    #[test]
    fn thirds_of_nine_numbers_start_the_next_third() {
        check((1..10).map(|i| i as f32), 3, &[4.0, 7.0]);
    }

    #[test]
    fn order_is_kept_across_signs_and_magnitudes() {
        check([1e30, -2.0, f32::NAN, -1e-40, 0.0, f32::INFINITY, -1e30], 5, &[-2.0, -1e-40, 0.0, 1e30]);
    }

    #[test]
    fn shares_of_zero_and_one_are_the_smallest_and_the_largest() {
        let values: Vec<f32> = (0..1000).map(|i| i as f32 * 0.37).collect();
        assert_eq!(quantiles(&values, &[Quantile::Share(0.0), Quantile::Share(1.0)]), [0.0, 999.0 * 0.37]);
    }

    #[test]
    fn without_a_second_scan_a_quantile_is_near() {
        let mut histogram = Histogram::default();
        histogram.update(&(0..100_000).map(|i| i as f32 * 0.013).collect::<Vec<_>>());
        let (median, exact) = histogram.quantile(None, Quantile::Ratio(1, 2)).unwrap();
        assert!(!exact && (median - 650.0).abs() < 650.0 * 0.008, "{median}");
    }

    #[test]
    fn nothing_has_no_quantiles() {
        assert_eq!(Histogram::default().quantile(None, Quantile::Ratio(1, 2)), None);
    }

    #[test]
    fn what_is_below_an_edge_is_counted() {
        let values: Vec<f32> = (0..1000).map(|i| 100.0 + i as f32 * 0.01).collect();
        let mut histogram = Histogram::default();
        histogram.update(&values);
        let mut refinement = Refinement::new(histogram.unresolved_edges(&[104.745, 0.0]));
        refinement.update(&values);
        assert_eq!(histogram.below(Some(&refinement), 104.745), (475, true));
        assert_eq!(histogram.below(None, 99.0), (0, true));
        assert_eq!(histogram.below(None, 200.0), (1000, true));
        let (near, exact) = histogram.below(None, 104.745);
        assert!(!exact && near.abs_diff(475) < 50, "{near}");
    }

    /// `sklearn.metrics.roc_auc_score([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])`, and one with a tie by hand.
    #[test]
    fn the_area_under_the_curve_counts_pairs_in_order() {
        let area = |negative: &[f32], positive: &[f32]| {
            let [mut low, mut high] = [Histogram::default(), Histogram::default()];
            low.update(negative);
            high.update(positive);
            low.area_below(&high)
        };
        assert_eq!(area(&[0.1, 0.4], &[0.35, 0.8]), Some(0.75));
        assert_eq!(area(&[1.0, 2.0], &[2.0, 3.0]), Some(0.875));
        assert_eq!(area(&[1.0], &[]), None);
    }

    #[test]
    fn both_scans_survive_json() {
        let mut histogram = Histogram::default();
        histogram.update(&[1.0, 1.001, -3.5, 1e30]);
        let mut refinement = Refinement::new(histogram.unresolved(&[Quantile::Ratio(1, 2)]));
        refinement.update(&[1.0, 1.001, 1.001]);
        let json = serde_json::to_string(&(&histogram, &refinement)).unwrap();
        assert_eq!(serde_json::from_str::<(Histogram, Refinement)>(&json).unwrap(), (histogram, refinement));
    }

    proptest! {
        #[test]
        fn two_scans_agree_with_sorting(
            mut values in prop::collection::vec(prop::num::f32::ANY.prop_filter("a number", |x| x.is_finite()), 1..200),
            k in 2u64..30,
        ) {
            values.iter_mut().for_each(|value| *value += 0.0);
            let found = quantiles(&values, &Quantile::even(k).collect::<Vec<_>>());
            values.sort_by(f32::total_cmp);
            let expected: Vec<f32> = (1..k).map(|i| values[i as usize * values.len() / k as usize]).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
