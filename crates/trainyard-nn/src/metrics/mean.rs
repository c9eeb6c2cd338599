//! Weighted mean.

use super::{examples::weights_of, total::Total};
use crate::Result;
use serde::{Deserialize, Serialize};

/// Values that are added up together.
const CHUNK: usize = 512;

/// Weighted mean of any values, such as losses: `Σ w·x / Σ w`.
///
/// ```
/// use trainyard_nn::metrics::Mean;
///
/// let mut mean = Mean::default();
/// mean.update(&[1.0, 4.0], Some(&[2.0, 1.0]))?;
/// assert_eq!((mean.value(), mean.weight()), (2.0, 3.0));
/// # Ok::<(), trainyard_nn::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Mean {
    sum: Total,
    weight: Total,
}

impl Mean {
    /// Takes in values.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`](crate::Error::Shape) when there are not as many weights as values; nothing is taken in then.
    pub fn update(&mut self, values: &[f32], weights: Option<&[f32]>) -> Result<()> {
        let mut weights = weights_of(values.len(), weights)?;
        for values in values.chunks(CHUNK) {
            let (mut terms, mut counted, mut n) = ([0.0; CHUNK], [0.0; CHUNK], 0);
            for (&value, weight) in values.iter().zip(weights.by_ref()) {
                (terms[n], counted[n]) = (weight * f64::from(value), weight);
                // An example of no weight is absent, even if its value is infinite.
                n += usize::from(weight != 0.0);
            }
            self.sum.add_all(&terms[..n]);
            self.weight.add_all(&counted[..n]);
        }
        Ok(())
    }

    /// Takes in one value.
    pub fn add(&mut self, value: f64, weight: f64) {
        // An example of no weight is absent, even if its value is infinite.
        if weight != 0.0 {
            self.sum.add(weight * value);
            self.weight.add(weight);
        }
    }

    /// Takes in what another mean has.
    pub fn merge(&mut self, other: &Self) {
        self.sum.merge(&other.sum);
        self.weight.merge(&other.weight);
    }

    /// The mean; NaN without examples.
    pub fn value(&self) -> f64 {
        self.sum.value() / self.weight.value()
    }

    /// Sum of the weights: the number of examples when all weigh 1.
    pub fn weight(&self) -> f64 {
        self.weight.value()
    }

    /// `Σ w·x`.
    pub fn sum(&self) -> f64 {
        self.sum.value()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract;

    #[track_caller]
    fn check(values: &[f32], weights: Option<&[f32]>, expected: f64) {
        let mut mean = Mean::default();
        mean.update(values, weights).unwrap();
        assert_eq!(mean.value().to_bits(), expected.to_bits());
    }

    #[test]
    fn the_mean_of_nothing_is_no_number() {
        assert!(Mean::default().value().is_nan());
        check(&[1.0], Some(&[0.0]), Mean::default().value());
    }

    #[test]
    fn all_weigh_one_unless_said_otherwise() {
        check(&[1.0, 2.0, 6.0], None, 3.0);
    }

    #[test]
    fn weights_pull_the_mean() {
        check(&[1.0, 2.0], Some(&[3.0, 1.0]), 1.25);
    }

    #[test]
    fn what_has_no_weight_does_not_count() {
        check(&[1.0, f32::INFINITY, f32::NAN], Some(&[1.0, 0.0, 0.0]), 1.0);
    }

    #[test]
    fn many_values_count_as_each_alone() {
        let values: Vec<f32> = (0..1500_u16).map(|i| if i == 511 { f32::INFINITY } else { f32::from(i) }).collect();
        let weights: Vec<f32> = (0..1500).map(|i| [0.0, 0.5, 3.0][(i + 2) % 3]).collect();
        let (mut together, mut alone) = (Mean::default(), Mean::default());
        together.update(&values, Some(&weights)).unwrap();
        values.iter().zip(&weights).for_each(|(&x, &weight)| alone.add(f64::from(x), f64::from(weight)));
        assert_eq!(together, alone);
        assert!(together.value().is_finite(), "the weight of what is infinite is {}", weights[511]);
    }

    #[test]
    fn it_does_not_depend_on_order_or_partition() {
        contract::metric(Mean::default, |mean, p, _, w| mean.update(p, w), Mean::merge, |m| vec![m.value(), m.sum()]);
    }
}
