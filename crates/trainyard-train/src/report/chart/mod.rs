//! Charts: pictures with axes, and the small ones in tables.
//!
//! ```text
//! values ──Range──> Axis ×2 ──> Frame ──draw(shapes)──> svg ──> Figure
//! ```

mod axis;
mod bars;
mod bins;
mod buckets;
mod classes;
mod curve;
mod figure;
mod frame;
mod range;
mod reliability;
mod roc;
mod scatter;
mod spark;

pub(crate) use bars::{distributions, probabilities, residuals};
pub(crate) use buckets::{quantile, ranks, standard};
pub(crate) use classes::classes;
pub(crate) use curve::losses;
pub(crate) use figure::Figure;
pub(crate) use reliability::reliability;
pub(crate) use roc::roc;
pub(crate) use scatter::scatter;
pub(crate) use spark::{deciles, top_values};
