//! Matrices as views of numbers.

use super::PANEL;
use crate::simd::{self, SQUARE};

/// Equally spaced places, nested up to three deep: place `(i, j, k)` of sizes `(.., n, m)` is number `(i·n + j)·m + k` and lies
/// at `i·s₀ + j·s₁ + k·s₂`. One level describes the rows of a matrix; more describe the windows of a convolution.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Axis {
    /// Size and stride, the outermost level first.
    levels: [(usize, usize); 3],
}

/// Neighbours along an axis that are equally spaced.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    /// Where the first lies.
    pub(super) offset: usize,
    pub(super) len: usize,
}

impl Axis {
    /// `len` places, `stride` apart.
    pub(crate) const fn new(len: usize, stride: usize) -> Self {
        Self { levels: [(1, 0), (1, 0), (len, stride)] }
    }

    /// Places at sums of three offsets, the last running fastest: each level is a size and a stride.
    pub(crate) const fn nested(levels: [(usize, usize); 3]) -> Self {
        Self { levels }
    }

    pub(crate) const fn len(&self) -> usize {
        self.levels[0].0 * self.levels[1].0 * self.levels[2].0
    }

    /// Distance of neighbours within a run.
    pub(super) const fn stride(&self) -> usize {
        self.levels[2].1
    }

    /// Whether all places are equally spaced.
    pub(super) const fn is_regular(&self) -> bool {
        self.levels[0].0 * self.levels[1].0 == 1
    }

    /// Whether the places are neighbours.
    pub(super) const fn is_unit(&self) -> bool {
        self.is_regular() && self.stride() == 1
    }

    /// Where place `i` lies.
    #[inline(always)]
    pub(super) const fn offset(&self, i: usize) -> usize {
        if self.is_regular() { i * self.stride() } else { self.offset_of(self.place(i)) }
    }

    /// Where the last place lies, and all others at or before; `None` without places.
    fn last(&self) -> Option<usize> {
        self.levels
            .iter()
            .try_fold(0_usize, |sum, &(len, stride)| sum.checked_add(len.checked_sub(1)?.checked_mul(stride)?))
    }

    /// Where the `N` places from `start` on lie: as [`offset`](Self::offset), by one division for all.
    #[inline(always)]
    pub(super) fn offsets<const N: usize>(&self, start: usize) -> [usize; N] {
        if self.is_regular() {
            return std::array::from_fn(
                #[inline(always)]
                |i| self.offset(start + i),
            );
        }
        let mut place = self.place(start);
        std::array::from_fn(
            #[inline(always)]
            |_| {
                let offset = self.offset_of(place);
                place = self.next(place, 1);
                offset
            },
        )
    }

    /// The runs that make up the places `start..end`.
    #[inline(always)]
    pub(super) fn runs(self, start: usize, end: usize) -> impl Iterator<Item = Run> {
        let (mut place, mut left) = (self.place(start), end.saturating_sub(start));
        std::iter::from_fn(move || {
            let len = (self.levels[2].0 - place[2]).min(left);
            let run = Run { offset: self.offset_of(place), len };
            left -= len;
            place = self.next(place, len);
            (len > 0).then_some(run)
        })
    }

    /// Place `i` by level.
    #[inline(always)]
    const fn place(&self, i: usize) -> [usize; 3] {
        let [_, (middle_len, _), (inner_len, _)] = self.levels;
        let rest = i / inner_len;
        [rest / middle_len, rest % middle_len, i % inner_len]
    }

    #[inline(always)]
    const fn offset_of(&self, place: [usize; 3]) -> usize {
        place[0] * self.levels[0].1 + place[1] * self.levels[1].1 + place[2] * self.levels[2].1
    }

    /// The place that is `steps` further, at most the first of the next run.
    #[inline(always)]
    const fn next(&self, [i, j, k]: [usize; 3], steps: usize) -> [usize; 3] {
        match () {
            () if k + steps < self.levels[2].0 => [i, j, k + steps],
            () if j + 1 < self.levels[1].0 => [i, j + 1, 0],
            () => [i + 1, 0, 0],
        }
    }
}

/// Numbers in a line of cache.
const LINE: usize = 16;

