//! Sums and maxima along a row, of numbers side by side: one chain of additions would wait for each of its sums.

/// Chains of a sum: the numbers of the widest vector.
const LANES: usize = 16;

/// The largest number, `-inf` for none; NaN is passed over.
#[inline(always)]
pub(super) fn max(row: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = row.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane = larger(*lane, x);
        }
    }
    lanes.into_iter().chain(rest.iter().copied()).fold(f32::NEG_INFINITY, larger)
}

#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}

/// The sum.
#[inline(always)]
pub(super) fn sum(row: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    let (chunks, rest) = row.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane += x;
        }
    }
    lanes.into_iter().chain(rest.iter().copied()).sum()
}

/// The sum of products.
#[inline(always)]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += a * b;
        }
    }
    lanes.into_iter().chain(a_rest.iter().zip(b_rest).map(|(a, b)| a * b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::vectorize;

    #[test]
    fn rows_of_every_length_are_folded_whole() {
        for n in 0..70 {
            let row: Vec<f32> = (0..n).map(|i| ((i * 37) % 64) as f32 - 70.0).collect();
            let squares: f32 = row.iter().map(|x| x * x).sum();
            let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            assert_eq!((max(&row), sum(&row), dot(&row, &row)), (largest, row.iter().sum(), squares), "{n} numbers");
        }
    }

    #[test]
    fn vectors_of_any_width_give_the_same_bits() {
        let row: Vec<f32> = (0..99).map(|i| 1.0 / (i as f32 + 0.3)).collect();
        let wide = vectorize(
            #[inline(always)]
            || (max(&row), sum(&row), dot(&row, &row)),
        );
        assert_eq!(wide, (max(&row), sum(&row), dot(&row, &row)));
    }
}
