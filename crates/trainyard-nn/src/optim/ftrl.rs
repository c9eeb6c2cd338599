//! FTRL-Proximal.

use super::{Optimizer, Rates};
use crate::{Result, error::Settings};
use serde::{Deserialize, Serialize};
use trainyard_graph::simd;

/// Settings of [`Ftrl`].
///
/// There is no schedule: the rate of each weight falls by itself, and since a weight is computed anew from its slots, a
/// common rate that fell too would shrink what was learned before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FtrlConfig {
    /// Step size. Positive.
    pub learning_rate: f32,
    /// Power of the sum of squared gradients that a weight's step size falls with: -0.5, or 0 for a constant one. In
    /// `[-1, 0]`.
    pub learning_rate_power: f32,
    /// Sum of squared gradients to start with. Positive.
    pub initial_accumulator: f32,
    /// Strength of the penalty `l1 · Σ|w|` on the whole run, which makes weights exactly 0. Not negative.
    pub l1: f32,
    /// Strength of the penalty `l2 · Σw²` on the whole run. Not negative.
    pub l2: f32,
    /// Strength of the penalty `l2_shrinkage · Σw²` on each gradient, at the weights of its time, where `l2` counts for
    /// those of the end. Not negative.
    pub l2_shrinkage: f32,
}

impl Default for FtrlConfig {
    fn default() -> Self {
        let (learning_rate_power, initial_accumulator) = (-0.5, 0.1);
        Self { learning_rate: 0.2, learning_rate_power, initial_accumulator, l1: 0.0, l2: 0.0, l2_shrinkage: 0.0 }
    }
}

impl FtrlConfig {
    /// The optimizer.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`](crate::Error::Setting) when a setting is out of its range.
    pub fn build(&self) -> Result<Ftrl> {
        let settings = Settings("ftrl");
        settings.positive("learning_rate", self.learning_rate)?;
        let power = self.learning_rate_power;
        settings.require((-1.0..=0.0).contains(&power), "learning_rate_power", power, "a number from -1 to 0")?;
        settings.positive("initial_accumulator", self.initial_accumulator)?;
        settings.not_negative("l1", self.l1)?;
        settings.not_negative("l2", self.l2)?;
        settings.not_negative("l2_shrinkage", self.l2_shrinkage)?;
        Ok(Ftrl(self.clone()))
    }
}

/// FTRL-Proximal, which computes a weight anew from the sum of all its gradients, and makes it 0 unless they agree:
///
/// ```text
/// n' = n + g²
/// z += g + 2 · l2_shrinkage · w - (n'^p - n^p) / rate · w    p = -learning_rate_power
/// w  = 0 when |z| <= l1, else (sign(z) · l1 - z) / (n'^p / rate + 2 · l2)
/// ```
///
/// Weights must start at 0: the slots know nothing of another start, and the first update would forget it.
///
/// Slots: `n`, `z`.
///
/// Source: McMahan and others, *Ad Click Prediction: a View from the Trenches* (2013), algorithm 1, with the constants
/// of TensorFlow's `FtrlOptimizer`. The default rate is that of TensorFlow's canned linear models.
#[derive(Debug, Clone)]
pub struct Ftrl(FtrlConfig);

impl Optimizer for Ftrl {
    fn slots(&self) -> usize {
        2
    }

    fn initial_slot(&self, slot: usize) -> f32 {
        if slot == 0 { self.0.initial_accumulator } else { 0.0 }
    }

    fn rates(&self, _step: u64) -> Rates {
        Rates::plain(self.0.learning_rate)
    }

    fn apply(&self, rates: &Rates, weights: &mut [f32], grads: &[f32], slots: &mut [f32]) {
        if !self.fit(weights, grads, slots) {
            return;
        }
        let power = -self.0.learning_rate_power;
        // The root has an instruction; a general power is a call, and several times as slow.
        if power == 0.5 {
            simd::vectorize(
                #[inline(always)]
                || self.pass(rates, f32::sqrt, weights, grads, slots),
            );
        } else {
            self.pass(rates, |n| n.powf(power), weights, grads, slots);
        }
    }
}

