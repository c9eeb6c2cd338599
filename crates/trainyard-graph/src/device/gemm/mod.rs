//! Products of matrices.
//!
//! Each number of a product is a chain of fused multiply-adds over the inner axis, from first to last, so that a row of the
//! result does not depend on how many rows are computed with it, nor on the width of the vectors: a prediction made alone equals
//! one made in a batch. An x86-64 without AVX2 has no fused multiply-add and rounds twice, so its bits differ.

mod kernel;
mod matrix;
mod vector;

pub(crate) use matrix::{Axis, Matrix, Target};

use crate::simd;
use kernel::Product;

/// Widest panel of columns.
const PANEL: usize = 32;

/// Panels of a matrix of so many columns.
pub(crate) fn panels(columns: usize) -> usize {
    columns.div_ceil(PANEL)
}

/// Numbers of a packed panel of so many rows.
pub(crate) fn panel_len(rows: usize) -> usize {
    rows.saturating_mul(PANEL)
}

/// `out = a·b`, row by row.
pub(crate) fn multiply(a: Matrix<'_>, b: Matrix<'_>, out: &mut [f32]) {
    let (m, n) = (a.rows.len(), b.columns.len());
    assert!(out.len() == m * n, "a result of {m} × {n} does not fit {} numbers", out.len());
    multiply_into(a, b, Target::view(out, Axis::new(m, n), n, false));
}

/// Writes `a·b` to `out`, or adds it to what is there.
///
/// # Panics
///
/// When sizes do not fit.
pub(crate) fn multiply_into(a: Matrix<'_>, b: Matrix<'_>, out: Target<'_>) {
    let (m, k, n) = (a.rows.len(), a.columns.len(), b.columns.len());
    assert!(b.rows.len() == k && out.rows.len() == m && out.columns == n, "a product of {m} × {k} and {n} columns");
    if m == 0 || n == 0 {
        return;
    }
    match k {
        0 => clear(out),
        _ if n == 1 => multiply_column(a, b, out),
        _ => kernel::compute(&mut Product { a, b, out }),
    }
}

/// A product without an inner axis: zeros.
fn clear(out: Target<'_>) {
    if !out.adds {
        let rows = (0..out.rows.len()).map(|i| out.rows.offset(i));
        rows.for_each(|start| out.values[start..start + out.columns].fill(0.0));
    }
}

/// A product with a `b` of one column.
fn multiply_column(a: Matrix<'_>, b: Matrix<'_>, out: Target<'_>) {
    simd::vectorize(
        #[inline(always)]
        || match a.rows.is_unit() && out.rows.is_unit() {
            true => sum_columns(a, b, out),
            false => sum_rows(a, b, out),
        },
    );
}

/// A sum of products for each row.
#[inline(always)]
fn sum_rows(a: Matrix<'_>, b: Matrix<'_>, out: Target<'_>) {
    let k = a.columns.len();
    let neighbours = a.columns.is_unit() && b.rows.is_unit();
    for i in 0..a.rows.len() {
        let sum = if neighbours {
            simd::sum_products(&a.values[a.rows.offset(i)..][..k], &b.values[..k], |x, y| x * y)
        } else {
            (0..k).map(|j| a.at(i, j) * b.at(j, 0)).sum()
        };
        let y = &mut out.values[out.rows.offset(i)];
        *y = if out.adds { *y } else { 0.0 } + sum;
    }
}

