//! The examples of a batch, one by one.

/// One example, in the precision of the sums.
#[derive(Debug, Clone, Copy)]
pub(super) struct Example {
    pub(super) prediction: f64,
    pub(super) label: f64,
    pub(super) weight: f64,
}

impl Example {
    /// Whether the label is the positive class.
    pub(super) fn is_positive(self) -> bool {
        self.label > 0.5
    }

    /// NaN if any of the three is, else 1: a factor that keeps a NaN visible in what is only counted.
    pub(super) fn validity(self) -> f64 {
        if self.prediction.is_nan() || self.label.is_nan() || self.weight.is_nan() { f64::NAN } else { 1.0 }
    }
}

/// The examples of a batch that have a weight. The slices must be of one length.
pub(super) fn examples<'a>(
    predictions: &'a [f32],
    labels: &'a [f32],
    weights: Option<&'a [f32]>,
) -> impl Iterator<Item = Example> + 'a {
    assert_eq!(predictions.len(), labels.len(), "as many labels as predictions");
    let pairs = predictions.iter().zip(labels).zip(weights_of(predictions.len(), weights));
    let example = |((&prediction, &label), weight): ((&f32, &f32), f64)| Example {
        prediction: f64::from(prediction),
        label: f64::from(label),
        weight,
    };
    pairs.map(example).filter(|example| example.weight != 0.0)
}

/// `n` weights: those given, or ones.
pub(super) fn weights_of(n: usize, weights: Option<&[f32]>) -> impl Iterator<Item = f64> + '_ {
    if let Some(weights) = weights {
        assert_eq!(weights.len(), n, "as many weights as predictions");
    }
    (0..n).map(move |i| weights.map_or(1.0, |weights| f64::from(weights[i])))
}