impl Ftrl {
    #[inline(always)]
    fn pass(&self, rates: &Rates, power: impl Fn(f32) -> f32, weights: &mut [f32], grads: &[f32], slots: &mut [f32]) {
        let (l1, l2, per_rate) = (self.0.l1, 2.0 * self.0.l2, 1.0 / rates.learning_rate);
        let shrinkage = 2.0 * self.0.l2_shrinkage;
        let (squares, sums) = slots.split_at_mut(weights.len());
        for (((w, &g), n), z) in weights.iter_mut().zip(grads).zip(squares).zip(sums) {
            let before = power(*n);
            *n += g * g;
            let after = power(*n);
            *z += (g + shrinkage * *w) - (after - before) * per_rate * *w;
            let beyond = z.abs() - l1;
            let magnitude = beyond / (after * per_rate + l2);
            *w = if beyond > 0.0 { -magnitude.copysign(*z) } else { 0.0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{self, steps};

    fn config(l1: f32, l2: f32) -> FtrlConfig {
        FtrlConfig { learning_rate: 0.5, initial_accumulator: 1e-12, l1, l2, ..Default::default() }
    }

    #[track_caller]
    fn check(config: FtrlConfig, grads: &[f32], expected: &[f32]) {
        let weights = steps(&config.build().unwrap(), 0.0, grads);
        let near = weights.iter().zip(expected).all(|(w, e)| (w - e).abs() < 1e-5);
        assert!(near && weights.len() == expected.len(), "{weights:?} is not {expected:?}");
    }

    #[test]
    fn the_first_step_has_the_length_of_the_rate() {
        check(config(0.0, 0.0), &[-3.0], &[0.5]);
    }

    #[test]
    fn without_penalties_it_is_adagrad() {
        check(config(0.0, 0.0), &[3.0, 4.0], &[-0.5, -0.5 - 0.5 * 4.0 / 5.0]);
    }

    #[test]
    fn l1_keeps_weights_at_zero_until_the_gradients_add_up() {
        // After the second step z = 2 · 0.75 and n = 2 · 0.75².
        check(config(1.0, 0.0), &[0.75, 0.75], &[0.0, -0.5 / (0.75 * 2f32.sqrt() / 0.5)]);
    }

    #[test]
    fn l2_shrinks_weights() {
        check(config(0.0, 1.0), &[3.0], &[-3.0 / (3.0 / 0.5 + 2.0)]);
    }

    #[test]
    fn shrinkage_is_a_gradient_that_does_not_slow_later_steps() {
        // The weight is -0.5 after the first step; the second adds 2 · 1 · -0.5 to z = 3, and nothing to n = 9.
        let shrinking = FtrlConfig { l2_shrinkage: 1.0, ..config(0.0, 0.0) };
        check(shrinking, &[3.0, 0.0], &[-0.5, -(3.0 - 1.0) * 0.5 / 3.0]);
    }

    #[test]
    fn a_power_of_zero_has_a_constant_rate() {
        check(FtrlConfig { learning_rate_power: 0.0, ..config(0.0, 0.0) }, &[3.0, 1.0], &[-1.5, -2.0]);
    }

    #[test]
    fn the_general_power_agrees_with_the_root() {
        let grads = [0.5, -2.0, 1.0, 0.25];
        let nearly = FtrlConfig { learning_rate_power: -0.5 + f32::EPSILON, ..config(0.1, 0.1) };
        check(nearly, &grads, &steps(&config(0.1, 0.1).build().unwrap(), 0.0, &grads));
    }

    #[test]
    fn it_keeps_the_contract() {
        contract::run_all(&FtrlConfig::default().build().unwrap());
        contract::run_all(&FtrlConfig { learning_rate_power: -0.75, ..FtrlConfig::default() }.build().unwrap());
        contract::run_all(&FtrlConfig { l1: 1e-3, l2: 1e-3, ..FtrlConfig::default() }.build().unwrap());
        contract::run_all(&FtrlConfig { l2_shrinkage: 1e-3, ..FtrlConfig::default() }.build().unwrap());
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        assert!(FtrlConfig { learning_rate_power: 0.5, ..Default::default() }.build().is_err());
        assert!(FtrlConfig { initial_accumulator: 0.0, ..Default::default() }.build().is_err());
        assert!(FtrlConfig { l1: -1.0, ..Default::default() }.build().is_err());
        assert!(FtrlConfig { l2_shrinkage: -1.0, ..Default::default() }.build().is_err());
    }
}
