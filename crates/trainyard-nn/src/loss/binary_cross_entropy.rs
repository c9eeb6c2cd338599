//! Binary cross-entropy on logits.

use super::pairs::{compare, smoothed};
use crate::{Result, error::Settings};
use trainyard_graph::{Graph, NodeId};

/// Cross-entropy between a logit `z` and a label `y` in `[0, 1]`, in nats: `max(z, 0) - z·y + ln(1 + exp(-|z|))`, which
/// cannot overflow. The prediction is `1 / (1 + exp(-z))`.
///
/// With `label_smoothing` `e`, in `[0, 1)`, the label counts as `(1 - e)·y + e / 2`, so that certainty does not pay.
///
/// # Shapes
/// - logits, labels: `[batch]`, or both `[batch, n]` for `n` labels that do not exclude each other
/// - returns: `[batch]`; the mean over `n`
///
/// # Errors
///
/// [`Error::Setting`](crate::Error::Setting) when the smoothing is out of range, [`Error::Shape`](crate::Error::Shape)
/// when the shapes do not fit.
///
/// Source: Goodfellow, Bengio and Courville, *Deep Learning* (2016), section 6.2.2.2; label smoothing of Szegedy and
/// others, *Rethinking the Inception Architecture* (2016), section 7.
pub fn binary_cross_entropy(graph: &mut Graph, logits: NodeId, labels: NodeId, label_smoothing: f32) -> Result<NodeId> {
    Settings("the loss `binary_cross_entropy`").decay("label_smoothing", label_smoothing)?;
    compare(graph, "binary_cross_entropy", [logits, labels], |graph, logits, labels| {
        let labels = smoothed(graph, labels, label_smoothing, 2)?;
        Ok(graph.sigmoid_cross_entropy(logits, labels)?)
    })
}

#[cfg(test)]
mod tests {
    use crate::loss::{Loss, testing};

    const SMOOTHED: Loss = Loss::BinaryCrossEntropy { label_smoothing: 0.2 };

    #[track_caller]
    fn check(logits: &[f32], labels: &'static [f32], expected: &[f32]) {
        testing::check(Loss::BINARY_CROSS_ENTROPY, logits, labels, expected, 1e-6);
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
        testing::check_predictions(Loss::BINARY_CROSS_ENTROPY, &[0.0, 1000.0, -1000.0], &[0.5, 1.0, 0.0]);
    }

    #[test]
    fn gradients_match_finite_differences() {
        testing::check_gradients(Loss::BINARY_CROSS_ENTROPY, &[1.5, -2.0, 0.25], &[1.0, 1.0, 0.3]);
        testing::check_gradients(SMOOTHED, &[1.5, -2.0, 0.25], &[1.0, 1.0, 0.3]);
    }

    #[test]
    fn smoothing_moves_labels_toward_one_half() {
        testing::check(
            SMOOTHED,
            &[1000.0, -1000.0, 0.0],
            &[1.0, 0.0, 1.0],
            &[100.0, 100.0, std::f32::consts::LN_2],
            1e-6,
        );
    }

    #[test]
    fn smoothing_everything_is_refused() {
        let message =
            "`label_smoothing` of the loss `binary_cross_entropy` is 1.0; set it to a number from 0 to below 1";
        testing::check_refused(Loss::BinaryCrossEntropy { label_smoothing: 1.0 }, message);
    }
}
