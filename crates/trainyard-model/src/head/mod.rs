//! Heads: what logits mean. A head has the loss, the predictions and the metrics of a task.

mod binary;
mod multiclass;
mod regression;

pub use binary::Binary;
pub use multiclass::Multiclass;
pub use regression::Regression;

use crate::{Output, Result};
use std::fmt::Debug;
use trainyard_features::{FittedFeatures, LabelTask};
use trainyard_graph::{Graph, NodeId};
use trainyard_nn::Loss;

/// What logits mean: their loss, what they predict, and how good that is.
pub trait Head: Debug + Send + Sync {
    /// Logits per row.
    fn width(&self) -> usize;

    /// Adds the loss of each example, `[batch]`, for logits `[batch, width]` and labels `[batch]`.
    ///
    /// # Errors
    ///
    /// When the graph refuses.
    fn loss(&self, graph: &mut Graph, logits: NodeId, labels: NodeId) -> Result<NodeId>;

    /// Adds what the logits predict, `[batch, width]`.
    ///
    /// # Errors
    ///
    /// When the graph refuses.
    fn predictions(&self, graph: &mut Graph, logits: NodeId) -> Result<NodeId>;

    /// The columns that a model with this head answers with.
    fn outputs(&self) -> Vec<Output>;

    /// Metrics without examples yet.
    fn metrics(&self) -> Box<dyn Metrics>;

    /// What a model predicts that knows the labels' distribution and nothing else: `width` numbers.
    fn baseline(&self, labels: &LabelSummary) -> Vec<f32>;
}

/// How good predictions are, over any number of batches.
pub trait Metrics: Send {
    /// Takes in a batch: predictions `[batch, width]`, labels `[batch]`, weights `[batch]` or none.
    ///
    /// # Errors
    ///
    /// When their lengths do not fit each other.
    fn update(&mut self, predictions: &[f32], labels: &[f32], weights: Option<&[f32]>) -> Result<()>;

    /// Names and values, in the order in which to show them.
    fn values(&self) -> Vec<(&'static str, f64)>;
}

/// The distribution of the labels of the training data.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LabelSummary {
    /// Weighted mean.
    pub mean: f64,
    /// Weight of each class number; empty for numbers that are no classes.
    pub classes: Vec<f64>,
}

/// The head for the label of fitted features; `None` when they were fitted without one.
pub fn head_of(features: &FittedFeatures, loss: Option<Loss>) -> Option<Box<dyn Head>> {
    let label = features.label()?;
    let classes = label.classes().to_vec();
    Some(match label.spec().task {
        LabelTask::Regression => {
            let head = Regression::new(loss.unwrap_or(Loss::SquaredError));
            let moments = features.label_statistics().and_then(|label| Some((label.mean?, label.std?)));
            Box::new(match moments {
                Some((mean, std)) => head.of_labels(mean, std),
                None => head,
            })
        }
        LabelTask::Binary => Box::new(Binary::new(loss.unwrap_or(Loss::BINARY_CROSS_ENTROPY), classes)),
        LabelTask::Multiclass => Box::new(Multiclass::new(classes).with_loss(loss.unwrap_or(Loss::CROSS_ENTROPY))),
    })
}
