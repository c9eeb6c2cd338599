//! Tensors, a graph of operations, gradients and the CPU that runs them.

mod error;
mod exact_sum;
mod ragged;
pub mod random;
mod shape;

pub use error::{Error, Result};
pub use exact_sum::ExactSum;
pub use ragged::Ragged;
pub use shape::{Dim, Shape};
