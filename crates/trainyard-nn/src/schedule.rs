//! Learning rates that change over the steps.

use crate::{Result, error::Settings};
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// A factor on the learning rate for each step, counted from 1: it rises in a line to 1 over the warm-up, then decays.
///
/// ```
/// use trainyard_nn::{Decay, Schedule};
///
/// let decay = Decay::Polynomial { steps: 4, power: 1.0, floor: 0.0 };
/// let schedule = Schedule { warm_up_steps: 2, decay };
/// let factors: Vec<f32> = (1..=7).map(|step| schedule.factor(step)).collect();
/// assert_eq!(factors, [0.5, 1.0, 1.0, 0.75, 0.5, 0.25, 0.0]);
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Schedule {
    /// Steps of the warm-up; step `s` of them has the factor `s / warm_up_steps`. 0 for none.
    pub warm_up_steps: u64,
    /// What follows the warm-up.
    pub decay: Decay,
}

/// How a learning rate falls. `t` counts the steps after the warm-up, from 0.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Decay {
    /// Not at all.
    #[default]
    Constant,
    /// `rate^(t / steps)`.
    Exponential {
        /// Steps in which the factor falls by `rate`. Positive.
        steps: u64,
        /// In `(0, 1]`.
        rate: f32,
        /// Whether the factor falls only every `steps` steps, and then at once.
        #[serde(default)]
        staircase: bool,
    },
    /// `floor + (1 - floor) · (1 + cos(π · min(t / steps, 1))) / 2` (Loshchilov and Hutter, 2017).
    Cosine {
        /// Steps until the floor is reached. Positive.
        steps: u64,
        /// Factor from then on, in `[0, 1]`.
        #[serde(default)]
        floor: f32,
    },
    /// `floor + (1 - floor) · (1 - min(t / steps, 1))^power`.
    Polynomial {
        /// Steps until the floor is reached. Positive.
        steps: u64,
        /// 1 for a line. Positive.
        #[serde(default = "one")]
        power: f32,
        /// Factor from then on, in `[0, 1]`.
        #[serde(default)]
        floor: f32,
    },
    /// `factors[i]`, where `i` is how many of `boundaries` are at most `t`.
    Piecewise {
        /// Values of `t` from which the next factor holds, ascending.
        boundaries: Vec<u64>,
        /// One factor more than there are boundaries. Not negative.
        factors: Vec<f32>,
    },
}

fn one() -> f32 {
    1.0
}

impl Schedule {
    /// The factor in step `step`, which counts from 1; step 0 is taken for it.
    ///
    /// A schedule that [`check`](Self::check) refuses has some factor too, and NaN in a step for which it has none, so that
    /// it stays visible.
    pub fn factor(&self, step: u64) -> f32 {
        let step = step.max(1);
        if step <= self.warm_up_steps {
            return (step as f64 / self.warm_up_steps as f64) as f32;
        }
        self.decay.factor(step - self.warm_up_steps - 1)
    }

    /// `learning_rate` times the factor in step `step`.
    pub fn rate(&self, learning_rate: f32, step: u64) -> f32 {
        learning_rate * self.factor(step)
    }

    /// A number that no factor is above: 1, which a warm-up may end at, or the highest of a list.
    pub(crate) fn bound(&self) -> f32 {
        let Decay::Piecewise { factors, .. } = &self.decay else { return 1.0 };
        factors.iter().copied().fold(1.0, f32::max)
    }

    /// Refuses settings out of range.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`](crate::Error::Setting), which names the setting.
    pub fn check(&self) -> Result<()> {
        let settings = Settings("the schedule");
        settings.require(self.warm_up_steps < u64::MAX, "warm_up_steps", self.warm_up_steps, "a smaller number")?;
        self.decay.check(settings)
    }
}

impl Decay {
    fn factor(&self, t: u64) -> f32 {
        let part = |steps: u64| (t as f64 / steps as f64).min(1.0);
        let above = |floor: f32, height: f64| (f64::from(floor) + (1.0 - f64::from(floor)) * height) as f32;
        match self {
            Self::Constant => 1.0,
            &Self::Exponential { steps, rate, staircase } => {
                let periods = t as f64 / steps as f64;
                f64::from(rate).powf(if staircase { periods.floor() } else { periods }) as f32
            }
            &Self::Cosine { steps, floor } => above(floor, (1.0 + (PI * part(steps)).cos()) / 2.0),
            &Self::Polynomial { steps, power, floor } => above(floor, (1.0 - part(steps)).powf(f64::from(power))),
            Self::Piecewise { boundaries, factors } => {
                factors.get(boundaries.partition_point(|&from| from <= t)).copied().unwrap_or(f32::NAN)
            }
        }
    }

