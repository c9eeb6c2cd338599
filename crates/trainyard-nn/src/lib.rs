//! Layers, losses, optimizers and metrics: the formulas of machine learning.
//!
//! Everything here is a formula and nothing else: no files, no threads, no clock, and no values of a model, which live
//! in a store.
//!
//! | noun | what it is |
//! |---|---|
//! | [`Network`] | a graph under construction, and the [`ParamSpec`]s that its layers ask for |
//! | [`layers`] | parts of a network |
//! | [`Initializer`] | how a parameter starts |
//! | [`Loss`] | how wrong each example is |
//! | [`Optimizer`] | how a gradient changes a weight |
//! | [`Schedule`] | at what rate |
//! | [`Clip`] | how large a gradient may be |
//! | [`Ema`] | weights, averaged over the steps |
//! | [`metrics`] | how good predictions are, on any number of workers |
//!
//! A linear model that learns `y = 2·x`:
//!
//! ```
//! use trainyard_graph::{Cpu, Device, Dim, FeedMap, Mode, gradients};
//! use trainyard_nn::{Loss, Network, Optimizer, layers::Dense, optim::SgdConfig};
//!
//! let mut network = Network::new();
//! let x = network.graph.input("x", &[Dim::Batch, Dim::Fixed(1)])?;
//! let labels = network.graph.input("labels", &[Dim::Batch])?;
//! let predicted = Dense { bias: false, ..Dense::new(1) }.apply(&mut network, "output", x)?;
//! let losses = Loss::SquaredError.per_example(&mut network.graph, predicted, labels)?;
//! let loss = network.graph.sum_all(losses)?;
//! let weights = network.param_nodes()[0];
//! let slope = gradients(&mut network.graph, loss, &[weights])?[0];
//!
//! let mut program = Cpu::default().compile(&network.graph, &[slope])?;
//! let sgd = SgdConfig { learning_rate: 0.05, ..Default::default() }.build()?;
//! let mut w = [0.0];
//! for step in 1..=20 {
//!     let batch = FeedMap::new(&network.graph, 2).floats(x, &[1.0, 2.0]).floats(labels, &[2.0, 4.0]);
//!     let feeds = batch.floats(weights, &w);
//!     program.run(&feeds, Mode::Training { seed: 1, step })?;
//!     sgd.update(step, &mut w, program.output(0), &mut [])?;
//! }
//! assert!((w[0] - 2.0).abs() < 1e-3);
//! # Ok::<(), trainyard_nn::Error>(())
//! ```

mod average;
pub mod clip;
#[cfg(test)]
mod contract;
mod error;
mod init;
pub mod layers;
pub mod loss;
pub mod metrics;
mod named;
mod network;
pub mod optim;
mod orthogonal;
mod param;
mod schedule;

pub use average::Ema;
pub use clip::Clip;
pub use error::{Error, Result};
pub use init::Initializer;
pub use loss::Loss;
pub use network::Network;
pub use optim::{Optimizer, OptimizerConfig};
pub use param::{MAIN_GROUP, ParamShape, ParamSpec, STATISTICS_GROUP};
pub use schedule::{Decay, Schedule};
