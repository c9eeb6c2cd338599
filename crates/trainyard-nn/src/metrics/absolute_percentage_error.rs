//! Absolute percentage error.

use super::{Mean, examples::examples};
use crate::Result;
use serde::{Deserialize, Serialize};

/// Weighted mean of `|p - y| / |y|` (MAPE), as a share: 0.1 is ten per cent.
///
/// Infinite when a label is 0 and its prediction is not: such a miss is no share of the label, and one divided by a small
/// number in its place would drown all others.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AbsolutePercentageError(Mean);

impl AbsolutePercentageError {
    /// Takes in a batch.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`](crate::Error::Shape) when the lengths differ; nothing is taken in then.
    pub fn update(&mut self, predictions: &[f32], labels: &[f32], weights: Option<&[f32]>) -> Result<()> {
        for example in examples(predictions, labels, weights)? {
            let error = (example.prediction - example.label).abs();
            self.0.add(if error == 0.0 { 0.0 } else { error / example.label.abs() }, example.weight);
        }
        Ok(())
    }

    /// Takes in what another has counted.
    pub fn merge(&mut self, other: &Self) {
        self.0.merge(&other.0);
    }

    /// The mean absolute percentage error; NaN without examples.
    pub fn value(&self) -> f64 {
        self.0.value()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract;

    #[track_caller]
    fn check(predictions: &[f32], labels: &[f32], weights: Option<&[f32]>, expected: f64) {
        let mut metric = AbsolutePercentageError::default();
        metric.update(predictions, labels, weights).unwrap();
        assert_eq!(metric.value().to_bits(), expected.to_bits(), "{}", metric.value());
    }

    #[test]
    fn errors_are_shares_of_the_label() {
        check(&[3.0, -1.0, 5.0], &[2.0, -4.0, 5.0], None, (0.5 + 0.75) / 3.0);
    }

    #[test]
    fn examples_have_weights() {
        check(&[3.0, 8.0], &[2.0, 8.0], Some(&[1.0, 3.0]), 0.125);
    }

    #[test]
    fn a_miss_of_zero_is_infinite_and_a_hit_is_not() {
        check(&[0.5, 1.0], &[0.0, 1.0], None, f64::INFINITY);
        check(&[0.0, 1.5], &[0.0, 1.0], None, 0.25);
    }

    #[test]
    fn a_broken_prediction_leaves_no_number() {
        check(&[f32::NAN, 1.0], &[1.0, 1.0], None, f64::NAN);
    }

    #[test]
    fn it_does_not_depend_on_order_or_partition() {
        type Metric = AbsolutePercentageError;
        let update = |metric: &mut Metric, p: &[f32], y: &[f32], w: Option<&[f32]>| {
            let labels: Vec<f32> = y.iter().map(|y| y + 0.3).collect();
            metric.update(p, &labels, w)
        };
        contract::metric(Metric::default, update, Metric::merge, |m| vec![m.value()]);
    }
}
