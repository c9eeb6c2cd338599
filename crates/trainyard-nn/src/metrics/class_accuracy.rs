//! Accuracy of a prediction among several classes.

use super::{
    Mean,
    examples::{require, weights_of},
};
use crate::Result;
use serde::{Deserialize, Serialize};

/// Weighted share of examples whose label is among the `k` classes of highest score.
///
/// Among equal scores the class of the lower number comes first, as `argmax` has it.
///
/// ```
/// use trainyard_nn::metrics::ClassAccuracy;
///
/// let mut accuracy = ClassAccuracy::default();
/// accuracy.update(&[0.1, 0.7, 0.2, 0.5, 0.2, 0.3], &[1.0, 2.0], None)?;
/// assert_eq!(accuracy.value(), 0.5);
/// # Ok::<(), trainyard_nn::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassAccuracy {
    k: usize,
    right: Mean,
}

impl ClassAccuracy {
    /// Accuracy that accepts any of the `k` best classes.
    pub fn new(k: usize) -> Self {
        Self { k, right: Mean::default() }
    }

    /// Takes in a batch: `scores` is `[batch, classes]`, logits or probabilities; `labels` are class numbers,
    /// `[batch]`.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`](crate::Error::Shape) when there are not as many scores for each label, or not as many weights as labels;
    /// nothing is taken in then.
    pub fn update(&mut self, scores: &[f32], labels: &[f32], weights: Option<&[f32]>) -> Result<()> {
        let classes = scores.len().checked_div(labels.len()).unwrap_or(0).max(1);
        let shapes = || format!("{} scores and {} labels", scores.len(), labels.len());
        require(scores.len() == classes * labels.len(), shapes, "as many scores for each label")?;
        let rows = scores.chunks_exact(classes).zip(labels);
        for ((scores, &label), weight) in rows.zip(weights_of(labels.len(), weights)?) {
            self.right.add(self.is_right(scores, label), weight);
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

    /// 1 when the label's class is among the best, 0 when it is not (or there is no such class), NaN when a score is
    /// NaN.
    fn is_right(&self, scores: &[f32], label: f32) -> f64 {
        if label.is_nan() || scores.iter().any(|score| score.is_nan()) {
            return f64::NAN;
        }
        let class = label as usize;
        let Some(&own) = scores.get(class).filter(|_| class as f32 == label) else { return 0.0 };
        let better =
            scores.iter().enumerate().filter(|&(i, &score)| score > own || (score == own && i < class)).count();
        f64::from(better < self.k)
    }
}

/// The best class alone.
impl Default for ClassAccuracy {
    fn default() -> Self {
        Self::new(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract;

    #[track_caller]
    fn check(k: usize, scores: &[f32], labels: &[f32], expected: f64) {
        let mut accuracy = ClassAccuracy::new(k);
        accuracy.update(scores, labels, None).unwrap();
        assert_eq!(accuracy.value().to_bits(), expected.to_bits(), "{}", accuracy.value());
    }

    #[test]
    fn the_best_class_must_be_the_label() {
        check(1, &[0.1, 0.9, 0.8, 0.2], &[1.0, 1.0], 0.5);
    }

    #[test]
    fn one_of_the_best_two_is_enough() {
        check(2, &[0.5, 0.3, 0.2, 0.5, 0.3, 0.2], &[1.0, 2.0], 0.5);
    }

    #[test]
    fn among_equals_the_first_class_wins() {
        check(1, &[0.5, 0.5, 0.5, 0.5], &[0.0, 1.0], 0.5);
    }

    #[test]
    fn a_class_without_a_score_is_wrong() {
        check(2, &[0.5, 0.5], &[7.0], 0.0);
        check(2, &[0.5, 0.5], &[-1.0], 0.0);
        check(2, &[0.5, 0.5], &[0.5], 0.0);
    }

    #[test]
    fn a_broken_score_is_not_merely_wrong() {
        check(1, &[f32::NAN, 0.5], &[1.0], f64::NAN);
    }

    #[test]
    fn it_does_not_depend_on_order_or_partition() {
        let update = |metric: &mut ClassAccuracy, p: &[f32], y: &[f32], w: Option<&[f32]>| {
            let scores: Vec<f32> = p.iter().flat_map(|&p| [1.0 - p, p]).collect();
            metric.update(&scores, y, w)
        };
        contract::metric(ClassAccuracy::default, update, ClassAccuracy::merge, |m| vec![m.value()]);
    }
}
