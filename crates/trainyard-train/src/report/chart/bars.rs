//! Histograms: how residuals, predictions and labels are spread.

use super::axis::Axis;
use super::bins::Bins;
use super::figure::Figure;
use super::frame::Frame;
use super::range::{Range, drawable_pairs};
use crate::report::html::Element;
use crate::report::number::{count, number, percent};
use crate::report::svg::{self, Point};

/// Bars to aim at.
const BARS: usize = 40;

/// Bars of probabilities: five percent each.
const PROBABILITY_BARS: usize = 20;

/// Values that share a colour.
struct Group {
    name: &'static str,
    class: &'static str,
    values: Vec<f64>,
}

/// Prediction minus label.
pub(crate) fn residuals(predictions: &[(f32, f32)]) -> Figure {
    let values: Vec<f64> = drawable_pairs(predictions).iter().map(|(predicted, actual)| predicted - actual).collect();
    let Some(range) = Range::robust(values.iter().copied()) else { return empty("Residuals") };
    let mean = mean(&values);
    let over = values.iter().filter(|value| **value > 0.0).count() as f64 / values.len() as f64;
    let about = format!("Predicted minus actual: mean {}, above zero in {} of rows.", number(mean), percent(over));
    let groups = [Group { name: "rows", class: "series-a", values }];
    let bins = Bins::cover(range, BARS);
    let (frame, bars) = histogram(bins, &groups, Axis::linear(bins.range(), "predicted − actual"), "share of rows");
    let zero = bins.range().contains(0.0).then(|| {
        let share = frame.y.range();
        frame.line("diagonal", (0.0, share.low), (0.0, share.high))
    });
    let picture = frame.draw("Histogram of predicted minus actual values", bars.into_iter().chain(zero));
    Figure::new("Residuals", about, picture).note(outside(bins, &groups))
}

/// Predicted values beside actual ones.
pub(crate) fn distributions(predictions: &[(f32, f32)]) -> Figure {
    const TITLE: &str = "Distributions";
    let (predicted, actual): (Vec<f64>, Vec<f64>) = drawable_pairs(predictions).into_iter().unzip();
    let Some(range) = Range::robust(predicted.iter().chain(&actual).copied()) else { return empty(TITLE) };
    let (of_predicted, of_actual) = (number(deviation(&predicted)), number(deviation(&actual)));
    let about = format!("Standard deviation: predicted {of_predicted}, actual {of_actual}.");
    let actual = Group { name: "actual", class: "series-soft", values: actual };
    let groups = [actual, Group { name: "predicted", class: "series-a", values: predicted }];
    let bins = Bins::cover(range, BARS);
    let (frame, bars) = histogram(bins, &groups, Axis::linear(bins.range(), "value"), "share of rows");
    let picture = frame.draw("Histograms of predicted and of actual values", bars);
    let figure = Figure::new(TITLE, about, picture);
    figure.legend("series-soft", "actual").legend("series-a", "predicted").note(outside(bins, &groups))
}