/// The columns of A, whose numbers are neighbours, times their numbers of B, added up.
#[inline(always)]
fn sum_columns(a: Matrix<'_>, b: Matrix<'_>, out: Target<'_>) {
    let m = a.rows.len();
    let y = &mut out.values[..m];
    if !out.adds {
        y.fill(0.0);
    }
    for k in 0..a.columns.len() {
        let (column, factor) = (&a.values[a.columns.offset(k)..][..m], b.at(k, 0));
        y.iter_mut().zip(column).for_each(|(y, x)| *y += x * factor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;

    fn numbers(name: &str, n: usize) -> Vec<f32> {
        let stream = random::stream(1, name);
        (0..n as u64).map(|i| random::normal(stream, i)).collect()
    }

    fn exact(a: Matrix<'_>, b: Matrix<'_>) -> Vec<f64> {
        let product = |i, j| (0..a.columns.len()).map(|p| f64::from(a.at(i, p)) * f64::from(b.at(p, j))).sum();
        let places = (0..a.rows.len()).flat_map(|i| (0..b.columns.len()).map(move |j| (i, j)));
        places.map(|(i, j)| product(i, j)).collect()
    }

    /// Rounding errors of sums of `k` products of normal numbers walk at random, about `k · 2⁻²⁴` far.
    #[track_caller]
    fn check_close(values: &[f32], exact: &[f64], k: usize) {
        let worst = values.iter().zip(exact).map(|(&y, e)| (f64::from(y) - e).abs()).fold(0.0, f64::max);
        assert!(worst < 1e-6 + 2.4e-7 * k as f64, "{worst}");
    }

    #[test]
    fn products_of_all_forms_and_sizes_are_right() {
        for (m, k, n) in [
            (1, 1, 1),
            (3, 5, 2),
            (17, 33, 9),
            (128, 429, 64),
            (1, 300, 31),
            (64, 700, 1),
            (5, 600, 48),
            (1, 1300, 290),
            (261, 30, 63),
        ] {
            let (a, b) = (numbers("a", m * k), numbers("b", k * n));
            for (ta, tb) in [(false, false), (true, false), (false, true)] {
                let a = Matrix::new(&a, if ta { m } else { k }).transposed_if(ta);
                let b = Matrix::new(&b, if tb { k } else { n }).transposed_if(tb);
                let mut out = vec![f32::NAN; m * n];
                multiply(a, b, &mut out);
                check_close(&out, &exact(a, b), k);
            }
        }
    }

    #[test]
    fn packed_panels_change_no_bit() {
        let sizes = [(7, 3), (2, 40), (429, 256), (514, 300), (1030, 17), (64, 1), (1, 64), (48, 39)];
        for ((k, n), transposed) in sizes.into_iter().flat_map(|size| [(size, false), (size, true)]) {
            let b = numbers("b", k * n);
            let b = Matrix::new(&b, if transposed { k } else { n }).transposed_if(transposed);
            let mut packed = vec![f32::NAN; panels(n) * panel_len(k)];
            packed.chunks_exact_mut(panel_len(k)).enumerate().for_each(|(i, panel)| b.pack(i, panel));
            for m in [1, 2, 15, 133] {
                let (a, mut plain, mut from_panels) = (numbers("a", m * k), vec![0.0; m * n], vec![0.0; m * n]);
                multiply(Matrix::new(&a, k), b, &mut plain);
                multiply(Matrix::new(&a, k), b.with_panels(Some(&packed)), &mut from_panels);
                assert!(plain == from_panels, "{m} × {k} × {n}");
            }
        }
    }

    #[test]
    fn a_row_does_not_depend_on_its_neighbours() {
        for (k, n) in [(7, 3), (2, 40), (429, 256), (514, 300), (1030, 17), (64, 1), (300, 1), (20, 2)] {
            let (a, b) = (numbers("a", 133 * k), numbers("b", k * n));
            let mut all = vec![0.0; 133 * n];
            multiply(Matrix::new(&a, k), Matrix::new(&b, n), &mut all);
            for rows in [1, 2, 3, 5, 8, 16, 31, 64, 100] {
                let mut some = vec![0.0; rows * n];
                multiply(Matrix::new(&a[k..(rows + 1) * k], k), Matrix::new(&b, n), &mut some);
                assert_eq!(some, all[n..(rows + 1) * n], "{rows} rows of {k} by {n}");
            }
        }
    }

    #[test]
    fn windows_that_overlap_are_a_matrix() {
        // Rows of a convolution: 5 × 6 windows of 2 × 3 × 4 numbers in an image of 6 × 8 × 4.
        let (image, filters) = (numbers("a", 6 * 8 * 4), numbers("b", 24 * 7));
        let windows = Axis::nested([(1, 0), (5, 8 * 4), (6, 4)]);
        let inside = Axis::nested([(1, 0), (2, 8 * 4), (12, 1)]);
        let (a, b) = (Matrix::view(&image, windows, inside), Matrix::new(&filters, 7));
        let mut out = vec![1.0; 30 * 7];
        multiply(a, b, &mut out);
        check_close(&out, &exact(a, b), 24);
        let mut wide = vec![1.0; 30 * 10];
        multiply_into(a, b, Target::view(&mut wide, Axis::new(30, 10), 7, true));
        let added: Vec<f64> =
            out.chunks(7).flat_map(|row| [row, &[0.0; 3]].concat()).map(|x| 1.0 + f64::from(x)).collect();
        check_close(&wide, &added, 24);
        let (transposed, upstream) = (a.transposed_if(true), numbers("c", 30 * 7));
        let mut gradient = vec![0.0; 24 * 7];
        multiply(transposed, Matrix::new(&upstream, 7), &mut gradient);
        check_close(&gradient, &exact(transposed, Matrix::new(&upstream, 7)), 30);
    }

    #[test]
    fn no_rows_give_nothing_and_no_inner_axis_gives_zeros() {
        multiply(Matrix::new(&[], 3), Matrix::new(&[1.0; 6], 2), &mut []);
        let mut out = [1.0; 6];
        multiply(Matrix::new(&[], 3).transposed_if(true), Matrix::new(&[], 2), &mut out);
        assert_eq!(out, [0.0; 6]);
    }
}
