//! Predicted against actual values.

use super::axis::Axis;
use super::figure::Figure;
use super::frame::Frame;
use super::range::{Range, drawable_pairs};
use crate::report::number::count;
use crate::report::svg;

const TITLE: &str = "Predicted against actual";

/// Points drawn: more would only make the page larger.
const POINTS_MAX: usize = 2000;

/// A point per row, on axes of the same range, with the diagonal on which predictions are right.
pub(crate) fn scatter(predictions: &[(f32, f32)]) -> Figure {
    let pairs = drawable_pairs(predictions);
    let Some(range) = Range::robust(pairs.iter().flat_map(|(predicted, actual)| [*predicted, *actual])) else {
        return Figure::without_picture(TITLE, "There are no predictions to draw.");
    };
    let range = range.padded(0.04);
    let frame = Frame { x: Axis::linear(range, "actual"), y: Axis::linear(range, "predicted") };
    let within: Vec<_> = pairs.iter().filter(|(x, y)| range.contains(*x) && range.contains(*y)).collect();
    let shown = within.len().min(POINTS_MAX);
    let points = (0..shown).map(|idx| within[idx * within.len() / shown]);
    let points = points.map(|(predicted, actual)| svg::circle("point", frame.place(*actual, *predicted), 2.2));
    let diagonal = frame.line("diagonal", (range.low, range.low), (range.high, range.high));
    let picture = frame.draw("Predicted against actual values", [diagonal].into_iter().chain(points));
    let outside = pairs.len() - within.len();
    Figure::new(TITLE, "A point per row of the evaluation sample; on the dashed line a prediction is right.", picture)
        .note((shown < within.len()).then(|| of("Points drawn", shown, within.len())))
        .note((outside > 0).then(|| of("Outermost points, left out by the axes", outside, pairs.len())))
        .left_out(predictions.len() - pairs.len())
}

fn of(what: &str, part: usize, whole: usize) -> String {
    format!("{what}: {} of {}.", count(part as u64), count(whole as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(predictions: &[(f32, f32)], points: usize, expected: &[&str]) {
        let html = scatter(predictions).element().to_string();
        assert_eq!(html.matches("<circle").count(), points);
        for part in expected {
            assert!(html.contains(part), "{part} is not in {html}");
        }
    }

    #[test]
    fn no_predictions_are_said() {
        check(&[], 0, &["There are no predictions to draw."]);
        check(&[(f32::NAN, 1.0)], 0, &["There are no predictions to draw."]);
    }

    #[test]
    fn every_row_is_a_point() {
        check(&[(1.0, 1.1), (2.0, 1.9), (2.0, 2.0)], 3, &["diagonal"]);
        check(&[(7.0, 7.0)], 1, &["diagonal"]);
    }

    #[test]
    fn rows_that_are_not_finite_are_counted() {
        check(&[(1.0, 1.0), (f32::INFINITY, 2.0)], 1, &["Rows whose prediction or label is not finite: 1."]);
    }

    #[test]
    fn points_far_off_are_counted() {
        let mut predictions: Vec<(f32, f32)> = (0..1000).map(|idx| (idx as f32, idx as f32)).collect();
        predictions[3].0 = f32::MAX;
        check(&predictions, 999, &["Outermost points, left out by the axes: 1 of 1,000."]);
    }

    #[test]
    fn many_points_are_thinned() {
        let predictions: Vec<(f32, f32)> = (0..5000).map(|idx| (idx as f32, idx as f32)).collect();
        check(&predictions, POINTS_MAX, &["Points drawn: 2,000 of 5,000."]);
    }
}
