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

/// The widest set that this processor has and that the environment allows.
///
/// The variable `TRAINYARD_SIMD` lowers the level of a process to `baseline`, `avx2` or `avx512`: it makes one machine compute as
/// another does, to find out why their results differ, and tests every level on one machine. It is read once. It raises nothing
/// above what the processor has, and another value changes nothing.
#[inline]
pub fn level() -> Level {
    static LEVEL: OnceLock<Level> = OnceLock::new();
    *LEVEL.get_or_init(|| detect().min(allowed(std::env::var("TRAINYARD_SIMD").ok().as_deref())))
}

/// The widest set that a value of `TRAINYARD_SIMD` allows.
fn allowed(name: Option<&str>) -> Level {
    match name {
        Some("baseline") => Level::Baseline,
        Some("avx2") => Level::Avx2,
        _ => Level::Avx512,
    }
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

/// How many sums a sum over a row is first made of: a vector of the widest set, so that the order of additions, and with it
/// every bit of the result, is the same at every level.
const SUMS: usize = 16;

/// `Σ f(x)` over a row, to be called within [`vectorize`].
#[inline(always)]
pub(crate) fn sum(row: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let (vectors, rest) = row.as_chunks::<SUMS>();
    let mut sums = [0.0; SUMS];
    for vector in vectors {
        sums.iter_mut().zip(vector).for_each(|(sum, &x)| *sum += f(x));
    }
    sums.iter_mut().zip(rest).for_each(|(sum, &x)| *sum += f(x));
    total(sums)
}

/// `Σ f(a, b)` over two rows of one length, to be called within [`vectorize`].
#[inline(always)]
pub(crate) fn sum_products(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let ((vectors_a, rest_a), (vectors_b, rest_b)) = (a.as_chunks::<SUMS>(), b.as_chunks::<SUMS>());
    let mut sums = [0.0; SUMS];
    for (a, b) in vectors_a.iter().zip(vectors_b) {
        sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (&a, &b))| *sum += f(a, b));
    }
    sums.iter_mut().zip(rest_a.iter().zip(rest_b)).for_each(|(sum, (&a, &b))| *sum += f(a, b));
    total(sums)
}

/// The sum of sums, by halves.
#[inline(always)]
fn total(mut sums: [f32; SUMS]) -> f32 {
    let mut n = SUMS;
    while n > 1 {
        n /= 2;
        (0..n).for_each(|i| sums[i] += sums[i + n]);
    }
    sums[0]
}

/// Copies a row, as much of it as both have. Rows of an embedding are short: a call of the C library for each would take
/// longer than the copy.
#[inline(always)]
pub fn copy_row(to: &mut [f32], from: &[f32]) {
    let len = to.len().min(from.len());
    let (to, from) = (&mut to[..len], &from[..len]);
    match len {
        1 => copy_array::<1>(to, from),
        2 => copy_array::<2>(to, from),
        4 => copy_array::<4>(to, from),
        8 => copy_array::<8>(to, from),
        16 => copy_array::<16>(to, from),
        32 => copy_array::<32>(to, from),
        _ => to.copy_from_slice(from),
    }
}

#[inline(always)]
fn copy_array<const N: usize>(to: &mut [f32], from: &[f32]) {
    let mut row = [0.0; N];
    row.copy_from_slice(from);
    to.copy_from_slice(&row);
}

/// Adds `factor · from` to a short row of as many numbers. Rows of 16 and 32 are added as whole vectors.
#[inline(always)]
pub(crate) fn add_row(to: &mut [f32], from: &[f32], factor: f32) {
    match to.len() {
        16 => add_array::<16>(to, from, factor),
        32 => add_array::<32>(to, from, factor),
        _ => to.iter_mut().zip(from).for_each(|(y, x)| *y += factor * x),
    }
}

/// Through copies, since compilers do not see that the two rows are no neighbours.
#[inline(always)]
fn add_array<const N: usize>(to: &mut [f32], from: &[f32], factor: f32) {
    let (mut sum, mut terms) = ([0.0; N], [0.0; N]);
    sum.copy_from_slice(to);
    terms.copy_from_slice(from);
    for j in 0..N {
        sum[j] += factor * terms[j];
    }
    to.copy_from_slice(&sum);
}

/// Side of the squares that [`transpose`] turns.
pub(crate) const SQUARE: usize = 4;

