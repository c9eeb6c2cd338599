//! RMSProp.

use super::{Optimizer, Rates, flush::flush};
use crate::{Result, Schedule, error::Settings};
use serde::{Deserialize, Serialize};
use trainyard_graph::simd;

/// Settings of [`RmsProp`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RmsPropConfig {
    /// Step size. Positive.
    pub learning_rate: f32,
    /// Decay of the mean of squared gradients, in `[0, 1)`.
    pub rho: f32,
    /// Part of the last change that a weight makes again, in `[0, 1)`.
    pub momentum: f32,
    /// Added to the denominator. Positive.
    pub epsilon: f32,
    /// Part of a weight that it loses in a step, per step size. Not negative, and below 1 when multiplied by the step
    /// size.
    pub weight_decay: f32,
    /// How the step size changes over the steps.
    pub schedule: Schedule,
}

impl Default for RmsPropConfig {
    fn default() -> Self {
        let schedule = Schedule::default();
        Self { learning_rate: 1e-3, rho: 0.9, momentum: 0.0, epsilon: 1e-7, weight_decay: 0.0, schedule }
    }
}

impl RmsPropConfig {
    /// The optimizer.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`](crate::Error::Setting) when a setting is out of its range.
    pub fn build(&self) -> Result<RmsProp> {
        let settings = Settings("rms_prop");
        settings.positive("learning_rate", self.learning_rate)?;
        settings.decay("rho", self.rho)?;
        settings.decay("momentum", self.momentum)?;
        settings.positive("epsilon", self.epsilon)?;
        settings.weight_decay(self.weight_decay, self.learning_rate, &self.schedule)?;
        self.schedule.check()?;
        Ok(RmsProp(self.clone()))
    }
}

/// RMSProp: `a = rho · a + (1 - rho) g²; u = g / (sqrt(a) + epsilon); w -= rate · u`; with momentum
/// `v = momentum · v + u; w -= rate · v`. Before that, a weight decays by itself and not through the gradient:
/// `w = (1 - rate · weight_decay) · w`.
///
/// Slots: `a`; and `v`, when there is momentum.
///
/// Source: Tieleman and Hinton, *Lecture 6.5, Neural Networks for Machine Learning* (2012).
#[derive(Debug, Clone)]
pub struct RmsProp(RmsPropConfig);

impl RmsProp {
    #[inline(always)]
    fn pass(&self, rates: &Rates, weights: &mut [f32], grads: &[f32], slots: &mut [f32]) {
        let RmsPropConfig { rho, momentum, epsilon, weight_decay, .. } = self.0;
        let (rate, new) = (rates.learning_rate, 1.0 - rho);
        let kept = 1.0 - rate * weight_decay;
        let (squares, velocities) = slots.split_at_mut(weights.len());
        if velocities.is_empty() {
            for ((w, &g), a) in weights.iter_mut().zip(grads).zip(squares) {
                *a = flush(rho * *a + new * (g * g));
                *w = kept * *w - rate * g / (a.sqrt() + epsilon);
            }
            return;
        }
        for (((w, &g), a), v) in weights.iter_mut().zip(grads).zip(squares).zip(velocities) {
            *a = flush(rho * *a + new * (g * g));
            *v = flush(momentum * *v + g / (a.sqrt() + epsilon));
            *w = kept * *w - rate * *v;
        }
    }
}

impl Optimizer for RmsProp {
    fn slots(&self) -> usize {
        1 + usize::from(self.0.momentum > 0.0)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{self, steps};

    fn config(momentum: f32) -> RmsPropConfig {
        RmsPropConfig { learning_rate: 0.125, rho: 0.75, momentum, epsilon: 1e-10, ..Default::default() }
    }

    #[test]
    fn a_step_divides_by_the_root_of_the_mean_square() {
        assert_eq!(steps(&config(0.0).build().unwrap(), 1.0, &[3.0]), [0.75]);
    }

    #[test]
    fn momentum_repeats_a_part_of_the_last_change() {
        assert_eq!(steps(&config(0.5).build().unwrap(), 1.0, &[3.0, 0.0]), [0.75, 0.625]);
    }

    #[test]
    fn weights_decay_apart_from_the_gradient() {
        let decaying = |momentum| RmsPropConfig { weight_decay: 2.0, ..config(momentum) };
        assert_eq!(steps(&decaying(0.0).build().unwrap(), 1.0, &[0.0, 3.0]), [0.75, 0.5625 - 0.25]);
        assert_eq!(steps(&decaying(0.5).build().unwrap(), 1.0, &[3.0, 0.0]), [0.5, 0.375 - 0.125]);
    }

    #[test]
    fn it_keeps_the_contract() {
        contract::run_all(&config(0.0).build().unwrap());
        contract::run_all(&config(0.5).build().unwrap());
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        assert!(RmsPropConfig { learning_rate: 0.5, weight_decay: 2.0, ..Default::default() }.build().is_err());
        assert!(RmsPropConfig { rho: 1.0, ..Default::default() }.build().is_err());
    }
}
