//! Mean, deviation, smallest and largest.

use super::wire::{Reader, Wire, Writer};
use crate::Result;
use crate::op::Checked;
use serde::{Deserialize, Serialize};
use trainyard_graph::{ExactSum, simd};

/// Numbers that are looked at together; their copies stay in the nearest cache.
const CHUNK: usize = 512;

/// Count, sums and range of finite numbers; missing and infinite ones are left out.
///
/// The sums are exact, so any order and partition of the rows gives the same bits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Moments {
    /// Finite numbers seen.
    pub count: u64,
    /// Smallest; infinity when there is none.
    #[serde(with = "bits")]
    pub min: f64,
    /// Largest; minus infinity when there is none.
    #[serde(with = "bits")]
    pub max: f64,
    sum: ExactSum,
    squares: ExactSum,
}

impl Default for Moments {
    fn default() -> Self {
        let (min, max) = (f64::INFINITY, f64::NEG_INFINITY);
        Self { count: 0, min, max, sum: ExactSum::default(), squares: ExactSum::default() }
    }
}

impl Moments {
    /// Adds numbers.
    pub fn update(&mut self, values: &[f64]) {
        for chunk in values.chunks(CHUNK) {
            let (mut terms, mut n) = ([0.0; CHUNK], 0);
            for &value in chunk {
                // `-0.0` becomes `0.0`, so that equal numbers have equal bits whichever comes first.
                terms[n] = value + 0.0;
                n += usize::from(value.is_finite());
            }
            self.add(&mut terms[..n]);
        }
    }

    /// Adds finite numbers, and leaves their squares behind.
    fn add(&mut self, terms: &mut [f64]) {
        self.count += terms.len() as u64;
        let (min, max) = range(terms);
        (self.min, self.max) = (self.min.min(min), self.max.max(max));
        self.sum.add_all(terms);
        terms.iter_mut().for_each(|term| *term *= *term);
        self.squares.add_all(terms);
    }

    /// Adds the numbers that another has seen.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sum.merge(&other.sum);
        self.squares.merge(&other.squares);
    }

    /// The mean; 0 of nothing.
    pub fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum.value() / self.count as f64 }
    }

    /// The deviation `sqrt(E[x²] − E[x]²)`, that of the rows themselves (divided by `n`, not `n − 1`); 0 of nothing, and
    /// exactly 0 when all are equal.
    pub fn std(&self) -> f64 {
        if self.min >= self.max {
            return 0.0;
        }
        let mean = self.mean();
        (self.squares.value() / self.count as f64 - mean * mean).max(0.0).sqrt()
    }
}

/// The smallest and the largest of finite numbers, found for each place of a vector apart.
fn range(numbers: &[f64]) -> (f64, f64) {
    const LEN: usize = 8;
    let (mut min, mut max) = ([f64::INFINITY; LEN], [f64::NEG_INFINITY; LEN]);
    let (vectors, rest) = numbers.as_chunks::<LEN>();
    simd::vectorize(
        #[inline(always)]
        || {
            for numbers in vectors {
                for i in 0..LEN {
                    min[i] = if numbers[i] < min[i] { numbers[i] } else { min[i] };
                    max[i] = if numbers[i] > max[i] { numbers[i] } else { max[i] };
                }
            }
        },
    );
    let all = |own: [f64; LEN]| own.into_iter().chain(rest.iter().copied());
    (all(min).fold(f64::INFINITY, f64::min), all(max).fold(f64::NEG_INFINITY, f64::max))
}

/// Numbers as their bits, as JSON knows no infinite ones.
mod bits {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(value.to_bits())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        u64::deserialize(deserializer).map(f64::from_bits)
    }
}

impl Wire for Moments {
    fn write(&self, out: &mut Writer) -> Result<()> {
        out.number(self.count);
        out.float(self.min);
        out.float(self.max);
        out.sum(&self.sum);
        out.sum(&self.squares);
        Ok(())
    }

    fn read(&mut self, from: &mut Reader<'_>) -> Checked<()> {
        let (count, min, max) = (from.count()?, from.float()?, from.float()?);
        *self = Self { count, min, max, sum: from.sum()?, squares: from.sum()? };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(values: &[f64], mean: f64, std: f64) {
        let mut moments = Moments::default();
        moments.update(values);
        assert_eq!((moments.mean(), moments.std()), (mean, std));
    }

    #[test]
    fn the_deviation_is_the_biased_one() {
        check(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0], 5.0, 2.0);
    }

    #[test]
    fn nothing_has_mean_and_deviation_zero() {
        check(&[f64::NAN], 0.0, 0.0);
    }

    #[test]
    fn equal_numbers_have_no_deviation() {
        check(&[0.1; 7], 0.1, 0.0);
    }

    #[test]
    fn the_range_is_found_wherever_it_lies() {
        for len in [1, 7, 8, 9, 17, 513] {
            for at in 0..len {
                let mut values = vec![1.0; len];
                values[at] = 5.0;
                assert_eq!(range(&values), (if len > 1 { 1.0 } else { 5.0 }, 5.0));
                values[at] = -5.0;
                assert_eq!(range(&values), (-5.0, if len > 1 { 1.0 } else { -5.0 }));
            }
        }
    }

    #[test]
    fn infinite_and_missing_numbers_are_left_out() {
        check(&[1.0, f64::INFINITY, f64::NAN, 3.0], 2.0, 1.0);
    }
}
