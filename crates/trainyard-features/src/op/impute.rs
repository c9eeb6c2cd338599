//! A value in place of missing ones.

use super::{Args, Checked, Constants, Input, Kernel, Kind, Operation, one_number};
use crate::column::Column;
use crate::fit::{Counting, Findings, Needs, Quantile};
use serde::{Deserialize, Serialize};

/// `y = x`, or a fixed value where `x` is missing; with `indicator`, `[y, 1 if x was missing else 0]`.
///
/// When the training data has no value at all, mean, median and most frequent are 0.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Impute {
    /// Where the value comes from. By default `mean`, or `constant` when `value` is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<Strategy>,
    /// The value of `constant`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Whether a second number says which values were missing.
    pub indicator: bool,
}

/// Where the value of [`Impute`] comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// [`Impute::value`].
    Constant,
    /// The mean of the training data.
    Mean,
    /// The median; of an even number of values the greater of the two in the middle.
    Median,
    /// The most frequent value; of several the smallest.
    MostFrequent,
}

impl Impute {
    fn strategy(&self) -> Checked<Strategy> {
        match (self.strategy, self.value) {
            (None | Some(Strategy::Constant), Some(_)) => Ok(Strategy::Constant),
            (Some(Strategy::Constant), None) => Err("strategy `constant` needs a `value`".to_string()),
            (Some(_), Some(_)) => Err("`value` goes with strategy `constant` only; remove one of the two".to_string()),
            (strategy, None) => Ok(strategy.unwrap_or(Strategy::Mean)),
        }
    }
}

impl Operation for Impute {
    fn check(&self, inputs: &[Input]) -> Checked<Kind> {
        self.strategy()?;
        one_number(inputs)?;
        Ok(if self.indicator { Kind::Vector } else { Kind::Number })
    }

    fn needs(&self) -> Needs {
        match self.strategy() {
            Ok(Strategy::Mean) => Needs { moments: true, ..Needs::default() },
            Ok(Strategy::Median) => Needs { quantiles: vec![Quantile::Ratio(1, 2)], ..Needs::default() },
            Ok(Strategy::MostFrequent) => Needs { counting: Counting::All, ..Needs::default() },
            Ok(Strategy::Constant) | Err(_) => Needs::default(),
        }
    }

    fn fit(&self, findings: &Findings<'_>) -> Checked<Constants> {
        let value = match self.strategy()? {
            Strategy::Constant => 0.0,
            Strategy::Mean => findings.moments()?.mean() as f32,
            Strategy::Median => findings.quantile(Quantile::Ratio(1, 2))?.unwrap_or(0.0),
            Strategy::MostFrequent => {
                let mode = findings.exact_counts()?.mode().map_err(|error| error.to_string())?;
                mode.map_or(0.0, |token| number(&token))
            }
        };
        Ok(Constants::default().with("value", vec![value]))
    }

    fn build(&self, constants: &Constants, _: &[Input]) -> Checked<Kernel> {
        let value = match self.value {
            Some(value) => value as f32,
            None => constants.number("value")?,
        };
        let fill = move |x: f32| if x.is_nan() { value } else { x };
        if !self.indicator {
            return Ok(Kernel::map(fill));
        }
        Ok(Kernel::new(2, move |args: Args<'_>| {
            let numbers = args.numbers(0)?;
            let values = numbers.iter().flat_map(|&x| [fill(x), if x.is_nan() { 1.0 } else { 0.0 }]);
            Ok(Column::Numbers { width: 2, values: values.collect() })
        }))
    }
}

/// A counted value as a number; bools are 0 and 1.
fn number(token: &str) -> f32 {
    if token == "true" { 1.0 } else { token.parse().unwrap_or(0.0) }
}

#[cfg(test)]
mod tests {
    use crate::op::testing::*;

    #[track_caller]
    fn check(parameters: &str, values: &[f64], expected: &[f32]) {
        check_numeric(&format!("[x]\nop = 'impute'\n{parameters}"), vec![("x", floats(values))], expected);
    }

    const NAN: f64 = f64::NAN;

    #[test]
    fn the_mean_stands_in_by_default() {
        check("", &[1.0, NAN, 4.0], &[1.0, 2.5, 4.0]);
    }

    #[test]
    fn the_median_of_an_even_number_is_the_greater_middle() {
        check("strategy = 'median'", &[1.0, 2.0, 3.5, 90.0, NAN], &[1.0, 2.0, 3.5, 90.0, 3.5]);
    }

    #[test]
    fn the_most_frequent_value_is_the_smallest_of_several() {
        check("strategy = 'most_frequent'", &[7.0, 2.0, 7.0, 2.0, 9.0, NAN], &[7.0, 2.0, 7.0, 2.0, 9.0, 2.0]);
    }

    #[test]
    fn a_constant_needs_no_strategy() {
        check("value = -1", &[3.0, NAN], &[3.0, -1.0]);
    }

    #[test]
    fn the_indicator_is_a_second_number() {
        check("value = 5\nindicator = true", &[3.0, NAN], &[3.0, 0.0, 5.0, 1.0]);
    }

    #[test]
    fn a_column_without_values_is_filled_with_zero() {
        check("strategy = 'median'", &[NAN, NAN], &[0.0, 0.0]);
    }

    #[test]
    fn a_constant_without_value_is_refused() {
        let spec = "[x]\nop = 'impute'\nstrategy = 'constant'";
        check_error(spec, vec![("x", floats(&[1.0]))], "`[features.x]`: strategy `constant` needs a `value`");
    }
}
