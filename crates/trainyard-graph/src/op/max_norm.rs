//! Rows of a table, no longer than a bound.

use crate::simd;

/// A bound on the length of the rows that a look-up reads: a longer row `r` counts as `r·bound / |r|`, as in TensorFlow's
/// `embedding_lookup` with `max_norm`. Without a bound rows count as they are.
pub(super) type MaxNorm = Option<f32>;

/// Says that a bound is not positive.
pub(super) fn check(max_norm: MaxNorm) -> Result<(), String> {
    match max_norm {
        Some(bound) if !(bound > 0.0 && bound.is_finite()) => Err(format!("a `max_norm` above 0, not {bound}")),
        _ => Ok(()),
    }
}

/// What a row is multiplied with.
#[inline(always)]
pub(super) fn factor(max_norm: MaxNorm, row: &[f32]) -> f32 {
    let Some(bound) = max_norm else { return 1.0 };
    let norm = product(row, row).sqrt();
    if norm > bound { bound / norm } else { 1.0 }
}

/// Adds to `sum` the gradient for a row, given `weight` times `upstream` for the bounded row: as it is where the row is within
/// the bound, and else `f·(g - r·(r·g) / |r|²)` with the factor `f`, since the length of the bounded row does not change.
#[inline(always)]
pub(super) fn add_gradient(max_norm: MaxNorm, sum: &mut [f32], row: &[f32], upstream: &[f32], weight: f32) {
    let factor = weight * factor(max_norm, row);
    if factor == weight {
        return sum.iter_mut().zip(upstream).for_each(|(sum, g)| *sum += weight * g);
    }
    let along = product(row, upstream) / product(row, row);
    sum.iter_mut().zip(row).zip(upstream).for_each(|((sum, x), g)| *sum += factor * (g - along * x));
}

fn product(a: &[f32], b: &[f32]) -> f32 {
    simd::vectorize(
        #[inline(always)]
        || simd::sum_products(a, b, |a, b| a * b),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longer_rows_are_scaled_to_the_bound_and_others_stay() {
        assert_eq!((factor(Some(1.0), &[3.0, 4.0]), factor(Some(5.0), &[3.0, 4.0])), (0.2, 1.0));
        assert_eq!((factor(None, &[3e3]), factor(Some(1.0), &[0.0, 0.0])), (1.0, 1.0));
    }

    #[test]
    fn a_gradient_along_a_bounded_row_changes_nothing() {
        let mut sum = [0.0; 2];
        add_gradient(Some(1.0), &mut sum, &[3.0, 4.0], &[6.0, 8.0], 1.0);
        assert_eq!(sum, [0.0; 2]);
        add_gradient(Some(1.0), &mut sum, &[3.0, 4.0], &[-4.0, 3.0], 2.0);
        assert_eq!(sum, [-1.6, 1.2]);
    }

    #[test]
    fn a_bound_is_positive() {
        assert!(check(Some(0.0)).is_err() && check(Some(f32::NAN)).is_err() && check(Some(f32::INFINITY)).is_err());
        assert!(check(None).is_ok() && check(Some(0.5)).is_ok());
    }
}
