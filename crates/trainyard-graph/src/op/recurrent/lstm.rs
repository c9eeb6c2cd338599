//! The cell of long short-term memory.

use super::cell::{self, Blocks, Kernel};

/// Gates `i, f, g, o`, of which `g` is the candidate, and a state of `h` and `c`:
///
/// ```text
/// i, f, o = σ(x + h·w + b)    g = tanh(x + h·w + b)
/// c' = f∘c + i∘g              h' = o∘tanh(c')
/// ```
///
/// `tanh(c')` is computed again on the way back: it takes less time than to keep it in memory.
///
/// Source: Gers, Schmidhuber and Cummins, *Learning to Forget* (2000), without peepholes, as PyTorch and Keras have it.
pub(super) struct Lstm;

impl Kernel for Lstm {
    const BLOCKS: Blocks = Blocks { gates: 4, inner: 4, saved: 4, states: 2 };

    #[inline(always)]
    fn forward(
        units: usize,
        [product, projected, bias]: [&[f32]; 3],
        before: &[f32],
        after: &mut [f32],
        saved: &mut [f32],
    ) {
        cell::update(4 * units, saved, [product, projected, bias], |_, [p, x, b]| p + x + b);
        let ([_, c_before], [h, c]) = (cell::split::<2>(before), cell::split_mut::<2>(after));
        let [i, f, g, o] = cell::split_mut::<4>(saved);
        cell::sigmoid(i);
        cell::sigmoid(f);
        cell::tanh(g);
        cell::sigmoid(o);
        cell::update(units, c, [f, c_before, i, g], |_, [f, c, i, g]| f * c + i * g);
        h.copy_from_slice(c);
        cell::tanh(h);
        cell::update(units, h, [o], |y, [o]| o * y);
    }

    #[inline(always)]
    fn backward(units: usize, saved: &[f32], [before, after]: [&[f32]; 2], carry: &mut [f32], slopes: &mut [f32]) {
        let ([i, f, g, o], [_, c]) = (cell::split::<4>(saved), cell::split::<2>(after));
        let ([_, c_before], [dh, dc]) = (cell::split::<2>(before), cell::split_mut::<2>(carry));
        let [di, df, dg, d_o] = cell::split_mut::<4>(slopes);
        d_o.copy_from_slice(c);
        cell::tanh(d_o);
        cell::update(units, dc, [dh, o, d_o], |dc, [dh, o, y]| dc + dh * o * (1.0 - y * y));
        cell::update(units, d_o, [dh, o], |y, [dh, o]| dh * y * o * (1.0 - o));
        cell::update(units, di, [dc, g, i], |_, [dc, g, i]| dc * g * i * (1.0 - i));
        cell::update(units, dg, [dc, i, g], |_, [dc, i, g]| dc * i * (1.0 - g * g));
        cell::update(units, df, [dc, c_before, f], |_, [dc, c, f]| dc * c * f * (1.0 - f));
        cell::update(units, dc, [f], |dc, [f]| dc * f);
        dh.fill(0.0);
    }
}
