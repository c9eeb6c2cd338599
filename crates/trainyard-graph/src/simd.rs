//! Code for the widest vectors of the machine that runs it, chosen when it runs: one program for all machines.
#![expect(unsafe_code, reason = "code compiled for an instruction set is called where the set is present")]

use std::sync::OnceLock;

/// A set of vector instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What every processor of the target has: SSE2 on x86-64, NEON on aarch64.
    Baseline,
    /// AVX2 with fused multiply-add, 8 numbers a vector.
    Avx2,
    /// AVX-512, 16 numbers a vector.
    Avx512,
}

/// The widest set that this processor has.
#[inline]
pub fn level() -> Level {
    static LEVEL: OnceLock<Level> = OnceLock::new();
    *LEVEL.get_or_init(detect)
}

#[cfg(target_arch = "x86_64")]
fn detect() -> Level {
    use std::is_x86_feature_detected as has;
    let avx2 = has!("avx2") && has!("fma");
    match () {
        () if avx2 && has!("avx512f") && has!("avx512dq") && has!("avx512vl") && has!("avx512bw") => Level::Avx512,
        () if avx2 => Level::Avx2,
        () => Level::Baseline,
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn detect() -> Level {
    Level::Baseline
}

/// Calls `f`, compiled for the widest vectors of this processor.
///
/// The compiler vectorises what it can inline: write the closure as `#[inline(always)] || …`, and mark the functions that it
/// calls in a loop the same way. A loop whose steps are independent gives the same bits at every level, as the compiler
/// neither reorders nor fuses arithmetic.
///
/// ```
/// let mut x = [1.0_f32; 100];
/// trainyard_graph::simd::vectorize(#[inline(always)] || x.iter_mut().for_each(|x| *x = *x * 2.0 + 1.0));
/// assert_eq!(x, [3.0; 100]);
/// ```
#[inline(always)]
pub fn vectorize<R>(f: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    match level() {
        // SAFETY: `level` has found the instructions.
        Level::Avx512 => return unsafe { for_avx512(f) },
        // SAFETY: as above.
        Level::Avx2 => return unsafe { for_avx2(f) },
        Level::Baseline => {}
    }
    f()
}

/// Replaces each number `x` by `f(x)`, vector by vector if `f` can be inlined.
#[inline(always)]
pub(crate) fn map(numbers: &mut [f32], f: impl Fn(f32) -> f32) {
    vectorize(
        #[inline(always)]
        || numbers.iter_mut().for_each(|x| *x = f(*x)),
    );
}

/// Replaces each number `x` by `f(x, y)` of its partner `y` in `others`, vector by vector if `f` can be inlined.
#[inline(always)]
pub(crate) fn zip(numbers: &mut [f32], others: &[f32], f: impl Fn(f32, f32) -> f32) {
    vectorize(
        #[inline(always)]
        || numbers.iter_mut().zip(others).for_each(|(x, &y)| *x = f(*x, y)),
    );
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512dq,avx512vl,avx512bw")]
fn for_avx512<R>(f: impl FnOnce() -> R) -> R {
    f()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn for_avx2<R>(f: impl FnOnce() -> R) -> R {
    f()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math;

    #[test]
    fn vectors_of_any_width_give_the_same_bits() {
        let x: Vec<f32> = (0..1000).map(|i| i as f32 * 0.173 - 87.0).collect();
        let mut wide = x.clone();
        vectorize(
            #[inline(always)]
            || wide.iter_mut().for_each(|x| *x = math::tanh(*x) + math::exp(*x)),
        );
        let narrow: Vec<f32> = x.iter().map(|&x| math::tanh(x) + math::exp(x)).collect();
        assert_eq!(wide, narrow);
    }
}
