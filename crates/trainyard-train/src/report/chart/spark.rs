//! Small pictures for the rows of a table.

use super::range::{Range, drawable};
use crate::report::html::{Element, shorten};
use crate::report::number::count;
use crate::report::svg::{self, Point};
use trainyard_features::{ColumnStatistics, ValueCount};

/// Size of a picture.
const SIZE: Point = (150.0, 32.0);

/// Bars of a histogram.
const BARS: usize = 25;

/// Values that have a part of their own.
const VALUES: usize = 5;

/// A histogram drawn from the deciles, with a mark at the median; `None` for a column that has no numbers.
///
/// Between two deciles a tenth of the rows is spread evenly. A tail longer than half the distance of the outer deciles is cut
/// off, since it would squeeze all else.
pub(crate) fn deciles(statistics: &ColumnStatistics) -> Option<Element> {
    let knots = knots(statistics)?;
    let (first, last) = (knots[1], knots[knots.len() - 2]);
    let tail = if last > first { (last - first) / 2.0 } else { f64::INFINITY };
    let range = Range::new(knots[0].max(first - tail), knots[knots.len() - 1].min(last + tail));
    let median = (knots[knots.len() / 2] - range.low) / range.span() * SIZE.0;
    let outline = outline(&spread(&knots, range));
    let shapes = [svg::polyline("spread", &outline), svg::line("median", (median, 0.0), (median, SIZE.1))];
    Some(svg::picture("spark", SIZE, "Spread of the values").children(shapes))
}

/// A bar of the shares of the most frequent values; `None` when the values were not counted.
pub(crate) fn top_values(statistics: &ColumnStatistics) -> Option<Element> {
    if statistics.top.is_empty() {
        return None;
    }
    let rows = statistics.count.max(1) as f64;
    let mut shapes = vec![svg::rect("rest", (0.0, 0.0), (SIZE.0, SIZE.1 / 3.0))];
    let mut left = 0.0;
    for (idx, value) in statistics.top.iter().take(VALUES).enumerate() {
        let width = value.count as f64 / rows * SIZE.0;
        shapes.push(part(idx, left, width, value));
        left += width;
    }
    Some(svg::picture("spark", (SIZE.0, SIZE.1 / 3.0), "Shares of the most frequent values").children(shapes))
}

fn part(idx: usize, left: f64, width: f64, value: &ValueCount) -> Element {
    let rect = svg::rect("part", (left, 0.0), (width - 0.8, SIZE.1 / 3.0));
    // The most frequent value is the darkest.
    let opacity = format!("{}%", 100 - 18 * idx.min(VALUES - 1));
    rect.set("fill-opacity", opacity).tooltip(&format!("{}: {} rows", shorten(&value.value, 80), count(value.count)))
}

/// The least value, the nine deciles and the greatest value, ascending.
fn knots(statistics: &ColumnStatistics) -> Option<Vec<f64>> {
    let deciles = statistics.quantiles.iter().map(|decile| f64::from(*decile));
    let mut knots: Vec<f64> = [statistics.min?, statistics.max?].into_iter().chain(deciles).collect();
    knots.sort_by(f64::total_cmp);
    (knots.len() >= 3 && knots.iter().all(|knot| drawable(*knot))).then_some(knots)
}

/// Share of the rows in each of the bars of a range.
fn spread(knots: &[f64], range: Range) -> Vec<f64> {
    let width = range.span() / BARS as f64;
    let share = 1.0 / (knots.len() - 1) as f64;
    let bar = |idx: usize| (range.low + idx as f64 * width, range.low + (idx + 1) as f64 * width);
    let shares = (0..BARS).map(|idx| {
        let intervals = knots.windows(2).map(|pair| overlap((pair[0], pair[1]), bar(idx), idx == BARS - 1));
        share * intervals.sum::<f64>()
    });
    shares.collect()
}

/// Share of an interval that lies in a bar. One of a single value lies in the bar that starts at or below it; the last bar holds
/// its upper end too.
fn overlap((low, high): Point, (start, end): Point, is_last: bool) -> f64 {
    if high > low {
        return ((high.min(end) - low.max(start)) / (high - low)).max(0.0);
    }
    f64::from(u8::from(low >= start && (low < end || is_last)))
}

/// The tops of the bars, from the lower left of the picture to the lower right.
fn outline(shares: &[f64]) -> Vec<Point> {
    let tallest = shares.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let width = SIZE.0 / BARS as f64;
    let tops = shares.iter().enumerate().flat_map(|(idx, share)| {
        let top = SIZE.1 - share / tallest * (SIZE.1 - 2.0);
        [(idx as f64 * width, top), ((idx + 1) as f64 * width, top)]
    });
    [(0.0, SIZE.1)].into_iter().chain(tops).chain([SIZE]).collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{numbers, words};
    use super::*;

    #[track_caller]
    fn check(knots: &[f64], expected: &[(usize, f64)]) {
        let range = Range::new(knots[0], knots[knots.len() - 1]);
        let shares = spread(knots, range);
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{shares:?}");
        for (idx, share) in expected {
            assert!((shares[*idx] - share).abs() < 1e-9, "{shares:?}");
        }
    }

    #[test]
    fn even_deciles_give_even_bars() {
        check(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0], &[(0, 0.04), (12, 0.04), (24, 0.04)]);
    }

    #[test]
    fn a_frequent_value_is_a_spike() {
        check(&[0.0, 0.0, 0.0, 0.0, 25.0], &[(0, 0.76), (1, 0.01), (24, 0.01)]);
        check(&[0.0, 25.0, 25.0], &[(0, 0.02), (24, 0.52)]);
    }

    #[test]
    fn a_single_value_stands_in_the_middle() {
        check(&[7.0, 7.0, 7.0], &[(0, 0.0), (12, 1.0)]);
    }

    #[test]
    fn what_has_no_numbers_has_no_histogram() {
        assert!(deciles(&words("city", &[("Rome", 1)])).is_none());
        assert!(deciles(&numbers("all missing", &[])).is_none());
    }

    #[test]
    fn a_far_tail_is_cut() {
        let mut statistics = numbers("fare", &[0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 1e9]);
        let far = deciles(&statistics).map(|picture| picture.to_string());
        statistics.max = Some(1e6);
        // Beyond the cut only the density of the last interval differs, which is next to nothing.
        assert_eq!(far, deciles(&statistics).map(|picture| picture.to_string()));
    }

    #[test]
    fn frequent_values_share_the_bar() {
        let bar = top_values(&words("city", &[("Rome", 60), ("<Oslo>", 40)])).map(|bar| bar.to_string());
        assert!(bar.is_some_and(|bar| bar.contains("Rome: 60 rows") && bar.contains("&lt;Oslo&gt;: 40 rows")));
        assert!(top_values(&words("key", &[])).is_none());
    }
}
