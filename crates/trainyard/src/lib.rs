//! Machine learning end to end at the estimator level, on data of any size.
//!
//! This is the facade: one name for what the crates below offer. The `trainyard` program is the same, from the command line.
//!
//! ```no_run
//! use trainyard::{Estimator, Silent, Spec};
//!
//! let spec = Spec::read("examples/taxi/taxi.toml".as_ref())?;
//! let trained = Estimator::new(spec).fit(&Silent)?;
//! println!("{:?}", trained.results.map(|results| results.eval));
//! # Ok::<(), trainyard::Error>(())
//! ```
//!
//! | module | what it is |
//! |---|---|
//! | [`graph`] | operations, gradients and the processor that runs them |
//! | [`nn`] | layers, losses, optimizers, metrics |
//! | [`features`] | one definition that is fitted, applied in training and served |
//! | [`store`] | where parameters live, checkpoints |
//! | [`data`] | sources, fitting over all rows, loading |
//! | [`model`] | canned models, heads, the predictor and its bundle |
//! | [`train`] | specs, estimators, the loop |
//! | [`service`] | the model server |

pub use trainyard_data as data;
pub use trainyard_features as features;
pub use trainyard_graph as graph;
pub use trainyard_model as model;
pub use trainyard_nn as nn;
pub use trainyard_service as service;
pub use trainyard_store as store;
pub use trainyard_train as train;

pub use trainyard_features::{FeatureOp, FeatureSpec, FeatureSpecs, LabelSpec, LabelTask};
pub use trainyard_model::{Dnn, Head, Inputs, Linear, Model, ModelConfig, Predictor, WideDeep};
pub use trainyard_train::{Error, Estimator, Observer, Results, Silent, Spec, Trained};

pub mod progress;
