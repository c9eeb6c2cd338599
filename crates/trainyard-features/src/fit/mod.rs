//! Fitting: scans over the training rows, in any order and partition, that find the constants of the operations.

mod collector;
mod counts;
mod covariance;
mod fitting;
mod information;
mod joint;
mod label_means;
mod memory;
mod moments;
mod quantiles;
mod round;
mod shared;
mod spill;
mod state;
mod survey;
mod table;
mod top;
mod wire;

pub use collector::Collector;
pub(crate) use covariance::Covariance;
pub use fitting::Fitting;
pub(crate) use information::Informative;
pub(crate) use joint::{Joint, JointNeeds};
pub(crate) use label_means::Rows;
pub use memory::Memory;
pub(crate) use moments::Moments;
pub(crate) use quantiles::{Histogram, Quantile, Refinement};
pub use round::Round;
pub use spill::Spill;
pub(crate) use survey::{Counting, Findings, Needs};
