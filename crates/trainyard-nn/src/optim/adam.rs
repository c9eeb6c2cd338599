//! Adam.

use super::{Optimizer, Rates, flush::flush};
use crate::{Result, Schedule, error::Settings};
use serde::{Deserialize, Serialize};
use trainyard_graph::simd;

/// Settings of [`Adam`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdamConfig {
    /// Step size. Positive.
    pub learning_rate: f32,
    /// Decay of the first moment, in `[0, 1)`.
    pub beta_1: f32,
    /// Decay of the second moment, in `[0, 1)`.
    pub beta_2: f32,
    /// Added to the denominator. Positive.
    pub epsilon: f32,
    /// How the step size changes over the steps.
    pub schedule: Schedule,
}

impl Default for AdamConfig {
    fn default() -> Self {
        Self { learning_rate: 1e-3, beta_1: 0.9, beta_2: 0.999, epsilon: 1e-8, schedule: Schedule::default() }
    }
}

impl AdamConfig {
    /// The optimizer.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`](crate::Error::Setting) when a setting is out of its range.
    pub fn build(&self) -> Result<Adam> {
        let settings = Settings("adam");
        settings.positive("learning_rate", self.learning_rate)?;
        self.schedule.check()?;
        Ok(Adam { config: self.clone(), moments: Moments::new(settings, self.beta_1, self.beta_2, self.epsilon)? })
    }
}

/// Adam: `m = β₁ m + (1 - β₁) g; v = β₂ v + (1 - β₂) g²; w -= rate · m̂ / (sqrt(v̂) + epsilon)`, where
/// `m̂ = m / (1 - β₁ᵗ)` and `v̂ = v / (1 - β₂ᵗ)` in step `t`.
///
/// The moments of a table's row change when the row is trained, and stand still in the steps between, so that a step
/// costs what its batch touches ("lazy" Adam).
///
/// Slots: `m`, `v`.
///
/// Source: Kingma and Ba, *Adam: A Method for Stochastic Optimization* (2015), algorithm 1.
#[derive(Debug, Clone)]
pub struct Adam {
    config: AdamConfig,
    moments: Moments,
}

impl Optimizer for Adam {
    fn slots(&self) -> usize {
        2
    }

    fn initial_slot(&self, _slot: usize) -> f32 {
        0.0
    }

    fn rates(&self, step: u64) -> Rates {
        self.moments.rates(self.config.schedule.rate(self.config.learning_rate, step), step)
    }

    fn apply(&self, rates: &Rates, weights: &mut [f32], grads: &[f32], slots: &mut [f32]) {
        if self.fit(weights, grads, slots) {
            self.moments.apply(rates, 0.0, weights, grads, slots);
        }
    }
}

/// The two running moments of a gradient, and the step that they give.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moments {
    beta_1: f32,
    beta_2: f32,
    epsilon: f32,
}

impl Moments {
    pub(super) fn new(settings: Settings, beta_1: f32, beta_2: f32, epsilon: f32) -> Result<Self> {
        settings.decay("beta_1", beta_1)?;
        settings.decay("beta_2", beta_2)?;
        settings.positive("epsilon", epsilon)?;
        Ok(Self { beta_1, beta_2, epsilon })
    }

    pub(super) fn rates(&self, learning_rate: f32, step: u64) -> Rates {
        Rates { learning_rate, first: correction(self.beta_1, step), second: correction(self.beta_2, step) }
    }

    /// One step of slices that fit, in which a weight first loses `decay` times itself.
    pub(super) fn apply(&self, rates: &Rates, decay: f32, weights: &mut [f32], grads: &[f32], slots: &mut [f32]) {
        let Self { beta_1, beta_2, epsilon } = *self;
        let (rate, second, kept) = (rates.learning_rate * rates.first, rates.second, 1.0 - decay);
        let (new_1, new_2) = (1.0 - beta_1, 1.0 - beta_2);
        let (first_moments, second_moments) = slots.split_at_mut(weights.len());
        simd::vectorize(
            #[inline(always)]
            || {
                for (((w, &g), m), v) in weights.iter_mut().zip(grads).zip(first_moments).zip(second_moments) {
                    *m = flush(beta_1 * *m + new_1 * g);
                    *v = flush(beta_2 * *v + new_2 * (g * g));
                    *w = kept * *w - rate * *m / ((*v * second).sqrt() + epsilon);
                }
            },
        );
    }
}

/// `1 / (1 - beta^step)`.
fn correction(beta: f32, step: u64) -> f32 {
    (1.0 / (1.0 - f64::from(beta).powf(step.max(1) as f64))) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{self, steps};

    fn config() -> AdamConfig {
        AdamConfig { learning_rate: 0.125, beta_1: 0.5, beta_2: 0.75, epsilon: 1e-8, ..Default::default() }
    }

    #[test]
    fn the_first_step_has_the_length_of_the_rate_whatever_the_gradient() {
        assert_eq!(steps(&config().build().unwrap(), 1.0, &[16.0]), [0.875]);
        assert_eq!(steps(&config().build().unwrap(), 1.0, &[-0.25]), [1.125]);
    }

    #[test]
    fn later_steps_divide_the_moments() {
        // m = 0.5, then 0.25; its correction 4/3. v = 0.25, then 0.1875; its correction 16/7.
        let second = 0.875 - 0.125 * (0.25 * 4.0 / 3.0) / (0.1875f32 * 16.0 / 7.0).sqrt();
        let weights = steps(&config().build().unwrap(), 1.0, &[1.0, 0.0]);
        assert!((weights[1] - second).abs() < 1e-6, "{weights:?} {second}");
    }

    #[test]
    fn corrections_vanish_in_the_long_run() {
        let rates = config().build().unwrap().rates(u64::MAX);
        assert_eq!((rates.first, rates.second), (1.0, 1.0));
    }

    #[test]
    fn it_keeps_the_contract() {
        contract::run_all(&config().build().unwrap());
        contract::run_all(&AdamConfig { learning_rate: 0.1, ..Default::default() }.build().unwrap());
    }

    #[test]
    fn a_decay_of_one_is_refused() {
        assert!(AdamConfig { beta_2: 1.0, ..Default::default() }.build().is_err());
    }
}
