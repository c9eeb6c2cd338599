//! What a trained thing is: canned models, heads, the predictor and its bundle.
//!
//! ```text
//!   Encoding          Model            Head                              Snapshot
//!  (features) ──► logits [batch, width] ──► predictions, loss ──► graph ────┬────► Bundle ──► Predictor
//!                                          TrainingArchitecture              weights    (a directory)
//! ```
//!
//! - A [`Model`] adds layers to a network, reading features through [`Inputs`]: [`Linear`], [`Dnn`], [`WideDeep`], or one of
//!   your own.
//! - A [`Head`] says what logits mean: [`Regression`], [`Binary`], [`Multiclass`].
//! - [`Architecture`] and [`TrainingArchitecture`] put both on the features; [`Binding`] feeds the graph from batches.
//! - A [`Bundle`] is what was trained, as a directory; a [`Predictor`] answers raw rows with it.
//!
//! Nothing here trains: a model server needs no optimizer.

mod architecture;
mod binding;
pub mod bundle;
mod dnn;
mod embeddings;
mod error;
mod head;
mod inputs;
mod linear;
mod model;
mod output;
mod predictor;
mod wide_deep;

pub use architecture::{Architecture, TrainingArchitecture};
pub use binding::{BatchFeeds, BatchKeys, Binding};
pub use bundle::{Bundle, Staged};
pub use dnn::Dnn;
pub use embeddings::EmbeddingConfig;
pub use error::{Error, Result};
pub use head::{Binary, Head, LabelSummary, Metrics, Multiclass, Regression, head_of};
pub use inputs::Inputs;
pub use linear::{Linear, WIDE};
pub use model::{Model, ModelConfig};
pub use output::{Decode, Output, OutputType};
pub use predictor::Predictor;
pub use wide_deep::WideDeep;
