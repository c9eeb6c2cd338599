//! Several classes.

use super::{Head, LabelSummary, Metrics};
use crate::{Output, Result};
use trainyard_graph::{Graph, NodeId};
use trainyard_nn::Loss;
use trainyard_nn::metrics::{ClassAccuracy, Mean};

/// Predicts the probability of each class. The outputs are `probabilities` and `class`.
#[derive(Debug, Clone, PartialEq)]
pub struct Multiclass {
    loss: Loss,
    classes: Vec<String>,
}

impl Multiclass {
    /// A head with the names of the classes, by class number, and cross-entropy for its loss.
    pub fn new(classes: Vec<String>) -> Self {
        Self { loss: Loss::CROSS_ENTROPY, classes }
    }

    /// The same with another loss for classes, such as cross-entropy with label smoothing.
    #[must_use]
    pub fn with_loss(self, loss: Loss) -> Self {
        Self { loss, ..self }
    }
}

impl Head for Multiclass {
    fn width(&self) -> usize {
        self.classes.len()
    }

    fn loss(&self, graph: &mut Graph, logits: NodeId, labels: NodeId) -> Result<NodeId> {
        Ok(self.loss.per_example(graph, logits, labels)?)
    }

    fn predictions(&self, graph: &mut Graph, logits: NodeId) -> Result<NodeId> {
        Ok(self.loss.predictions(graph, logits)?)
    }

    fn outputs(&self) -> Vec<Output> {
        vec![Output::numbers("probabilities", self.classes.len()), Output::class("class", &self.classes)]
    }

    fn metrics(&self) -> Box<dyn Metrics> {
        // Scores of no classes are none, but are still cut into rows.
        let n = self.classes.len().max(1);
        Box::new(MulticlassMetrics {
            n,
            accuracy: ClassAccuracy::default(),
            log_loss: Mean::default(),
            counts: vec![0.0; n],
        })
    }

    fn baseline(&self, labels: &LabelSummary) -> Vec<f32> {
        let total: f64 = labels.classes.iter().sum();
        labels.classes.iter().map(|weight| (weight / total) as f32).collect()
    }
}

#[derive(Debug)]
struct MulticlassMetrics {
    n: usize,
    accuracy: ClassAccuracy,
    log_loss: Mean,
    /// Weight of the examples of each class.
    counts: Vec<f64>,
}

impl Metrics for MulticlassMetrics {
    fn update(&mut self, predictions: &[f32], labels: &[f32], weights: Option<&[f32]>) -> Result<()> {
        if predictions.len() != self.n * labels.len() {
            return Err(trainyard_nn::Error::Shape {
                part: format!("a metric of {} classes", self.n),
                shapes: format!("{} scores and {} labels", predictions.len(), labels.len()),
                expected: "a score of each class for each label",
            }
            .into());
        }
        self.accuracy.update(predictions, labels, weights)?;
        for (i, (row, &label)) in predictions.chunks_exact(self.n).zip(labels).enumerate() {
            let weight = weights.map_or(1.0, |weights| f64::from(weights[i]));
            let class = (label as usize).min(self.n - 1);
            // The smallest positive f32, so that one wrong certainty does not make the mean infinite.
            self.log_loss.add(-f64::from(row[class].max(f32::MIN_POSITIVE)).ln(), weight);
            self.counts[class] += weight;
        }
        Ok(())
    }

    fn values(&self) -> Vec<(&'static str, f64)> {
        let total: f64 = self.counts.iter().sum();
        let most = self.counts.iter().copied().fold(0.0, f64::max);
        vec![
            ("accuracy", self.accuracy.value()),
            ("accuracy_baseline", most / total),
            ("log_loss", self.log_loss.value()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trainyard_graph::Dim;
    use trainyard_graph::check::{self, Case};

    const CLASSES: [Dim; 2] = [Dim::Batch, Dim::Fixed(3)];

    fn head() -> Multiclass {
        Multiclass::new(["a", "b", "c"].map(str::to_owned).to_vec())
    }

    #[track_caller]
    fn check(head: &Multiclass, expected: f32) {
        let (logits, labels) = ((&CLASSES[..], &[1000.0, 0.0, 0.0][..]), (&[Dim::Batch][..], &[0.0][..]));
        let case = Case::with_fixed(&[logits], &[labels], |graph, logits, labels| {
            Ok(head.loss(graph, logits[0], labels[0]).expect("a loss of classes"))
        });
        check::close(&case.values(), &[expected], 1e-6);
    }

    #[test]
    fn the_loss_is_cross_entropy_with_the_smoothing_that_was_asked_for() {
        check(&head(), 0.0);
        check(&head().with_loss(Loss::CrossEntropy { label_smoothing: 0.3 }), 200.0);
    }

    #[test]
    fn metrics_refuse_what_does_not_fit() {
        let mut metrics = head().metrics();
        metrics.update(&[0.5, 0.25, 0.25], &[0.0], None).unwrap();
        for (scores, message) in [(3, "3 scores and 2 labels"), (4, "4 scores and 2 labels")] {
            let error = metrics.update(&vec![0.5; scores], &[0.0, 1.0], None).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
        assert_eq!(metrics.values()[0], ("accuracy", 1.0));
        Multiclass::new(vec![]).metrics().update(&[0.5, 0.5], &[0.0, 7.0], None).unwrap();
        assert!(Multiclass::new(vec![]).metrics().update(&[], &[0.0], None).is_err());
    }

    #[test]
    fn a_loss_that_is_not_one_of_classes_is_refused() {
        let mut graph = Graph::new();
        let logits = graph.input("logits", &CLASSES).unwrap();
        let labels = graph.input("labels", &[Dim::Batch]).unwrap();
        let error = head().with_loss(Loss::SquaredError).loss(&mut graph, logits, labels).unwrap_err().to_string();
        assert!(error.contains("`squared_error`") && error.contains("[batch, 3]"), "{error}");
    }
}