/// The columns of a square of numbers, whose rows begin at multiples of `stride`.
///
/// Why by instructions? Compilers move one number at a time.
#[inline(always)]
pub(crate) fn transpose(from: &[f32], stride: usize) -> [[f32; SQUARE]; SQUARE] {
    let mut rows = [[0.0; SQUARE]; SQUARE];
    for (i, row) in rows.iter_mut().enumerate() {
        row.copy_from_slice(&from[i * stride..][..SQUARE]);
    }
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 has SSE, and each row has the four numbers that are read and written.
    unsafe {
        use std::arch::x86_64::{
            _mm_loadu_ps, _mm_movehl_ps, _mm_movelh_ps, _mm_storeu_ps, _mm_unpackhi_ps, _mm_unpacklo_ps,
        };
        let [a, b, c, d] = [0, 1, 2, 3].map(|i: usize| _mm_loadu_ps(rows[i].as_ptr()));
        let (ab, cd) = (_mm_unpacklo_ps(a, b), _mm_unpacklo_ps(c, d));
        _mm_storeu_ps(rows[0].as_mut_ptr(), _mm_movelh_ps(ab, cd));
        _mm_storeu_ps(rows[1].as_mut_ptr(), _mm_movehl_ps(cd, ab));
        let (ab, cd) = (_mm_unpackhi_ps(a, b), _mm_unpackhi_ps(c, d));
        _mm_storeu_ps(rows[2].as_mut_ptr(), _mm_movelh_ps(ab, cd));
        _mm_storeu_ps(rows[3].as_mut_ptr(), _mm_movehl_ps(cd, ab));
        rows
    }
    #[cfg(not(target_arch = "x86_64"))]
    std::array::from_fn(|i| std::array::from_fn(|j| rows[j][i]))
}

/// Asks for the cache line of `place` to be brought near, and does not wait for it.
#[inline(always)]
pub fn prefetch<T>(place: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch reads nothing, whatever the address.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(place).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}

/// Bytes of a line of the processor's cache.
const LINE_BYTES: usize = 64;

/// As [`prefetch`] for all lines of numbers; the last may be missed where the first begins within a line.
#[inline(always)]
pub fn prefetch_all<T>(values: &[T]) {
    values.iter().step_by((LINE_BYTES / size_of::<T>().max(1)).max(1)).for_each(prefetch);
}

/// Which of 64 bytes are one of `marks`: a bit each, the lowest for the first byte.
///
/// ```
/// let mut text = [b'x'; 64];
/// (text[3], text[63]) = (b',', b'\n');
/// assert_eq!(trainyard_graph::simd::find_bytes(&text, *b",\n\r\""), 1 << 3 | 1 << 63);
/// ```
#[inline(always)]
pub fn find_bytes(text: &[u8; 64], marks: [u8; 4]) -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 has SSE2, and each quarter has the 16 bytes that are read.
    unsafe {
        use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8};
        let [a, b, c, d] = marks.map(|mark| _mm_set1_epi8(mark.cast_signed()));
        let (quarters, _) = text.as_chunks::<16>();
        quarters.iter().enumerate().fold(0, |bits, (i, quarter)| {
            let bytes = _mm_loadu_si128(quarter.as_ptr().cast());
            let ab = _mm_or_si128(_mm_cmpeq_epi8(bytes, a), _mm_cmpeq_epi8(bytes, b));
            let cd = _mm_or_si128(_mm_cmpeq_epi8(bytes, c), _mm_cmpeq_epi8(bytes, d));
            bits | u64::from(_mm_movemask_epi8(_mm_or_si128(ab, cd)).cast_unsigned()) << (16 * i)
        })
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let hits = text.map(|byte| u8::from(marks.contains(&byte)));
        let (words, _) = hits.as_chunks::<8>();
        // Eight bytes of 0 or 1 become the highest byte of the product, a bit each.
        let gathered = words.iter().map(|&word| u64::from_le_bytes(word).wrapping_mul(0x0102_0408_1020_4080) >> 56);
        gathered.enumerate().fold(0, |bits, (i, eight)| bits | eight << (8 * i))
    }
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
    fn the_environment_lowers_the_level_and_never_raises_it() {
        assert_eq!([Some("baseline"), Some("avx2"), Some("avx512"), Some("sse9"), None].map(allowed), {
            [Level::Baseline, Level::Avx2, Level::Avx512, Level::Avx512, Level::Avx512]
        });
        // `.ci/sanitize` runs this test at every level.
        assert_eq!(level(), detect().min(allowed(std::env::var("TRAINYARD_SIMD").ok().as_deref())));
    }

    #[test]
    fn sums_of_every_length_are_whole() {
        for n in 0..100_u16 {
            let row: Vec<f32> = (0..n).map(f32::from).collect();
            let squares: f32 = row.iter().map(|x| x * x).sum();
            assert_eq!((sum(&row, |x| x * x), sum_products(&row, &row, |a, b| a * b)), (squares, squares));
        }
    }

    #[test]
    fn rows_of_every_length_are_added() {
        for n in [0_u8, 1, 15, 16, 17, 31, 32, 33] {
            let from: Vec<f32> = (0..n).map(f32::from).collect();
            let mut to = vec![1.0; from.len()];
            vectorize(
                #[inline(always)]
                || add_row(&mut to, &from, 0.5),
            );
            assert_eq!(to, from.iter().map(|x| 1.0 + 0.5 * x).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_square_is_transposed_wherever_it_lies() {
        let numbers: Vec<f32> = (0..40_u8).map(f32::from).collect();
        for stride in [SQUARE, 7, 12] {
            let columns = transpose(&numbers, stride);
            for (j, column) in columns.iter().enumerate() {
                assert_eq!(*column, std::array::from_fn(|i| numbers[i * stride + j]));
            }
        }
    }

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
