//! Cross-entropy of several classes, on logits.

use super::pairs::{flat, misfit, smoothed};
use crate::{Result, error::Settings};
use trainyard_graph::{Dim, Graph, NodeId};

/// Cross-entropy between logits `z` and a label, in nats, computed so that it cannot overflow: `ln Σⱼ exp(zⱼ) - z_y` for
/// the number `y` of the right class, `Σᵢ yᵢ·(ln Σⱼ exp(zⱼ) - zᵢ)` for a probability `yᵢ` of each class. The prediction is
/// `exp(zᵢ) / Σⱼ exp(zⱼ)`.
///
/// With `label_smoothing` `e`, in `[0, 1)`, a probability counts as `(1 - e)·yᵢ + e / classes`, and a class number as the
/// probability 1 of that class, so that certainty does not pay.
///
/// A class number that is not a class gives NaN.
///
/// # Shapes
/// - logits: `[batch, classes]`
/// - labels: `[batch]` or `[batch, 1]`, class numbers from 0; or `[batch, classes]`, probabilities
/// - returns: `[batch]`
///
/// # Errors
///
/// [`Error::Setting`](crate::Error::Setting) when the smoothing is out of range, [`Error::Shape`](crate::Error::Shape) or
/// [`Error::Graph`](crate::Error::Graph) when the shapes do not fit.
///
/// Source: Bishop, *Pattern Recognition and Machine Learning* (2006), equation 4.108; label smoothing of Szegedy and
/// others, *Rethinking the Inception Architecture* (2016), section 7.
pub fn cross_entropy(graph: &mut Graph, logits: NodeId, labels: NodeId, label_smoothing: f32) -> Result<NodeId> {
    Settings("the loss `cross_entropy`").decay("label_smoothing", label_smoothing)?;
    match (graph.shape(logits).dims(), graph.shape(labels).dims()) {
        (&[Dim::Batch, Dim::Fixed(classes)], &[Dim::Batch, Dim::Fixed(n)]) if n == classes && n > 1 => {
            let probabilities = smoothed(graph, labels, label_smoothing, classes)?;
            of_probabilities(graph, logits, probabilities)
        }
        (_, [Dim::Batch] | [Dim::Batch, Dim::Fixed(1)]) => {
            let classes = flat(graph, labels)?;
            of_class_numbers(graph, logits, classes, label_smoothing)
        }
        _ => Err(misfit(graph, "cross_entropy", [logits, labels], "labels as [batch], or both as [batch, classes]")),
    }
}

fn of_class_numbers(graph: &mut Graph, logits: NodeId, labels: NodeId, smoothing: f32) -> Result<NodeId> {
    let of_label = graph.softmax_cross_entropy(logits, labels)?;
    if smoothing == 0.0 {
        return Ok(of_label);
    }
    let of_each = of_each_class(graph, logits, labels)?;
    let of_all = graph.mean_last(of_each)?;
    let (own, shared) = (graph.affine(of_label, 1.0 - smoothing, 0.0)?, graph.affine(of_all, smoothing, 0.0)?);
    Ok(graph.add(own, shared)?)
}

fn of_probabilities(graph: &mut Graph, logits: NodeId, labels: NodeId) -> Result<NodeId> {
    let total = graph.sum_last(labels)?;
    let of_each = of_each_class(graph, logits, total)?;
    let weighted = graph.mul(of_each, labels)?;
    Ok(graph.sum_last(weighted)?)
}

/// What each class would cost as the label, `ln Σⱼ exp(zⱼ) - zᵢ`: the cost of class 0, and the distance from it. Not the
/// logarithm of the softmax, which is infinite where that rounds to 0. NaN in rows in which `like`, `[batch]`, is not
/// finite.
fn of_each_class(graph: &mut Graph, logits: NodeId, like: NodeId) -> Result<NodeId> {
    let zeros = graph.affine(like, 0.0, 0.0)?;
    let of_first = graph.softmax_cross_entropy(logits, zeros)?;
    let column = graph.reshape(of_first, &[Dim::Batch, Dim::Fixed(1)])?;
    let first = graph.slice(logits, 0, 1)?;
    let distances = graph.sub(first, logits)?;
    Ok(graph.add(distances, column)?)
}

#[cfg(test)]
mod tests {
    use crate::loss::{Loss, testing};
    use trainyard_graph::{Dim, Graph};

