//! The cell of long short-term memory.

use super::cell::{self, Blocks, Kernel};
use crate::math;

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
    fn forward(product: &[f32], projected: &[f32], bias: &[f32], before: &[f32], after: &mut [f32], saved: &mut [f32]) {
        cell::add(saved, product, projected, bias);
        let [_, c_before] = cell::split::<2>(before);
        let [h, c] = cell::split_mut::<2>(after);
        let [i, f, g, o] = cell::split_mut::<4>(saved);
        let n = c.len();
        cell::sigmoid(i);
        cell::sigmoid(f);
        cell::tanh(g);
        cell::sigmoid(o);
        let (i, f, g, o, c_before) = (&i[..n], &f[..n], &g[..n], &o[..n], &c_before[..n]);
        for (j, c) in c.iter_mut().enumerate() {
            *c = f[j] * c_before[j] + i[j] * g[j];
        }
        let c = &c[..n];
        for (j, h) in h[..n].iter_mut().enumerate() {
            *h = o[j] * math::tanh(c[j]);
        }
    }

    #[inline(always)]
    fn backward(saved: &[f32], before: &[f32], after: &[f32], carry: &mut [f32], slopes: &mut [f32]) {
        let ([i, f, g, o], [_, c]) = (cell::split::<4>(saved), cell::split::<2>(after));
        let ([_, c_before], [dh, dc]) = (cell::split::<2>(before), cell::split_mut::<2>(carry));
        let [di, df, dg, d_o] = cell::split_mut::<4>(slopes);
        output(dh, (o, c), dc, d_o);
        candidate(dc, (i, g), di, dg);
        forget(dc, (f, c_before), df);
        dh.fill(0.0);
    }
}

/// Passes `dh`, the gradient of `h' = o∘tanh(c')`, on to the gate and to `c'`.
#[inline(always)]
fn output(dh: &[f32], (o, c): (&[f32], &[f32]), dc: &mut [f32], d_o: &mut [f32]) {
    let n = dh.len();
    let (o, c, dc, d_o) = (&o[..n], &c[..n], &mut dc[..n], &mut d_o[..n]);
    for (j, dh) in dh.iter().enumerate() {
        let y = math::tanh(c[j]);
        d_o[j] = dh * y * o[j] * (1.0 - o[j]);
        dc[j] += dh * o[j] * (1.0 - y * y);
    }
}

/// Passes `dc`, the gradient of `c' = f∘c + i∘g`, on to `i` and `g`.
#[inline(always)]
fn candidate(dc: &[f32], (i, g): (&[f32], &[f32]), di: &mut [f32], dg: &mut [f32]) {
    let n = dc.len();
    let (i, g, di, dg) = (&i[..n], &g[..n], &mut di[..n], &mut dg[..n]);
    for (j, dc) in dc.iter().enumerate() {
        di[j] = dc * g[j] * i[j] * (1.0 - i[j]);
        dg[j] = dc * i[j] * (1.0 - g[j] * g[j]);
    }
}

/// Passes it on to `f`, and to `c` in its own place.
#[inline(always)]
fn forget(dc: &mut [f32], (f, c): (&[f32], &[f32]), df: &mut [f32]) {
    let n = dc.len();
    let (f, c, df) = (&f[..n], &c[..n], &mut df[..n]);
    for (j, dc) in dc.iter_mut().enumerate() {
        df[j] = *dc * c[j] * f[j] * (1.0 - f[j]);
        *dc *= f[j];
    }
}
