//! What can go wrong when a formula is configured or a network is built.

use crate::Schedule;

/// Short for a result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of this crate.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting is out of its range.
    #[error("`{setting}` of {part} is {value}; set it to {expected}")]
    Setting {
        /// The formula that has the setting, such as `adam`.
        part: &'static str,
        /// Name of the setting.
        setting: &'static str,
        /// What it was set to.
        value: String,
        /// What it may be.
        expected: &'static str,
    },
    /// Values whose shapes do not fit a layer or a loss.
    #[error("{part} cannot take {shapes}; give it {expected}")]
    Shape {
        /// The layer or loss.
        part: String,
        /// The shapes given.
        shapes: String,
        /// Shapes that would have been right.
        expected: &'static str,
    },
    /// The graph refused an operation.
    #[error(transparent)]
    Graph(#[from] trainyard_graph::Error),
}

/// Checks of one part's settings, each of which names the setting in its error.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings(pub(crate) &'static str);

impl Settings {
    /// Refuses what is not a finite number above 0.
    pub(crate) fn positive(self, setting: &'static str, value: f32) -> Result<()> {
        self.require(value > 0.0 && value.is_finite(), setting, value, "a number above 0")
    }

    /// Refuses what is not a finite number from 0.
    pub(crate) fn not_negative(self, setting: &'static str, value: f32) -> Result<()> {
        self.require(value >= 0.0 && value.is_finite(), setting, value, "0 or a number above it")
    }

    /// Refuses what is not in `[0, 1)`.
    pub(crate) fn decay(self, setting: &'static str, value: f32) -> Result<()> {
        self.require((0.0..1.0).contains(&value), setting, value, "a number from 0 to below 1")
    }

    /// Refuses a decay of weights, per step size, that is negative or would turn the sign of a weight in a step.
    pub(crate) fn weight_decay(self, weight_decay: f32, learning_rate: f32, schedule: &Schedule) -> Result<()> {
        self.not_negative("weight_decay", weight_decay)?;
        let below_one = weight_decay * learning_rate * schedule.bound() < 1.0;
        let expected = "less than 1 divided by the highest learning rate of the schedule";
        self.require(below_one, "weight_decay", weight_decay, expected)
    }

    /// Refuses a value for which `holds` is false.
    pub(crate) fn require(
        self,
        holds: bool,
        setting: &'static str,
        value: impl std::fmt::Debug,
        expected: &'static str,
    ) -> Result<()> {
        if holds {
            Ok(())
        } else {
            Err(Error::Setting { part: self.0, setting, value: format!("{value:?}"), expected })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_setting_says_what_it_may_be() {
        let error = Settings("adam").decay("beta_1", 1.0).unwrap_err();
        assert_eq!(error.to_string(), "`beta_1` of adam is 1.0; set it to a number from 0 to below 1");
    }

    #[test]
    fn numbers_that_are_not_finite_are_refused() {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert!(Settings("x").positive("y", value).is_err());
            assert!(Settings("x").not_negative("y", value).is_err());
            assert!(Settings("x").decay("y", value).is_err());
        }
    }
}
