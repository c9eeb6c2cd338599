//! Fitting: scans over the training rows, in any order and partition, that find the constants of the operations.

mod collector;
mod counts;
mod covariance;
mod fitting;
mod joint;
mod label_means;
mod moments;
mod quantiles;
mod round;
mod state;
mod survey;
mod wire;

pub use collector::Collector;
pub(crate) use counts::Counts;
pub(crate) use covariance::Covariance;
pub use fitting::Fitting;
pub(crate) use joint::{Joint, JointNeeds};
pub(crate) use label_means::Rows;
pub(crate) use moments::Moments;
pub(crate) use quantiles::{Histogram, Quantile, Refinement};
pub use round::Round;
pub(crate) use survey::{Counting, Findings, Needs};
