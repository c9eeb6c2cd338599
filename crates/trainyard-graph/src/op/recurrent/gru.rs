//! The cell of a gated recurrent unit.

use super::cell::{self, Blocks, Kernel};
use crate::math;

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
    fn forward(product: &[f32], projected: &[f32], bias: &[f32], before: &[f32], after: &mut [f32], saved: &mut [f32]) {
        let units = after.len();
        cell::add(&mut saved[..2 * units], product, projected, bias);
        cell::sigmoid(&mut saved[..2 * units]);
        let [r, z, n, q] = cell::split_mut::<4>(saved);
        let [_, _, b_n, b_q] = cell::split::<4>(bias);
        let (product, x) = (&product[2 * units..], &projected[2 * units..]);
        for (q, (product, b)) in q.iter_mut().zip(product.iter().zip(b_q)) {
            *q = product + b;
        }
        candidate(n, x, b_n, r, q);
        mix(after, z, n, before);
    }

    #[inline(always)]
    fn backward(saved: &[f32], before: &[f32], _after: &[f32], carry: &mut [f32], slopes: &mut [f32]) {
        let [r, z, n, q] = cell::split::<4>(saved);
        let [dr, dz, dn, dq] = cell::split_mut::<4>(slopes);
        update(carry, (z, n, before), dz, dn);
        reset(dn, (r, q), dr, dq);
    }
}

/// `n = tanh(x + b + r∘q)`.
#[inline(always)]
fn candidate(n: &mut [f32], x: &[f32], b: &[f32], r: &[f32], q: &[f32]) {
    let units = n.len();
    let (x, b, r, q) = (&x[..units], &b[..units], &r[..units], &q[..units]);
    for (j, n) in n.iter_mut().enumerate() {
        *n = math::tanh(x[j] + b[j] + r[j] * q[j]);
    }
}

/// `h' = (1 - z)∘n + z∘h`.
#[inline(always)]
fn mix(after: &mut [f32], z: &[f32], n: &[f32], before: &[f32]) {
    let units = after.len();
    let (z, n, before) = (&z[..units], &n[..units], &before[..units]);
    for (j, h) in after.iter_mut().enumerate() {
        *h = (1.0 - z[j]) * n[j] + z[j] * before[j];
    }
}

/// Passes `dh`, the gradient of `h'`, on to `z` and `n`, and to `h` in its own place.
#[inline(always)]
fn update(dh: &mut [f32], (z, n, h): (&[f32], &[f32], &[f32]), dz: &mut [f32], dn: &mut [f32]) {
    let units = dh.len();
    let (z, n, h, dz, dn) = (&z[..units], &n[..units], &h[..units], &mut dz[..units], &mut dn[..units]);
    for (j, dn) in dn.iter_mut().enumerate() {
        *dn = dh[j] * (1.0 - z[j]) * (1.0 - n[j] * n[j]);
    }
    for (j, dh) in dh.iter_mut().enumerate() {
        dz[j] = *dh * (h[j] - n[j]) * z[j] * (1.0 - z[j]);
        *dh *= z[j];
    }
}

/// Passes `dn`, the gradient of what stands in the tanh, on to `r` and `q`.
#[inline(always)]
fn reset(dn: &[f32], (r, q): (&[f32], &[f32]), dr: &mut [f32], dq: &mut [f32]) {
    let units = dn.len();
    let (r, q, dr, dq) = (&r[..units], &q[..units], &mut dr[..units], &mut dq[..units]);
    for (j, dn) in dn.iter().enumerate() {
        dr[j] = dn * q[j] * r[j] * (1.0 - r[j]);
        dq[j] = dn * r[j];
    }
}
