//! Log loss.

use super::{
    Mean,
    examples::{Example, examples},
};
use crate::Result;
use serde::{Deserialize, Serialize};

/// Weighted mean of `-y·ln(p) - (1 - y)·ln(1 - p)`, in nats. Labels may lie between 0 and 1.
///
/// A probability is kept `f32::EPSILON` away from 0 and 1, as scikit-learn does, so that one wrong certainty is dear
/// but not infinitely so. [`update_logits`](Self::update_logits) loses nothing to rounding and needs no such bound.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LogLoss(Mean);

impl LogLoss {
    /// Takes in a batch; predictions are probabilities.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`](crate::Error::Shape) when the lengths differ; nothing is taken in then.
    pub fn update(&mut self, predictions: &[f32], labels: &[f32], weights: Option<&[f32]>) -> Result<()> {
        examples(predictions, labels, weights)?.for_each(|example| self.0.add(of_probability(example), example.weight));
        Ok(())
    }

    /// Takes in a batch; predictions are logits.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`](crate::Error::Shape) when the lengths differ; nothing is taken in then.
    pub fn update_logits(&mut self, logits: &[f32], labels: &[f32], weights: Option<&[f32]>) -> Result<()> {
        examples(logits, labels, weights)?.for_each(|example| self.0.add(of_logit(example), example.weight));
        Ok(())
    }

    /// Takes in what another has counted.
    pub fn merge(&mut self, other: &Self) {
        self.0.merge(&other.0);
    }

    /// The log loss; NaN without examples.
    pub fn value(&self) -> f64 {
        self.0.value()
    }
}

fn of_probability(Example { prediction, label, .. }: Example) -> f64 {
    let margin = f64::from(f32::EPSILON);
    let p = prediction.clamp(margin, 1.0 - margin);
    -(label * p.ln() + (1.0 - label) * (-p).ln_1p())
}

/// `max(z, 0) - z·y + ln(1 + exp(-|z|))`.
fn of_logit(Example { prediction: logit, label, .. }: Example) -> f64 {
    // `max` would turn NaN into 0.
    let softplus = if logit > 0.0 { logit + (-logit).exp().ln_1p() } else { logit.exp().ln_1p() };
    softplus - logit * label
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract;

    #[track_caller]
    fn check(probabilities: &[f32], labels: &[f32], expected: f64) {
        let mut metric = LogLoss::default();
        metric.update(probabilities, labels, None).unwrap();
        assert!((metric.value() - expected).abs() < 1e-12, "{}", metric.value());
    }

    #[test]
    fn one_half_costs_the_logarithm_of_two() {
        check(&[0.5, 0.5], &[0.0, 1.0], 2f64.ln());
    }

    #[test]
    fn the_surprise_is_that_of_the_label() {
        check(&[0.25, 0.25], &[0.0, 1.0], (4f64.ln() - 0.75f64.ln()) / 2.0);
    }

    #[test]
    fn a_wrong_certainty_is_dear_but_finite() {
        check(&[1.0], &[0.0], -f64::from(f32::EPSILON).ln());
        check(&[0.0], &[1.0], -f64::from(f32::EPSILON).ln());
    }

    #[test]
    fn labels_may_be_shares() {
        check(&[0.5], &[0.25], 2f64.ln());
    }

    #[test]
    fn logits_and_probabilities_agree() {
        let logits: [f32; 5] = [-3.0, -0.5, 0.0, 1.0, 4.0];
        let labels = [1.0, 0.0, 1.0, 0.0, 1.0];
        let mut metric = LogLoss::default();
        metric.update_logits(&logits, &labels, None).unwrap();
        let mut other = LogLoss::default();
        other.update(&logits.map(|z| 1.0 / (1.0 + (-z).exp())), &labels, None).unwrap();
        assert!((metric.value() - other.value()).abs() < 1e-6);
    }

    #[test]
    fn huge_logits_cost_themselves() {
        let mut metric = LogLoss::default();
        metric.update_logits(&[1000.0, -1000.0, 1000.0], &[0.0, 1.0, 1.0], None).unwrap();
        assert_eq!(metric.value(), 2000.0 / 3.0);
    }

    #[test]
    fn a_broken_prediction_leaves_no_number() {
        let (mut metric, mut other) = (LogLoss::default(), LogLoss::default());
        metric.update(&[f32::NAN], &[0.0], None).unwrap();
        other.update_logits(&[f32::NAN], &[0.0], None).unwrap();
        assert!(metric.value().is_nan() && other.value().is_nan());
    }

    #[test]
    fn it_does_not_depend_on_order_or_partition() {
        contract::metric(LogLoss::default, LogLoss::update, LogLoss::merge, |m| vec![m.value()]);
    }
}
