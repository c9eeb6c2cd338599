//! Ranges: from where to where an axis goes.

/// Values beyond this are not drawn, as differences of them could overflow.
const LARGEST: f64 = 1e300;

/// A range narrower than this share of its values is drawn as a single value.
const NARROWEST: f64 = 1e-5;

/// Share of the values that a robust range may leave out at either end, rounded up to whole values.
const TAIL: f64 = 0.005;

/// Of fewer values than this none is left out.
const ROBUST_MIN: usize = 20;

/// An interval that is finite and not empty.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Range {
    /// Its lower end.
    pub(crate) low: f64,
    /// Its upper end.
    pub(crate) high: f64,
}

impl Range {
    /// From `low` to `high`, widened when there is nothing between them.
    pub(crate) fn new(low: f64, high: f64) -> Self {
        let size = low.abs().max(high.abs());
        if high - low > size * NARROWEST {
            return Self { low, high };
        }
        let margin = if size > 0.0 { size * 0.1 } else { 1.0 };
        Self { low: low - margin, high: high + margin }
    }

    /// The least range that holds all values that can be drawn; `None` when there are none.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let sorted = sorted(values);
        Some(Self::new(*sorted.first()?, *sorted.last()?))
    }

    /// The same, but without the outer 0.5 % at both ends when they would take more than a third of the range.
    /// Few values are all kept.
    pub(crate) fn robust(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let sorted = sorted(values);
        let last = sorted.len().checked_sub(1)?;
        let tail = if sorted.len() < ROBUST_MIN { 0 } else { (last as f64 * TAIL).ceil() as usize };
        let (full, inner) = (sorted[last] - sorted[0], sorted[last - tail] - sorted[tail]);
        if inner > 0.0 && full > inner * 1.5 {
            return Some(Self::new(sorted[tail], sorted[last - tail]));
        }
        Some(Self::new(sorted[0], sorted[last]))
    }

    /// Widened at both ends by a share of its span.
    pub(crate) fn padded(self, share: f64) -> Self {
        let margin = self.span() * share;
        Self { low: self.low - margin, high: self.high + margin }
    }

    /// Distance between the ends.
    pub(crate) fn span(self) -> f64 {
        self.high - self.low
    }

    /// Whether a value lies within, ends included.
    pub(crate) fn contains(self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

/// Whether a value can be drawn.
pub(crate) fn drawable(value: f64) -> bool {
    value.abs() < LARGEST
}

/// Predictions whose both numbers can be drawn.
pub(crate) fn drawable_pairs(predictions: &[(f32, f32)]) -> Vec<(f64, f64)> {
    let pairs = predictions.iter().map(|(predicted, actual)| (f64::from(*predicted), f64::from(*actual)));
    pairs.filter(|(predicted, actual)| drawable(*predicted) && drawable(*actual)).collect()
}

fn sorted(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.into_iter().filter(|value| drawable(*value)).collect();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(range: Option<Range>, expected: Option<(f64, f64)>) {
        assert_eq!(range.map(|range| (range.low, range.high)), expected);
    }

    #[test]
    fn a_range_holds_its_values() {
        check(Range::of([3.0, 1.0, 2.0]), Some((1.0, 3.0)));
    }

    #[test]
    fn what_cannot_be_drawn_is_left_out() {
        check(Range::of([f64::NAN, 1.0, f64::INFINITY, 3.0, -1e308]), Some((1.0, 3.0)));
        check(Range::of([f64::NAN]), None);
        check(Range::robust([]), None);
    }

    #[test]
    fn a_single_value_gets_room() {
        check(Range::of([10.0]), Some((9.0, 11.0)));
        check(Range::of([0.0, 0.0]), Some((-1.0, 1.0)));
        check(Range::robust([-10.0]), Some((-11.0, -9.0)));
    }

    #[test]
    fn a_robust_range_leaves_out_what_is_far_off() {
        let values = (0..1000).map(f64::from).chain([1e9]);
        check(Range::robust(values), Some((5.0, 995.0)));
    }

    #[test]
    fn a_robust_range_keeps_all_of_a_few() {
        check(Range::robust([0.0, 1.0, 2.0, 3.0, 100.0]), Some((0.0, 100.0)));
    }

    #[test]
    fn a_robust_range_keeps_what_is_near() {
        check(Range::robust((0..1000).map(f64::from)), Some((0.0, 999.0)));
    }
}
