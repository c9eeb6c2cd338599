//! Squared error.

use super::{Mean, examples::examples};
use crate::Result;
use serde::{Deserialize, Serialize};

/// Weighted mean squared error, and its root.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SquaredError(Mean);

impl SquaredError {
    /// Takes in a batch.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`](crate::Error::Shape) when the lengths differ; nothing is taken in then.
    pub fn update(&mut self, predictions: &[f32], labels: &[f32], weights: Option<&[f32]>) -> Result<()> {
        for example in examples(predictions, labels, weights)? {
            self.0.add((example.prediction - example.label).powi(2), example.weight);
        }
        Ok(())
    }

    /// Takes in what another has counted.
    pub fn merge(&mut self, other: &Self) {
        self.0.merge(&other.0);
    }

    /// Mean squared error (MSE); NaN without examples.
    pub fn value(&self) -> f64 {
        self.0.value()
    }

    /// Root of the mean squared error (RMSE), in the label's unit; NaN without examples.
    pub fn root(&self) -> f64 {
        self.value().sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract;

    #[track_caller]
    fn check(predictions: &[f32], labels: &[f32], weights: Option<&[f32]>, expected: f64) {
        let mut metric = SquaredError::default();
        metric.update(predictions, labels, weights).unwrap();
        assert_eq!((metric.value(), metric.root()), (expected, expected.sqrt()));
    }

    #[test]
    fn errors_are_squared() {
        check(&[1.0, -2.0], &[0.0, 1.0], None, 5.0);
    }

    #[test]
    fn examples_have_weights() {
        check(&[1.0, -2.0], &[0.0, 1.0], Some(&[8.0, 1.0]), 17.0 / 9.0);
    }

    #[test]
    fn huge_errors_do_not_overflow() {
        check(&[f32::MAX], &[-f32::MAX], None, (2.0 * f64::from(f32::MAX)).powi(2));
    }

    #[test]
    fn it_does_not_depend_on_order_or_partition() {
        contract::metric(SquaredError::default, SquaredError::update, SquaredError::merge, |m| {
            vec![m.value(), m.root()]
        });
    }
}
