//! Fitting: scans over the training rows, in any order and partition, that find the constants of the operations.

mod counts;
mod covariance;
mod fitting;
mod joint;
mod label_means;
mod moments;
mod quantiles;
mod survey;

pub(crate) use counts::Counts;
pub(crate) use covariance::Covariance;
pub use fitting::{Collector, Fitting};
pub(crate) use joint::{Joint, JointNeeds};
pub(crate) use label_means::Rows;
pub(crate) use moments::Moments;
pub(crate) use quantiles::{Histogram, Quantile, Refinement};
pub(crate) use survey::{Counting, Findings, Needs};
