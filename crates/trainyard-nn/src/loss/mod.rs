//! Losses: how wrong a prediction is, one number per example.
//!
//! A loss takes logits, the raw outputs of a network, and knows by itself which link lies between them and what the
//! label measures ([`Loss::predictions`]). Reducing over the batch is left to whoever knows the weights of the
//! examples.
//!
//! ```
//! use trainyard_graph::{Dim, Graph};
//! use trainyard_nn::Loss;
//!
//! let mut graph = Graph::new();
//! let logits = graph.input("logits", &[Dim::Batch])?;
//! let labels = graph.input("labels", &[Dim::Batch])?;
//! let loss = Loss::BINARY_CROSS_ENTROPY.per_example(&mut graph, logits, labels)?;
//! assert_eq!(graph.shape(loss).to_string(), "[batch]");
//! # Ok::<(), trainyard_nn::Error>(())
//! ```

mod absolute_error;
mod binary_cross_entropy;
mod cross_entropy;
mod focal;
mod gamma;
mod hinge;
mod huber;
mod log_cosh;
mod pairs;
mod pairwise_ranking;
mod poisson;
mod quantile;
mod squared_error;
#[cfg(test)]
mod testing;
mod tweedie;

pub use absolute_error::absolute_error;
pub use binary_cross_entropy::binary_cross_entropy;
pub use cross_entropy::cross_entropy;
pub use focal::focal;
pub use gamma::gamma;
pub use hinge::hinge;
pub use huber::huber;
pub use log_cosh::log_cosh;
pub use pairwise_ranking::pairwise_ranking;
pub use poisson::poisson;
pub use quantile::quantile;
pub use squared_error::squared_error;
pub use tweedie::tweedie;

use crate::{Result, named::name_or_table};
use serde::{Deserialize, Serialize};
use trainyard_graph::{Graph, NodeId};

/// A loss with its settings: a name, `loss = "huber"`, or a table, `loss = { huber = { delta = 2.0 } }`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "snake_case", deny_unknown_fields)]
pub enum Loss {
    /// [`absolute_error`]
    AbsoluteError,
    /// [`binary_cross_entropy`]
    BinaryCrossEntropy {
        /// Share of a label that goes to both classes alike, in `[0, 1)`; 0 unless said otherwise.
        #[serde(default)]
        label_smoothing: f32,
    },
    /// [`cross_entropy`]
    CrossEntropy {
        /// Share of a label that goes to all classes alike, in `[0, 1)`; 0 unless said otherwise.
        #[serde(default)]
        label_smoothing: f32,
    },
    /// [`focal`]
    Focal {
        /// How little an example counts that is predicted well already. Not negative; 2 unless said otherwise.
        #[serde(default = "two")]
        gamma: f32,
        /// Weight of the positives, in `(0, 1)`; the negatives have the rest. 0.25 unless said otherwise.
        #[serde(default = "quarter")]
        alpha: f32,
    },
    /// [`gamma`]
    Gamma,
    /// [`hinge`]
    Hinge,
    /// [`huber`]
    Huber {
        /// Error from which on it counts in a line, in the label's unit. Positive; 1 unless said otherwise.
        #[serde(default = "one")]
        delta: f32,
    },
    /// [`log_cosh`]
    LogCosh,
    /// [`pairwise_ranking`]
    PairwiseRanking,
    /// [`poisson`]
    Poisson,
    /// [`quantile`]
    Quantile {
        /// Share of labels that should lie below the prediction, in `(0, 1)`; 0.5, the median, unless said otherwise.
        #[serde(default = "half")]
        quantile: f32,
    },
    /// [`squared_error`]
    SquaredError,
    /// [`tweedie`]
    Tweedie {
        /// Power of the mean that the variance grows with, in `(1, 2)`; 1.5 unless said otherwise.
        #[serde(default = "one_and_a_half")]
        power: f32,
    },
}

name_or_table!(Loss);

fn quarter() -> f32 {
    0.25
}

fn half() -> f32 {
    0.5
}

fn one() -> f32 {
    1.0
}

fn one_and_a_half() -> f32 {
    1.5
}

fn two() -> f32 {
    2.0
}

impl Loss {
    /// [`binary_cross_entropy`] of the labels as they are.
    pub const BINARY_CROSS_ENTROPY: Self = Self::BinaryCrossEntropy { label_smoothing: 0.0 };
    /// [`cross_entropy`] of the labels as they are.
    pub const CROSS_ENTROPY: Self = Self::CrossEntropy { label_smoothing: 0.0 };

