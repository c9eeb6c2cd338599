//! The loops around the vectors: a product tile by tile.
//!
//! ```text
//! for blocks of rows        (what they read of A stays in the second cache)
//!   for blocks of the inner axis
//!     for panels of columns   (32, 16, 8 or 4 wide)
//!       for tiles of rows       a tile of the result stays in registers along the inner axis
//! ```
//!
//! Neither A nor B is copied where B's rows are contiguous and few or near: a processor that runs one 512-bit multiply-add a cycle,
//! or two of 256 bits, waits for arithmetic and not for its second cache. Otherwise a panel of B is copied to the stack.
#![expect(unsafe_code, reason = "the innermost loops work on pointers")]
#![expect(clippy::needless_range_loop, reason = "counted loops over rows and vectors are unrolled")]

use super::PANEL;
use super::matrix::{Axis, Matrix, Target};
use super::vector::{Four, Vector};
use crate::simd::{self, Level};
use std::mem::MaybeUninit;

/// Longest block of the inner axis: the copy of a panel takes 64 KiB.
const INNER: usize = 512;

/// Rows of A in a block.
const ROWS: usize = 256;

/// Fewest rows of A for which a panel of B is copied even though it could be read where it lies: many tiles read it, and rows
/// that are far apart share few places of the first cache.
const COPY_ROWS: usize = 64;

/// Most rows of B that are read where they lie whatever the rows of A, as measured: a copy takes as long as it saves.
const NEAR_ROWS: usize = 128;

/// Numbers among which these lie at most, 256 KiB: they stay in the second cache.
const NEAR: usize = 1 << 16;

/// Widest panel of columns of a single row, whose sums would else be too few to keep a processor busy.
const ROW_PANEL: usize = 128;

/// Numbers of the widest vectors.
const LANES_MAX: usize = 16;

/// Numbers of a panel of B, whose rows begin lines of cache.
#[repr(align(64))]
struct PanelCopy([MaybeUninit<f32>; INNER * PANEL]);

/// A product to compute: all sizes are at least 1 and fit each other.
pub(super) struct Product<'a> {
    pub(super) a: Matrix<'a>,
    pub(super) b: Matrix<'a>,
    pub(super) out: Target<'a>,
}

