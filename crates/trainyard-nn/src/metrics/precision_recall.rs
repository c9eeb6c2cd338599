//! Precision and recall.

use super::{examples::examples, total::Total};
use crate::Result;
use serde::{Deserialize, Serialize};

/// Precision, recall and the counts behind them, of predictions above a threshold.
///
/// ```
/// use trainyard_nn::metrics::PrecisionRecall;
///
/// let mut metric = PrecisionRecall::default();
/// metric.update(&[0.9, 0.8, 0.7, 0.1], &[1.0, 0.0, 1.0, 1.0], None)?;
/// assert_eq!((metric.precision(), metric.recall()), (2.0 / 3.0, 2.0 / 3.0));
/// # Ok::<(), trainyard_nn::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PrecisionRecall {
    threshold: f32,
    true_positives: Total,
    false_positives: Total,
    false_negatives: Total,
    true_negatives: Total,
}

impl PrecisionRecall {
    /// Precision and recall when predictions above `threshold` count as positive.
    pub fn new(threshold: f32) -> Self {
        Self::of(threshold, Default::default())
    }

    /// The metric that has counted `[true positives, false positives, false negatives, true negatives]`.
    pub(super) fn of(threshold: f32, counts: [Total; 4]) -> Self {
        let [true_positives, false_positives, false_negatives, true_negatives] = counts;
        Self { threshold, true_positives, false_positives, false_negatives, true_negatives }
    }

    /// Takes in a batch; predictions are probabilities.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`](crate::Error::Shape) when the lengths differ; nothing is taken in then.
    pub fn update(&mut self, predictions: &[f32], labels: &[f32], weights: Option<&[f32]>) -> Result<()> {
        for example in examples(predictions, labels, weights)? {
            let predicted = example.prediction > f64::from(self.threshold);
            let count = match (predicted, example.is_positive()) {
                (true, true) => &mut self.true_positives,
                (true, false) => &mut self.false_positives,
                (false, true) => &mut self.false_negatives,
                (false, false) => &mut self.true_negatives,
            };
            let counted = example.weight * example.validity();
            count.add(counted);
            if counted.is_nan() {
                // Unknown on which side it is: neither number can be trusted.
                self.true_positives.add(counted);
            }
        }
        Ok(())
    }

    /// Takes in what another has counted.
    pub fn merge(&mut self, other: &Self) {
        self.true_positives.merge(&other.true_positives);
        self.false_positives.merge(&other.false_positives);
        self.false_negatives.merge(&other.false_negatives);
        self.true_negatives.merge(&other.true_negatives);
    }

    /// The threshold.
    pub fn threshold(&self) -> f32 {
        self.threshold
    }

    /// Share of the predicted positives that are positive; NaN when none was predicted.
    pub fn precision(&self) -> f64 {
        let hits = self.true_positives.value();
        hits / (hits + self.false_positives.value())
    }

    /// Share of the positives that were predicted; NaN when there are none.
    pub fn recall(&self) -> f64 {
        let hits = self.true_positives.value();
        hits / (hits + self.false_negatives.value())
    }

    /// F1, the harmonic mean of precision and recall: `2·tp / (2·tp + fp + fn)`; NaN when there are no positives,
    /// predicted or real.
    pub fn f1(&self) -> f64 {
        let hits = 2.0 * self.true_positives.value();
        hits / (hits + self.false_positives.value() + self.false_negatives.value())
    }

    /// Weight of the `[true positives, false positives, false negatives, true negatives]`.
    pub fn counts(&self) -> [f64; 4] {
        [&self.true_positives, &self.false_positives, &self.false_negatives, &self.true_negatives].map(Total::value)
    }
}

/// The threshold 0.5.
impl Default for PrecisionRecall {
    fn default() -> Self {
        Self::new(0.5)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract;

    #[track_caller]
    fn check(predictions: &[f32], labels: &[f32], weights: Option<&[f32]>, expected: [f64; 3]) {
        let mut metric = PrecisionRecall::default();
        metric.update(predictions, labels, weights).unwrap();
        let values = [metric.precision(), metric.recall(), metric.f1()];
        assert_eq!(values.map(f64::to_bits), expected.map(f64::to_bits), "{values:?}");
    }

    #[test]
    fn precision_counts_predictions_and_recall_labels() {
        check(&[0.9, 0.8, 0.7, 0.6, 0.1], &[1.0, 0.0, 0.0, 0.0, 1.0], None, [0.25, 0.5, 1.0 / 3.0]);
    }

    #[test]
    fn examples_have_weights() {
        check(&[0.9, 0.8, 0.1], &[1.0, 0.0, 1.0], Some(&[3.0, 1.0, 9.0]), [0.75, 0.25, 0.375]);
    }

    #[test]
    fn nothing_predicted_has_no_precision() {
        let mut metric = PrecisionRecall::default();
        metric.update(&[0.1], &[1.0], None).unwrap();
        assert!(metric.precision().is_nan());
        assert_eq!((metric.recall(), metric.counts()), (0.0, [0.0, 0.0, 1.0, 0.0]));
    }

    #[test]
    fn a_broken_prediction_leaves_no_number() {
        let mut metric = PrecisionRecall::default();
        metric.update(&[f32::NAN, 0.9], &[0.0, 1.0], None).unwrap();
        assert!(metric.precision().is_nan() && metric.recall().is_nan() && metric.f1().is_nan());
    }

    #[test]
    fn what_has_no_weight_does_not_count() {
        check(&[0.9, f32::NAN], &[1.0, 0.0], Some(&[1.0, 0.0]), [1.0; 3]);
    }

    #[test]
    fn it_does_not_depend_on_order_or_partition() {
        contract::metric(PrecisionRecall::default, PrecisionRecall::update, PrecisionRecall::merge, |m| {
            [vec![m.precision(), m.recall(), m.f1()], m.counts().to_vec()].concat()
        });
    }
}