/// A matrix in memory: its number in row `i` and column `j` lies at the sum of what the axes say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Matrix<'a> {
    pub(super) values: &'a [f32],
    pub(super) rows: Axis,
    pub(super) columns: Axis,
    /// The same numbers packed: panels of [`PANEL`](super::PANEL) columns, whose rows lie one after the other.
    pub(super) panels: Option<&'a [f32]>,
}

impl<'a> Matrix<'a> {
    /// Rows of `columns` numbers each, one after the other.
    pub(crate) fn new(values: &'a [f32], columns: usize) -> Self {
        Self::view(values, Axis::new(values.len() / columns, columns), Axis::new(columns, 1))
    }

    /// The numbers at these places.
    ///
    /// # Panics
    ///
    /// When a place is outside of `values`.
    pub(crate) fn view(values: &'a [f32], rows: Axis, columns: Axis) -> Self {
        let last =
            rows.last().zip(columns.last()).map_or(Some(0), |(row, column)| row.checked_add(column)?.checked_add(1));
        assert!(last.is_some_and(|len| len <= values.len()), "a view is outside of its {} numbers", values.len());
        Self { values, rows, columns, panels: None }
    }

    /// The same matrix with a copy that [`pack`](Self::pack) has made of its panels.
    ///
    /// # Panics
    ///
    /// When it has another length.
    pub(crate) fn with_panels(self, panels: Option<&'a [f32]>) -> Self {
        let len = super::panels(self.columns.len()) * super::panel_len(self.rows.len());
        assert!(panels.is_none_or(|panels| panels.len() == len), "panels of another length than {len}");
        Self { panels, ..self }
    }

    /// `n` columns from column `first` on.
    ///
    /// # Panics
    ///
    /// When there are fewer.
    pub(crate) fn columns_from(&self, first: usize, n: usize) -> Self {
        let columns = Axis::new(n, self.columns.stride());
        Self::view(&self.values[first * columns.stride()..], self.rows, columns)
    }

    /// Copies panel `i` to `out`, filled up by zeros, of a matrix whose rows and columns are equally spaced.
    pub(crate) fn pack(&self, i: usize, out: &mut [f32]) {
        let start = i * PANEL;
        let columns = PANEL.min(self.columns.len() - start);
        assert!(self.rows.is_regular() && self.columns.is_regular(), "equally spaced rows and columns are packed");
        simd::vectorize(
            #[inline(always)]
            || match self.columns.is_unit() {
                true => self.pack_rows(start, columns, out),
                false => self.pack_columns(start, columns, out),
            },
        );
    }

    #[inline(always)]
    fn pack_rows(&self, start: usize, columns: usize, out: &mut [f32]) {
        for (row, to) in out.chunks_exact_mut(PANEL).enumerate() {
            let (numbers, filling) = to.split_at_mut(columns);
            simd::copy_row(numbers, &self.values[self.rows.offset(row) + start..][..columns]);
            filling.fill(0.0);
        }
    }

    /// As [`pack_rows`](Self::pack_rows) where columns are neighbours: as many rows at once as a line of cache holds of a column.
    #[inline(always)]
    fn pack_columns(&self, start: usize, columns: usize, out: &mut [f32]) {
        for (block, to) in out.chunks_mut(LINE * PANEL).enumerate() {
            let first = self.rows.offset(block * LINE);
            let whole = if self.rows.is_unit() && to.len() == LINE * PANEL { columns - columns % SQUARE } else { 0 };
            for left in (0..whole).step_by(SQUARE) {
                let from = &self.values[first + self.columns.offset(start + left)..];
                for top in (0..LINE).step_by(SQUARE) {
                    for (i, row) in simd::transpose(&from[top..], self.columns.stride()).iter().enumerate() {
                        to[(top + i) * PANEL + left..][..SQUARE].copy_from_slice(row);
                    }
                }
            }
            for (row, to) in to.chunks_exact_mut(PANEL).enumerate() {
                let from = &self.values[first + self.rows.offset(row)..];
                let (numbers, filling) = to.split_at_mut(columns);
                let rest = numbers.iter_mut().enumerate().skip(whole);
                rest.for_each(|(j, x)| *x = from[self.columns.offset(start + j)]);
                filling.fill(0.0);
            }
        }
    }

