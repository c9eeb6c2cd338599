//! Cross-entropy of several classes, on logits.

use crate::Result;
use trainyard_graph::{Graph, NodeId};

/// Cross-entropy between logits `z` and the number `y` of the right class, in nats: `ln Σⱼ exp(zⱼ) - z_y`, computed so
/// that it cannot overflow. The prediction is `exp(zᵢ) / Σⱼ exp(zⱼ)`.
///
/// A label that is not a class gives NaN.
///
/// # Shapes
/// - logits: `[batch, classes]`
/// - labels: `[batch]`, class numbers from 0
/// - returns: `[batch]`
///
/// # Errors
///
/// [`Error::Graph`](crate::Error::Graph) when the shapes do not fit.
///
/// Source: Bishop, *Pattern Recognition and Machine Learning* (2006), equation 4.108.
pub fn cross_entropy(graph: &mut Graph, logits: NodeId, labels: NodeId) -> Result<NodeId> {
    Ok(graph.softmax_cross_entropy(logits, labels)?)
}

#[cfg(test)]
mod tests {
    use crate::loss::{Loss, testing};
    use trainyard_graph::Dim;

    #[track_caller]
    fn check(logits: &[f32], labels: &'static [f32], expected: &[f32]) {
        let classes = [Dim::Batch, Dim::Fixed(3)];
        testing::check_of(Loss::CrossEntropy, (&classes, logits), (&[Dim::Batch], labels), expected, 1e-6);
    }

    #[test]
    fn no_opinion_costs_the_logarithm_of_the_classes() {
        check(&[5.0, 5.0, 5.0], &[1.0], &[3f32.ln()]);
    }

    #[test]
    fn certain_and_wrong_costs_the_difference() {
        check(&[1000.0, 0.0, 0.0, 1000.0, 0.0, 0.0], &[0.0, 2.0], &[0.0, 1000.0]);
    }

    #[test]
    fn matches_scipy() {
        // scipy 1.17.1: -special.log_softmax(z)[y]
        check(&[0.5, -1.0, 2.0, 1.5, 0.0, -0.5], &[0.0, 1.0], &[1.741_311_3, 1.806_355_7]);
    }

    #[test]
    fn gradients_match_finite_differences() {
        let classes = [Dim::Batch, Dim::Fixed(3)];
        let logits = [0.5, -1.0, 2.0, 1.5, 0.0, -0.5];
        testing::case(Loss::CrossEntropy, (&classes, &logits), (&[Dim::Batch], &[0.0, 1.0])).check_gradients();
    }
}
