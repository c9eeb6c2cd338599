//! An exact sum that knows infinity and NaN.

use serde::{Deserialize, Serialize};
use trainyard_graph::ExactSum;

/// A sum as of real numbers: exact, so that order and partition do not matter; NaN and infinite terms count as IEEE 754
/// has it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Total {
    finite: ExactSum,
    positive_infinity: bool,
    negative_infinity: bool,
    nan: bool,
}

impl Total {
    pub(super) fn add(&mut self, term: f64) {
        if term.is_finite() {
            self.finite.add(term);
        } else if term.is_nan() {
            self.nan = true;
        } else if term > 0.0 {
            self.positive_infinity = true;
        } else {
            self.negative_infinity = true;
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.finite.merge(&other.finite);
        self.positive_infinity |= other.positive_infinity;
        self.negative_infinity |= other.negative_infinity;
        self.nan |= other.nan;
    }

    pub(super) fn value(&self) -> f64 {
        match (self.nan, self.positive_infinity, self.negative_infinity) {
            (true, ..) | (_, true, true) => f64::NAN,
            (_, true, _) => f64::INFINITY,
            (_, _, true) => f64::NEG_INFINITY,
            _ => self.finite.value(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(terms: &[f64], expected: f64) {
        let mut total = Total::default();
        for &term in terms {
            let mut one = Total::default();
            one.add(term);
            total.merge(&one);
        }
        assert_eq!(total.value().to_bits(), expected.to_bits());
    }

    #[test]
    fn finite_terms_are_summed_exactly() {
        check(&[1e300, 1.0, -1e300], 1.0);
    }

    #[test]
    fn infinity_stays() {
        check(&[1.0, f64::INFINITY], f64::INFINITY);
        check(&[1.0, f64::NEG_INFINITY], f64::NEG_INFINITY);
    }

    #[test]
    fn opposite_infinities_are_no_number() {
        check(&[f64::NEG_INFINITY, f64::INFINITY], f64::NAN);
        check(&[f64::NAN, 1.0], f64::NAN);
    }
}
