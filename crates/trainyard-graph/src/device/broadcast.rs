//! Loops over two values of which the smaller is repeated to the shape of the larger.

use crate::{Dim, Shape, simd};

/// How the smaller value runs along the larger: blocks of `outer × repeated × inner` numbers, for each of which
/// `outer × 1 × inner` numbers stand in the smaller value.
struct Blocks {
    outer: usize,
    repeated: usize,
    inner: usize,
}

/// Calls `f` for each number of `large` and the one of `small` that is repeated to its place, vector by vector if `f` can be
/// inlined.
pub(crate) fn zip(large: &mut [f32], to: &Shape, small: &[f32], from: &Shape, f: impl Fn(&mut f32, f32)) {
    simd::vectorize(
        #[inline(always)]
        || zip_in_place(large, to, small, from, f),
    );
}

#[inline(always)]
fn zip_in_place(large: &mut [f32], to: &Shape, small: &[f32], from: &Shape, f: impl Fn(&mut f32, f32)) {
    if to == from {
        return large.iter_mut().zip(small).for_each(|(a, &b)| f(a, b));
    }
    if large.is_empty() {
        return;
    }
    if let Some(blocks) = blocks(large.len(), to, from) {
        let parts = large.chunks_exact_mut(blocks.repeated * blocks.inner).zip(small.chunks_exact(blocks.inner));
        for (part, small) in parts.take(blocks.outer) {
            for row in part.chunks_exact_mut(blocks.inner) {
                row.iter_mut().zip(small).for_each(|(a, &b)| f(a, b));
            }
        }
        return;
    }
    let len = large.len();
    large.iter_mut().enumerate().for_each(|(i, a)| f(a, small[index(i, len, to, from)]));
}

/// Sums each number of `large` into the place of `small` that would be repeated to it, in `f64`, in order.
pub(crate) fn sum(small: &mut [f32], to: &Shape, large: &[f32], from: &Shape) {
    small.fill(0.0);
    if large.is_empty() {
        return;
    }
    match blocks(large.len(), from, to) {
        Some(blocks) if blocks.inner == 1 => {
            let parts = large.chunks_exact(blocks.repeated).zip(small);
            parts.for_each(|(part, y)| *y = part.iter().map(|&x| f64::from(x)).sum::<f64>() as f32);
        }
        Some(blocks) => {
            let parts = large.chunks_exact(blocks.repeated * blocks.inner).zip(small.chunks_exact_mut(blocks.inner));
            for (part, sums) in parts {
                add_rows(sums, part);
            }
        }
        None => large.iter().enumerate().for_each(|(i, x)| small[index(i, large.len(), from, to)] += x),
    }
}

/// Adds each row of `rows` to `sums`.
fn add_rows(sums: &mut [f32], rows: &[f32]) {
    simd::vectorize(
        #[inline(always)]
        || {
            for row in rows.chunks_exact(sums.len()) {
                sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
            }
        },
    );
}

/// The size of axis `i` of a value of `len` numbers.
fn axis_len(i: usize, len: usize, shape: &Shape) -> usize {
    if let Dim::Fixed(size) = shape.dims()[i] { size } else { len / shape.row_len().max(1) }
}

/// The repetition, when only neighbouring axes are repeated, which is nearly always.
fn blocks(len: usize, to: &Shape, from: &Shape) -> Option<Blocks> {
    let lead = to.rank() - from.rank();
    let axis_len = |i: usize| axis_len(i, len, to);
    let is_repeated = |i: usize| i < lead || (from.dims()[i - lead] != to.dims()[i]);
    let first = (0..to.rank()).find(|&i| is_repeated(i))?;
    let last = (0..to.rank()).rev().find(|&i| is_repeated(i))?;
    let product = |mut range: std::ops::Range<usize>| range.try_fold(1, |n: usize, i| n.checked_mul(axis_len(i)));
    (first..=last).all(|i| is_repeated(i) || axis_len(i) == 1).then_some(())?;
    Some(Blocks {
        outer: product(0..first)?,
        repeated: product(first..last + 1)?,
        inner: product(last + 1..to.rank())?,
    })
}

/// Where number `i` of the larger value, of `len` numbers, stands in the smaller one, for repetitions of any form.
fn index(mut i: usize, len: usize, to: &Shape, from: &Shape) -> usize {
    let lead = to.rank() - from.rank();
    let (mut index, mut step) = (0, 1);
    for axis in (0..to.rank()).rev() {
        let size = axis_len(axis, len, to);
        if axis >= lead && from.dims()[axis - lead] == to.dims()[axis] {
            index += i % size * step;
            step *= size;
        }
        i /= size;
    }
    index
}
