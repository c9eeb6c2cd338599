//! The examples of a batch, one by one.

use crate::{Error, Result};

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

/// The examples of a batch that have a weight; an error when the slices are not of one length.
pub(super) fn examples<'a>(
    predictions: &'a [f32],
    labels: &'a [f32],
    weights: Option<&'a [f32]>,
) -> Result<impl Iterator<Item = Example> + 'a> {
    let n = predictions.len();
    require(
        labels.len() == n,
        || format!("{n} predictions and {} labels", labels.len()),
        "a label for each prediction",
    )?;
    let pairs = predictions.iter().zip(labels).zip(weights_of(n, weights)?);
    let example = |((&prediction, &label), weight): ((&f32, &f32), f64)| Example {
        prediction: f64::from(prediction),
        label: f64::from(label),
        weight,
    };
    Ok(pairs.map(example).filter(|example| example.weight != 0.0))
}

/// `n` weights: those given, or ones; an error when another number is given.
pub(super) fn weights_of(n: usize, weights: Option<&[f32]>) -> Result<impl Iterator<Item = f64> + '_> {
    let given = weights.map_or(n, <[f32]>::len);
    require(given == n, || format!("{given} weights for {n} values"), "a weight for each value, or no weights")?;
    Ok((0..n).map(move |i| weights.map_or(1.0, |weights| f64::from(weights[i]))))
}

/// Refuses slices whose lengths do not fit each other.
pub(super) fn require(holds: bool, shapes: impl FnOnce() -> String, expected: &'static str) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::Shape { part: "a metric".to_owned(), shapes: shapes(), expected }) }
}
