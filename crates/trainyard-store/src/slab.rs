//! Rows of equal length in pages.

use trainyard_graph::simd;

/// Floats in a cache line of 64 bytes.
const LINE: usize = 16;

/// Floats of a page. 256 KiB come zeroed and untouched from the operating system, so a small table costs what it uses.
const PAGE: usize = 1 << 16;

/// A growing list of rows. A row never moves, so growth costs no copy and a table may fill the memory without needing it twice.
/// A row begins at a cache line, or lies within one when it is shorter, so it touches no line more than it must.
pub(crate) struct Slab {
    width: usize,
    stride: usize,
    /// Binary logarithm of the rows in a page, so that finding a row needs no division.
    page_shift: u32,
    pages: Vec<Page>,
    len: usize,
}

struct Page {
    floats: Vec<f32>,
    /// Where the first line begins.
    start: usize,
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

    /// Asks for the first `len` floats of rows to be brought near. Optimizers divide and take roots, so a processor that only
    /// looks ahead sees few rows.
    pub(crate) fn prefetch(&self, positions: &[Option<usize>], len: usize) {
        for position in positions.iter().flatten() {
            self.row(*position)[..len].iter().step_by(LINE).for_each(simd::prefetch);
        }
    }

    /// The row at a position that [`add`](Self::add) gave.
    pub(crate) fn row(&self, position: usize) -> &[f32] {
        let (page, offset) = self.locate(position);
        let page = &self.pages[page];
        &page.floats[page.start + offset..][..self.width]
    }

    /// The same row, to be changed.
    pub(crate) fn row_mut(&mut self, position: usize) -> &mut [f32] {
        let (page, offset) = self.locate(position);
        let page = &mut self.pages[page];
        &mut page.floats[page.start + offset..][..self.width]
    }

    /// Adds a row of zeros and gives its position.
    pub(crate) fn add(&mut self) -> usize {
        let position = self.len;
        if self.locate(position).0 == self.pages.len() {
            self.pages.push(Page::new(self.stride << self.page_shift));
        }
        self.len += 1;
        position
    }

    fn locate(&self, position: usize) -> (usize, usize) {
        let in_page = position & ((1 << self.page_shift) - 1);
        (position >> self.page_shift, in_page * self.stride)
    }
}

impl Page {
    fn new(len: usize) -> Self {
        let floats = vec![0.0; len + LINE - 1];
        let start = floats.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE - 1);
        Self { floats, start }
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
            assert_eq!(slab.add(), i);
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
    fn rows_begin_at_cache_lines() {
        let mut slab = Slab::new(20);
        for i in 0..5000 {
            slab.add();
            assert_eq!(slab.row(i).as_ptr() as usize % 64, 0);
        }
    }
}
