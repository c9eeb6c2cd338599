//! Adam with decoupled weight decay.

use super::{Optimizer, Rates, adam::Moments};
use crate::{Result, Schedule, error::Settings};
use serde::{Deserialize, Serialize};

/// Settings of [`AdamW`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdamWConfig {
    /// Step size. Positive.
    pub learning_rate: f32,
    /// Decay of the first moment, in `[0, 1)`.
    pub beta_1: f32,
    /// Decay of the second moment, in `[0, 1)`.
    pub beta_2: f32,
    /// Added to the denominator. Positive.
    pub epsilon: f32,
    /// Part of a weight that it loses in a step, per step size. Not negative, and below 1 when multiplied by the step
    /// size.
    pub weight_decay: f32,
    /// How the step size changes over the steps.
    pub schedule: Schedule,
}

impl Default for AdamWConfig {
    fn default() -> Self {
        let (learning_rate, weight_decay) = (1e-3, 1e-2);
        Self { learning_rate, beta_1: 0.9, beta_2: 0.999, epsilon: 1e-8, weight_decay, schedule: Schedule::default() }
    }
}

impl AdamWConfig {
    /// The optimizer.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`](crate::Error::Setting) when a setting is out of its range.
    pub fn build(&self) -> Result<AdamW> {
        let settings = Settings("adam_w");
        settings.positive("learning_rate", self.learning_rate)?;
        settings.weight_decay(self.weight_decay, self.learning_rate, &self.schedule)?;
        self.schedule.check()?;
        Ok(AdamW { config: self.clone(), moments: Moments::new(settings, self.beta_1, self.beta_2, self.epsilon)? })
    }
}

/// Adam in which a weight decays by itself and not through the gradient: `w = (1 - rate · weight_decay) · w`, then the
/// step of [`Adam`](super::Adam).
///
/// Slots: `m`, `v`, as Adam's.
///
/// Source: Loshchilov and Hutter, *Decoupled Weight Decay Regularization* (2019), algorithm 2.
#[derive(Debug, Clone)]
pub struct AdamW {
    config: AdamWConfig,
    moments: Moments,
}

impl Optimizer for AdamW {
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
            self.moments.apply(rates, rates.learning_rate * self.config.weight_decay, weights, grads, slots);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        contract::{self, steps},
        optim::AdamConfig,
    };

    #[test]
    fn weights_decay_without_a_gradient() {
        let config = AdamWConfig { learning_rate: 0.5, weight_decay: 0.5, ..Default::default() };
        assert_eq!(steps(&config.build().unwrap(), 1.0, &[0.0, 0.0]), [0.75, 0.5625]);
    }

    #[test]
    fn without_decay_it_is_adam() {
        let config = AdamWConfig { weight_decay: 0.0, ..Default::default() };
        let grads = [1.0, -0.5, 0.25];
        let expected = steps(&AdamConfig::default().build().unwrap(), 1.0, &grads);
        assert_eq!(steps(&config.build().unwrap(), 1.0, &grads), expected);
    }

    #[test]
    fn it_keeps_the_contract() {
        contract::run_all(&AdamWConfig { learning_rate: 0.1, ..Default::default() }.build().unwrap());
    }

    #[test]
    fn a_decay_that_would_turn_the_sign_is_refused() {
        assert!(AdamWConfig { learning_rate: 0.1, weight_decay: 10.0, ..Default::default() }.build().is_err());
    }
}
