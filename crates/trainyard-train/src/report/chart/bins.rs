//! Bins: intervals of equal width, and how many values fall into each.

use super::axis::nice_step;
use super::range::Range;

/// Intervals of equal width, side by side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bins {
    start: f64,
    width: f64,
    len: usize,
}

impl Bins {
    /// At most about `len` bins that cover a range; their edges are multiples of a round width, so 0 is one of them.
    pub(crate) fn cover(range: Range, len: usize) -> Self {
        let width = nice_step(range.span() / len as f64);
        let start = (range.low / width + 1e-9).floor() * width;
        Self { start, width, len: ((range.high - start) / width - 1e-9).ceil().max(1.0) as usize }
    }

    /// From the first edge to the last.
    pub(crate) fn range(self) -> Range {
        Range { low: self.edge(0), high: self.edge(self.len) }
    }

    /// Lower edge of a bin.
    pub(crate) fn edge(self, idx: usize) -> f64 {
        self.start + idx as f64 * self.width
    }

    /// Number of values in each bin. Values outside are in none.
    pub(crate) fn count(self, values: impl IntoIterator<Item = f64>) -> Vec<u64> {
        let mut counts = vec![0; self.len];
        for value in values.into_iter().filter(|value| self.range().contains(*value)) {
            // The last edge belongs to the last bin.
            let idx = ((value - self.start) / self.width) as usize;
            counts[idx.min(self.len - 1)] += 1;
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(low: f64, high: f64, len: usize, values: &[f64], expected: &[u64]) {
        assert_eq!(Bins::cover(Range::new(low, high), len).count(values.iter().copied()), expected);
    }

    #[test]
    fn values_fall_into_their_bins() {
        check(0.0, 1.0, 5, &[0.0, 0.1, 0.3, 0.99], &[2, 1, 0, 0, 1]);
    }

    #[test]
    fn the_last_edge_belongs_to_the_last_bin() {
        check(0.0, 1.0, 5, &[1.0], &[0, 0, 0, 0, 1]);
    }

    #[test]
    fn what_is_outside_or_not_finite_is_not_counted() {
        check(0.0, 1.0, 2, &[-1.0, 2.0, f64::NAN, f64::INFINITY], &[0, 0]);
    }

    #[test]
    fn zero_is_an_edge() {
        let bins = Bins::cover(Range::new(-0.7, 1.3), 10);
        assert_eq!((bins.range().low, bins.edge(4)), (-0.8, 0.0));
    }

    #[test]
    fn a_single_value_has_bins_too() {
        check(5.0, 5.0, 4, &[5.0], &[0, 1]);
    }
}
