//! Numbers.

use super::{Head, LabelSummary, Metrics};
use crate::{Output, Result};
use trainyard_graph::{Graph, NodeId};
use trainyard_nn::Loss;
use trainyard_nn::metrics::{AbsoluteError, Calibration, R2, SquaredError};

/// Predicts a number. The only output is `prediction`.
#[derive(Debug, Clone, PartialEq)]
pub struct Regression {
    loss: Loss,
}

impl Regression {
    /// A head with a loss for numbers.
    pub fn new(loss: Loss) -> Self {
        Self { loss }
    }
}

impl Head for Regression {
    fn width(&self) -> usize {
        1
    }

    fn loss(&self, graph: &mut Graph, logits: NodeId, labels: NodeId) -> Result<NodeId> {
        Ok(self.loss.per_example(graph, logits, labels)?)
    }

    fn predictions(&self, graph: &mut Graph, logits: NodeId) -> Result<NodeId> {
        Ok(self.loss.predictions(graph, logits)?)
    }

    fn outputs(&self) -> Vec<Output> {
        vec![Output::numbers("prediction", 1)]
    }

    fn metrics(&self) -> Box<dyn Metrics> {
        Box::new(RegressionMetrics::default())
    }

    fn baseline(&self, labels: &LabelSummary) -> Vec<f32> {
        vec![labels.mean as f32]
    }
}

#[derive(Debug, Default)]
struct RegressionMetrics {
    squared: SquaredError,
    absolute: AbsoluteError,
    r2: R2,
    calibration: Calibration,
}

impl Metrics for RegressionMetrics {
    fn update(&mut self, predictions: &[f32], labels: &[f32], weights: Option<&[f32]>) {
        self.squared.update(predictions, labels, weights);
        self.absolute.update(predictions, labels, weights);
        self.r2.update(predictions, labels, weights);
        self.calibration.update(predictions, labels, weights);
    }

    fn values(&self) -> Vec<(&'static str, f64)> {
        vec![
            ("rmse", self.squared.root()),
            ("mae", self.absolute.value()),
            ("r2", self.r2.value()),
            ("prediction_mean", self.calibration.prediction_mean()),
            ("label_mean", self.calibration.label_mean()),
        ]
    }
}
