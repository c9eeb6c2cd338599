//! Accuracy of a binary prediction.

use super::{Mean, examples::examples};
use crate::Result;
use serde::{Deserialize, Serialize};

/// Weighted share of examples whose prediction is on the label's side: positive when it is above the threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Accuracy {
    threshold: f32,
    right: Mean,
}

impl Accuracy {
    /// Accuracy when predictions above `threshold` count as positive.
    pub fn new(threshold: f32) -> Self {
        Self { threshold, right: Mean::default() }
    }

    /// Takes in a batch; predictions are probabilities.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`](crate::Error::Shape) when the lengths differ; nothing is taken in then.
    pub fn update(&mut self, predictions: &[f32], labels: &[f32], weights: Option<&[f32]>) -> Result<()> {
        for example in examples(predictions, labels, weights)? {
            let right = (example.prediction > f64::from(self.threshold)) == example.is_positive();
            self.right.add(f64::from(right) * example.validity(), example.weight);
        }
        Ok(())
    }

    /// Takes in what another has counted.
    pub fn merge(&mut self, other: &Self) {
        self.right.merge(&other.right);
    }

    /// The accuracy, in `[0, 1]`; NaN without examples.
    pub fn value(&self) -> f64 {
        self.right.value()
    }
}

/// The threshold 0.5.
impl Default for Accuracy {
    fn default() -> Self {
        Self::new(0.5)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract;

    #[track_caller]
    fn check(threshold: f32, predictions: &[f32], labels: &[f32], weights: Option<&[f32]>, expected: f64) {
        let mut accuracy = Accuracy::new(threshold);
        accuracy.update(predictions, labels, weights).unwrap();
        assert_eq!(accuracy.value().to_bits(), expected.to_bits(), "{}", accuracy.value());
    }

    #[test]
    fn both_sides_count() {
        check(0.5, &[0.9, 0.2, 0.6, 0.1], &[1.0, 0.0, 0.0, 0.0], None, 0.75);
    }

    #[test]
    fn the_threshold_itself_is_negative() {
        check(0.5, &[0.5], &[0.0], None, 1.0);
    }

    #[test]
    fn the_threshold_moves() {
        check(0.2, &[0.3, 0.1], &[1.0, 0.0], None, 1.0);
    }

    #[test]
    fn examples_have_weights() {
        check(0.5, &[0.9, 0.9], &[1.0, 0.0], Some(&[3.0, 1.0]), 0.75);
    }

    #[test]
    fn a_broken_prediction_is_not_merely_wrong() {
        check(0.5, &[f32::NAN, 0.9], &[1.0, 1.0], None, f64::NAN);
    }

    #[test]
    fn it_does_not_depend_on_order_or_partition() {
        contract::metric(Accuracy::default, Accuracy::update, Accuracy::merge, |m| vec![m.value()]);
    }
}
