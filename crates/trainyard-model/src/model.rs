//! What turns features into logits.

use crate::{Inputs, Result};
use serde::{Deserialize, Serialize};
use std::fmt::Debug;
use trainyard_graph::NodeId;

/// What turns features into logits: the part of a trained thing that users replace first.
///
/// ```
/// use trainyard_graph::{Activation, NodeId};
/// use trainyard_model::{Inputs, Model, Result};
/// use trainyard_nn::layers::Dense;
///
/// /// One hidden layer on the numeric features.
/// #[derive(Debug)]
/// struct Small;
///
/// impl Model for Small {
///     fn logits(&self, inputs: &mut Inputs<'_>, width: usize) -> Result<NodeId> {
///         let x = inputs.numeric()?.expect("numeric features");
///         let hidden = Dense::new(8).with_activation(Activation::Tanh).apply(&mut inputs.network, "hidden", x)?;
///         Ok(Dense::new(width).apply(&mut inputs.network, "output", hidden)?)
///     }
/// }
/// ```
pub trait Model: Debug + Send + Sync {
    /// Adds the model to the network of `inputs`.
    ///
    /// # Shapes
    /// - returns: `[batch, width]`, where the head asks for the width
    ///
    /// # Errors
    ///
    /// When features or settings do not fit.
    fn logits(&self, inputs: &mut Inputs<'_>, width: usize) -> Result<NodeId>;
}

/// `[model]` of a spec: one of the canned models.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ModelConfig {
    /// A weight for each number and id.
    Linear(crate::Linear),
    /// Hidden layers over numbers and embeddings.
    Dnn(crate::Dnn),
    /// Both, side by side.
    WideDeep(crate::WideDeep),
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self::Dnn(crate::Dnn::default())
    }
}

impl Model for ModelConfig {
    fn logits(&self, inputs: &mut Inputs<'_>, width: usize) -> Result<NodeId> {
        match self {
            Self::Linear(model) => model.logits(inputs, width),
            Self::Dnn(model) => model.logits(inputs, width),
            Self::WideDeep(model) => model.logits(inputs, width),
        }
    }
}
