//! Layers, losses, optimizers and metrics.

pub mod clip;
#[cfg(test)]
mod contract;
mod error;
mod init;
pub mod metrics;
pub mod optim;
mod param;
mod schedule;

pub use clip::Clip;
pub use error::{Error, Result};
pub use init::Initializer;
pub use optim::{Optimizer, OptimizerConfig};
pub use param::{MAIN_GROUP, ParamShape, ParamSpec};
pub use schedule::{Decay, Schedule};
