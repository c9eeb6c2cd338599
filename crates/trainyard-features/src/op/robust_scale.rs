//! Median 0, middle half of length 1.

use super::{Checked, Constants, Input, Kernel, Kind, Operation, one_number};
use crate::fit::{Findings, Needs, Quantile};
use serde::{Deserialize, Serialize};

const QUARTILES: [Quantile; 3] = [Quantile::Ratio(1, 4), Quantile::Ratio(1, 2), Quantile::Ratio(3, 4)];

/// `y = (x − median) / (q₇₅ − q₂₅)`, with the quartiles of the training data; `y = x − median` when these are equal.
///
/// Outliers move it less than `z_score`. A quartile of `n` sorted values is the one at place `floor(share · n)`, counted from
/// 0; infinite values do not count. Missing stays missing, so the model sees 0, which is the median.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RobustScale {}

impl Operation for RobustScale {
    fn check(&self, inputs: &[Input]) -> Checked<Kind> {
        one_number(inputs)?;
        Ok(Kind::Number)
    }

    fn needs(&self) -> Needs {
        Needs { quantiles: QUARTILES.to_vec(), ..Needs::default() }
    }

    fn fit(&self, findings: &Findings<'_>) -> Checked<Constants> {
        let quartile = |quantile: Quantile| Ok::<_, String>(findings.quantile(quantile)?.unwrap_or(0.0));
        let [low, median, high] = QUARTILES.map(quartile);
        let (low, high) = (low?, high?);
        // The difference of two numbers of `f32` may be too large for one.
        let range = (f64::from(high) - f64::from(low)).min(f64::from(f32::MAX)) as f32;
        Ok(Constants::default().with("median", vec![median?]).with("range", vec![range]))
    }

    fn build(&self, constants: &Constants, _: &[Input]) -> Checked<Kernel> {
        let (median, range) = (constants.number("median")?, constants.number("range")?);
        let divisor = if range == 0.0 { 1.0 } else { range };
        Ok(Kernel::map(move |x| (x - median) / divisor))
    }
}

#[cfg(test)]
mod tests {
    use crate::op::testing::*;

    #[track_caller]
    fn check(values: &[f64], expected: &[f32]) {
        check_numeric("[x]\nop = 'robust_scale'", vec![("x", floats(values))], expected);
    }

    #[test]
    fn the_middle_half_has_length_one() {
        // Of 1 .. 8 the values at places 2, 4 and 6 are 3, 5 and 7.
        check(&[8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0], &[0.75, 0.5, 0.25, 0.0, -0.25, -0.5, -0.75, -1.0]);
    }

    #[test]
    fn outliers_and_missing_values_move_nothing() {
        check(&[1.0, 2.0, 3.0, 1e30, f64::NAN, f64::INFINITY], &[-2.0 / 1e30, -1.0 / 1e30, 0.0, 1.0, 0.0, 0.0]);
        check(&[1.0, 2.0, 2.5, 3.0, 1e9], &[-1.5, -0.5, 0.0, 0.5, 1e9]);
    }

    #[test]
    fn equal_quartiles_only_shift() {
        check(&[5.0, 5.0, 5.0, 5.0, 9.0], &[0.0, 0.0, 0.0, 0.0, 4.0]);
    }

    #[test]
    fn a_column_without_values_changes_nothing() {
        let (training, applied) = (vec![("x", floats(&[f64::NAN]))], vec![("x", floats(&[3.0]))]);
        check_applied("[x]\nop = 'robust_scale'", training, applied, &[3.0]);
    }
}
