//! Reliability: whether predicted probabilities come true.

use super::axis::Axis;
use super::figure::Figure;
use super::frame::Frame;
use super::range::{Range, drawable_pairs};
use crate::report::html::Element;
use crate::report::number::{count, decimals, percent, short_count};
use crate::report::svg;

const TITLE: &str = "Reliability";

/// Bins of predicted probability.
const BINS: usize = 10;

/// Upper end of the vertical axis: there is a line of counts above 1.
const TOP: f64 = 1.12;

/// Radius of the disc of the fullest bin, and of an almost empty one.
const RADII: [f64; 2] = [8.0, 3.0];

/// Quantile of the normal distribution that leaves 2.5 % above it: intervals of 95 %.
const Z: f64 = 1.959_964;

/// Rows whose probability lies in the same tenth.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Bin {
    rows: u64,
    probabilities: f64,
    positives: u64,
}

impl Bin {
    fn add(&mut self, probability: f64, is_positive: bool) {
        self.rows += 1;
        self.probabilities += probability;
        self.positives += u64::from(is_positive);
    }

    fn predicted(&self) -> f64 {
        self.probabilities / self.rows as f64
    }

    fn observed(&self) -> f64 {
        self.positives as f64 / self.rows as f64
    }

    /// Where the true share lies with 95 % confidence, seen this many rows.
    ///
    /// Source: Wilson, *Probable inference, the law of succession, and statistical inference* (1927).
    fn interval(&self) -> (f64, f64) {
        let (rows, share) = (self.rows as f64, self.observed());
        let scale = 1.0 + Z * Z / rows;
        let center = (share + Z * Z / (2.0 * rows)) / scale;
        let half = Z / scale * (share * (1.0 - share) / rows + Z * Z / (4.0 * rows * rows)).sqrt();
        ((center - half).max(0.0), (center + half).min(1.0))
    }
}

/// Share of positives against predicted probability, in ten bins, with the number of rows in each.
pub(crate) fn reliability(predictions: &[(f32, f32)]) -> Figure {
    let pairs = drawable_pairs(predictions);
    if pairs.is_empty() {
        return Figure::without_picture(TITLE, "There are no predictions to draw.");
    }
    let unit = Range { low: 0.0, high: 1.0 };
    let y = Axis::percent(unit, "observed share").up_to(TOP);
    let frame = Frame { x: Axis::percent(unit, "predicted probability"), y };
    let bins = bins(&pairs);
    let diagonal = frame.line("diagonal", (0.0, 0.0), (1.0, 1.0));
    let fullest = bins.iter().map(|bin| bin.rows).max().unwrap_or(1);
    let filled = bins.iter().enumerate().filter(|(_, bin)| bin.rows > 0);
    let marks = filled.flat_map(|(idx, bin)| marks(&frame, idx, bin, fullest));
    let picture = frame.draw("Observed share against predicted probability", [diagonal].into_iter().chain(marks));
    let about =
        "Share of actual 1 where a probability was predicted, with its 95\u{a0}% interval; rows per tenth on top.";
    Figure::new(TITLE, about, picture).left_out(predictions.len() - pairs.len())
}

fn bins(pairs: &[(f64, f64)]) -> [Bin; BINS] {
    let mut bins = [Bin::default(); BINS];
    for (probability, actual) in pairs {
        let probability = probability.clamp(0.0, 1.0);
        bins[((probability * BINS as f64) as usize).min(BINS - 1)].add(probability, *actual >= 0.5);
    }
    bins
}

fn marks(frame: &Frame, idx: usize, bin: &Bin, fullest: u64) -> [Element; 3] {
    let (predicted, observed) = (bin.predicted(), bin.observed());
    let (low, high) = bin.interval();
    let [largest, smallest] = RADII;
    let radius = smallest + (largest - smallest) * (bin.rows as f64 / fullest as f64).sqrt();
    let (rows, predicted_text) = (count(bin.rows), decimals(predicted, 3));
    let tooltip = format!("{rows} rows: predicted {predicted_text}, observed {}", percent(observed));
    let above = frame.place((idx as f64 + 0.5) / BINS as f64, 1.04);
    [
        frame.line("whisker", (predicted, low), (predicted, high)),
        svg::circle("disc", frame.place(predicted, observed), radius).tooltip(&tooltip),
        svg::text("tick small middle", above, &short_count(bin.rows)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(predictions: &[(f32, f32)], expected: &[&str]) {
        let html = reliability(predictions).element().to_string();
        for part in expected {
            assert!(html.contains(part), "{part} is not in {html}");
        }
    }

    #[test]
    fn no_predictions_are_said() {
        check(&[], &["There are no predictions to draw."]);
    }

    #[test]
    fn bins_tell_rows_and_shares() {
        let predictions = [(0.25, 0.0), (0.25, 1.0), (0.97, 1.0)];
        check(&predictions, &["2 rows: predicted 0.250, observed 50\u{a0}%", "1 rows: predicted 0.970"]);
    }

    #[test]
    fn what_is_no_probability_falls_into_the_outer_bins() {
        check(&[(1.5, 1.0), (-1.0, 0.0), (f32::NAN, 0.0)], &["predicted 1.000", "predicted 0.000", "not finite: 1."]);
    }

    #[test]
    fn the_interval_is_wilsons() {
        // statsmodels.stats.proportion.proportion_confint(2, 10, method="wilson").
        let (low, high) = Bin { rows: 10, probabilities: 2.0, positives: 2 }.interval();
        assert!((low - 0.056_682).abs() < 1e-6 && (high - 0.509_838).abs() < 1e-6, "{low} {high}");
    }
}
