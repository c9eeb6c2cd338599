//! Mean 0, deviation 1.

use super::{Checked, Constants, Input, Kernel, Kind, Operation, one_number};
use crate::fit::{Findings, Needs};
use serde::{Deserialize, Serialize};

/// `y = (x − mean) / std`, with mean and deviation of the training data; `y = x − mean` when all its values are equal.
///
/// The deviation is that of the rows themselves (divided by `n`, not `n − 1`), and infinite values do not count, as in
/// `tft.scale_to_z_score`. Missing stays missing, so the model sees 0, which is the mean.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ZScore {}

impl Operation for ZScore {
    fn check(&self, inputs: &[Input]) -> Checked<Kind> {
        one_number(inputs)?;
        Ok(Kind::Number)
    }

    fn needs(&self) -> Needs {
        Needs { moments: true, ..Needs::default() }
    }

    fn fit(&self, findings: &Findings<'_>) -> Checked<Constants> {
        let moments = findings.moments()?;
        Ok(Constants::default().with("mean", vec![moments.mean() as f32]).with("std", vec![moments.std() as f32]))
    }

    fn build(&self, constants: &Constants, _: &[Input]) -> Checked<Kernel> {
        let (mean, std) = (constants.number("mean")?, constants.number("std")?);
        let divisor = if std == 0.0 { 1.0 } else { std };
        Ok(Kernel::map(move |x| (x - mean) / divisor))
    }
}

#[cfg(test)]
mod tests {
    use crate::op::testing::*;

    #[track_caller]
    fn check(values: &[f64], expected: &[f32]) {
        check_numeric("[x]\nop = 'z_score'", vec![("x", floats(values))], expected);
    }

    /// `tft.scale_to_z_score`, impl_test.py, testScaleToZScore: the values -4, 10, 2, 4.
    #[test]
    fn matches_tensorflow_transform() {
        check(&[-4.0, 10.0, 2.0, 4.0], &[-1.4, 1.4, -0.2, 0.2]);
    }

    #[test]
    fn equal_values_are_only_shifted() {
        check_applied(
            "[x]\nop = 'z_score'",
            vec![("x", floats(&[0.1, 0.1, 0.1]))],
            vec![("x", floats(&[0.1, 1000.0]))],
            &[0.0, 999.9],
        );
    }

    #[test]
    fn missing_and_infinite_values_do_not_count_and_are_the_mean() {
        check(&[1.0, f64::NAN, 3.0, f64::INFINITY], &[-1.0, 0.0, 1.0, 0.0]);
    }

    #[test]
    fn a_column_without_values_changes_nothing() {
        check_applied("[x]\nop = 'z_score'", vec![("x", floats(&[f64::NAN]))], vec![("x", floats(&[3.0]))], &[3.0]);
    }

    #[test]
    fn a_widened_feature_is_refused() {
        let spec = "[x]\nop = 'impute'\nindicator = true\n[y]\nop = 'z_score'\ninput = 'x'";
        let expected = "`[features.y]`: needs one number per row, but feature `x` is several numbers per row";
        check_error(spec, vec![("x", floats(&[1.0]))], expected);
    }
}
