//! The receiver operating characteristic.

use super::axis::Axis;
use super::figure::Figure;
use super::frame::Frame;
use super::range::{Range, drawable_pairs};
use crate::report::number::decimals;
use crate::report::svg::{self, Point};

const TITLE: &str = "ROC curve";

/// A curve of more points is thinned to about so many.
const POINTS_MAX: usize = 400;

/// Share of the positives found against share of the negatives taken for positives, for all thresholds.
///
/// Source: Fawcett, *An introduction to ROC analysis* (2006), algorithms 1 and 2.
pub(crate) fn roc(predictions: &[(f32, f32)]) -> Figure {
    let Some(curve) = curve(predictions) else {
        return Figure::without_picture(TITLE, "There are not rows of both classes to draw a curve of.");
    };
    let unit = Range { low: 0.0, high: 1.0 };
    let frame = Frame { x: Axis::percent(unit, "false positives"), y: Axis::percent(unit, "true positives") };
    let places: Vec<Point> = thinned(&curve).into_iter().map(|(x, y)| frame.place(x, y)).collect();
    let mut area = places.clone();
    area.push(frame.place(1.0, 0.0));
    let diagonal = frame.line("diagonal", (0.0, 0.0), (1.0, 1.0));
    let shapes = [svg::polyline("area", &area), diagonal, svg::polyline("series-a", &places)];
    let picture = frame.draw("True positives against false positives", shapes);
    let area = decimals(area_under(&curve), 4);
    Figure::new(TITLE, format!("Area under the curve on this sample: {area}; chance gives 0.5."), picture)
}

/// Points from (0, 0) to (1, 1), one per distinct probability; `None` without rows of both classes.
fn curve(predictions: &[(f32, f32)]) -> Option<Vec<Point>> {
    let mut pairs = drawable_pairs(predictions);
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
    let positives = pairs.iter().filter(|(_, actual)| *actual >= 0.5).count();
    let negatives = pairs.len() - positives;
    if positives == 0 || negatives == 0 {
        return None;
    }
    let (mut found, mut mistaken, mut points) = (0, 0, vec![(0.0, 0.0)]);
    for ties in pairs.chunk_by(|a, b| a.0 == b.0) {
        let hits = ties.iter().filter(|(_, actual)| *actual >= 0.5).count();
        (found, mistaken) = (found + hits, mistaken + ties.len() - hits);
        points.push((mistaken as f64 / negatives as f64, found as f64 / positives as f64));
    }
    Some(points)
}

fn area_under(curve: &[Point]) -> f64 {
    curve.windows(2).map(|pair| (pair[1].0 - pair[0].0) * (pair[0].1 + pair[1].1) / 2.0).sum()
}

fn thinned(points: &[Point]) -> Vec<Point> {
    let stride = points.len().div_ceil(POINTS_MAX);
    let last = points.last().filter(|_| !(points.len() - 1).is_multiple_of(stride));
    points.iter().step_by(stride).chain(last).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(predictions: &[(f32, f32)], expected: &str) {
        let html = roc(predictions).element().to_string();
        assert!(html.contains(expected), "{expected} is not in {html}");
    }

    #[test]
    fn one_class_has_no_curve() {
        check(&[], "There are not rows of both classes");
        check(&[(0.5, 1.0), (f32::NAN, 0.0)], "There are not rows of both classes");
    }

    #[test]
    fn perfect_order_has_area_one() {
        check(&[(0.9, 1.0), (0.8, 1.0), (0.1, 0.0)], "sample: 1.0000;");
    }

    #[test]
    fn ties_count_half() {
        check(&[(0.5, 1.0), (0.5, 0.0)], "sample: 0.5000;");
    }

    #[test]
    fn matches_scikit_learn() {
        // The example of sklearn.metrics.roc_auc_score: y_true [0, 0, 1, 1], y_score [0.1, 0.4, 0.35, 0.8] gives 0.75.
        check(&[(0.1, 0.0), (0.4, 0.0), (0.35, 1.0), (0.8, 1.0)], "sample: 0.7500;");
    }

    #[test]
    fn a_thinned_curve_keeps_its_ends() {
        let points: Vec<Point> = (0..=10_000).map(|idx| (f64::from(idx), 0.0)).collect();
        let thin = thinned(&points);
        assert!(thin.len() <= POINTS_MAX + 1);
        assert_eq!((thin.first(), thin.last()), (points.first(), points.last()));
        assert_eq!(thinned(&points[..3]), points[..3]);
    }
}
