//! A sum that does not depend on the order of its terms.

use crate::simd;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An exact sum of `f64`s: any order, partition or number of threads gives the same bits.
///
/// Each finite `f64` is `mantissa · 2^exponent` with a 53-bit integer mantissa. Mantissas are added as integers, one
/// 128-bit accumulator per exponent, which cannot overflow before 2⁷⁴ terms. Only [`value`](Self::value) rounds.
///
/// Terms that are NaN or infinite are the caller's to filter; they are ignored here.
///
/// ```
/// use trainyard_graph::ExactSum;
///
/// let mut sum = ExactSum::default();
/// [1e100, 1.0, -1e100].into_iter().for_each(|term| sum.add(term));
/// assert_eq!(sum.value(), 1.0);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Vec<Stored>", into = "Vec<Stored>")]
pub struct ExactSum {
    /// Sum of the mantissas by exponent; no entry is 0.
    bins: BTreeMap<i16, i128>,
}

/// Terms that [`ExactSum::add_all`] takes together: mantissas have 53 bits, so 2⁹ of them fit into 63.
const CHUNK: usize = 512;

/// Neighbouring exponents that it has room for at a time.
const WINDOW: usize = 64;

/// A bin in a file: its exponent, and the high and low 64 bits of the sum, since JSON readers know no larger integers.
type Stored = (i16, i64, u64);

impl From<ExactSum> for Vec<Stored> {
    fn from(sum: ExactSum) -> Self {
        sum.bins.into_iter().map(|(exponent, mantissa)| (exponent, (mantissa >> 64) as i64, mantissa as u64)).collect()
    }
}

impl From<Vec<Stored>> for ExactSum {
    fn from(stored: Vec<Stored>) -> Self {
        let mut sum = Self::default();
        for (exponent, high, low) in stored {
            sum.add_bin(exponent, (i128::from(high) << 64) | i128::from(low));
        }
        sum
    }
}

impl ExactSum {
    /// Adds a term.
    pub fn add(&mut self, term: f64) {
        if term != 0.0 && term.is_finite() {
            let (mantissa, exponent) = decompose(term);
            self.add_bin(exponent, i128::from(mantissa));
        }
    }

    /// Adds many terms: the same sum as that of [`add`](Self::add) for each.
    pub fn add_all(&mut self, terms: &[f64]) {
        for chunk in terms.chunks(CHUNK) {
            match lowest_exponent(chunk) {
                Some(lowest) => self.add_window(chunk, lowest),
                None => chunk.iter().for_each(|&term| self.add(term)),
            }
        }
    }

    /// Adds terms that are 0 or whose biased exponents are `lowest` to `lowest + WINDOW − 1`.
    fn add_window(&mut self, terms: &[f64], lowest: u64) {
        // In turns, since neighbours often have one exponent, and would wait for each other's sum.
        let mut windows = [[0i64; WINDOW]; 2];
        let (pairs, last) = terms.as_chunks::<2>();
        let place = |window: &mut [i64; WINDOW], term: f64| {
            let bits = term.to_bits();
            let biased = (bits >> 52) & 0x7ff;
            let magnitude = if biased == 0 { 0 } else { (bits & ((1 << 52) - 1) | 1 << 52) as i64 };
            let sign = (bits as i64) >> 63;
            window[biased.wrapping_sub(lowest) as usize % WINDOW] += (magnitude ^ sign) - sign;
        };
        for pair in pairs {
            windows.iter_mut().zip(pair).for_each(|(window, &term)| place(window, term));
        }
        last.iter().for_each(|&term| place(&mut windows[0], term));
        let sums = windows[0].iter().zip(&windows[1]).map(|(a, b)| a + b);
        for (exponent, mantissa) in (lowest as i16 - 1075..).zip(sums).filter(|(_, mantissa)| *mantissa != 0) {
            self.add_bin(exponent, i128::from(mantissa));
        }
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: &Self) {
        for (&exponent, &mantissa) in &other.bins {
            self.add_bin(exponent, mantissa);
        }
    }

    /// The sum, rounded to within one unit in the last place.
    pub fn value(&self) -> f64 {
        let mut bins = self.carried();
        // After carrying, all entries but the highest are below 2^32 and not negative, so adding from the highest
        // entry down loses less than half a unit at each of the few additions that matter.
        let Some((high, top)) = bins.pop_last() else { return 0.0 };
        let mut sum = scale(top as f64, high);
        while let Some((exponent, mantissa)) = bins.pop_last() {
            sum += scale(mantissa as f64, exponent);
        }
        sum
    }

    fn add_bin(&mut self, exponent: i16, mantissa: i128) {
        let bin = self.bins.entry(exponent).or_default();
        *bin = bin.wrapping_add(mantissa);
        if *bin == 0 {
            self.bins.remove(&exponent);
        }
    }

    /// The same number with one 32-bit digit per multiple of 32 in the exponent: a form that equal sums share.
    fn carried(&self) -> BTreeMap<i16, i128> {
        let mut digits: BTreeMap<i16, i128> = BTreeMap::new();
        for (&exponent, &mantissa) in &self.bins {
            let shift = exponent.rem_euclid(32);
            let (low, high) = (mantissa & 0xffff_ffff, mantissa >> 32);
            *digits.entry(exponent - shift).or_default() += low << shift;
            *digits.entry(exponent - shift + 32).or_default() += high << shift;
        }
        carry(digits)
    }
}

