//! Numbers too small to matter.

/// 0 for a subnormal number, else the number.
///
/// A moment of a weight without gradients decays into the subnormal numbers and, by rounding, stays there. Processors take
/// several times as long for them (4 times on an AMD EPYC for Adam, more on others), and no weight can tell.
#[inline(always)]
pub(super) fn flush(x: f32) -> f32 {
    if x.abs() < f32::MIN_POSITIVE { 0.0 } else { x }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subnormal_numbers_are_zero() {
        assert_eq!([1e-39, -1e-39, f32::MIN_POSITIVE / 2.0].map(flush), [0.0; 3]);
    }

    #[test]
    fn all_others_stay() {
        let others = [0.0, f32::MIN_POSITIVE, -f32::MIN_POSITIVE, 1.0, f32::MAX, f32::NEG_INFINITY];
        assert_eq!(others.map(flush), others);
        assert!(flush(f32::NAN).is_nan());
    }
}
