//! Smallest to largest as 0 to 1.

use super::{Checked, Constants, Input, Kernel, Kind, Operation, one_number};
use crate::fit::{Findings, Needs};
use serde::{Deserialize, Serialize};

/// `y = (x − min) / (max − min) · (to − from) + from`, with the smallest and largest finite value of the training data.
///
/// When all its values are equal, `y = sigmoid(x) · (to − from) + from`, as in `tft.scale_by_min_max`. Missing stays missing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MinMax {
    /// What the smallest value becomes.
    pub from: f64,
    /// What the largest value becomes. Greater than `from`.
    pub to: f64,
}

impl Default for MinMax {
    fn default() -> Self {
        Self { from: 0.0, to: 1.0 }
    }
}

impl Operation for MinMax {
    fn check(&self, inputs: &[Input]) -> Checked<Kind> {
        one_number(inputs)?;
        if self.from < self.to { Ok(Kind::Number) } else { Err("`from` must be below `to`".to_string()) }
    }

    fn needs(&self) -> Needs {
        Needs { moments: true, ..Needs::default() }
    }

    fn fit(&self, findings: &Findings<'_>) -> Checked<Constants> {
        let moments = findings.moments()?;
        let (min, max) = if moments.count == 0 { (0.0, 0.0) } else { (moments.min, moments.max) };
        Ok(Constants::default().with("min", vec![min as f32]).with("max", vec![max as f32]))
    }

    fn build(&self, constants: &Constants, _: &[Input]) -> Checked<Kernel> {
        let (min, max) = (constants.number("min")?, constants.number("max")?);
        let (from, range) = (self.from as f32, (self.to - self.from) as f32);
        if min < max {
            return Ok(Kernel::map(move |x| (x - min) / (max - min) * range + from));
        }
        Ok(Kernel::map(move |x| (1.0 / (1.0 + (-f64::from(x)).exp())) as f32 * range + from))
    }
}

#[cfg(test)]
mod tests {
    use crate::op::testing::*;

    #[track_caller]
    fn check(parameters: &str, values: &[f64], expected: &[f32]) {
        check_numeric(&format!("[x]\nop = 'min_max'\n{parameters}"), vec![("x", floats(values))], expected);
    }

    #[test]
    fn the_smallest_becomes_0_and_the_largest_1() {
        check("", &[4.0, f64::INFINITY, 2.0, 3.0, f64::NAN], &[1.0, 0.0, 0.0, 0.5, 0.0]);
    }

    #[test]
    fn another_range_is_reached() {
        check("from = -1\nto = 3", &[0.0, 10.0, 5.0], &[-1.0, 3.0, 1.0]);
    }

    /// `tft.scale_by_min_max(x, 0, 10)` of a column of fours: 9.8201379, impl_test.py.
    #[test]
    fn equal_values_go_through_a_sigmoid() {
        check("to = 10", &[4.0, 4.0], &[9.820_138, 9.820_138]);
    }

    #[test]
    fn an_empty_range_is_refused() {
        let spec = "[x]\nop = 'min_max'\nto = 0";
        check_error(spec, vec![("x", floats(&[1.0]))], "`[features.x]`: `from` must be below `to`");
    }
}