    const CLASSES: [Dim; 2] = [Dim::Batch, Dim::Fixed(3)];
    const SMOOTHED: Loss = Loss::CrossEntropy { label_smoothing: 0.3 };

    #[track_caller]
    fn check(logits: &[f32], labels: &[f32], expected: &[f32]) {
        testing::check_of(Loss::CROSS_ENTROPY, (&CLASSES, logits), (&[Dim::Batch], labels), expected, 1e-6);
    }

    #[track_caller]
    fn check_dense(loss: Loss, logits: &[f32], labels: &[f32], expected: &[f32]) {
        testing::check_of(loss, (&CLASSES, logits), (&CLASSES, labels), expected, 1e-6);
    }

    #[test]
    fn no_opinion_costs_the_logarithm_of_the_classes() {
        check(&[5.0, 5.0, 5.0], &[1.0], &[3f32.ln()]);
        check_dense(Loss::CROSS_ENTROPY, &[5.0, 5.0, 5.0], &[0.2, 0.5, 0.3], &[3f32.ln()]);
    }

    #[test]
    fn certain_and_wrong_costs_the_difference() {
        check(&[1000.0, 0.0, 0.0, 1000.0, 0.0, 0.0], &[0.0, 2.0], &[0.0, 1000.0]);
        check_dense(Loss::CROSS_ENTROPY, &[1000.0, 0.0, -1000.0], &[0.5, 0.25, 0.25], &[750.0]);
    }

    #[test]
    fn matches_scipy() {
        // scipy 1.17.1: -special.log_softmax(z)[y]
        check(&[0.5, -1.0, 2.0, 1.5, 0.0, -0.5], &[0.0, 1.0], &[1.741_311_3, 1.806_355_7]);
    }

    #[test]
    fn a_class_number_is_the_probability_one_of_its_class() {
        for loss in [Loss::CROSS_ENTROPY, SMOOTHED] {
            let logits = (&CLASSES[..], &[0.5, -1.0, 2.0, 1.5, 0.0, -0.5][..]);
            let by_number = testing::case(loss, logits, (&[Dim::Batch, Dim::Fixed(1)], &[2.0, 1.0])).values();
            check_dense(loss, logits.1, &[0.0, 0.0, 1.0, 0.0, 1.0, 0.0], &by_number);
        }
    }

    #[test]
    fn smoothing_gives_every_class_a_share() {
        let labels = (&[Dim::Batch][..], &[0.0][..]);
        testing::check_of(SMOOTHED, (&CLASSES, &[1000.0, 0.0, 0.0]), labels, &[200.0], 1e-6);
    }

    #[test]
    fn what_is_no_class_gives_no_number() {
        for loss in [Loss::CROSS_ENTROPY, SMOOTHED] {
            let case = testing::case(loss, (&CLASSES, &[1.0, 2.0, 3.0]), (&[Dim::Batch], &[3.0]));
            assert!(case.values()[0].is_nan());
        }
    }

    #[test]
    fn gradients_match_finite_differences() {
        let logits = (&CLASSES[..], &[0.5, -1.0, 2.0, 1.5, 0.0, -0.5][..]);
        for loss in [Loss::CROSS_ENTROPY, SMOOTHED] {
            testing::case(loss, logits, (&[Dim::Batch], &[0.0, 1.0])).check_gradients();
            testing::case(loss, logits, (&CLASSES, &[0.5, 0.5, 0.0, 0.1, 0.2, 0.7])).check_gradients();
        }
    }

    #[test]
    fn labels_of_other_classes_are_refused_by_name() {
        let mut graph = Graph::new();
        let logits = graph.input("logits", &CLASSES).unwrap();
        let labels = graph.input("labels", &[Dim::Batch, Dim::Fixed(4)]).unwrap();
        let error = Loss::CROSS_ENTROPY.per_example(&mut graph, logits, labels).unwrap_err().to_string();
        let expected = "the loss `cross_entropy` cannot take predictions [batch, 3] and labels [batch, 4]; give it labels \
                        as [batch], or both as [batch, classes]";
        assert_eq!(error, expected);
    }

    #[test]
    fn a_negative_smoothing_is_refused() {
        let message = "`label_smoothing` of the loss `cross_entropy` is -0.5; set it to a number from 0 to below 1";
        testing::check_refused(Loss::CrossEntropy { label_smoothing: -0.5 }, message);
    }
}
