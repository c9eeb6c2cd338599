//! Areas under the ROC and the precision-recall curve.

use serde::{Deserialize, Serialize};

/// Area under the ROC curve, and under the precision-recall curve: how well scores rank positives above negatives.
///
/// Exact: all scores are kept, 8 bytes an example, and sorted for the value. An approximation by thresholds would be
/// smaller (TensorFlow keeps 200) but wrong where scores crowd together, as those of rare events do.
///
/// Scores are probabilities or logits: only their order counts. Equal scores count as ranked half each way (ROC), or as
/// taken together (precision-recall).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Auc {
    /// See [`pack`].
    examples: Vec<u64>,
    /// Whether a NaN or a negative weight came along.
    broken: bool,
}

impl Auc {
    /// Takes in a batch.
    ///
    /// # Panics
    ///
    /// When the lengths differ.
    pub fn update(&mut self, predictions: &[f32], labels: &[f32], weights: Option<&[f32]>) {
        let n = predictions.len();
        assert!(labels.len() == n && weights.is_none_or(|w| w.len() == n), "as many labels and weights as predictions");
        self.examples.reserve(n);
        for (i, (&score, &label)) in predictions.iter().zip(labels).enumerate() {
            let weight = weights.map_or(1.0, |weights| weights[i]);
            if weight != 0.0 {
                self.broken |= score.is_nan() || label.is_nan() || !(weight > 0.0 && weight.is_finite());
                self.examples.push(pack(score, weight.abs(), label > 0.5));
            }
        }
    }

    /// Takes in what another has seen.
    pub fn merge(&mut self, other: &Self) {
        self.examples.extend_from_slice(&other.examples);
        self.broken |= other.broken;
    }

    /// Area under the ROC curve, the probability that a positive scores above a negative; NaN without positives or
    /// negatives.
    ///
    /// `Σ P·(N_below + N / 2) / (ΣP · ΣN)` over the distinct scores, with the weights `P` and `N` of the positives and
    /// negatives of a score (Mann and Whitney, 1947).
    pub fn roc(&self) -> f64 {
        let (mut area, mut all) = (0.0, Weights::default());
        for at in self.by_score() {
            area += at.positive * (all.negative + at.negative / 2.0);
            all.positive += at.positive;
            all.negative += at.negative;
        }
        area / (all.positive * all.negative)
    }

    /// Area under the precision-recall curve, as average precision: the mean of the precision over the positives,
    /// without interpolation; NaN without positives.
    ///
    /// `Σ (R_k - R_{k-1}) · P_k` over the distinct scores from the highest down, with recall `R` and precision `P`. A
    /// line between points of this curve would promise too much (Davis and Goadrich, 2006).
    pub fn precision_recall(&self) -> f64 {
        let (mut area, mut above) = (0.0, Weights::default());
        for at in self.by_score().iter().rev() {
            above.positive += at.positive;
            above.negative += at.negative;
            area += at.positive * above.positive / (above.positive + above.negative);
        }
        area / above.positive
    }

    /// The area under the ROC curve.
    pub fn value(&self) -> f64 {
        self.roc()
    }

    /// Weights at each distinct score, lowest first. Equal scores are added up in an order that the examples alone
    /// decide.
    fn by_score(&self) -> Vec<Weights> {
        if self.broken {
            return vec![Weights { positive: f64::NAN, negative: f64::NAN }];
        }
        let mut examples = self.examples.clone();
        examples.sort_unstable();
        let same_score = |a: &u64, b: &u64| a >> 32 == b >> 32;
        examples.chunk_by(same_score).map(Weights::of).collect()
    }
}

/// Weight of positives and negatives.
#[derive(Debug, Clone, Copy, Default)]
struct Weights {
    positive: f64,
    negative: f64,
}

impl Weights {
    fn of(examples: &[u64]) -> Self {
        let mut sum = Self::default();
        for (weight, is_positive) in examples.iter().map(|&example| unpack(example)) {
            *(if is_positive { &mut sum.positive } else { &mut sum.negative }) += weight;
        }
        sum
    }
}

