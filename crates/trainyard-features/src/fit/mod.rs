//! Fitting: scans over the training rows, in any order and partition, that find the constants of the operations.

mod counts;
mod fitting;
mod moments;
mod quantiles;
mod survey;

pub use fitting::{Collector, Fitting};
pub(crate) use quantiles::Quantile;
pub(crate) use survey::{Counting, Findings, Needs};
