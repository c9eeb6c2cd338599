//! A number kept within limits.

use super::{Checked, Constants, Input, Kernel, Kind, Operation, one_number};
use crate::fit::{Findings, Needs, Quantile};
use serde::{Deserialize, Serialize};

/// `y = min(max(x, lower), upper)`. Missing stays missing.
///
/// Each limit is given, or a quantile of the training data, or absent. A quantile `q` of `n` sorted values is the one at place
/// `floor(q · n)`, counted from 0.
///
/// ```toml
/// [features.fare_clipped]
/// op = "clip"
/// input = "fare"
/// lower_quantile = 0.001
/// upper_quantile = 0.999
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Clip {
    /// The lower limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The upper limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// The quantile that is the lower limit, in `[0, 1]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lower_quantile: Option<f64>,
    /// The quantile that is the upper limit, in `[0, 1]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upper_quantile: Option<f64>,
}

impl Clip {
    fn quantiles(&self) -> impl Iterator<Item = f64> {
        self.lower_quantile.into_iter().chain(self.upper_quantile)
    }
}

impl Operation for Clip {
    fn check(&self, inputs: &[Input]) -> Checked<Kind> {
        one_number(inputs)?;
        if self.min.or(self.max).is_none() && self.quantiles().next().is_none() {
            return Err("has no limit; give `min`, `max`, `lower_quantile` or `upper_quantile`".to_string());
        }
        if self.min.is_some() && self.lower_quantile.is_some() || self.max.is_some() && self.upper_quantile.is_some() {
            return Err("has a limit both as a number and as a quantile; keep one of the two".to_string());
        }
        if let Some(quantile) = self.quantiles().find(|quantile| !(0.0..=1.0).contains(quantile)) {
            return Err(format!("quantile {quantile} is not in [0, 1]"));
        }
        let reversed = |lower: Option<f64>, upper: Option<f64>| lower.zip(upper).is_some_and(|(l, u)| l > u);
        if reversed(self.min, self.max) || reversed(self.lower_quantile, self.upper_quantile) {
            return Err("the lower limit is above the upper one; exchange them".to_string());
        }
        Ok(Kind::Number)
    }

    fn needs(&self) -> Needs {
        Needs { quantiles: self.quantiles().map(Quantile::Share).collect(), ..Needs::default() }
    }

    fn fit(&self, findings: &Findings<'_>) -> Checked<Constants> {
        let limit = |quantile: Option<f64>| -> Checked<Vec<f32>> {
            let Some(quantile) = quantile else { return Ok(Vec::new()) };
            Ok(findings.quantile(Quantile::Share(quantile))?.into_iter().collect())
        };
        let (lower, upper) = (limit(self.lower_quantile)?, limit(self.upper_quantile)?);
        Ok(Constants::default().with("lower", lower).with("upper", upper))
    }

    fn build(&self, constants: &Constants, _: &[Input]) -> Checked<Kernel> {
        let limit = |given: Option<f64>, quantile: Option<f64>, name: &str| -> Checked<Option<f32>> {
            match (given, quantile) {
                (Some(given), _) => Ok(Some(given as f32)),
                (None, Some(_)) => Ok(constants.list(name)?.first().copied()),
                (None, None) => Ok(None),
            }
        };
        let lower = limit(self.min, self.lower_quantile, "lower")?.unwrap_or(f32::NEG_INFINITY);
        let upper = limit(self.max, self.upper_quantile, "upper")?.unwrap_or(f32::INFINITY);
        // Not `clamp`, which panics when the lower limit, here perhaps from a damaged file, is above the upper one.
        let clip = move |x: f32| if x < lower { lower } else { x };
        Ok(Kernel::map(move |x| if x > upper { upper } else { clip(x) }))
    }
}

#[cfg(test)]
mod tests {
    use crate::op::testing::*;

    #[track_caller]
    fn check(parameters: &str, values: &[f64], expected: &[f32]) {
        check_numeric(&format!("[x]\nop = 'clip'\n{parameters}"), vec![("x", floats(values))], expected);
    }

    #[track_caller]
    fn check_refused(parameters: &str, expected: &str) {
        check_error(&format!("[x]\nop = 'clip'\n{parameters}"), vec![("x", floats(&[1.0]))], expected);
    }

    #[test]
    fn given_limits_hold_and_may_stand_alone() {
        check("min = 0\nmax = 2.5", &[-1.0, 1.0, f64::INFINITY], &[0.0, 1.0, 2.5]);
        check("max = 2", &[-1.0, 3.0], &[-1.0, 2.0]);
    }

    #[test]
    fn quantiles_of_the_training_data_are_limits() {
        let values: Vec<f64> = (0..1000).map(f64::from).collect();
        let expected: Vec<f32> = (0..1000).map(|i| (i as f32).clamp(100.0, 990.0)).collect();
        check("lower_quantile = 0.1\nupper_quantile = 0.99", &values, &expected);
    }

    #[test]
    fn a_column_without_values_has_no_limits() {
        let spec = "[x]\nop = 'clip'\nupper_quantile = 0.9";
        check_applied(spec, vec![("x", floats(&[f64::NAN]))], vec![("x", floats(&[7.0]))], &[7.0]);
    }

    #[test]
    fn wrong_limits_are_refused() {
        check_refused("", "has no limit; give `min`, `max`");
        check_refused("min = 3\nmax = 2", "the lower limit is above the upper one");
        check_refused("upper_quantile = 99", "quantile 99 is not in [0, 1]");
        check_refused("min = 3\nlower_quantile = 0.1", "both as a number and as a quantile");
    }
}
