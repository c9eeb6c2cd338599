//! What the labels of all rows add up to.

use serde::{Deserialize, Serialize};
use trainyard_graph::ExactSum;

/// Labels below this may be classes: as many as a label of several classes may have.
const CLASSES_MAX: usize = 10_000;

/// The distribution of the labels of all rows, known without reading one. All is 0 without labels.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LabelTotals {
    /// Sum of the rows' weights: their number when all weigh 1.
    pub weight: f64,
    /// Sum of the labels, each times its row's weight.
    pub sum: f64,
    /// Weight of the rows of label 0, 1 and so on up to the largest label; empty unless all labels are whole numbers from 0 to 9,999.
    pub classes: Vec<f64>,
}

/// [`LabelTotals`] that grow. Sum and weight are exact, so they do not depend on the order of the rows.
#[derive(Debug)]
pub(super) struct LabelSums {
    weight: ExactSum,
    sum: ExactSum,
    /// `None` once a label was no class.
    classes: Option<Vec<f64>>,
}

impl Default for LabelSums {
    fn default() -> Self {
        Self { weight: ExactSum::default(), sum: ExactSum::default(), classes: Some(Vec::new()) }
    }
}

impl LabelSums {
    /// Adds rows. They weigh 1 each if there are no weights.
    pub(super) fn update(&mut self, labels: &[f32], weights: &[f32]) {
        let weight = |row: usize| weights.get(row).map_or(1.0, |&weight| f64::from(weight));
        let weights: Vec<f64> = (0..labels.len()).map(weight).collect();
        // An `f64` holds the product of two `f32` exactly.
        let terms: Vec<f64> = labels.iter().zip(&weights).map(|(&label, weight)| weight * f64::from(label)).collect();
        self.weight.add_all(&weights);
        self.sum.add_all(&terms);
        self.classes = self.classes.take().filter(|_| labels.iter().copied().all(is_class));
        if let Some(classes) = &mut self.classes {
            for (&label, weight) in labels.iter().zip(weights) {
                let class = label as usize;
                classes.resize(classes.len().max(class + 1), 0.0);
                classes[class] += weight;
            }
        }
    }

    /// What was added, rounded.
    pub(super) fn totals(&self) -> LabelTotals {
        let classes = self.classes.clone().unwrap_or_default();
        LabelTotals { weight: self.weight.value(), sum: self.sum.value(), classes }
    }
}

fn is_class(label: f32) -> bool {
    let class = label as usize;
    class < CLASSES_MAX && class as f32 == label
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check((labels, weights): (&[f32], &[f32]), expected: (f64, f64, &[f64])) {
        let mut sums = LabelSums::default();
        let (first, rest) = labels.split_at(labels.len() / 2);
        let (first_weights, rest_weights) = weights.split_at(weights.len() / 2);
        // In another order than that of the rows.
        sums.update(rest, rest_weights);
        sums.update(first, first_weights);
        let (weight, sum, classes) = expected;
        assert_eq!(sums.totals(), LabelTotals { weight, sum, classes: classes.to_vec() });
    }

    #[test]
    fn rows_weigh_one_unless_said_otherwise() {
        check((&[1.0, 0.0, 1.0, 1.5], &[]), (4.0, 3.5, &[]));
        check((&[1.0, 0.5], &[3.0, 2.0]), (5.0, 4.0, &[]));
    }

    #[test]
    fn classes_have_the_weight_of_their_rows() {
        check((&[2.0, 0.0, 2.0, -0.0], &[]), (4.0, 4.0, &[2.0, 0.0, 2.0]));
        check((&[1.0, 0.0], &[0.25, 0.5]), (0.75, 0.25, &[0.5, 0.25]));
    }

    #[test]
    fn other_labels_are_no_classes() {
        for label in [-1.0, 0.5, 10_000.0, 1e30] {
            check((&[0.0, label], &[]), (2.0, f64::from(label), &[]));
            check((&[label, 0.0], &[]), (2.0, f64::from(label), &[]));
        }
    }

    #[test]
    fn nothing_adds_up_to_nothing() {
        check((&[], &[]), (0.0, 0.0, &[]));
    }

    #[test]
    fn large_labels_do_not_hide_small_ones() {
        check((&[3e38, 1.5, -3e38, 1e-30], &[]), (4.0, 1.5 + f64::from(1e-30_f32), &[]));
    }
}
