//! Loops over two values of which the smaller is repeated to the shape of the larger.

use crate::{Dim, Shape};

/// How the smaller value runs along the larger: blocks of `outer × repeated × inner` numbers, for each of which
/// `outer × 1 × inner` numbers stand in the smaller value.
struct Blocks {
    outer: usize,
    repeated: usize,
    inner: usize,
}

/// Calls `f` for each number of `large` and the one of `small` that is repeated to its place.
pub(crate) fn zip(large: &mut [f32], to: &Shape, small: &[f32], from: &Shape, mut f: impl FnMut(&mut f32, f32)) {
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
    let strides = Strides::new(large.len(), to, from);
    large.iter_mut().enumerate().for_each(|(i, a)| f(a, small[strides.index(i)]));
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
                for row in part.chunks_exact(blocks.inner) {
                    sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
                }
            }
        }
        None => {
            let strides = Strides::new(large.len(), from, to);
            large.iter().enumerate().for_each(|(i, x)| small[strides.index(i)] += x);
        }
    }
}

/// The sizes of `shape`, given how many numbers a value of shape `whole` holds.
fn sizes(len: usize, whole: &Shape, shape: &Shape) -> Vec<usize> {
    let rows = len / whole.row_len().max(1);
    shape.dims().iter().map(|dim| if let Dim::Fixed(size) = dim { *size } else { rows }).collect()
}

/// The repetition, when only neighbouring axes are repeated, which is nearly always.
fn blocks(len: usize, to: &Shape, from: &Shape) -> Option<Blocks> {
    let lead = to.rank() - from.rank();
    let axis_len = |i: usize| if let Dim::Fixed(size) = to.dims()[i] { size } else { len / to.row_len().max(1) };
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

/// Where each number of the larger value stands in the smaller one, for repetitions of any form.
struct Strides {
    /// For each axis, its size in the larger value and the step in the smaller one, 0 where it is repeated.
    axes: Vec<(usize, usize)>,
}

impl Strides {
    fn new(len: usize, to: &Shape, from: &Shape) -> Self {
        let (large, small) = (sizes(len, to, to), sizes(len, to, from));
        let lead = large.len() - small.len();
        let mut step = 1;
        let mut axes: Vec<(usize, usize)> = large.iter().map(|&size| (size, 0)).collect();
        for (i, &size) in small.iter().enumerate().rev() {
            axes[lead + i].1 = if size == axes[lead + i].0 { step } else { 0 };
            step *= size;
        }
        Self { axes }
    }

    fn index(&self, mut i: usize) -> usize {
        let mut index = 0;
        for &(size, step) in self.axes.iter().rev() {
            index += i % size * step;
            i /= size;
        }
        index
    }
}
