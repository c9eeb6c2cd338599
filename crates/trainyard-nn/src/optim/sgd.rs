//! Stochastic gradient descent.

use super::{Optimizer, Rates, flush::flush};
use crate::{Result, Schedule, error::Settings};
use serde::{Deserialize, Serialize};
use trainyard_graph::simd;

/// Settings of [`Sgd`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SgdConfig {
    /// Step size. Positive.
    pub learning_rate: f32,
    /// Part of the last change that a weight makes again, in `[0, 1)`.
    pub momentum: f32,
    /// Whether the gradient counts as if taken after the momentum's step (Nesterov).
    pub nesterov: bool,
    /// Part of a weight that it loses in a step, per step size. Not negative, and below 1 when multiplied by the step
    /// size.
    pub weight_decay: f32,
    /// How the step size changes over the steps.
    pub schedule: Schedule,
}

impl Default for SgdConfig {
    fn default() -> Self {
        let schedule = Schedule::default();
        Self { learning_rate: 0.01, momentum: 0.0, nesterov: false, weight_decay: 0.0, schedule }
    }
}

impl SgdConfig {
    /// The optimizer.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`](crate::Error::Setting) when a setting is out of its range.
    pub fn build(&self) -> Result<Sgd> {
        let settings = Settings("sgd");
        settings.positive("learning_rate", self.learning_rate)?;
        settings.decay("momentum", self.momentum)?;
        settings.weight_decay(self.weight_decay, self.learning_rate, &self.schedule)?;
        self.schedule.check()?;
        Ok(Sgd(self.clone()))
    }
}

/// Stochastic gradient descent: `w -= rate · g`; with momentum `v = momentum · v + g; w -= rate · v`, and after
/// Nesterov `w -= rate · (g + momentum · v)`. Before that, a weight decays by itself and not through the gradient:
/// `w = (1 - rate · weight_decay) · w`.
///
/// Slots: `v`, when there is momentum.
///
/// Source: Sutskever, Martens, Dahl and Hinton, *On the Importance of Initialization and Momentum in Deep Learning*
/// (2013), in the form that keeps the rate out of `v`; Loshchilov and Hutter, *Decoupled Weight Decay Regularization*
/// (2019), algorithm 1.
#[derive(Debug, Clone)]
pub struct Sgd(SgdConfig);

impl Sgd {
    #[inline(always)]
    fn pass(&self, rates: &Rates, weights: &mut [f32], grads: &[f32], slots: &mut [f32]) {
        let (rate, momentum) = (rates.learning_rate, self.0.momentum);
        let kept = 1.0 - rate * self.0.weight_decay;
        if slots.is_empty() {
            for (w, &g) in weights.iter_mut().zip(grads) {
                *w = kept * *w - rate * g;
            }
            return;
        }
        let (of_grad, of_velocity) = if self.0.nesterov { (1.0, momentum) } else { (0.0, 1.0) };
        for ((w, &g), v) in weights.iter_mut().zip(grads).zip(slots) {
            *v = flush(momentum * *v + g);
            *w = kept * *w - rate * (of_grad * g + of_velocity * *v);
        }
    }
}

impl Optimizer for Sgd {
    fn slots(&self) -> usize {
        usize::from(self.0.momentum > 0.0)
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
    use crate::{
        Decay,
        contract::{self, steps},
    };

    fn config(momentum: f32, nesterov: bool) -> SgdConfig {
        SgdConfig { learning_rate: 0.5, momentum, nesterov, ..Default::default() }
    }

    #[track_caller]
    fn check(config: SgdConfig, grads: &[f32], expected: &[f32]) {
        assert_eq!(steps(&config.build().unwrap(), 1.0, grads), expected);
    }

    #[test]
    fn a_step_goes_down_the_gradient() {
        check(config(0.0, false), &[1.0, -2.0], &[0.5, 1.5]);
    }

    #[test]
    fn momentum_repeats_a_part_of_the_last_change() {
        check(config(0.5, false), &[1.0, 0.0, 0.0], &[0.5, 0.25, 0.125]);
    }

    #[test]
    fn nesterov_looks_ahead() {
        check(config(0.5, true), &[1.0, 0.0], &[0.25, 0.125]);
    }

    #[test]
    fn weights_decay_apart_from_the_momentum() {
        check(SgdConfig { weight_decay: 0.5, ..config(0.0, false) }, &[0.0, 1.0], &[0.75, 0.0625]);
        check(SgdConfig { weight_decay: 0.5, ..config(0.5, false) }, &[1.0, 0.0], &[0.25, -0.0625]);
    }

    #[test]
    fn it_keeps_the_contract() {
        contract::run_all(&config(0.0, false).build().unwrap());
        contract::run_all(&config(0.75, false).build().unwrap());
        contract::run_all(&config(0.75, true).build().unwrap());
        contract::run_all(&SgdConfig { weight_decay: 1e-3, ..config(0.75, true) }.build().unwrap());
    }

    #[test]
    fn momentum_of_one_is_refused() {
        assert!(config(1.0, false).build().is_err());
    }

    #[test]
    fn a_decay_that_would_turn_the_sign_is_refused() {
        let decaying = |weight_decay| SgdConfig { weight_decay, ..config(0.0, false) };
        assert!(decaying(2.0).build().is_err());
        let decay = Decay::Piecewise { boundaries: vec![10], factors: vec![1.0, 4.0] };
        let schedule = Schedule { warm_up_steps: 0, decay };
        assert!(decaying(0.75).build().is_ok() && SgdConfig { schedule, ..decaying(0.75) }.build().is_err());
    }
}
