//! Exact quantiles in two scans and little memory.
//!
//! The first scan counts numbers by the upper 16 bits of an order-preserving image of `f32`. A quantile that falls into a bin
//! with a single value is then known; for the others a second scan counts the lower 16 bits inside their bins. Why not a
//! t-digest or KLL sketch? Their results depend on the order in which partitions merge, and two fits would differ.

use super::wire::{Reader, Wire, Writer};
use crate::Result;
use crate::op::Checked;

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

/// 256 neighbouring bins.
#[derive(Debug, Clone, PartialEq)]
struct Page {
    counts: [u64; 256],
    ranges: [(u16, u16); 256],
}

/// First scan: numbers by the upper half of their key. Pages that no number falls into take no memory.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Histogram {
    total: u64,
    pages: Vec<Option<Box<Page>>>,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { total: 0, pages: vec![None; 256] }
    }
}

impl Histogram {
    /// Adds numbers; missing and infinite ones are left out.
    pub fn update(&mut self, values: &[f32]) {
        for key in values.iter().filter(|value| value.is_finite()).map(|&value| key(value)) {
            let low = key as u16;
            self.add((key >> 16) as u16, 1, (low, low));
        }
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

    fn add(&mut self, bin: u16, count: u64, (low, high): (u16, u16)) {
        let empty = || Box::new(Page { counts: [0; 256], ranges: [(u16::MAX, 0); 256] });
        let page = self.pages[usize::from(bin >> 8)].get_or_insert_with(empty);
        let i = usize::from(bin & 255);
        let range = &mut page.ranges[i];
        *range = (range.0.min(low), range.1.max(high));
        page.counts[i] += count;
        self.total += count;
    }

    fn bins(&self) -> impl Iterator<Item = (u16, u64, (u16, u16))> {
        let pages = self.pages.iter().enumerate().filter_map(|(i, page)| Some((i, page.as_ref()?)));
        pages
            .flat_map(|(i, page)| (0..256).map(move |j| ((i << 8 | j) as u16, page.counts[j], page.ranges[j])))
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
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refinement {
    bins: Vec<u16>,
    /// By bin, 256 pages of 256 counts.
    pages: Vec<Vec<Option<Box<[u64; 256]>>>>,
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
                let low = key as u16;
                self.pages[i][usize::from(low >> 8)].get_or_insert_with(|| Box::new([0; 256]))
                    [usize::from(low & 255)] += 1;
            }
        }
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

    /// By bin, the lower halves that occur and how often each does.
    fn counts(&self) -> impl Iterator<Item = impl Iterator<Item = (u16, u64)>> {
        self.pages.iter().map(|pages| {
            let pages = pages.iter().enumerate().filter_map(|(i, page)| Some((i, page.as_ref()?)));
            let counts =
                pages.flat_map(|(i, page)| page.iter().enumerate().map(move |(j, &n)| ((i << 8 | j) as u16, n)));
            counts.filter(|(_, count)| *count > 0)
        })
    }

    /// The lower half of the number at a place of a bin.
    fn select(&self, bin: u16, mut rank: u64) -> Option<u16> {
        let pages = &self.pages[self.bins.binary_search(&bin).ok()?];
        for (i, page) in pages.iter().enumerate().filter_map(|(i, page)| Some((i, page.as_ref()?))) {
            for (j, &count) in page.iter().enumerate() {
                if rank < count {
                    return Some((i << 8 | j) as u16);
                }
                rank -= count;
            }
        }
        None
    }
}

impl Wire for Refinement {
    fn write(&self, out: &mut Writer) -> Result<()> {
        for counts in self.counts() {
            let counts: Vec<(u16, u64)> = counts.collect();
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
