//! An exact sum that knows infinity and NaN.

use super::checked::checked;
use serde::{Deserialize, Serialize};
use trainyard_graph::ExactSum;

/// A sum as of real numbers: exact, so that order and partition do not matter; NaN and infinite terms count as IEEE 754
/// has it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
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

    /// The same as [`add`](Self::add) of each.
    pub(super) fn add_all(&mut self, terms: &[f64]) {
        self.finite.add_all(terms);
        terms.iter().filter(|term| !term.is_finite()).for_each(|&term| self.add(term));
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

    /// Refuses a sum that no terms have, whose value would overflow: one of a power of 2 that no `f64` has, or of more than
    /// 2⁴⁷ terms of a power.
    fn check(&self) -> Result<(), &'static str> {
        let bins: Vec<(i16, i64, u64)> = self.finite.clone().into();
        let can_be = |&(exponent, high, _): &(i16, i64, u64)| {
            (-1074..=971).contains(&exponent) && (-(1 << 36)..1 << 36).contains(&high)
        };
        if bins.iter().all(can_be) { Ok(()) } else { Err("a sum is not one of numbers; count again") }
    }
}

checked!(Total);

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
        let mut together = Total::default();
        together.add_all(terms);
        assert_eq!(together, total);
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
    fn a_sum_that_no_terms_have_is_refused() {
        let read = |finite: &str| {
            let flags = r#""positive_infinity":false,"negative_infinity":false,"nan":false"#;
            serde_json::from_str::<Total>(&format!(r#"{{"finite":{finite},{flags}}}"#)).map(|total| total.value())
        };
        assert_eq!(read("[[-1, 0, 3]]").unwrap(), 1.5);
        for finite in ["[[972, 0, 1]]", "[[32767, 0, 1]]", "[[-1075, 0, 1]]", "[[0, 68719476736, 0]]"] {
            let error = read(finite).unwrap_err().to_string();
            assert!(error.contains("a sum is not one of numbers"), "{error}");
        }
    }

    #[test]
    fn opposite_infinities_are_no_number() {
        check(&[f64::NEG_INFINITY, f64::INFINITY], f64::NAN);
        check(&[f64::NAN, 1.0], f64::NAN);
    }
}
