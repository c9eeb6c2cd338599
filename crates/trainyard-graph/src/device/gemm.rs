//! Products of matrices, by the `gemm` crate.
//!
//! Each element of a product is a chain of fused multiply-adds over the inner axis, from first to last, so that a row of
//! the result does not depend on how many rows are computed with it: a prediction made alone equals one made in a batch.
//! The crate's kernels do that for blocks of the inner axis; its special case of one column does not, and stands here.
#![expect(unsafe_code, reason = "`gemm` takes pointers")]

/// A matrix in memory, seen as it is or transposed.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

/// Length of the blocks of the inner axis: `gemm` 0.19 handles up to 512 as one block for any number of rows.
const INNER_BLOCK: usize = 512;

impl<'a> Matrix<'a> {
    /// Rows of `columns` numbers each, one after the other.
    pub(crate) fn new(values: &'a [f32], columns: usize) -> Self {
        Self { values, rows: values.len() / columns, columns, row_stride: columns, column_stride: 1 }
    }

    /// The transposed matrix, if `yes`.
    pub(crate) fn transposed_if(self, yes: bool) -> Self {
        if !yes {
            return self;
        }
        let Self { values, rows, columns, row_stride, column_stride } = self;
        Self { values, rows: columns, columns: rows, row_stride: column_stride, column_stride: row_stride }
    }

    /// The columns `first..first + columns`.
    fn columns_from(self, first: usize, columns: usize) -> Self {
        Self { values: &self.values[first * self.column_stride..], columns, ..self }
    }

    fn at(&self, row: usize, column: usize) -> f32 {
        self.values[row * self.row_stride + column * self.column_stride]
    }
}

/// `out = a·b`, row by row.
pub(crate) fn multiply(a: Matrix<'_>, b: Matrix<'_>, out: &mut [f32]) {
    let (m, k, n) = (a.rows, a.columns.min(b.rows), b.columns);
    assert!(out.len() == m * n, "the result of {m} × {k} by {k} × {n} does not fit {} numbers", out.len());
    if m == 0 || n == 0 {
        return;
    }
    if n == 1 || k == 0 {
        return multiply_column(a, b, out, k);
    }
    // Blocks of like length, since `gemm` takes another path for an inner axis of 1 or 2.
    let block_len = k.div_ceil(k.div_ceil(INNER_BLOCK));
    for start in (0..k).step_by(block_len) {
        let len = block_len.min(k - start);
        if m == 1 && start > 0 {
            add_to_row(a, b, out, start, len);
        } else {
            multiply_block(a, b.columns_from(0, n), out, start, len);
        }
    }
}

/// Adds the product of one block of the inner axis, for an `a` of one row: `gemm` would go on with the chain of the block
/// before, where for more rows it adds up the blocks.
fn add_to_row(a: Matrix<'_>, b: Matrix<'_>, out: &mut [f32], start: usize, len: usize) {
    const WIDTH: usize = 256;
    let mut block = [0.0_f32; WIDTH];
    for (i, out) in out.chunks_mut(WIDTH).enumerate() {
        let block = &mut block[..out.len()];
        multiply_block(a, b.columns_from(i * WIDTH, out.len()), block, start, len);
        out.iter_mut().zip(block).for_each(|(y, x)| *y += *x);
    }
}

/// Adds the product of one block of the inner axis to `out`; sets it if the block is the first or `a` has one row.
fn multiply_block(a: Matrix<'_>, b: Matrix<'_>, out: &mut [f32], start: usize, len: usize) {
    let (m, n) = (a.rows, b.columns);
    assert!(out.len() == m * n && start + len <= a.columns.min(b.rows), "a block is outside of its matrices");
    let (a_values, b_values) = (&a.values[start * a.column_stride..], &b.values[start * b.row_stride..]);
    // SAFETY: `out` is exclusively borrowed and holds m·n numbers. `Matrix` keeps rows, columns and strides such that every
    // element lies in its slice, and the block is inside both matrices (both checked above).
    unsafe {
        gemm::gemm(
            m,
            n,
            len,
            out.as_mut_ptr(),
            1,
            n as isize,
            start > 0 && m > 1,
            a_values.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b_values.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

/// `out = a·b` for a `b` of one column: for each row 16 sums over every sixteenth product, then their sum.
fn multiply_column(a: Matrix<'_>, b: Matrix<'_>, out: &mut [f32], k: usize) {
    const WIDTH: usize = 16;
    for (i, y) in out.iter_mut().enumerate() {
        let mut sums = [0.0_f32; WIDTH];
        for start in (0..k).step_by(WIDTH) {
            for (j, sum) in sums.iter_mut().enumerate().take(k - start) {
                *sum += a.at(i, start + j) * b.at(start + j, 0);
            }
        }
        *y = sums.iter().sum();
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
        let product = |i, j| (0..a.columns).map(|p| f64::from(a.at(i, p)) * f64::from(b.at(p, j))).sum();
        (0..a.rows).flat_map(|i| (0..b.columns).map(move |j| (i, j))).map(|(i, j)| product(i, j)).collect()
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
        ] {
            let (a, b) = (numbers("a", m * k), numbers("b", k * n));
            for (ta, tb) in [(false, false), (true, false), (false, true)] {
                let a = Matrix::new(&a, if ta { m } else { k }).transposed_if(ta);
                let b = Matrix::new(&b, if tb { k } else { n }).transposed_if(tb);
                let mut out = vec![f32::NAN; m * n];
                multiply(a, b, &mut out);
                let worst = out.iter().zip(exact(a, b)).map(|(&y, e)| (f64::from(y) - e).abs()).fold(0.0, f64::max);
                assert!(worst < 1e-4, "{m} {k} {n} {ta} {tb}: {worst}");
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
    fn no_rows_give_nothing_and_no_inner_axis_gives_zeros() {
        multiply(Matrix::new(&[], 3), Matrix::new(&[1.0; 6], 2), &mut []);
        let mut out = [1.0; 6];
        multiply(Matrix::new(&[], 3).transposed_if(true), Matrix::new(&[], 2), &mut out);
        assert_eq!(out, [0.0; 6]);
    }
}