/// An example in one word, which sorts by score: 32 bits of the score, 31 of the weight (its sign is always 0), one of
/// the label.
fn pack(score: f32, weight: f32, is_positive: bool) -> u64 {
    // Adding 0 makes one of the two zeros.
    let bits = (score + 0.0).to_bits();
    let ordered = if bits >> 31 == 0 { bits | 1 << 31 } else { !bits };
    u64::from(ordered) << 32 | u64::from(weight.to_bits()) << 1 | u64::from(is_positive)
}

/// Weight and label of an example.
fn unpack(example: u64) -> (f64, bool) {
    (f64::from(f32::from_bits(example as u32 >> 1)), example & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract;

    #[track_caller]
    fn check(scores: &[f32], labels: &[f32], weights: Option<&[f32]>, roc: f64, precision_recall: f64) {
        let mut auc = Auc::default();
        auc.update(scores, labels, weights);
        assert!((auc.roc() - roc).abs() < 1e-15, "ROC {}", auc.roc());
        assert!((auc.precision_recall() - precision_recall).abs() < 1e-15, "PR {}", auc.precision_recall());
        assert_eq!(auc.value(), auc.roc());
    }

    #[test]
    fn right_order_is_one_and_wrong_order_zero() {
        check(&[0.1, 0.9], &[0.0, 1.0], None, 1.0, 1.0);
        check(&[0.9, 0.1], &[0.0, 1.0], None, 0.0, 0.5);
    }

    #[test]
    fn the_example_of_scikit_learn() {
        // The docstrings of roc_auc_score and average_precision_score.
        check(&[0.1, 0.4, 0.35, 0.8], &[0.0, 0.0, 1.0, 1.0], None, 0.75, 5.0 / 6.0);
    }

    #[test]
    fn equal_scores_rank_half_each_way() {
        check(&[0.5; 4], &[0.0, 1.0, 0.0, 0.0], None, 0.5, 0.25);
    }

    #[test]
    fn a_weight_of_two_is_the_example_twice() {
        check(&[0.1, 0.4, 0.35, 0.35, 0.8], &[0.0, 0.0, 1.0, 1.0, 1.0], None, 4.0 / 6.0, (1.0 + 2.0 * 0.75) / 3.0);
        check(&[0.1, 0.4, 0.35, 0.8], &[0.0, 0.0, 1.0, 1.0], Some(&[1.0, 1.0, 2.0, 1.0]), 4.0 / 6.0, 2.5 / 3.0);
    }

    #[test]
    fn all_floats_are_ordered() {
        let scores = [f32::NEG_INFINITY, -1e30, -1.0, -1e-40, 0.0, 1e-40, 1.0, 1e30, f32::INFINITY];
        for pair in scores.windows(2) {
            check(pair, &[0.0, 1.0], None, 1.0, 1.0);
        }
        check(&[-0.0, 0.0], &[0.0, 1.0], None, 0.5, 0.5);
    }

    #[test]
    fn one_class_has_no_area() {
        let mut auc = Auc::default();
        assert!(auc.roc().is_nan() && auc.precision_recall().is_nan());
        auc.update(&[0.5], &[1.0], None);
        assert!(auc.roc().is_nan());
        auc.update(&[0.5], &[0.0], Some(&[0.0]));
        assert!(auc.roc().is_nan());
    }

    #[test]
    fn a_broken_score_or_weight_leaves_no_number() {
        for (score, weight) in [(f32::NAN, 1.0), (0.5, f32::NAN), (0.5, -1.0), (0.5, f32::INFINITY)] {
            let mut auc = Auc::default();
            auc.update(&[0.2, 0.7, score], &[0.0, 1.0, 1.0], Some(&[1.0, 1.0, weight]));
            assert!(auc.roc().is_nan() && auc.precision_recall().is_nan());
        }
    }

    #[test]
    fn what_has_no_weight_does_not_count() {
        check(&[0.1, f32::NAN, 0.9], &[0.0, 1.0, 1.0], Some(&[1.0, 0.0, 1.0]), 1.0, 1.0);
    }

    #[test]
    fn it_does_not_depend_on_order_or_partition() {
        contract::metric(Auc::default, Auc::update, Auc::merge, |m| vec![m.roc(), m.precision_recall()]);
    }
}
