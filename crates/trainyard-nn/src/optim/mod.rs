//! Optimizers: how a gradient changes a weight.
//!
//! An [`Optimizer`] is a pure function on slices. It knows neither names nor shapes, so the same update serves a dense
//! parameter, a part of one on a shard, and one row of an embedding table. What it remembers of a weight from step to
//! step it keeps in the weight's *slots*, which belong to the caller.
//!
//! ```
//! use trainyard_nn::{Optimizer, optim::AdagradConfig};
//!
//! let adagrad = AdagradConfig { learning_rate: 0.5, initial_accumulator: 0.0, ..Default::default() }.build()?;
//! let (mut weights, mut slots) = ([1.0, 1.0], [0.0, 0.0]);
//! adagrad.update(1, &mut weights, &[3.0, 0.0], &mut slots)?;
//! assert_eq!((weights, slots), ([0.5, 1.0], [9.0, 0.0]));
//! # Ok::<(), trainyard_nn::Error>(())
//! ```

mod adagrad;
mod adam;
mod adam_w;
mod config;
mod flush;
mod ftrl;
mod lion;
mod rms_prop;
mod sgd;

use crate::{Error, Result};

pub use adagrad::{Adagrad, AdagradConfig};
pub use adam::{Adam, AdamConfig};
pub use adam_w::{AdamW, AdamWConfig};
pub use config::OptimizerConfig;
pub use ftrl::{Ftrl, FtrlConfig};
pub use lion::{Lion, LionConfig};
pub use rms_prop::{RmsProp, RmsPropConfig};
pub use sgd::{Sgd, SgdConfig};

/// What an update takes from the number of its step. Equal for all weights of a step, so computed once for them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// Step size.
    pub learning_rate: f32,
    /// Multiplies the first moment of Adam, which starts at 0, to undo its bias in the first steps.
    pub first: f32,
    /// The same for the second moment.
    pub second: f32,
}

impl Rates {
    /// The rates of an optimizer that needs no correction.
    pub fn plain(learning_rate: f32) -> Self {
        Self { learning_rate, first: 1.0, second: 1.0 }
    }
}

/// A rule that changes weights by their gradients.
///
/// Weights are independent of each other: an update of a part equals the part of an update.
pub trait Optimizer: Send + Sync {
    /// Floats kept per weight: 0 for plain SGD, 2 for Adam.
    fn slots(&self) -> usize;

    /// Value of a slot before the first step, for `slot` below [`slots`](Self::slots).
    fn initial_slot(&self, slot: usize) -> f32;

    /// What the update takes from the step, which counts from 1.
    fn rates(&self, step: u64) -> Rates;

    /// Updates `weights` in place, at `rates` of the step.
    ///
    /// `slots` is slot 0 of all weights, then slot 1 of all weights, and so on. Slices that do not [`fit`](Self::fit), which
    /// an implementation asks first, stay as they are; [`update`](Self::update) refuses them.
    fn apply(&self, rates: &Rates, weights: &mut [f32], grads: &[f32], slots: &mut [f32]);

    /// Updates `weights` in place in step `step`, which counts from 1. The same as [`apply`](Self::apply) at the step's
    /// rates.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] when the slices do not [`fit`](Self::fit); they stay as they are then.
    fn update(&self, step: u64, weights: &mut [f32], grads: &[f32], slots: &mut [f32]) -> Result<()> {
        if !self.fit(weights, grads, slots) {
            let shapes = format!("{} weights, {} gradients and {} slots", weights.len(), grads.len(), slots.len());
            let expected = "a gradient and as many slots as it keeps for each weight";
            return Err(Error::Shape { part: "an optimizer".to_owned(), shapes, expected });
        }
        self.apply(&self.rates(step), weights, grads, slots);
        Ok(())
    }

    /// Whether there are as many gradients as weights, and [`slots`](Self::slots) floats for each.
    fn fit(&self, weights: &[f32], grads: &[f32], slots: &[f32]) -> bool {
        grads.len() == weights.len() && slots.len() == self.slots() * weights.len()
    }
}
