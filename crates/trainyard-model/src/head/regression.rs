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
    mean: f32,
    std: f32,
}

impl Regression {
    /// A head with a loss for numbers.
    pub fn new(loss: Loss) -> Self {
        Self { loss, mean: 0.0, std: 1.0 }
    }

    /// The same for labels of this mean and deviation: `prediction = std·logit + mean`, so that a network whose weights are
    /// small, as they are at the start, predicts the mean, and learns as fast for labels of thousands as for fractions.
    ///
    /// Losses whose predictions are not on the label's scale, such as Poisson's, are left as they are.
    #[must_use]
    pub fn of_labels(self, mean: f64, std: f64) -> Self {
        let keeps_scale = !matches!(self.loss, Loss::Poisson | Loss::Gamma | Loss::Tweedie { .. });
        let (mean, std) = (mean as f32, std as f32);
        if keeps_scale && mean.is_finite() && std.is_normal() { Self { mean, std, ..self } } else { self }
    }

    fn on_scale_of_labels(&self, graph: &mut Graph, logits: NodeId) -> Result<NodeId> {
        if (self.mean, self.std) == (0.0, 1.0) {
            return Ok(logits);
        }
        Ok(graph.affine(logits, self.std, self.mean)?)
    }
}

impl Head for Regression {
    fn width(&self) -> usize {
        1
    }

    fn loss(&self, graph: &mut Graph, logits: NodeId, labels: NodeId) -> Result<NodeId> {
        let scaled = self.on_scale_of_labels(graph, logits)?;
        Ok(self.loss.per_example(graph, scaled, labels)?)
    }

    fn predictions(&self, graph: &mut Graph, logits: NodeId) -> Result<NodeId> {
        let scaled = self.on_scale_of_labels(graph, logits)?;
        Ok(self.loss.predictions(graph, scaled)?)
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
    fn update(&mut self, predictions: &[f32], labels: &[f32], weights: Option<&[f32]>) -> Result<()> {
        self.squared.update(predictions, labels, weights)?;
        self.absolute.update(predictions, labels, weights)?;
        self.r2.update(predictions, labels, weights)?;
        self.calibration.update(predictions, labels, weights)?;
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;
    use trainyard_graph::Dim;
    use trainyard_graph::check::{self, Case};

    fn predictions(head: &Regression) -> Vec<f32> {
        Case::new(&[(&[Dim::Batch, Dim::Fixed(1)], &[0.0, 1.0])], |graph, x| {
            let zero_based = graph.affine(x[0], 1.0, 0.0)?;
            Ok(head.predictions(graph, zero_based).unwrap())
        })
        .values()
    }

    #[test]
    fn a_logit_of_zero_predicts_the_mean_of_the_labels() {
        check::close(&predictions(&Regression::new(Loss::SquaredError)), &[0.0, 1.0], 0.0);
        check::close(&predictions(&Regression::new(Loss::SquaredError).of_labels(100.0, 20.0)), &[100.0, 120.0], 0.0);
    }

    #[test]
    fn losses_with_another_scale_stay() {
        let head = Regression::new(Loss::Poisson);
        assert_eq!(head.clone().of_labels(100.0, 20.0), head);
    }

    #[test]
    fn labels_without_spread_change_nothing() {
        let head = Regression::new(Loss::SquaredError);
        assert_eq!(head.clone().of_labels(100.0, 0.0), head);
    }
}
