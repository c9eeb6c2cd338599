//! Sine and cosine of a number on a circle.

use super::{Args, Checked, Constants, Input, Kernel, Kind, Operation, any_of, one};
use crate::column::Column;
use serde::{Deserialize, Serialize};
use std::f64::consts::TAU;

/// `[sin(2π x / period), cos(2π x / period)]`: 23 o'clock lies as near to 0 as 1 o'clock does. Computed in `f64`.
///
/// Reads numbers, or a categorical feature such as `time_part` by its id. Missing stays missing; the model sees `[0, 0]`,
/// which is the middle of the circle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cyclic {
    /// After how much it begins anew: 24 for hours. Positive.
    pub period: f64,
}

impl Operation for Cyclic {
    fn check(&self, inputs: &[Input]) -> Checked<Kind> {
        any_of(one(inputs)?, &[Kind::Number, Kind::Int, Kind::Bool, Kind::Ids], "one number per row")?;
        let positive = self.period > 0.0 && self.period.is_finite();
        if positive { Ok(Kind::Vector) } else { Err(format!("`period` is {}; expected a positive number", self.period)) }
    }

    fn build(&self, _: &Constants, _: &[Input]) -> Checked<Kernel> {
        let period = self.period;
        Ok(Kernel::new(2, move |args: Args<'_>| {
            // The remainder first: it is exact, and small angles keep their digits.
            let angle = |x: f64| TAU * (x.rem_euclid(period) / period);
            let values = args.doubles(0)?.into_iter().map(angle).flat_map(|angle| [angle.sin() as f32, angle.cos() as f32]);
            Ok(Column::Numbers { width: 2, values: values.collect() })
        }))
    }
}

#[cfg(test)]
mod tests {
    use crate::op::testing::*;

    #[test]
    fn quarters_of_the_period_are_the_corners_of_the_circle() {
        let spec = "[x]\nop = 'cyclic'\nperiod = 24";
        let found = run(spec, &vec![("x", floats(&[0.0, 6.0, -12.0, 42.0]))]).unwrap().numeric;
        let expected = [0.0, 1.0, 1.0, 0.0, 0.0, -1.0, -1.0, 0.0];
        assert!(found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-6), "{found:?}");
    }

    #[test]
    fn ids_of_a_time_part_are_taken_as_numbers() {
        let spec = "[hour]\nop = 'time_part'\ninput = 'x'\npart = 'hour'\n[y]\nop = 'cyclic'\ninput = 'hour'\nperiod = 24";
        check_numeric(spec, vec![("x", ints(&[Some(6 * 3600), None]))], &[1.0, 6.123_234e-17, 0.0, 0.0]);
    }

    #[test]
    fn a_period_of_zero_is_refused() {
        check_error("[x]\nop = 'cyclic'\nperiod = 0", vec![("x", floats(&[1.0]))], "`period` is 0; expected a positive");
    }
}
