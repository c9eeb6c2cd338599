//! The loss over the steps.

use super::axis::Axis;
use super::figure::Figure;
use super::frame::Frame;
use super::range::{Range, drawable};
use crate::report::HistoryPoint;
use crate::report::html::Element;
use crate::report::number::{count, number};
use crate::report::svg::{self, Point};

const TITLE: &str = "Loss";

/// A curve of more points is thinned to the lowest and highest of each of so many parts.
const PARTS: usize = 240;

/// Curves of up to so many points show each as a dot.
const DOTS_MAX: usize = 40;

/// A logarithmic axis helps when the largest loss is so many times the middle one: a linear axis would press most of the curve
/// into its lowest eighth.
const LOG_RATIO: f64 = 8.0;

/// One of the two losses.
struct Series {
    name: &'static str,
    class: &'static str,
    loss: fn(&HistoryPoint) -> f64,
}

const TRAIN: Series = Series { name: "training", class: "series-soft", loss: |point| point.train_loss };
const EVAL: Series = Series { name: "evaluation", class: "series-a", loss: |point| point.eval_loss };

/// Training and evaluation loss over the steps, the best step marked.
pub(crate) fn losses(history: &[HistoryPoint], best_step: u64) -> Figure {
    let all: Vec<f64> = history.iter().flat_map(|point| [point.train_loss, point.eval_loss]).collect();
    let range = Range::of(all.iter().copied());
    let (Some(losses), Some(steps)) = (range, Range::of(history.iter().map(|point| point.step as f64))) else {
        return Figure::without_picture(TITLE, "No loss was recorded.");
    };
    let frame = Frame { x: Axis::whole(steps, "step"), y: loss_axis(losses, &all) };
    let shapes = [TRAIN, EVAL].iter().flat_map(|series| curve(&frame, history, series)).collect::<Vec<_>>();
    let best = history.iter().find(|point| point.step == best_step);
    let shapes = shapes.into_iter().chain(best.into_iter().flat_map(|best| best_mark(&frame, best)));
    let picture = frame.draw("Training and evaluation loss over the steps", shapes);
    let figure = Figure::new(TITLE, "Mean loss of the rows trained on and of the evaluation rows.", picture);
    figure.legend(TRAIN.class, TRAIN.name).legend(EVAL.class, EVAL.name).note(note(&all))
}

fn loss_axis(range: Range, losses: &[f64]) -> Axis {
    let mut sorted: Vec<f64> = losses.iter().copied().filter(|loss| drawable(*loss)).collect();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
    if range.low <= 0.0 || range.high < LOG_RATIO * middle {
        return Axis::linear(range.padded(0.05), "loss");
    }
    let margin = (range.high / range.low).powf(0.05);
    Axis::log(Range { low: range.low / margin, high: range.high * margin }, "loss (log scale)")
}

fn curve(frame: &Frame, history: &[HistoryPoint], series: &Series) -> Vec<Element> {
    let runs = history.split(|point| !drawable((series.loss)(point))).filter(|run| !run.is_empty());
    let mut shapes = Vec::new();
    for run in runs {
        let points: Vec<Point> = run.iter().map(|point| (point.step as f64, (series.loss)(point))).collect();
        let places: Vec<Point> = thinned(&points).into_iter().map(|(step, loss)| frame.place(step, loss)).collect();
        shapes.push(svg::polyline(series.class, &places));
        if history.len() <= DOTS_MAX || run.len() == 1 {
            shapes.extend(run.iter().map(|point| dot(frame, point, series)));
        }
    }
    shapes
}

fn dot(frame: &Frame, point: &HistoryPoint, series: &Series) -> Element {
    let loss = (series.loss)(point);
    let (step, epoch) = (count(point.step), count(point.epoch));
    let tooltip = format!("step {step} (epoch {epoch}): {} loss {}", series.name, number(loss));
    svg::circle(series.class, frame.place(point.step as f64, loss), 2.5).tooltip(&tooltip)
}

