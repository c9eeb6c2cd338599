//! `ln(1 + x)`.

use super::{Checked, Constants, Input, Kernel, Kind, Operation, one_number};
use serde::{Deserialize, Serialize};

/// `y = ln(1 + x)`, computed in `f64` and rounded once.
///
/// Missing stays missing, and so does what has no logarithm (`x ≤ −1`); clip at 0 first where the data has such values.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log1p {}

impl Operation for Log1p {
    fn check(&self, inputs: &[Input]) -> Checked<Kind> {
        one_number(inputs)?;
        Ok(Kind::Number)
    }

    fn build(&self, _: &Constants, _: &[Input]) -> Checked<Kernel> {
        Ok(Kernel::map(|x| if x > -1.0 { f64::from(x).ln_1p() as f32 } else { f32::NAN }))
    }
}

#[cfg(test)]
mod tests {
    use crate::op::testing::*;

    #[track_caller]
    fn check(values: &[f64], expected: &[f32]) {
        check_numeric("[x]\nop = 'log1p'", vec![("x", floats(values))], expected);
    }

    #[test]
    fn small_numbers_keep_their_digits() {
        check(&[0.0, std::f64::consts::E - 1.0, 1e-20], &[0.0, 1.0, 1e-20]);
    }

    #[test]
    fn what_has_no_logarithm_is_missing() {
        check(&[-1.0, -5.0, f64::NAN], &[0.0, 0.0, 0.0]);
    }
}
