//! Averages of weights over the steps, which often predict better than the weights of the last step.

use crate::{Error, Result, error::Settings};
use serde::{Deserialize, Serialize};

/// Exponential moving average of weights: `(1 - d) · Σ_s d^(t-s) · w_s / (1 - d^t)` after step `t`, over the weights
/// `w_s` of steps 1 to `t`, with the `decay` `d`.
///
/// The divisor makes the shares of all steps add up to 1, as in Adam's moments, so that the average is one from the first
/// step on, whatever stood in its place before. It is folded into [`share`](Self::share), and what is kept is always the
/// average itself.
///
/// A row of a table may be averaged when it is trained alone, and stand still in the steps between: `from` and `to` say
/// how many steps an update stands for, and the result is that of updates in every step.
///
/// ```
/// use trainyard_nn::Ema;
///
/// let ema = Ema { decay: 0.5 };
/// let mut average = [0.0];
/// ema.update(0, 1, &mut average, &[3.0])?;
/// assert_eq!(average, [3.0]);
/// ema.update(1, 2, &mut average, &[6.0])?;
/// assert_eq!(average, [5.0]); // (0.25 · 3 + 0.5 · 6) / 0.75
/// # assert!(ema.check().is_ok());
/// # Ok::<(), trainyard_nn::Error>(())
/// ```
///
/// Source: Polyak and Juditsky, *Acceleration of Stochastic Approximation by Averaging* (1992), with exponential shares
/// and the correction of Kingma and Ba (2015), section 3.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ema {
    /// What is left of a step's share one step later, in `[0, 1)`: the average is over about `1 / (1 - decay)` steps.
    pub decay: f32,
}

impl Default for Ema {
    fn default() -> Self {
        Self { decay: 0.999 }
    }
}

impl Ema {
    /// Refuses a decay out of its range.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`](crate::Error::Setting), which names the setting.
    pub fn check(&self) -> Result<()> {
        Settings("the average of weights").decay("decay", self.decay)
    }

    /// Share of the weights of the steps after `from` and up to `to` in the average after step `to`:
    /// `(1 - d^(to - from)) / (1 - d^to)`, in `[0, 1]`; 0 when there are no such steps. A decay that [`check`](Self::check)
    /// refuses gives NaN, so that it stays visible.
    pub fn share(&self, from: u64, to: u64) -> f32 {
        if from >= to {
            return 0.0;
        }
        if self.check().is_err() {
            return f32::NAN;
        }
        // Of a power near 1, `exp_m1` keeps the digits that 1 less the power would lose.
        let decay = f64::from(self.decay).ln();
        let weight = |steps: u64| -(steps as f64 * decay).exp_m1();
        (weight(to - from) / weight(to)) as f32
    }

    /// Takes `weights`, those of every step after `from` and up to `to`, into the average after step `from`: it becomes
    /// that after step `to`. Steps count from 1, so the first update is from 0, and it forgets what stood in `average`.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] when there are not as many averages as weights; nothing is changed then.
    pub fn update(&self, from: u64, to: u64, average: &mut [f32], weights: &[f32]) -> Result<()> {
        if average.len() != weights.len() {
            let shapes = format!("{} averages and {} weights", average.len(), weights.len());
            let part = "the average of weights".to_owned();
            return Err(Error::Shape { part, shapes, expected: "an average for each weight" });
        }
        match self.share(from, to) {
            1.0 => average.copy_from_slice(weights),
            share => average.iter_mut().zip(weights).for_each(|(a, &w)| *a += share * (w - *a)),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The average after each step, of one weight.
    fn averages(decay: f32, weights: &[f32]) -> Vec<f32> {
        let mut average = [f32::NAN];
        let mut after = |(from, &weight): (usize, &f32)| {
            Ema { decay }.update(from as u64, from as u64 + 1, &mut average, &[weight]).unwrap();
            average[0]
        };
        weights.iter().enumerate().map(&mut after).collect()
    }

    #[track_caller]
    fn check(decay: f32, weights: &[f32], expected: &[f32]) {
        let averages = averages(decay, weights);
        let near = averages.iter().zip(expected).all(|(a, e)| (a - e).abs() < 1e-6);
        assert!(near && averages.len() == expected.len(), "{averages:?} is not {expected:?}");
    }

    #[test]
    fn a_weight_that_stands_still_is_its_own_average_from_the_first_step_on() {
        check(0.99, &[2.0; 4], &[2.0; 4]);
    }

    #[test]
    fn later_weights_have_the_greater_shares() {
        check(0.5, &[0.0, 1.0, 1.0], &[0.0, 2.0 / 3.0, 6.0 / 7.0]);
    }

    #[test]
    fn without_decay_it_is_the_last_weight() {
        check(0.0, &[1.0, 5.0, -2.0], &[1.0, 5.0, -2.0]);
    }

    #[test]
    fn steps_that_stand_still_are_taken_at_once() {
        let ema = Ema { decay: 0.9 };
        let each = averages(0.9, &[[1.0; 3], [4.0; 3]].concat());
        let mut row = [f32::NAN];
        ema.update(0, 3, &mut row, &[1.0]).unwrap();
        ema.update(3, 6, &mut row, &[4.0]).unwrap();
        assert!((row[0] - each[5]).abs() < 1e-6, "{row:?} {each:?}");
        ema.update(6, 6, &mut row, &[100.0]).unwrap();
        assert!((row[0] - each[5]).abs() < 1e-6);
    }

    #[test]
    fn the_long_run_has_the_plain_share() {
        let share = Ema { decay: 0.999 }.share(u64::MAX - 1, u64::MAX);
        assert!((share - 1e-3).abs() < 1e-7, "{share}");
    }

    #[test]
    fn a_decay_near_one_averages_evenly() {
        let nearly_one = 1.0 - f32::EPSILON / 2.0;
        check(nearly_one, &[0.0, 3.0, 3.0, 2.0], &[0.0, 1.5, 2.0, 2.0]);
    }

    #[test]
    fn a_decay_that_is_refused_leaves_no_number() {
        for decay in [1.0, 1.5, -0.5, f32::NAN, f32::INFINITY] {
            assert!(averages(decay, &[1.0, 2.0]).iter().all(|average| average.is_nan()), "{decay}");
        }
    }

    #[test]
    fn a_weight_without_an_average_is_refused() {
        let mut average = [1.0];
        let error = Ema::default().update(0, 1, &mut average, &[2.0, 3.0]).unwrap_err().to_string();
        let expected =
            "the average of weights cannot take 1 averages and 2 weights; give it an average for each weight";
        assert_eq!((error.as_str(), average), (expected, [1.0]));
    }

    #[test]
    fn a_decay_of_one_is_refused() {
        let error = Ema { decay: 1.0 }.check().unwrap_err().to_string();
        assert_eq!(error, "`decay` of the average of weights is 1.0; set it to a number from 0 to below 1");
    }

    #[test]
    fn it_is_written_as_a_table() {
        assert_eq!(toml::from_str::<Ema>("decay = 0.5").unwrap(), Ema { decay: 0.5 });
        assert!(toml::from_str::<Ema>("rate = 0.5").is_err());
    }
}
