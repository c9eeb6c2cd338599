//! The cell of a simple recurrent network.

use super::cell::{self, Blocks, Kernel};

/// `h' = tanh(x + h·w + b)`.
///
/// Source: Elman, *Finding Structure in Time* (1990).
pub(super) struct Simple;

impl Kernel for Simple {
    const BLOCKS: Blocks = Blocks { gates: 1, inner: 1, saved: 0, states: 1 };

    #[inline(always)]
    fn forward(
        units: usize,
        [product, projected, bias]: [&[f32]; 3],
        _before: &[f32],
        after: &mut [f32],
        _saved: &mut [f32],
    ) {
        cell::update(units, after, [product, projected, bias], |_, [p, x, b]| p + x + b);
        cell::tanh(after);
    }

    #[inline(always)]
    fn backward(units: usize, _saved: &[f32], [_before, after]: [&[f32]; 2], carry: &mut [f32], slopes: &mut [f32]) {
        cell::update(units, slopes, [carry, after], |_, [dh, h]| dh * (1.0 - h * h));
        carry.fill(0.0);
    }
}