/// Predicted probabilities of the rows of each class.
pub(crate) fn probabilities(predictions: &[(f32, f32)]) -> Figure {
    const TITLE: &str = "Probabilities by class";
    let (positive, negative): (Vec<_>, Vec<_>) =
        drawable_pairs(predictions).into_iter().partition(|(_, actual)| *actual >= 0.5);
    if positive.is_empty() && negative.is_empty() {
        return empty(TITLE);
    }
    let values = |pairs: Vec<(f64, f64)>| pairs.into_iter().map(|(probability, _)| probability).collect();
    let negative = Group { name: "actual 0", class: "series-b", values: values(negative) };
    let groups = [negative, Group { name: "actual 1", class: "series-a", values: values(positive) }];
    let bins = Bins::cover(Range { low: 0.0, high: 1.0 }, PROBABILITY_BARS);
    let (frame, bars) =
        histogram(bins, &groups, Axis::percent(bins.range(), "predicted probability"), "share of the class");
    let picture = frame.draw("Histograms of predicted probabilities, by class", bars);
    let figure = Figure::new(TITLE, "The less the two overlap, the better the classes are told apart.", picture);
    let figure = groups.iter().fold(figure, |figure, group| figure.legend(group.class, legend(group)));
    figure.note(outside(bins, &groups))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Root of the mean squared distance from the mean.
fn deviation(values: &[f64]) -> f64 {
    let center = mean(values);
    mean(&values.iter().map(|value| (value - center).powi(2)).collect::<Vec<_>>()).sqrt()
}

fn empty(title: &'static str) -> Figure {
    Figure::without_picture(title, "There are no predictions to draw.")
}

fn legend(group: &Group) -> String {
    format!("{} ({} rows)", group.name, count(group.values.len() as u64))
}

/// The bars of all groups, on common bins, and the frame they are placed in. A group's bars add up to 1, so that a rare class
/// is seen.
fn histogram(bins: Bins, groups: &[Group], x: Axis, y: &str) -> (Frame, Vec<Element>) {
    let counts: Vec<Vec<u64>> = groups.iter().map(|group| bins.count(group.values.iter().copied())).collect();
    let shares = counts.iter().zip(groups).map(|(counts, group)| shares(counts, group.values.len()));
    let shares: Vec<Vec<f64>> = shares.collect();
    let highest = shares.iter().flatten().copied().fold(0.0, f64::max);
    let top = if highest > 0.0 { highest * 1.06 } else { 1.0 };
    let frame = Frame { x, y: Axis::percent(Range { low: 0.0, high: top }, y) };
    let bars = groups.iter().zip(shares.iter().zip(&counts));
    let bars = bars.flat_map(|(group, (shares, counts))| bars_of(&frame, bins, group, shares, counts)).collect();
    (frame, bars)
}

fn shares(counts: &[u64], rows: usize) -> Vec<f64> {
    counts.iter().map(|count| *count as f64 / rows.max(1) as f64).collect()
}

fn bars_of(frame: &Frame, bins: Bins, group: &Group, shares: &[f64], counts: &[u64]) -> Vec<Element> {
    let mut outline: Vec<Point> = Vec::new();
    let mut shapes = Vec::new();
    for (idx, (share, rows)) in shares.iter().zip(counts).enumerate() {
        let (left, top) = frame.place(bins.edge(idx), *share);
        let (right, bottom) = frame.place(bins.edge(idx + 1), 0.0);
        outline.extend([(left, top), (right, top)]);
        if *rows > 0 {
            let (from, to) = (number(bins.edge(idx)), number(bins.edge(idx + 1)));
            let tooltip = format!("{from} to {to}: {} {} ({})", count(*rows), group.name, percent(*share));
            shapes.push(svg::rect(group.class, (left, top), (right - left, bottom - top)).tooltip(&tooltip));
        }
    }
    shapes.push(svg::polyline(group.class, &outline));
    shapes
}

fn outside(bins: Bins, groups: &[Group]) -> Option<String> {
    let values = groups.iter().flat_map(|group| &group.values);
    let outside = values.filter(|value| !bins.range().contains(**value)).count() as u64;
    (outside > 0).then(|| format!("Values beyond the axis: {}.", count(outside)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(figure: &Figure, expected: &[&str]) {
        let html = figure.element().to_string();
        for part in expected {
            assert!(html.contains(part), "{part} is not in {html}");
        }
    }

    #[test]
    fn no_predictions_are_said() {
        for figure in [residuals, distributions, probabilities] {
            check(&figure(&[]), &["There are no predictions to draw."]);
            check(&figure(&[(f32::NAN, 0.0)]), &["There are no predictions to draw."]);
        }
    }

    #[test]
    fn residuals_tell_their_mean_and_side() {
        let expected = ["mean 0.5, above zero in 75\u{a0}% of rows", "diagonal"];
        check(&residuals(&[(1.0, 0.0), (1.0, 0.0), (1.0, 0.0), (0.0, 1.0)]), &expected);
    }

    #[test]
    fn right_predictions_have_a_residual_of_zero() {
        check(
            &residuals(&[(3.0, 3.0), (4.0, 4.0)]),
            &["mean 0, above zero in 0\u{a0}% of rows", "2 rows (100\u{a0}%)"],
        );
    }

    #[test]
    fn distributions_tell_their_deviations() {
        check(&distributions(&[(1.0, 0.0), (3.0, 8.0)]), &["predicted 1, actual 4."]);
    }

    #[test]
    fn a_rare_class_is_as_tall_as_a_frequent_one() {
        let predictions = [(0.11, 0.0), (0.12, 0.0), (0.92, 1.0)];
        let expected = ["0.1 to 0.15: 2 actual 0 (100\u{a0}%)", "0.9 to 0.95: 1 actual 1 (100\u{a0}%)"];
        check(&probabilities(&predictions), &expected);
    }

    #[test]
    fn one_class_alone_is_drawn() {
        check(&probabilities(&[(0.5, 1.0)]), &["actual 0 (0 rows)", "actual 1 (1 rows)"]);
    }

    #[test]
    fn values_far_off_are_counted() {
        let mut predictions: Vec<(f32, f32)> = (0..1000).map(|idx| (idx as f32, idx as f32 / 2.0)).collect();
        predictions[3].0 = 1e30;
        check(&residuals(&predictions), &["Values beyond the axis: "]);
        check(&distributions(&predictions), &["Values beyond the axis: 1."]);
    }
}
