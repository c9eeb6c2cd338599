//! Absolute error.

use super::{Mean, examples::examples};
use crate::Result;
use serde::{Deserialize, Serialize};

/// Weighted mean absolute error (MAE), in the label's unit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AbsoluteError(Mean);

impl AbsoluteError {
    /// Takes in a batch.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`](crate::Error::Shape) when the lengths differ; nothing is taken in then.
    pub fn update(&mut self, predictions: &[f32], labels: &[f32], weights: Option<&[f32]>) -> Result<()> {
        for example in examples(predictions, labels, weights)? {
            self.0.add((example.prediction - example.label).abs(), example.weight);
        }
        Ok(())
    }

    /// Takes in what another has counted.
    pub fn merge(&mut self, other: &Self) {
        self.0.merge(&other.0);
    }

    /// The mean absolute error; NaN without examples.
    pub fn value(&self) -> f64 {
        self.0.value()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract;

    #[test]
    fn both_directions_count() {
        let mut metric = AbsoluteError::default();
        metric.update(&[1.0, -2.0], &[0.0, 1.0], Some(&[1.0, 3.0])).unwrap();
        assert_eq!(metric.value(), 2.5);
    }

    #[test]
    fn it_does_not_depend_on_order_or_partition() {
        contract::metric(AbsoluteError::default, AbsoluteError::update, AbsoluteError::merge, |m| vec![m.value()]);
    }
}
