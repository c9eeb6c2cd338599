//! Two classes.

use super::{Head, LabelSummary, Metrics};
use crate::{Output, Result};
use trainyard_graph::{Graph, NodeId};
use trainyard_nn::Loss;
use trainyard_nn::metrics::{Accuracy, Auc, Calibration, LogLoss, PrecisionRecall};

/// Predicts the probability of the second of two classes. The outputs are `probability` and `class`.
#[derive(Debug, Clone, PartialEq)]
pub struct Binary {
    loss: Loss,
    classes: Vec<String>,
}

impl Binary {
    /// A head with a loss for two classes, and their names: the negative one, then the positive one.
    pub fn new(loss: Loss, classes: Vec<String>) -> Self {
        Self { loss, classes }
    }
}

impl Head for Binary {
    fn width(&self) -> usize {
        1
    }

    fn loss(&self, graph: &mut Graph, logits: NodeId, labels: NodeId) -> Result<NodeId> {
        Ok(self.loss.per_example(graph, logits, labels)?)
    }

    fn predictions(&self, graph: &mut Graph, logits: NodeId) -> Result<NodeId> {
        Ok(graph.sigmoid(logits)?)
    }

    fn outputs(&self) -> Vec<Output> {
        vec![Output::numbers("probability", 1), Output::class("class", &self.classes)]
    }

    fn metrics(&self) -> Box<dyn Metrics> {
        Box::new(BinaryMetrics::default())
    }

    fn baseline(&self, labels: &LabelSummary) -> Vec<f32> {
        vec![labels.mean as f32]
    }
}

#[derive(Debug, Default)]
struct BinaryMetrics {
    auc: Auc,
    accuracy: Accuracy,
    precision_recall: PrecisionRecall,
    log_loss: LogLoss,
    calibration: Calibration,
}

impl Metrics for BinaryMetrics {
    fn update(&mut self, predictions: &[f32], labels: &[f32], weights: Option<&[f32]>) -> Result<()> {
        self.auc.update(predictions, labels, weights)?;
        self.accuracy.update(predictions, labels, weights)?;
        self.precision_recall.update(predictions, labels, weights)?;
        self.log_loss.update(predictions, labels, weights)?;
        self.calibration.update(predictions, labels, weights)?;
        Ok(())
    }

    fn values(&self) -> Vec<(&'static str, f64)> {
        let positives = self.calibration.label_mean();
        vec![
            ("auc", self.auc.roc()),
            ("auc_precision_recall", self.auc.precision_recall()),
            ("accuracy", self.accuracy.value()),
            ("accuracy_baseline", positives.max(1.0 - positives)),
            ("precision", self.precision_recall.precision()),
            ("recall", self.precision_recall.recall()),
            ("log_loss", self.log_loss.value()),
            ("prediction_mean", self.calibration.prediction_mean()),
            ("label_mean", positives),
        ]
    }
}
