//! Binary cross-entropy on logits.

use super::pairs::compare;
use crate::Result;
use trainyard_graph::{Graph, NodeId};

/// Cross-entropy between a logit `z` and a label `y` in `[0, 1]`, in nats: `max(z, 0) - z·y + ln(1 + exp(-|z|))`, which
/// cannot overflow. The prediction is `1 / (1 + exp(-z))`.
///
/// # Shapes
/// - logits, labels: `[batch]`, or both `[batch, n]` for `n` labels that do not exclude each other
/// - returns: `[batch]`; the mean over `n`
///
/// # Errors
///
/// [`Error::Shape`](crate::Error::Shape) when the shapes do not fit.
///
/// Source: Goodfellow, Bengio and Courville, *Deep Learning* (2016), section 6.2.2.2.
pub fn binary_cross_entropy(graph: &mut Graph, logits: NodeId, labels: NodeId) -> Result<NodeId> {
    compare(graph, "binary_cross_entropy", [logits, labels], |graph, logits, labels| {
        Ok(graph.sigmoid_cross_entropy(logits, labels)?)
    })
}

#[cfg(test)]
mod tests {
    use crate::loss::{Loss, testing};

    #[track_caller]
    fn check(logits: &[f32], labels: &'static [f32], expected: &[f32]) {
        testing::check(Loss::BinaryCrossEntropy, logits, labels, expected, 1e-6);
    }

    #[test]
    fn no_opinion_costs_the_logarithm_of_two() {
        check(&[0.0, 0.0], &[0.0, 1.0], &[std::f32::consts::LN_2; 2]);
    }

    #[test]
    fn certain_and_right_costs_nothing() {
        check(&[1000.0, -1000.0], &[1.0, 0.0], &[0.0, 0.0]);
    }

    #[test]
    fn certain_and_wrong_costs_the_logit() {
        check(&[1000.0, -1000.0], &[0.0, 1.0], &[1000.0, 1000.0]);
    }

    #[test]
    fn matches_scipy() {
        // scipy 1.17.1: -(y * special.log_expit(z) + (1 - y) * special.log_expit(-z))
        check(&[0.7, -1.3, 2.5], &[1.0, 1.0, 0.25], &[0.403_186_05, 1.541_008_5, 1.953_889_7]);
    }

    #[test]
    fn predictions_are_probabilities() {
        testing::check_predictions(Loss::BinaryCrossEntropy, &[0.0, 1000.0, -1000.0], &[0.5, 1.0, 0.0]);
    }

    #[test]
    fn gradients_match_finite_differences() {
        testing::check_gradients(Loss::BinaryCrossEntropy, &[1.5, -2.0, 0.25], &[1.0, 1.0, 0.3]);
    }
}
