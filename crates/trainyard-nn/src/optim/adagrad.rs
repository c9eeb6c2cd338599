//! Adagrad.

use super::{Optimizer, Rates};
use crate::{Result, Schedule, error::Settings};
use serde::{Deserialize, Serialize};
use trainyard_graph::simd;

/// Settings of [`Adagrad`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdagradConfig {
    /// Step size. Positive.
    pub learning_rate: f32,
    /// Sum of squared gradients to start with, which tames the first steps. Not negative.
    pub initial_accumulator: f32,
    /// Added to the denominator. Positive.
    pub epsilon: f32,
    /// Part of a weight that it loses in a step, per step size. Not negative, and below 1 when multiplied by the step
    /// size.
    pub weight_decay: f32,
    /// How the step size changes over the steps.
    pub schedule: Schedule,
}

impl Default for AdagradConfig {
    fn default() -> Self {
        let (learning_rate, schedule) = (0.05, Schedule::default());
        Self { learning_rate, initial_accumulator: 0.1, epsilon: 1e-10, weight_decay: 0.0, schedule }
    }
}

impl AdagradConfig {
    /// The optimizer.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`](crate::Error::Setting) when a setting is out of its range.
    pub fn build(&self) -> Result<Adagrad> {
        let settings = Settings("adagrad");
        settings.positive("learning_rate", self.learning_rate)?;
        settings.not_negative("initial_accumulator", self.initial_accumulator)?;
        settings.positive("epsilon", self.epsilon)?;
        settings.weight_decay(self.weight_decay, self.learning_rate, &self.schedule)?;
        self.schedule.check()?;
        Ok(Adagrad(self.clone()))
    }
}

/// Adagrad: `a += g²; w -= rate · g / (sqrt(a) + epsilon)`. A weight seldom trained keeps a large step. Before that, a
/// weight decays by itself and not through the gradient: `w = (1 - rate · weight_decay) · w`.
///
/// Slots: the accumulator `a`.
///
/// Source: Duchi, Hazan and Singer, *Adaptive Subgradient Methods for Online Learning and Stochastic Optimization*
/// (2011). The defaults are those of TensorFlow's `AdagradOptimizer` and of its canned deep networks.
#[derive(Debug, Clone)]
pub struct Adagrad(AdagradConfig);

impl Adagrad {
    #[inline(always)]
    fn pass(&self, rates: &Rates, weights: &mut [f32], grads: &[f32], slots: &mut [f32]) {
        let (rate, epsilon) = (rates.learning_rate, self.0.epsilon);
        let kept = 1.0 - rate * self.0.weight_decay;
        for ((w, &g), a) in weights.iter_mut().zip(grads).zip(slots) {
            *a += g * g;
            *w = kept * *w - rate * g / (a.sqrt() + epsilon);
        }
    }
}

impl Optimizer for Adagrad {
    fn slots(&self) -> usize {
        1
    }

    fn initial_slot(&self, _slot: usize) -> f32 {
        self.0.initial_accumulator
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

    fn config(initial_accumulator: f32) -> AdagradConfig {
        AdagradConfig { learning_rate: 0.5, initial_accumulator, ..Default::default() }
    }

    #[test]
    fn the_first_step_has_the_length_of_the_rate() {
        assert_eq!(steps(&config(0.0).build().unwrap(), 1.0, &[-3.0]), [1.5]);
    }

    #[test]
    fn steps_shrink_with_the_root_of_the_sum_of_squares() {
        assert_eq!(steps(&config(0.0).build().unwrap(), 1.0, &[3.0, 4.0]), [0.5, 0.5 - 0.5 * 4.0 / 5.0]);
    }

    #[test]
    fn a_gradient_of_zero_changes_nothing_even_without_an_accumulator() {
        assert_eq!(steps(&config(0.0).build().unwrap(), 1.0, &[0.0]), [1.0]);
    }

    #[test]
    fn weights_decay_apart_from_the_gradient() {
        let decaying = AdagradConfig { weight_decay: 0.5, ..config(0.0) };
        assert_eq!(steps(&decaying.build().unwrap(), 1.0, &[0.0, 3.0]), [0.75, 0.5625 - 0.5]);
    }

    #[test]
    fn it_keeps_the_contract() {
        contract::run_all(&config(0.0).build().unwrap());
        contract::run_all(&AdagradConfig::default().build().unwrap());
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        assert!(config(-0.1).build().is_err());
        assert!(AdagradConfig { weight_decay: 2.0, ..config(0.0) }.build().is_err());
    }
}
