//! Calibration: whether predictions are right on average.

use super::{Mean, examples::examples};
use crate::Result;
use serde::{Deserialize, Serialize};

/// Bins of equal width between 0 and 1.
const BINS: usize = 10;

/// Mean prediction against mean label, over all examples and in ten bins of predicted probability.
///
/// ```
/// use trainyard_nn::metrics::Calibration;
///
/// let mut calibration = Calibration::default();
/// calibration.update(&[0.25, 0.75], &[0.0, 1.0], None)?;
/// assert_eq!((calibration.prediction_mean(), calibration.label_mean(), calibration.value()), (0.5, 0.5, 1.0));
/// assert_eq!(calibration.expected_error(), 0.25);
/// # Ok::<(), trainyard_nn::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    predictions: [Mean; BINS],
    labels: [Mean; BINS],
}

/// One interval of predictions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CalibrationBin {
    /// Weight of the examples.
    pub weight: f64,
    /// Their mean prediction; NaN when there are none.
    pub prediction_mean: f64,
    /// Their mean label; NaN when there are none.
    pub label_mean: f64,
}

impl Calibration {
    /// Takes in a batch; predictions are probabilities, or for the means alone any numbers.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`](crate::Error::Shape) when the lengths differ; nothing is taken in then.
    pub fn update(&mut self, predictions: &[f32], labels: &[f32], weights: Option<&[f32]>) -> Result<()> {
        for example in examples(predictions, labels, weights)? {
            // Casting saturates, so what is not a probability falls into the outer bins.
            let bin = ((example.prediction * BINS as f64) as usize).min(BINS - 1);
            self.predictions[bin].add(example.prediction, example.weight);
            self.labels[bin].add(example.label, example.weight);
        }
        Ok(())
    }

    /// Takes in what another has counted.
    pub fn merge(&mut self, other: &Self) {
        self.predictions.iter_mut().zip(&other.predictions).for_each(|(mean, other)| mean.merge(other));
        self.labels.iter_mut().zip(&other.labels).for_each(|(mean, other)| mean.merge(other));
    }

    /// Mean prediction; NaN without examples.
    pub fn prediction_mean(&self) -> f64 {
        merged(&self.predictions).value()
    }

    /// Mean label; NaN without examples.
    pub fn label_mean(&self) -> f64 {
        merged(&self.labels).value()
    }

    /// Mean prediction divided by mean label: 1 when calibrated; NaN without examples.
    pub fn value(&self) -> f64 {
        self.prediction_mean() / self.label_mean()
    }

    /// Expected calibration error: the distance between mean prediction and mean label of a bin, averaged over the bins
    /// by their weight; NaN without examples (Guo and others, 2017, equation 3).
    pub fn expected_error(&self) -> f64 {
        let mut mean = Mean::default();
        for bin in self.bins() {
            mean.add((bin.prediction_mean - bin.label_mean).abs(), bin.weight);
        }
        mean.value()
    }

    /// The ten bins, by rising prediction: a reliability diagram.
    pub fn bins(&self) -> Vec<CalibrationBin> {
        let bin = |(predictions, labels): (&Mean, &Mean)| CalibrationBin {
            weight: predictions.weight(),
            prediction_mean: predictions.value(),
            label_mean: labels.value(),
        };
        self.predictions.iter().zip(&self.labels).map(bin).collect()
    }
}

fn merged(means: &[Mean]) -> Mean {
    means.iter().fold(Mean::default(), |mut all, mean| {
        all.merge(mean);
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract;

    fn of(predictions: &[f32], labels: &[f32]) -> Calibration {
        let mut calibration = Calibration::default();
        calibration.update(predictions, labels, None).unwrap();
        calibration
    }

    #[test]
    fn too_bold_predictions_have_a_ratio_above_one() {
        assert_eq!(of(&[0.75, 0.75], &[0.0, 1.0]).value(), 1.5);
    }

    #[test]
    fn the_error_is_within_bins() {
        let calibration = of(&[0.25, 0.25, 0.75, 0.75], &[0.0, 1.0, 0.0, 1.0]);
        assert_eq!((calibration.value(), calibration.expected_error()), (1.0, 0.25));
    }

    #[test]
    fn bins_hold_their_bounds() {
        let weights: Vec<f64> = of(&[0.0, 0.05, 0.5, 1.0], &[0.0; 4]).bins().iter().map(|bin| bin.weight).collect();
        assert_eq!(weights, [2.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
    }

    #[test]
    fn means_of_any_numbers_are_right() {
        assert_eq!(of(&[-5.0, 25.0], &[4.0, 6.0]).value(), 2.0);
    }

    #[test]
    fn a_broken_prediction_leaves_no_number() {
        assert!(of(&[f32::NAN, 0.5], &[1.0, 1.0]).expected_error().is_nan());
    }

    #[test]
    fn another_number_of_bins_is_refused() {
        let json = serde_json::to_string(&of(&[0.25], &[1.0])).unwrap();
        assert_eq!(serde_json::from_str::<Calibration>(&json).unwrap(), of(&[0.25], &[1.0]));
        assert!(serde_json::from_str::<Calibration>(r#"{"predictions":[],"labels":[]}"#).is_err());
    }

    #[test]
    fn it_does_not_depend_on_order_or_partition() {
        contract::metric(Calibration::default, Calibration::update, Calibration::merge, |m| {
            vec![m.value(), m.prediction_mean(), m.label_mean(), m.expected_error()]
        });
    }
}
