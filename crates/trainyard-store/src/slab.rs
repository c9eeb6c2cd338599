//! Rows of equal length in pages.

use crate::index::ABSENT;
use trainyard_graph::{Aligned, simd};

/// Floats in a cache line of 64 bytes.
pub(crate) const LINE: usize = 16;

/// Floats of a page. 256 KiB come zeroed and untouched from the operating system, so a small table costs what it uses.
const PAGE: usize = 1 << 16;

/// A growing list of rows. A row never moves, so growth costs no copy and a table may fill the memory without needing it twice.
/// A row begins at a cache line, or lies within one when it is shorter, so it touches no line more than it must.
pub(crate) struct Slab {
    width: usize,
    stride: usize,
    /// Binary logarithm of the rows in a page, so that finding a row needs no division.
    page_shift: u32,
    pages: Vec<Aligned>,
    len: usize,
}

impl Slab {
    /// No rows yet, of `width` floats each.
    pub(crate) fn new(width: usize) -> Self {
        let stride = if width <= LINE { width.next_power_of_two() } else { width.next_multiple_of(LINE) };
        let page_shift = (PAGE / stride).max(1).ilog2();
        Self { width, stride, page_shift, pages: Vec::new(), len: 0 }
    }

    /// Floats of a row.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Floats that a row takes with what fills it up.
    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    /// What all positions are below.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Asks for the first `len` floats of a row to be brought near; of none where the position is [`ABSENT`]. Optimizers divide
    /// and take roots, so a processor that only looks ahead by itself sees few rows.
    #[inline(always)]
    pub(crate) fn prefetch(&self, position: usize, len: usize) {
        if position != ABSENT {
            simd::prefetch_all(&self.row(position)[..len]);
        }
    }

    /// The row at a position that is [`reached`](Self::reach).
    #[inline(always)]
    pub(crate) fn row(&self, position: usize) -> &[f32] {
        let (page, offset) = self.locate(position);
        &self.pages[page][offset..][..self.width]
    }

    /// The same row, to be changed.
    #[inline(always)]
    pub(crate) fn row_mut(&mut self, position: usize) -> &mut [f32] {
        let (page, offset) = self.locate(position);
        &mut self.pages[page][offset..][..self.width]
    }

    /// Makes the row at this position, of zeros, unless it is there. Pages before it that nobody has reached stay empty.
    pub(crate) fn reach(&mut self, position: usize) {
        let (page, _) = self.locate(position);
        self.pages.resize_with(self.pages.len().max(page + 1), || Aligned::zeros(0));
        if self.pages[page].is_empty() {
            self.pages[page] = Aligned::zeros(self.stride << self.page_shift);
        }
        self.len = self.len.max(position + 1);
    }

    #[inline(always)]
    fn locate(&self, position: usize) -> (usize, usize) {
        let in_page = position & ((1 << self.page_shift) - 1);
        (position >> self.page_shift, in_page * self.stride)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fills rows across several pages and reads them back.
    #[track_caller]
    fn check(width: usize, rows: usize) {
        let mut slab = Slab::new(width);
        for i in 0..rows {
            slab.reach(i);
            assert_eq!(slab.len(), i + 1);
            slab.row_mut(i).fill(i as f32);
        }
        assert!((0..rows).all(|i| slab.row(i) == vec![i as f32; width]));
    }

    #[test]
    fn rows_keep_their_values_while_pages_are_added() {
        check(1, 200_000);
        check(3, 40_000);
        check(48, 4_000);
        check(100_000, 3);
    }

    #[test]
    fn rows_are_reached_in_any_order() {
        let mut slab = Slab::new(3);
        slab.reach(40_000);
        assert_eq!(slab.pages.iter().filter(|page| !page.is_empty()).count(), 1);
        slab.reach(7);
        assert_eq!(
            (slab.len(), slab.stride(), slab.row(7), slab.row(40_000)),
            (40_001, 4, &[0.0; 3][..], &[0.0; 3][..])
        );
    }

    #[test]
    fn rows_begin_at_cache_lines() {
        let mut slab = Slab::new(20);
        for i in 0..5000 {
            slab.reach(i);
            assert_eq!(slab.row(i).as_ptr() as usize % 64, 0);
        }
    }
}