/// The lowest biased exponent of the terms that are not 0, when all fit into one window; else `None`, and when there is one that
/// is not finite or not normal.
fn lowest_exponent(terms: &[f64]) -> Option<u64> {
    let (smallest, largest) = simd::vectorize(
        #[inline(always)]
        || {
            terms.iter().fold(
                (u64::MAX, 0),
                #[inline(always)]
                |(min, max), term| {
                    let magnitude = term.to_bits() << 1 >> 1;
                    // 0 wraps to the largest number, so that the minimum does not see it.
                    (min.min(magnitude.wrapping_sub(1)), max.max(magnitude))
                },
            )
        },
    );
    let (lowest, highest) = (smallest.wrapping_add(1) >> 52, largest >> 52);
    (lowest > 0 && highest < 0x7ff && highest - lowest < WINDOW as u64).then_some(lowest)
}

/// Moves what exceeds 32 bits of a digit into the next one. The highest digit keeps the sign.
fn carry(mut digits: BTreeMap<i16, i128>) -> BTreeMap<i16, i128> {
    let mut carried = BTreeMap::new();
    while let Some((exponent, digit)) = digits.pop_first() {
        let fits = digits.is_empty() && i64::try_from(digit).is_ok();
        if fits {
            carried.insert(exponent, digit);
            break;
        }
        if digit & 0xffff_ffff != 0 {
            carried.insert(exponent, digit & 0xffff_ffff);
        }
        *digits.entry(exponent + 32).or_default() += digit >> 32;
    }
    carried.retain(|_, digit| *digit != 0);
    carried
}

/// `term = mantissa · 2^exponent`, exactly.
fn decompose(term: f64) -> (i64, i16) {
    let bits = term.to_bits();
    let biased = ((bits >> 52) & 0x7ff) as i16;
    let fraction = (bits & ((1 << 52) - 1)) as i64;
    let (magnitude, exponent) = if biased == 0 { (fraction, -1074) } else { (fraction | (1 << 52), biased - 1075) };
    (if term < 0.0 { -magnitude } else { magnitude }, exponent)
}

/// `mantissa · 2^exponent`, in two steps so that neither power leaves the range of `f64`.
fn scale(mantissa: f64, exponent: i16) -> f64 {
    let half = i32::from(exponent) / 2;
    mantissa * 2f64.powi(half) * 2f64.powi(i32::from(exponent) - half)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;

    #[track_caller]
    fn check(terms: &[f64], expected: f64) {
        let mut forward = ExactSum::default();
        terms.iter().for_each(|&term| forward.add(term));
        assert_eq!(forward.value(), expected);
        let mut together = ExactSum::default();
        together.add_all(terms);
        assert_eq!(together, forward);
        let (left, right) = terms.split_at(terms.len() / 2);
        let (mut a, mut b) = (ExactSum::default(), ExactSum::default());
        left.iter().rev().for_each(|&term| a.add(term));
        right.iter().rev().for_each(|&term| b.add(term));
        b.merge(&a);
        assert_eq!(b, forward);
        assert_eq!(b.value().to_bits(), forward.value().to_bits());
    }

    #[test]
    fn nothing_sums_to_zero() {
        check(&[], 0.0);
    }

    #[test]
    fn large_terms_cancel_without_losing_small_ones() {
        check(&[1e300, 1.0, -1e300, 1e-300], 1.0);
    }

    #[test]
    fn subnormal_and_huge_terms_are_exact() {
        check(&[f64::from_bits(3), -f64::from_bits(1)], f64::from_bits(2));
        check(&[f64::MAX, -f64::MAX / 2.0], f64::MAX / 2.0);
    }

    #[test]
    fn negative_sums_keep_their_sign() {
        check(&[-0.1, -0.2, 0.05], -0.25);
    }

    #[test]
    fn many_random_terms_agree_with_the_integer_sum() {
        let stream = random::stream(1, "terms");
        let integers: Vec<i64> = (0..10_000).map(|i| random::bits(stream, i) as i64 >> 20).collect();
        let expected: i64 = integers.iter().sum();
        check(&integers.iter().map(|&i| i as f64).collect::<Vec<_>>(), expected as f64);
    }

    #[test]
    fn terms_of_near_exponents_and_zeros_are_added_together() {
        let stream = random::stream(2, "terms");
        let term = |i: u64| {
            let sign = if i.is_multiple_of(3) { -1.0 } else { 1.0 };
            if i.is_multiple_of(7) { sign * 0.0 } else { sign * (random::bits(stream, i) % (1 << 40)) as f64 / 1024.0 }
        };
        let terms: Vec<f64> = (0..2000).map(term).collect();
        check(&terms, (terms.iter().map(|term| (term * 1024.0) as i128).sum::<i128>()) as f64 / 1024.0);
    }

    #[test]
    fn a_sum_survives_json() {
        let mut sum = ExactSum::default();
        sum.add(0.1);
        sum.add(-3e20);
        // Enough terms of one exponent to pass 64 bits.
        (0..5000).for_each(|i| sum.add(-1.999 - f64::from(i) * 1e-9));
        assert_eq!(serde_json::from_str::<ExactSum>(&serde_json::to_string(&sum).unwrap()).unwrap(), sum);
    }
}