    /// Adds the loss of each example to the graph.
    ///
    /// # Shapes
    /// - logits: `[batch]` or `[batch, n]`; for [`CrossEntropy`](Self::CrossEntropy) `[batch, classes]`, for
    ///   [`PairwiseRanking`](Self::PairwiseRanking) `[batch, items]`
    /// - labels: `[batch]` for `[batch]` or `[batch, 1]`, else `[batch, n]`; for [`CrossEntropy`](Self::CrossEntropy)
    ///   `[batch]` or `[batch, classes]`, for [`PairwiseRanking`](Self::PairwiseRanking) `[batch, items]`
    /// - returns: `[batch]`; the mean over `n`
    ///
    /// # Errors
    ///
    /// [`Error::Shape`](crate::Error::Shape) when logits and labels do not fit, and
    /// [`Error::Setting`](crate::Error::Setting) when a setting is out of its range.
    pub fn per_example(&self, graph: &mut Graph, logits: NodeId, labels: NodeId) -> Result<NodeId> {
        match *self {
            Self::AbsoluteError => absolute_error(graph, logits, labels),
            Self::BinaryCrossEntropy { label_smoothing } => {
                binary_cross_entropy(graph, logits, labels, label_smoothing)
            }
            Self::CrossEntropy { label_smoothing } => cross_entropy(graph, logits, labels, label_smoothing),
            Self::Focal { gamma, alpha } => focal(graph, logits, labels, gamma, alpha),
            Self::Gamma => gamma(graph, logits, labels),
            Self::Hinge => hinge(graph, logits, labels),
            Self::Huber { delta } => huber(graph, logits, labels, delta),
            Self::LogCosh => log_cosh(graph, logits, labels),
            Self::PairwiseRanking => pairwise_ranking(graph, logits, labels),
            Self::Poisson => poisson(graph, logits, labels),
            Self::Quantile { quantile: share } => quantile(graph, logits, labels, share),
            Self::SquaredError => squared_error(graph, logits, labels),
            Self::Tweedie { power } => tweedie(graph, logits, labels, power),
        }
    }

    /// Adds to the graph what the logits predict on the label's scale: probabilities, positive means, or the logits
    /// themselves.
    ///
    /// # Shapes
    /// - logits: as in [`per_example`](Self::per_example)
    /// - returns: the shape of the logits
    ///
    /// # Errors
    ///
    /// When the graph refuses the logits.
    pub fn predictions(&self, graph: &mut Graph, logits: NodeId) -> Result<NodeId> {
        Ok(match self {
            Self::BinaryCrossEntropy { .. } | Self::Focal { .. } => graph.sigmoid(logits)?,
            Self::CrossEntropy { .. } => graph.softmax(logits)?,
            Self::Gamma | Self::Poisson | Self::Tweedie { .. } => graph.exp(logits)?,
            Self::AbsoluteError
            | Self::Hinge
            | Self::Huber { .. }
            | Self::LogCosh
            | Self::PairwiseRanking
            | Self::Quantile { .. }
            | Self::SquaredError => logits,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Spec {
        loss: Loss,
    }

    #[track_caller]
    fn check(text: &str, expected: Loss) {
        let spec: Spec = toml::from_str(text).unwrap();
        assert_eq!(spec.loss, expected);
        assert_eq!(toml::from_str::<Spec>(&toml::to_string(&spec).unwrap()).unwrap(), spec);
    }

    #[test]
    fn a_loss_is_a_name_or_a_table() {
        check("loss = 'squared_error'", Loss::SquaredError);
        check("loss = 'cross_entropy'", Loss::CROSS_ENTROPY);
        let smoothed = Loss::BinaryCrossEntropy { label_smoothing: 0.5 };
        check("loss = { binary_cross_entropy = { label_smoothing = 0.5 } }", smoothed);
        check("loss = 'huber'", Loss::Huber { delta: 1.0 });
        check("loss = { huber = { delta = 2.0 } }", Loss::Huber { delta: 2.0 });
        check("loss = { focal = { gamma = 1.0 } }", Loss::Focal { gamma: 1.0, alpha: 0.25 });
    }

    #[test]
    fn an_unknown_loss_lists_the_known_ones() {
        let error = toml::from_str::<Spec>("loss = 'mse'").unwrap_err().to_string();
        assert!(error.contains("unknown variant `mse`") && error.contains("`squared_error`"), "{error}");
    }
}