/// The lowest and the highest point of each part, in their order: a spike stays visible.
fn thinned(points: &[Point]) -> Vec<Point> {
    let size = points.len().div_ceil(PARTS);
    if size <= 2 {
        return points.to_vec();
    }
    points.chunks(size).flat_map(extremes).collect()
}

fn extremes(points: &[Point]) -> Vec<Point> {
    let by_loss = |a: &&Point, b: &&Point| a.1.total_cmp(&b.1);
    let (lowest, highest) = (points.iter().min_by(by_loss), points.iter().max_by(by_loss));
    let mut kept: Vec<Point> = lowest.into_iter().chain(highest).copied().collect();
    kept.sort_by(|a, b| a.0.total_cmp(&b.0));
    kept
}

fn best_mark(frame: &Frame, best: &HistoryPoint) -> Vec<Element> {
    let (step, losses) = (best.step as f64, frame.y.range());
    let (right, top) = frame.place(step, losses.high);
    let (class, shift) = if frame.x.place(step) > 0.5 { ("label end", -6.0) } else { ("label", 6.0) };
    let line = frame.line("best", (step, losses.low), (step, losses.high));
    let label = svg::text(class, (right + shift, top + 12.0), &format!("best: step {}", count(best.step)));
    let ring = drawable(best.eval_loss).then(|| svg::circle("best", frame.place(step, best.eval_loss), 5.0));
    [line, label].into_iter().chain(ring).collect()
}

fn note(losses: &[f64]) -> Option<String> {
    let left_out = losses.iter().filter(|loss| !drawable(**loss)).count() as u64;
    (left_out > 0).then(|| format!("Losses that are unknown or not finite and not drawn: {}.", count(left_out)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(losses: &[(f64, f64)]) -> Vec<HistoryPoint> {
        let point = |(idx, (train_loss, eval_loss)): (usize, &(f64, f64))| HistoryPoint {
            step: idx as u64 * 100,
            epoch: idx as u64,
            train_loss: *train_loss,
            eval_loss: *eval_loss,
        };
        losses.iter().enumerate().map(point).collect()
    }

    #[track_caller]
    fn check(losses_of_steps: &[(f64, f64)], expected: &[&str]) {
        let html = losses(&history(losses_of_steps), 0).element().to_string();
        for part in expected {
            assert!(html.contains(part), "{part} is not in {html}");
        }
    }

    #[test]
    fn no_history_is_said() {
        check(&[], &["No loss was recorded."]);
        check(&[(f64::NAN, f64::INFINITY)], &["No loss was recorded."]);
    }

    #[test]
    fn one_point_is_a_dot_and_the_best() {
        check(&[(0.5, 0.6)], &["step 0 (epoch 0): training loss 0.5", "evaluation loss 0.6", "best: step 0"]);
    }

    #[test]
    fn a_loss_that_is_not_finite_breaks_the_curve() {
        let gap = [(1.0, 1.0), (f64::NAN, 0.9), (0.8, 0.8)];
        check(&gap, &["not drawn: 1."]);
        assert_eq!(losses(&history(&gap), 0).element().to_string().matches("<polyline").count(), 3);
    }

    #[test]
    fn a_loss_that_falls_far_has_a_logarithmic_axis() {
        check(&[(500.0, 480.0), (9.0, 10.0), (5.0, 6.0), (4.0, 5.0)], &["loss (log scale)"]);
    }

    #[test]
    fn a_loss_that_falls_a_little_or_below_zero_has_a_linear_axis() {
        check(&[(0.7, 0.69), (0.4, 0.5)], &[">loss<"]);
        check(&[(500.0, 480.0), (9.0, 10.0), (-5.0, 6.0), (4.0, 5.0)], &[">loss<"]);
    }

    #[test]
    fn a_long_curve_is_thinned_and_keeps_its_spike() {
        let mut points: Vec<Point> = (0..100_000).map(|step| (f64::from(step), 1.0)).collect();
        points[54_321].1 = 9.0;
        let thin = thinned(&points);
        assert!(thin.len() <= 2 * PARTS && thin.contains(&(54_321.0, 9.0)));
        assert!(thin.is_sorted_by(|a, b| a.0 <= b.0));
    }
}
