//! Where the numbers of a column lie, told so that two columns can be compared without assuming anything.

use crate::fit::{Histogram, Refinement};
use serde::{Deserialize, Serialize};

/// A cell with more than this part of the numbers is divided further.
const CELLS: u64 = 64;

/// The numbers of a column whose keys begin with the same bits.
///
/// The key of a number is its image in `u32` that keeps the order of `f32`: the bits of a positive number with the sign bit set,
/// the complement of those of a negative one. A cell is an interval, and of two cells of any two columns one holds the other
/// or they have nothing in common. So columns are compared over cells that both know, and the numbers of a cell need not be
/// taken as spread evenly over it, which for columns with outliers or few different numbers they never are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// The smallest key of the cell.
    pub key: u32,
    /// Leading bits that all keys of the cell share; 32 for a single number.
    pub bits: u8,
    /// Numbers in it; at least 1.
    pub count: u64,
}

impl Cell {
    /// The key after the last of the cell.
    fn end(&self) -> u64 {
        u64::from(self.key) + (1 << 32_u8.saturating_sub(self.bits))
    }
}

/// Divides numbers into cells, ascending. An interval is halved while it holds `max(n / 64, √n)` of `n` numbers, down to a single
/// number: the more numbers, the finer, so that what two samples of one distribution differ by stays small.
pub(super) fn cells(histogram: &Histogram, refinement: Option<&Refinement>) -> Vec<Cell> {
    let finest = histogram.finest(refinement).into_iter().map(|(key, bits, count)| Cell { key, bits, count });
    let finest: Vec<Cell> = finest.collect();
    let total: u64 = finest.iter().map(|cell| cell.count).sum();
    let mut cells = Vec::new();
    divide(&finest, 0, (total / CELLS).max(total.isqrt()), &mut cells);
    cells
}

/// Divides an interval of keys that share so many leading bits.
fn divide(finest: &[Cell], bits: u8, enough: u64, cells: &mut Vec<Cell>) {
    let Some(first) = finest.first() else { return };
    let count = finest.iter().map(|cell| cell.count).sum();
    if count < enough || bits >= first.bits {
        let key = first.key & u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
        return cells.push(Cell { key, bits, count });
    }
    let middle = finest.partition_point(|cell| cell.key << bits >> 31 == 0);
    divide(&finest[..middle], bits + 1, enough, cells);
    divide(&finest[middle..], bits + 1, enough, cells);
}

/// How many numbers of either column are in each of the finest cells that both know.
pub(super) fn common(a: &[Cell], b: &[Cell]) -> Vec<(u64, u64)> {
    let mut all: Vec<(Cell, bool)> =
        a.iter().map(|&cell| (cell, false)).chain(b.iter().map(|&cell| (cell, true))).collect();
    // A cell before those that it holds.
    all.sort_by_key(|(cell, is_b)| (cell.key, cell.bits, *is_b));
    let mut common: Vec<(u64, u64)> = Vec::new();
    let mut end = 0;
    for (cell, is_b) in all {
        if u64::from(cell.key) >= end {
            common.push((0, 0));
            end = cell.end();
        }
        let Some((in_a, in_b)) = common.last_mut() else { continue };
        let count = if is_b { in_b } else { in_a };
        *count = count.saturating_add(cell.count);
    }
    common
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cells_of(values: &[f32]) -> Vec<Cell> {
        let mut histogram = Histogram::default();
        histogram.update(values);
        let mut refinement =
            Refinement::new(histogram.finest(None).iter().map(|(key, ..)| (key >> 16) as u16).collect());
        refinement.update(values);
        cells(&histogram, Some(&refinement))
    }

    #[test]
    fn a_number_that_is_frequent_is_a_cell() {
        let values: Vec<f32> = (0..1000).map(|i| if i % 2 == 0 { 3.0 } else { i as f32 }).collect();
        let three = |cell: &&Cell| (cell.bits, cell.count) == (32, 501);
        assert_eq!(cells_of(&values).iter().filter(three).count(), 1);
    }

    #[test]
    fn nothing_has_no_cells() {
        assert_eq!(cells_of(&[]), []);
        assert_eq!(common(&[], &[]), []);
    }

    #[test]
    fn a_cell_that_one_side_divides_is_compared_whole() {
        let cell = |key, bits, count| Cell { key, bits, count };
        let a = [cell(0, 8, 5), cell(1 << 30, 32, 1)];
        let b = [cell(0, 16, 2), cell(1 << 20, 16, 1), cell(1 << 31, 1, 4)];
        assert_eq!(common(&a, &b), [(5, 3), (1, 0), (0, 4)]);
        assert_eq!(common(&b, &a), [(3, 5), (0, 1), (4, 0)]);
    }

    #[test]
    fn cells_of_no_sense_do_not_panic() {
        let cell = |key, bits, count| Cell { key, bits, count };
        common(&[cell(u32::MAX, 0, u64::MAX), cell(7, 200, 3)], &[cell(0, 0, 1), cell(u32::MAX, 0, u64::MAX)]);
    }

    proptest! {
        #[test]
        fn cells_hold_all_numbers_in_intervals_apart(
            values in prop::collection::vec(prop::num::f32::ANY.prop_filter("a number", |x| x.is_finite()), 0..300),
        ) {
            let cells = cells_of(&values);
            prop_assert_eq!(cells.iter().map(|cell| cell.count).sum::<u64>(), values.len() as u64);
            prop_assert!(cells.windows(2).all(|pair| pair[0].end() <= u64::from(pair[1].key)));
            prop_assert!(cells.iter().all(|cell| u64::from(cell.key) % (cell.end() - u64::from(cell.key)) == 0));
        }
    }
}