/// Computes a product by the widest vectors of this processor.
pub(super) fn compute(product: &mut Product<'_>) {
    #[cfg(target_arch = "x86_64")]
    match simd::level() {
        // SAFETY: the processor has the instructions.
        Level::Avx512 => return unsafe { compute_avx512(product) },
        // SAFETY: as above.
        Level::Avx2 => return unsafe { compute_avx2(product) },
        Level::Baseline => {}
    }
    // SAFETY: `Four` needs no particular instructions.
    unsafe { product.run(|panel| panel.run::<Four, Four, Four, 4>()) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512dq,avx512vl,avx512bw")]
fn compute_avx512(product: &mut Product<'_>) {
    use std::arch::x86_64::{__m128, __m256, __m512};
    // SAFETY: the instructions are enabled in this function.
    unsafe {
        product.run(
            #[inline(always)]
            |panel| panel.run::<__m512, __m256, __m128, 8>(),
        );
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn compute_avx2(product: &mut Product<'_>) {
    use std::arch::x86_64::{__m128, __m256};
    // SAFETY: the instructions are enabled in this function.
    unsafe {
        product.run(
            #[inline(always)]
            |panel| panel.run::<__m256, __m256, __m128, 6>(),
        );
    }
}

/// A panel of columns of the result, for a block of rows and a block of the inner axis.
struct Panel<'a> {
    a: &'a Matrix<'a>,
    rows: (usize, usize),
    inner: (usize, usize),
    /// The block's rows of B.
    b: *const f32,
    b_stride: usize,
    /// Where the panel begins in a row of the result.
    out: *mut f32,
    out_rows: Axis,
    /// Columns: at most [`PANEL`].
    width: usize,
    adds: bool,
}

impl Product<'_> {
    /// # Safety
    ///
    /// `run` may need instructions that the processor must have.
    #[inline(always)]
    unsafe fn run(&mut self, run: impl Fn(&Panel<'_>)) {
        let (m, k, n) = (self.a.rows.len(), self.a.columns.len(), self.out.columns);
        let mut copy = PanelCopy([MaybeUninit::uninit(); INNER * PANEL]);
        let width = if m == 1 && self.is_in_place(n) { ROW_PANEL } else { PANEL };
        for rows in blocks(m, ROWS) {
            for inner in blocks(k, INNER) {
                for (start, end) in blocks(n, width) {
                    let (b, b_stride) = self.panel(inner, start, end - start, &mut copy);
                    let adds = self.out.adds || inner.0 > 0;
                    // SAFETY: `start` is a column of the result.
                    let out = unsafe { self.out.values.as_mut_ptr().add(start) };
                    let (a, out_rows, width) = (&self.a, self.out.rows, end - start);
                    run(&Panel { a, rows, inner, b, b_stride, out, out_rows, width, adds });
                }
            }
        }
    }

    /// Whether `width` columns of B are read where they lie: they are neighbours, and what is left of them behind whole vectors is
    /// a shorter vector.
    #[inline(always)]
    fn is_in_place(&self, width: usize) -> bool {
        let b = &self.b;
        let is_near = b.rows.len() <= NEAR_ROWS && b.rows.len() * b.rows.stride() <= NEAR;
        let is_near = is_near || self.a.rows.len() < COPY_ROWS || b.rows.stride() <= 2 * PANEL;
        b.columns.is_unit() && b.rows.is_regular() && is_near && matches!(width % LANES_MAX, 0 | 4 | 8)
    }

    /// The rows `inner` of B from column `start` on: where they lie, or a copy with rows of [`PANEL`] numbers, filled up by 0
    /// to whole vectors.
    #[inline(always)]
    fn panel(&self, inner: (usize, usize), start: usize, width: usize, copy: &mut PanelCopy) -> (*const f32, usize) {
        let b = &self.b;
        if let Some(panels) = b.panels.filter(|_| width <= PANEL) {
            let first = &panels[(start / PANEL * b.rows.len() + inner.0) * PANEL..][..(inner.1 - inner.0) * PANEL];
            return (first.as_ptr(), PANEL);
        }
        if self.is_in_place(width) {
            let first = &b.values[b.rows.offset(inner.0) + start..];
            return (first.as_ptr(), b.rows.stride());
        }
        let filled = width.next_multiple_of(LANES_MAX);
        for (k, row) in (inner.0..inner.1).zip(copy.0.chunks_exact_mut(PANEL)) {
            let from = b.rows.offset(k);
            if width == PANEL && b.columns.is_unit() {
                let from = &b.values[from + start..][..PANEL];
                row.iter_mut().zip(from).for_each(|(x, y)| *x = MaybeUninit::new(*y));
                continue;
            }
            for (j, x) in row[..filled].iter_mut().enumerate() {
                x.write(if j < width { b.values[from + b.columns.offset(start + j)] } else { 0.0 });
            }
        }
        (copy.0.as_ptr().cast(), PANEL)
    }
}

/// `0..n` in blocks of `size`, the last one shorter.
#[inline(always)]
fn blocks(n: usize, size: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..n).step_by(size).map(move |start| (start, (start + size).min(n)))
}

/// Rows of the next tile when `left` are left: `M`, or, near the end, about as many as of the last one, since a tile of few rows
/// has too few sums to keep a processor busy.
#[inline(always)]
fn tile_rows<const M: usize>(left: usize) -> usize {
    match left {
        left if left >= 2 * M || left == M => M,
        left if left > M => left.div_ceil(2),
        left => left,
    }
}

impl Panel<'_> {
    /// Computes the panel in tiles of at most `M` rows, by wide vectors two by two, then by one wide vector, a half or a quarter.
    #[inline(always)]
    fn run<W: Vector, H: Vector, Q: Vector, const M: usize>(&self) {
        let mut column = 0;
        let is_row = self.rows.1 - self.rows.0 == 1;
        while column < self.width {
            // SAFETY: a step is at most as wide as what is left of the panel, or is finished in a tile apart.
            column += unsafe {
                match self.width - column {
                    left if is_row && left >= 8 * W::LANES => self.row::<W>(column),
                    left if left >= 2 * W::LANES => self.columns::<W, M, 2>(column),
                    left if left >= W::LANES => self.columns::<W, M, 1>(column),
                    left if left == H::LANES => self.columns::<H, M, 1>(column),
                    left if left == Q::LANES => self.columns::<Q, M, 1>(column),
                    left => self.last_columns::<W, M>(column, left),
                }
            };
        }
    }

    /// The only row, by eight vectors; how many columns that is.
    #[inline(always)]
    unsafe fn row<V: Vector>(&self, column: usize) -> usize {
        // SAFETY: passed on from the caller.
        unsafe { self.tile::<V, 8, 1>(self.rows.0, column) };
        8 * V::LANES
    }

    /// `N` vectors of columns; how many columns that is.
    #[inline(always)]
    unsafe fn columns<V: Vector, const M: usize, const N: usize>(&self, column: usize) -> usize {
        let (mut row, end) = self.rows;
        while row < end {
            // SAFETY: passed on from the caller; the rows are of A and of the result.
            row += unsafe {
                match tile_rows::<M>(end - row) {
                    8 if M >= 8 => self.tile::<V, N, 8>(row, column),
                    7 if M >= 7 => self.tile::<V, N, 7>(row, column),
                    6 if M >= 6 => self.tile::<V, N, 6>(row, column),
                    5 if M >= 5 => self.tile::<V, N, 5>(row, column),
                    4 => self.tile::<V, N, 4>(row, column),
                    3 => self.tile::<V, N, 3>(row, column),
                    2 => self.tile::<V, N, 2>(row, column),
                    _ => self.tile::<V, N, 1>(row, column),
                }
            };
        }
        N * V::LANES
    }

    /// Where `M` rows of A begin.
    #[inline(always)]
    fn a_rows<const M: usize>(&self, row: usize) -> [*const f32; M] {
        self.a.rows.offsets::<M>(row).map(
            #[inline(always)]
            |offset| self.a.values.as_ptr().wrapping_add(offset),
        )
    }

    /// Where column `column` of the panel is in `M` rows of the result.
    #[inline(always)]
    fn out_rows<const M: usize>(&self, row: usize, column: usize) -> [*mut f32; M] {
        self.out_rows.offsets::<M>(row).map(
            #[inline(always)]
            |offset| self.out.wrapping_add(offset + column),
        )
    }

    /// One tile: `M` rows by `N` vectors; returns `M`.
    #[inline(always)]
    unsafe fn tile<V: Vector, const N: usize, const M: usize>(&self, row: usize, column: usize) -> usize {
        let (a, out) = (self.a_rows::<M>(row), self.out_rows::<M>(row, column));
        // SAFETY: `Matrix` and `Target` have checked that all their places are inside of their numbers, and the caller
        // answers for the columns.
        unsafe {
            let sums = self.sums::<V, M, N>(a, self.b.add(column), out);
            for i in 0..M {
                for j in 0..N {
                    sums[i][j].store(out[i].add(j * V::LANES));
                }
            }
        }
        M
    }

    /// The sums of products of `M` rows of A with `N` vectors of columns, from what is in `out` or from 0.
    #[inline(always)]
    unsafe fn sums<V: Vector, const M: usize, const N: usize>(
        &self,
        a: [*const f32; M],
        mut b: *const f32,
        out: [*mut f32; M],
    ) -> [[V; N]; M] {
        let stride = self.a.columns.stride();
        // SAFETY: passed on from the caller.
        unsafe {
            let mut sums = [[V::splat(&0.0); N]; M];
            if self.adds {
                for i in 0..M {
                    for j in 0..N {
                        sums[i][j] = V::load(out[i].add(j * V::LANES));
                    }
                }
            }
            for run in self.a.columns.runs(self.inner.0, self.inner.1) {
                let mut place = run.offset;
                for _ in 0..run.len {
                    let mut y = [V::splat(&0.0); N];
                    for j in 0..N {
                        y[j] = V::load(b.add(j * V::LANES));
                    }
                    for i in 0..M {
                        let x = V::splat(a[i].add(place));
                        for j in 0..N {
                            sums[i][j] = sums[i][j].add_product(x, y[j]);
                        }
                    }
                    place += stride;
                    b = b.wrapping_add(self.b_stride);
                }
            }
            sums
        }
    }

    /// The last columns, fewer than a vector: B is filled up by zeros, and the result must not be written beyond.
    #[inline(always)]
    unsafe fn last_columns<V: Vector, const M: usize>(&self, column: usize, left: usize) -> usize {
        let (mut row, end) = self.rows;
        while row + M <= end {
            // SAFETY: passed on from the caller; the rows are of A and of the result.
            unsafe { self.last_tile::<V, M>(row, column, left) };
            row += M;
        }
        while row + 4 <= end {
            // SAFETY: as above.
            unsafe { self.last_tile::<V, 4>(row, column, left) };
            row += 4;
        }
        for row in row..end {
            // SAFETY: as above.
            unsafe { self.last_tile::<V, 1>(row, column, left) };
        }
        left
    }

    /// One tile of `left` columns, computed beside the result.
    #[inline(always)]
    unsafe fn last_tile<V: Vector, const M: usize>(&self, row: usize, column: usize, left: usize) {
        let mut numbers = [[0.0_f32; LANES_MAX]; M];
        let a = self.a_rows::<M>(row);
        let out = self.out_rows::<M>(row, column);
        for i in 0..M {
            // SAFETY: `left` numbers of the result lie there, and they are fewer than those of a vector.
            unsafe { std::ptr::copy_nonoverlapping(out[i], numbers[i].as_mut_ptr(), left) };
        }
        let beside = std::array::from_fn(
            #[inline(always)]
            |i| numbers[i].as_mut_ptr(),
        );
        // SAFETY: as in `tile`, with the result in `numbers`.
        let sums = unsafe { self.sums::<V, M, 1>(a, self.b.add(column), beside) };
        for i in 0..M {
            // SAFETY: as above.
            unsafe {
                sums[i][0].store(numbers[i].as_mut_ptr());
                std::ptr::copy_nonoverlapping(numbers[i].as_ptr(), out[i], left);
            }
        }
    }
}
