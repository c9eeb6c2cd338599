//! The cell of a gated recurrent unit.

use super::cell::{self, Blocks, Kernel};

/// Gates `r, z, n`, of which `n` is the candidate; the reset gate scales the state's part of it, `q`:
///
/// ```text
/// r, z = σ(x + h·w + b)    q = h·w + b
/// n = tanh(x + b + r∘q)    h' = (1 - z)∘n + z∘h
/// ```
///
/// PyTorch's form, and Keras' with `reset_after`. Its one product for each step would be two if `r` scaled `h` instead, as in
/// Cho and others, *Learning Phrase Representations using RNN Encoder-Decoder* (2014). Both give `r` and `z` a second bias
/// too, which adds nothing to the first.
pub(super) struct Gru;

impl Kernel for Gru {
    const BLOCKS: Blocks = Blocks { gates: 3, inner: 4, saved: 4, states: 1 };

    #[inline(always)]
    fn forward(
        units: usize,
        [product, projected, bias]: [&[f32]; 3],
        before: &[f32],
        after: &mut [f32],
        saved: &mut [f32],
    ) {
        let [r, z, n, q] = cell::split_mut::<4>(saved);
        let ([p_r, p_z, p_n], [x_r, x_z, x_n]) = (cell::split::<3>(product), cell::split::<3>(projected));
        let [b_r, b_z, b_n, b_q] = cell::split::<4>(bias);
        cell::update(units, r, [p_r, x_r, b_r], |_, [p, x, b]| p + x + b);
        cell::update(units, z, [p_z, x_z, b_z], |_, [p, x, b]| p + x + b);
        cell::sigmoid(r);
        cell::sigmoid(z);
        cell::update(units, q, [p_n, b_q], |_, [p, b]| p + b);
        cell::update(units, n, [x_n, b_n, r, q], |_, [x, b, r, q]| x + b + r * q);
        cell::tanh(n);
        cell::update(units, after, [z, n, before], |_, [z, n, h]| (1.0 - z) * n + z * h);
    }

    #[inline(always)]
    fn backward(units: usize, saved: &[f32], [before, _after]: [&[f32]; 2], carry: &mut [f32], slopes: &mut [f32]) {
        let [r, z, n, q] = cell::split::<4>(saved);
        let [dr, dz, dn, dq] = cell::split_mut::<4>(slopes);
        cell::update(units, dz, [carry, before, n, z], |_, [dh, h, n, z]| dh * (h - n) * z * (1.0 - z));
        cell::update(units, dn, [carry, z, n], |_, [dh, z, n]| dh * (1.0 - z) * (1.0 - n * n));
        cell::update(units, dr, [dn, q, r], |_, [dn, q, r]| dn * q * r * (1.0 - r));
        cell::update(units, dq, [dn, r], |_, [dn, r]| dn * r);
        cell::update(units, carry, [z], |dh, [z]| dh * z);
    }
}
