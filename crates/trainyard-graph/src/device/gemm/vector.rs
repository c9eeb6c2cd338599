//! Vectors of numbers, one type for each width.
#![expect(unsafe_code, reason = "vector instructions work on pointers")]

/// A vector of [`LANES`](Self::LANES) numbers in a register.
///
/// # Safety of its functions
///
/// The processor must have the instructions, and pointers must be good for as many numbers.
pub(super) trait Vector: Copy {
    const LANES: usize;

    unsafe fn load(from: *const f32) -> Self;

    unsafe fn store(self, to: *mut f32);

    /// The number at `from` in every lane.
    unsafe fn splat(from: *const f32) -> Self;

    /// `self + x·y`, rounded once where the instruction set can.
    unsafe fn add_product(self, x: Self, y: Self) -> Self;
}

/// Implements [`Vector`] by four intrinsics; the order of the last one's arguments is `x, y, sum`.
#[cfg(target_arch = "x86_64")]
macro_rules! x86_vector {
    ($type:ident, $lanes:expr, $load:ident, $store:ident, $splat:ident, $fma:ident) => {
        impl Vector for std::arch::x86_64::$type {
            const LANES: usize = $lanes;

            #[inline(always)]
            unsafe fn load(from: *const f32) -> Self {
                // SAFETY: passed on from the caller.
                unsafe { std::arch::x86_64::$load(from) }
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut f32) {
                // SAFETY: passed on from the caller.
                unsafe { std::arch::x86_64::$store(to, self) }
            }

            #[inline(always)]
            unsafe fn splat(from: *const f32) -> Self {
                // SAFETY: passed on from the caller.
                unsafe { std::arch::x86_64::$splat(*from) }
            }

            #[inline(always)]
            unsafe fn add_product(self, x: Self, y: Self) -> Self {
                // SAFETY: passed on from the caller.
                unsafe { std::arch::x86_64::$fma(x, y, self) }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
x86_vector!(__m512, 16, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_set1_ps, _mm512_fmadd_ps);
#[cfg(target_arch = "x86_64")]
x86_vector!(__m256, 8, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_set1_ps, _mm256_fmadd_ps);
#[cfg(target_arch = "x86_64")]
x86_vector!(__m128, 4, _mm_loadu_ps, _mm_storeu_ps, _mm_set1_ps, _mm_fmadd_ps);

/// Four numbers, for a processor of which nothing is known: the compiler finds instructions for them.
#[derive(Clone, Copy)]
pub(super) struct Four([f32; 4]);

impl Vector for Four {
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: passed on from the caller.
        Self(unsafe { from.cast::<[f32; 4]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: passed on from the caller.
        unsafe { to.cast::<[f32; 4]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    unsafe fn splat(from: *const f32) -> Self {
        // SAFETY: passed on from the caller.
        Self([unsafe { *from }; 4])
    }

    #[inline(always)]
    unsafe fn add_product(self, x: Self, y: Self) -> Self {
        // An x86-64 without AVX2 has no fused multiply-add, and emulating one would take a hundred times as long.
        let sum = |i: usize| match cfg!(target_arch = "x86_64") {
            true => self.0[i] + x.0[i] * y.0[i],
            false => x.0[i].mul_add(y.0[i], self.0[i]),
        };
        Self(std::array::from_fn(sum))
    }
}
