//! Lion.

use super::{Optimizer, Rates, flush::flush};
use crate::{Result, Schedule, error::Settings};
use serde::{Deserialize, Serialize};
use trainyard_graph::simd;

/// Settings of [`Lion`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LionConfig {
    /// Step size, by which every weight with a gradient moves. Positive; a tenth to a third of Adam's.
    pub learning_rate: f32,
    /// Part of the moment in the direction of a step, in `[0, 1)`.
    pub beta_1: f32,
    /// Decay of the moment, in `[0, 1)`.
    pub beta_2: f32,
    /// Part of a weight that it loses in a step, per step size. Not negative, and below 1 when multiplied by the step
    /// size. Three to ten times AdamW's, since the step size is smaller.
    pub weight_decay: f32,
    /// How the step size changes over the steps.
    pub schedule: Schedule,
}

impl Default for LionConfig {
    fn default() -> Self {
        Self { learning_rate: 1e-4, beta_1: 0.9, beta_2: 0.99, weight_decay: 0.0, schedule: Schedule::default() }
    }
}

impl LionConfig {
    /// The optimizer.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`](crate::Error::Setting) when a setting is out of its range.
    pub fn build(&self) -> Result<Lion> {
        let settings = Settings("lion");
        settings.positive("learning_rate", self.learning_rate)?;
        settings.decay("beta_1", self.beta_1)?;
        settings.decay("beta_2", self.beta_2)?;
        settings.weight_decay(self.weight_decay, self.learning_rate, &self.schedule)?;
        self.schedule.check()?;
        Ok(Lion(self.clone()))
    }
}

/// Lion, whose steps all have one length: `w = (1 - rate · weight_decay) · w - rate · sign(β₁ m + (1 - β₁) g)`, then
/// `m = β₂ m + (1 - β₂) g`. The sign of 0 is 0.
///
/// The moment of a table's row changes when the row is trained, as Adam's do.
///
/// Slots: `m`, half of Adam's.
///
/// Source: Chen and others, *Symbolic Discovery of Optimization Algorithms* (2023), algorithm 2.
#[derive(Debug, Clone)]
pub struct Lion(LionConfig);

impl Lion {
    #[inline(always)]
    fn pass(&self, rates: &Rates, weights: &mut [f32], grads: &[f32], slots: &mut [f32]) {
        let LionConfig { beta_1, beta_2, weight_decay, .. } = self.0;
        let (rate, kept) = (rates.learning_rate, 1.0 - rates.learning_rate * weight_decay);
        let (new_1, new_2) = (1.0 - beta_1, 1.0 - beta_2);
        for ((w, &g), m) in weights.iter_mut().zip(grads).zip(slots) {
            *w = kept * *w - rate * sign(beta_1 * *m + new_1 * g);
            *m = flush(beta_2 * *m + new_2 * g);
        }
    }
}

impl Optimizer for Lion {
    fn slots(&self) -> usize {
        1
    }

    fn initial_slot(&self, _slot: usize) -> f32 {
        0.0
    }

    fn rates(&self, step: u64) -> Rates {
        Rates::plain(self.0.schedule.rate(self.0.learning_rate, step))
    }

    fn apply(&self, rates: &Rates, weights: &mut [f32], grads: &[f32], slots: &mut [f32]) {
        if self.fit(weights, grads, slots) {
            simd::vectorize(
                #[inline(always)]
                || self.pass(rates, weights, grads, slots),
            );
        }
    }
}

/// -1, 0 or 1, where `f32::signum` would have no 0; NaN of NaN.
#[inline(always)]
fn sign(x: f32) -> f32 {
    if x == 0.0 { 0.0 } else { x.signum() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{self, steps};

    fn config() -> LionConfig {
        LionConfig { learning_rate: 0.125, beta_1: 0.5, beta_2: 0.75, ..Default::default() }
    }

    #[track_caller]
    fn check(config: LionConfig, grads: &[f32], expected: &[f32]) {
        assert_eq!(steps(&config.build().unwrap(), 1.0, grads), expected);
    }

    #[test]
    fn every_step_has_the_length_of_the_rate() {
        check(config(), &[16.0, 1e-3, 0.25], &[0.875, 0.75, 0.625]);
    }

    #[test]
    fn the_moment_outvotes_a_small_gradient() {
        // m = 1 after the first gradient of 4, so 0.5 · 1 - 0.5 · 0.75 is still positive, and 0.5 · 0.5625 - 0.5 is not.
        check(config(), &[4.0, -0.75, -1.0], &[0.875, 0.75, 0.875]);
    }

    #[test]
    fn weights_decay_apart_from_the_gradient() {
        let config = LionConfig { learning_rate: 0.5, weight_decay: 0.5, ..Default::default() };
        check(config, &[0.0, 1.0], &[0.75, 0.0625]);
    }

    #[test]
    fn a_broken_gradient_stays_visible() {
        assert!(steps(&config().build().unwrap(), 1.0, &[f32::NAN])[0].is_nan());
    }

    #[test]
    fn it_keeps_the_contract() {
        contract::run_all(&config().build().unwrap());
        contract::run_all(
            &LionConfig { learning_rate: 1e-2, weight_decay: 1e-3, ..Default::default() }.build().unwrap(),
        );
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        assert!(LionConfig { beta_1: 1.0, ..Default::default() }.build().is_err());
        assert!(LionConfig { learning_rate: 0.5, weight_decay: 2.0, ..Default::default() }.build().is_err());
    }
}
