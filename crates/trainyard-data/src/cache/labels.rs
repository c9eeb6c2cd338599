//! What the labels of all rows add up to.

use serde::{Deserialize, Serialize};
use trainyard_graph::ExactSum;

/// The distribution of the labels of all rows, known without reading one. All is 0 without labels.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LabelTotals {
    /// Sum of the rows' weights: their number when all weigh 1.
    pub weight: f64,
    /// Sum of the labels, each times its row's weight.
    pub sum: f64,
    /// Weight of the rows of each class; empty for labels that are no classes.
    pub classes: Vec<f64>,
}

/// [`LabelTotals`] that grow. The sums are exact, so they do not depend on the order of the rows.
#[derive(Debug, Default)]
pub(super) struct LabelSums {
    weight: ExactSum,
    sum: ExactSum,
    classes: Vec<ExactSum>,
}

impl LabelSums {
    /// No rows yet, with labels of so many classes; 0 for labels that are no classes.
    pub(super) fn new(classes: usize) -> Self {
        Self { classes: vec![ExactSum::default(); classes], ..Self::default() }
    }

    /// Adds rows. They weigh 1 each if there are no weights.
    pub(super) fn update(&mut self, labels: &[f32], weights: &[f32]) {
        let weight = |row: usize| weights.get(row).map_or(1.0, |&weight| f64::from(weight));
        let weights: Vec<f64> = (0..labels.len()).map(weight).collect();
        // An `f64` holds the product of two `f32` exactly.
        let terms: Vec<f64> = labels.iter().zip(&weights).map(|(&label, weight)| weight * f64::from(label)).collect();
        self.weight.add_all(&weights);
        self.sum.add_all(&terms);
        if !self.classes.is_empty() {
            let classes = labels.iter().map(|&label| label as usize);
            classes.zip(weights).for_each(|(class, weight)| self.add_to_class(class, weight));
        }
    }

    fn add_to_class(&mut self, class: usize, weight: f64) {
        if let Some(sum) = self.classes.get_mut(class) {
            sum.add(weight);
        }
    }

    /// What was added, rounded.
    pub(super) fn totals(&self) -> LabelTotals {
        let classes = self.classes.iter().map(ExactSum::value).collect();
        LabelTotals { weight: self.weight.value(), sum: self.sum.value(), classes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(classes: usize, (labels, weights): (&[f32], &[f32]), expected: (f64, f64, &[f64])) {
        let mut sums = LabelSums::new(classes);
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
        check(0, (&[1.0, 0.0, 1.0, 1.5], &[]), (4.0, 3.5, &[]));
        check(0, (&[1.0, 0.5], &[3.0, 2.0]), (5.0, 4.0, &[]));
    }

    #[test]
    fn classes_have_the_weight_of_their_rows() {
        check(3, (&[2.0, 0.0, 2.0, 0.0], &[]), (4.0, 4.0, &[2.0, 0.0, 2.0]));
        check(2, (&[1.0, 0.0], &[0.25, 0.5]), (0.75, 0.25, &[0.5, 0.25]));
    }

    #[test]
    fn nothing_adds_up_to_nothing() {
        check(2, (&[], &[]), (0.0, 0.0, &[0.0, 0.0]));
    }

    #[test]
    fn large_labels_do_not_hide_small_ones() {
        check(0, (&[3e38, 1.0, -3e38, 1e-30], &[]), (4.0, 1.0 + 1e-30_f32 as f64, &[]));
    }
}