    /// The transposed matrix, if `yes`.
    pub(crate) fn transposed_if(self, yes: bool) -> Self {
        if yes { Self { rows: self.columns, columns: self.rows, panels: None, ..self } } else { self }
    }

    /// Copies the numbers to `out`, row by row.
    ///
    /// # Panics
    ///
    /// When `out` is shorter.
    pub(crate) fn copy_to(&self, out: &mut [f32]) {
        // Of a transposed matrix, as many rows are read at once as a line of cache holds numbers to write.
        let columns = self.columns.len();
        for start in (0..columns).step_by(LINE) {
            let end = columns.min(start + LINE);
            for (i, row) in out.chunks_exact_mut(columns).enumerate().take(self.rows.len()) {
                let from = &self.values[self.rows.offset(i)..];
                let mut to = &mut row[start..end];
                for run in self.columns.runs(start, end) {
                    let (part, rest) = to.split_at_mut(run.len);
                    part.iter_mut().enumerate().for_each(|(j, y)| *y = from[run.offset + j * self.columns.stride()]);
                    to = rest;
                }
            }
        }
    }

    pub(super) fn at(&self, row: usize, column: usize) -> f32 {
        self.values[self.rows.offset(row) + self.columns.offset(column)]
    }
}

/// Where a product goes: each row's numbers lie side by side.
#[derive(Debug)]
pub(crate) struct Target<'a> {
    pub(super) values: &'a mut [f32],
    pub(super) rows: Axis,
    pub(super) columns: usize,
    pub(super) adds: bool,
}

impl<'a> Target<'a> {
    /// Rows of `columns` numbers each at these places, to be overwritten, or added to if `adds`. Rows must not overlap.
    ///
    /// # Panics
    ///
    /// When a row is outside of `values`.
    pub(crate) fn view(values: &'a mut [f32], rows: Axis, columns: usize, adds: bool) -> Self {
        let last = rows.last().map_or(Some(0), |row| row.checked_add(columns));
        assert!(last.is_some_and(|len| len <= values.len()), "a result is outside of its {} numbers", values.len());
        Self { values, rows, columns, adds }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_places_lie_at_sums_of_offsets() {
        let axis = Axis::nested([(2, 100), (3, 10), (4, 1)]);
        let places: Vec<usize> = (0..axis.len()).map(|i| axis.offset(i)).collect();
        assert_eq!(places[..9], [0, 1, 2, 3, 10, 11, 12, 13, 20]);
        assert_eq!((places[12], axis.last()), (100, Some(123)));
        assert_eq!(axis.offsets::<20>(3), places[3..23]);
        assert_eq!(Axis::new(9, 5).offsets::<3>(2), [10, 15, 20]);
    }

    #[test]
    fn runs_cover_what_is_asked_for() {
        let axis = Axis::nested([(1, 0), (3, 10), (4, 2)]);
        for (start, end) in [(0, 12), (1, 3), (3, 9), (5, 5), (7, 12)] {
            let places: Vec<usize> =
                axis.runs(start, end).flat_map(|run| (0..run.len).map(move |i| run.offset + i * 2)).collect();
            assert_eq!(places, (start..end).map(|i| axis.offset(i)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_transposed_matrix_is_copied_row_by_row() {
        let values: Vec<f32> = (0..60).map(|i| i as f32).collect();
        // Columns 1..4 of 20 rows of 3, transposed: more columns than a line of cache has numbers.
        let part = Matrix::view(&values[1..], Axis::new(2, 1), Axis::new(19, 3));
        let mut out = [0.0; 38];
        part.copy_to(&mut out);
        let expected: Vec<f32> = (0..38).map(|i| (i % 19 * 3 + i / 19 + 1) as f32).collect();
        assert_eq!(out[..], expected);
    }

    #[test]
    #[should_panic(expected = "outside")]
    fn a_view_beyond_its_numbers_is_refused() {
        Matrix::view(&[0.0; 11], Axis::new(3, 4), Axis::new(4, 1));
    }
}
