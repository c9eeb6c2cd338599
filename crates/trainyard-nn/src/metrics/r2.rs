//! Coefficient of determination.

use super::{Mean, examples::examples};
use crate::Result;
use serde::{Deserialize, Serialize};

/// Coefficient of determination: `1 - Σ w·(y - p)² / Σ w·(y - ȳ)²`, where `ȳ` is the mean label.
///
/// 1 is perfect, 0 as good as always predicting the mean, below 0 worse than that.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct R2 {
    residual: Mean,
    label: Mean,
    square: Mean,
}

impl R2 {
    /// Takes in a batch.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`](crate::Error::Shape) when the lengths differ; nothing is taken in then.
    pub fn update(&mut self, predictions: &[f32], labels: &[f32], weights: Option<&[f32]>) -> Result<()> {
        for example in examples(predictions, labels, weights)? {
            self.residual.add((example.prediction - example.label).powi(2), example.weight);
            self.label.add(example.label, example.weight);
            self.square.add(example.label * example.label, example.weight);
        }
        Ok(())
    }

    /// Takes in what another has counted.
    pub fn merge(&mut self, other: &Self) {
        self.residual.merge(&other.residual);
        self.label.merge(&other.label);
        self.square.merge(&other.square);
    }

    /// The coefficient; NaN without examples and when all labels are equal.
    pub fn value(&self) -> f64 {
        let mean = self.label.value();
        // The fused product keeps the digits that the difference of two near numbers lives on.
        let variance = mean.mul_add(-mean, self.square.value());
        if variance > 0.0 { 1.0 - self.residual.value() / variance } else { f64::NAN }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract;

    #[track_caller]
    fn check(predictions: &[f32], labels: &[f32], expected: f64) {
        let mut metric = R2::default();
        metric.update(predictions, labels, None).unwrap();
        assert!((metric.value() - expected).abs() < 1e-9, "{}", metric.value());
    }

    #[test]
    fn perfect_is_one_and_the_mean_is_zero() {
        check(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0], 1.0);
        check(&[2.0, 2.0, 2.0], &[1.0, 2.0, 3.0], 0.0);
        check(&[3.0, 2.0, 1.0], &[1.0, 2.0, 3.0], -3.0);
    }

    #[test]
    fn labels_far_from_zero_lose_nothing() {
        check(&[20000.0, 20002.0], &[20001.0, 20003.0], 0.0);
    }

    #[test]
    fn equal_labels_have_nothing_to_explain() {
        let mut metric = R2::default();
        metric.update(&[1.0, 2.0], &[5.0, 5.0], None).unwrap();
        assert!(metric.value().is_nan());
    }

    #[test]
    fn it_does_not_depend_on_order_or_partition() {
        contract::metric(R2::default, R2::update, R2::merge, |m| vec![m.value()]);
    }
}