    fn check(&self, settings: Settings) -> Result<()> {
        let steps = |steps: u64| settings.require(steps > 0, "steps", steps, "a number above 0");
        let unit = |floor: f32| settings.require((0.0..=1.0).contains(&floor), "floor", floor, "a number from 0 to 1");
        match self {
            Self::Constant => Ok(()),
            &Self::Exponential { steps: n, rate, .. } => {
                steps(n)?;
                settings.require(rate > 0.0 && rate <= 1.0, "rate", rate, "a number above 0, at most 1")
            }
            &Self::Cosine { steps: n, floor } => steps(n).and(unit(floor)),
            &Self::Polynomial { steps: n, power, floor } => {
                steps(n).and(unit(floor)).and(settings.positive("power", power))
            }
            Self::Piecewise { boundaries, factors } => {
                settings.require(boundaries.is_sorted(), "boundaries", boundaries, "ascending steps")?;
                let fits = factors.len() == boundaries.len() + 1;
                settings.require(fits, "factors", factors, "one factor more than there are boundaries")?;
                factors.iter().try_for_each(|&factor| settings.not_negative("factors", factor))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(decay: Decay, expected: &[(u64, f32)]) {
        let schedule = Schedule { warm_up_steps: 0, decay };
        schedule.check().unwrap();
        for &(step, factor) in expected {
            assert!((schedule.factor(step) - factor).abs() < 1e-6, "step {step}: {}", schedule.factor(step));
        }
    }

    #[track_caller]
    fn refuse(decay: Decay, setting: &str) {
        let error = Schedule { warm_up_steps: 0, decay }.check().unwrap_err().to_string();
        assert!(error.starts_with(&format!("`{setting}` of the schedule is ")), "{error}");
    }

    #[test]
    fn constant_stays() {
        check(Decay::Constant, &[(1, 1.0), (u64::MAX, 1.0)]);
    }

    #[test]
    fn exponential_falls_by_its_rate() {
        let decay = |staircase| Decay::Exponential { steps: 2, rate: 0.25, staircase };
        check(decay(false), &[(1, 1.0), (2, 0.5), (3, 0.25), (u64::MAX, 0.0)]);
        check(decay(true), &[(1, 1.0), (2, 1.0), (3, 0.25), (4, 0.25), (5, 0.0625)]);
    }

    #[test]
    fn cosine_is_half_way_in_the_middle_and_stays_at_its_floor() {
        check(Decay::Cosine { steps: 4, floor: 0.2 }, &[(1, 1.0), (3, 0.6), (5, 0.2), (100, 0.2)]);
    }

    #[test]
    fn polynomial_bends_by_its_power() {
        check(Decay::Polynomial { steps: 4, power: 2.0, floor: 0.0 }, &[(1, 1.0), (3, 0.25), (5, 0.0), (9, 0.0)]);
    }

    #[test]
    fn piecewise_changes_at_its_boundaries() {
        let decay = Decay::Piecewise { boundaries: vec![2, 5], factors: vec![1.0, 0.5, 0.1] };
        check(decay, &[(1, 1.0), (2, 1.0), (3, 0.5), (5, 0.5), (6, 0.1), (99, 0.1)]);
    }

    #[test]
    fn warm_up_ends_at_the_full_rate() {
        let schedule = Schedule { warm_up_steps: 4, decay: Decay::Constant };
        let rates: Vec<f32> = (1..=5).map(|step| schedule.rate(2.0, step)).collect();
        assert_eq!(rates, [0.5, 1.0, 1.5, 2.0, 2.0]);
    }

    #[test]
    fn step_zero_is_taken_for_the_first() {
        let schedule = |warm_up_steps| Schedule { warm_up_steps, decay: Decay::Constant };
        assert_eq!((schedule(0).factor(0), schedule(4).factor(0)), (1.0, 0.25));
    }

    #[test]
    fn a_refused_schedule_has_no_number_where_it_lacks_a_factor() {
        let decay = Decay::Piecewise { boundaries: vec![2], factors: vec![0.5] };
        let schedule = Schedule { warm_up_steps: 0, decay };
        assert!(schedule.factor(2) == 0.5 && schedule.factor(3).is_nan());
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        refuse(Decay::Exponential { steps: 0, rate: 0.5, staircase: false }, "steps");
        refuse(Decay::Exponential { steps: 1, rate: 0.0, staircase: false }, "rate");
        refuse(Decay::Cosine { steps: 1, floor: 2.0 }, "floor");
        refuse(Decay::Polynomial { steps: 1, power: 0.0, floor: 0.0 }, "power");
        refuse(Decay::Piecewise { boundaries: vec![2, 1], factors: vec![1.0; 3] }, "boundaries");
        refuse(Decay::Piecewise { boundaries: vec![2], factors: vec![1.0] }, "factors");
    }

    #[test]
    fn it_is_written_as_a_table() {
        let schedule: Schedule = toml::from_str("warm_up_steps = 10\ndecay = { cosine = { steps = 100 } }").unwrap();
        assert_eq!(schedule, Schedule { warm_up_steps: 10, decay: Decay::Cosine { steps: 100, floor: 0.0 } });
    }
}
