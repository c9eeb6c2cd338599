//! Convolutions in which each channel has filters of its own: as products of matrices they would have a single column, so
//! their loops run along the channels.

use super::windows::ConvWindows;
use crate::simd;

/// Adds the products of the windows of `x` with `w` to `y`.
pub(super) fn add_values(windows: &ConvWindows, x: &[f32], w: &[f32], y: &mut [f32]) {
    for_each_place(windows, |position, tap, start| {
        let (w, y) = (part(w, tap, windows.filters), part_mut(y, position, windows.filters));
        add_products(y, &x[start..start + windows.channels], w, windows.group_filters());
    });
}

/// Adds the products of `upstream` with the weights `w` to the windows that they come from.
pub(super) fn add_input_gradient(windows: &ConvWindows, upstream: &[f32], w: &[f32], x: &mut [f32]) {
    for_each_place(windows, |position, tap, start| {
        let (w, upstream) = (part(w, tap, windows.filters), part(upstream, position, windows.filters));
        add_sums(&mut x[start..start + windows.channels], upstream, w, windows.group_filters());
    });
}

/// Adds the products of the windows of `x` with `upstream` to `sums`.
pub(super) fn add_weights_gradient(windows: &ConvWindows, x: &[f32], upstream: &[f32], sums: &mut [f32]) {
    for_each_place(windows, |position, tap, start| {
        let (upstream, sums) = (part(upstream, position, windows.filters), part_mut(sums, tap, windows.filters));
        add_products(sums, &x[start..start + windows.channels], upstream, windows.group_filters());
    });
}

/// Calls `f` with the number of each window, that of each of its places, and where in the input that place begins.
#[inline(always)]
fn for_each_place(windows: &ConvWindows, mut f: impl FnMut(usize, usize, usize)) {
    simd::vectorize(
        #[inline(always)]
        || {
            for position in 0..windows.positions() {
                let start = windows.start(position);
                windows.tap_starts().enumerate().for_each(
                    #[inline(always)]
                    |(tap, place)| f(position, tap, start + place),
                );
            }
        },
    );
}

#[inline(always)]
fn part(values: &[f32], i: usize, len: usize) -> &[f32] {
    &values[i * len..(i + 1) * len]
}

#[inline(always)]
fn part_mut(values: &mut [f32], i: usize, len: usize) -> &mut [f32] {
    &mut values[i * len..(i + 1) * len]
}

/// Adds to each `y` the product of its `z` with its `x`, of which there is one for `n` neighbours.
#[inline(always)]
fn add_products(y: &mut [f32], x: &[f32], z: &[f32], n: usize) {
    if n == 1 {
        return y.iter_mut().zip(x).zip(z).for_each(|((y, x), z)| *y += x * z);
    }
    for ((y, x), z) in y.chunks_exact_mut(n).zip(x).zip(z.chunks_exact(n)) {
        y.iter_mut().zip(z).for_each(|(y, z)| *y += x * z);
    }
}

/// Adds to each `x` the products of its `n` neighbours in `y` and `z`.
#[inline(always)]
fn add_sums(x: &mut [f32], y: &[f32], z: &[f32], n: usize) {
    if n == 1 {
        return x.iter_mut().zip(y).zip(z).for_each(|((x, y), z)| *x += y * z);
    }
    for ((x, y), z) in x.iter_mut().zip(y.chunks_exact(n)).zip(z.chunks_exact(n)) {
        *x += y.iter().zip(z).map(|(y, z)| y * z).sum::<f32>();
    }
}
