//! A model and a head on some features: the graph to train, and the one to predict with.

use crate::inputs::Inputs;
use crate::{Head, Model, Result};
use trainyard_features::Encoding;
use trainyard_graph::{Dim, Graph, NodeId, Shape, gradients};
use trainyard_nn::{Network, ParamSpec};

/// Name of the input that holds the labels.
pub(crate) const LABELS: &str = "labels";
/// Name of the input that holds the examples' weights.
pub(crate) const WEIGHTS: &str = "weights";
/// Name of the input that divides the sum of losses.
pub(crate) const SCALE: &str = "scale";

/// A graph that predicts, and the parameters it needs.
#[derive(Debug, Clone)]
pub struct Architecture {
    /// The computation.
    pub graph: Graph,
    /// The parameters, in the order in which the graph has them.
    pub specs: Vec<ParamSpec>,
    /// What is predicted, `[batch, width]`.
    pub predictions: NodeId,
}

/// A graph that also has a loss and its gradients.
#[derive(Debug, Clone)]
pub struct TrainingArchitecture {
    /// The computation, its parameters and predictions.
    pub base: Architecture,
    /// Loss of each example, `[batch]`, not weighted.
    pub losses: NodeId,
    /// Weighted mean of the losses, `[]`: their weighted sum times the input `scale`.
    pub loss: NodeId,
    /// The gradient of the loss for each parameter.
    pub gradients: Vec<NodeId>,
}

impl Architecture {
    /// Puts a model and a head on features, for predicting.
    ///
    /// # Errors
    ///
    /// When they do not fit.
    pub fn new(model: &dyn Model, head: &dyn Head, encoding: &Encoding) -> Result<Self> {
        Ok(Self::with_logits(model, head, encoding)?.0.into_architecture())
    }

    fn with_logits(model: &dyn Model, head: &dyn Head, encoding: &Encoding) -> Result<(Built, NodeId)> {
        let mut inputs = Inputs::new(encoding);
        let logits = model.logits(&mut inputs, head.width())?;
        let mut network = inputs.network;
        let predictions = head.predictions(&mut network.graph, logits)?;
        Ok((Built { network, predictions }, logits))
    }
}

/// What a model has built.
struct Built {
    network: Network,
    predictions: NodeId,
}

impl Built {
    fn into_architecture(self) -> Architecture {
        Architecture { graph: self.network.graph, specs: self.network.params, predictions: self.predictions }
    }
}

impl TrainingArchitecture {
    /// Puts a model and a head on features, for training.
    ///
    /// # Errors
    ///
    /// When they do not fit.
    pub fn new(model: &dyn Model, head: &dyn Head, encoding: &Encoding) -> Result<Self> {
        let (mut built, logits) = Architecture::with_logits(model, head, encoding)?;
        let params = built.network.param_nodes().to_vec();
        let graph = &mut built.network.graph;
        let labels = graph.input(LABELS, &[Dim::Batch])?;
        let losses = head.loss(graph, logits, labels)?;
        let loss = weighted_mean(graph, losses)?;
        let gradients = gradients(graph, loss, &params)?;
        Ok(Self { base: built.into_architecture(), losses, loss, gradients })
    }
}

/// The weighted sum of losses times what the caller gives as scale: one over the weights' sum, which a graph that is
/// computed in parts of a batch cannot know.
fn weighted_mean(graph: &mut Graph, losses: NodeId) -> Result<NodeId> {
    let weights = graph.input(WEIGHTS, &[Dim::Batch])?;
    let scale = graph.input(SCALE, Shape::default().dims())?;
    let weighted = graph.mul(losses, weights)?;
    let scaled = graph.mul(weighted, scale)?;
    Ok(graph.sum_all(scaled)?)
}
