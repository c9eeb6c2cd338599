//! A number scaled among those of its category.

use super::{Args, Checked, Constants, Input, Kernel, Kind, Operation, any_of, few_buckets};
use crate::column::Column;
use crate::fit::{Joint, JointNeeds, Moments};
use serde::{Deserialize, Serialize};

/// `y = (x − mean) / std`, or with `to = "min_max"` `y = (x − min) / (max − min)`, with mean, deviation and range of the training
/// rows of the same category: the fare among those of its city.
///
/// Reads `inputs = [number, categorical feature]`, the latter of at most 65,536 buckets. A category without a finite number in
/// the training data, and a row with no category or several, take the constants of all rows that have one. As in `z_score` and
/// `min_max`, the deviation is divided by `n`, equal values are only shifted, or go through a sigmoid, infinite numbers do not
/// count in fitting, and missing stays missing.
///
/// ```toml
/// [features.city_id]
/// op = "vocabulary"
/// input = "city"
/// [features.fare_in_city]
/// op = "scale_per_key"
/// inputs = ["fare", "city_id"]
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScalePerKey {
    /// What to scale to.
    pub to: Scale,
}

/// What [`ScalePerKey`] scales to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// Mean 0, deviation 1.
    #[default]
    ZScore,
    /// Smallest to largest as 0 to 1.
    MinMax,
}

impl Scale {
    /// What is taken from a number, and what the rest is divided by; 0 for equal values.
    fn constants(self, moments: &Moments) -> (f32, f32) {
        match self {
            _ if moments.count == 0 => (0.0, 0.0),
            Self::ZScore => (moments.mean() as f32, moments.std() as f32),
            Self::MinMax => (moments.min as f32, (moments.max as f32 - moments.min as f32).min(f32::MAX)),
        }
    }

    fn apply(self, x: f32, shift: f32, divisor: f32) -> f32 {
        match self {
            _ if divisor > 0.0 => (x - shift) / divisor,
            Self::ZScore => x - shift,
            Self::MinMax => (1.0 / (1.0 + (-f64::from(x)).exp())) as f32,
        }
    }
}

impl Operation for ScalePerKey {
    fn check(&self, inputs: &[Input]) -> Checked<Kind> {
        let [number, key] = inputs else {
            return Err(format!("takes two `inputs` (a number, a categorical feature), not {}", inputs.len()));
        };
        any_of(number, &[Kind::Number, Kind::Int, Kind::Bool], "one number per row first")?;
        any_of(key, &[Kind::Ids], "a categorical feature second (`vocabulary`, `hash`, `identity` make one)")?;
        Ok(Kind::Number)
    }

    fn joint_needs(&self, _: usize) -> Option<JointNeeds> {
        Some(JointNeeds::MomentsById)
    }

    /// Constants by id; last those of all rows.
    fn fit_joint(&self, joint: &Joint, inputs: &[Input]) -> Checked<Constants> {
        let Joint::MomentsById(by_id) = joint else { return Err("was fitted as another; please report it".to_string()) };
        let key = inputs.last().ok_or_else(|| "has no input; please report it".to_string())?;
        few_buckets(key)?;
        let mut all = Moments::default();
        by_id.values().for_each(|moments| all.merge(moments));
        let of = |id: u64| by_id.get(&id).filter(|moments| moments.count > 0).unwrap_or(&all);
        let constants = (0..key.size).map(of).chain([&all]).map(|moments| self.to.constants(moments));
        let (shifts, divisors) = constants.unzip();
        Ok(Constants::default().with("shift", shifts).with("divisor", divisors))
    }

    fn build(&self, constants: &Constants, _: &[Input]) -> Checked<Kernel> {
        let (shifts, divisors) = (constants.list("shift")?.to_vec(), constants.list("divisor")?.to_vec());
        if shifts.is_empty() || shifts.len() != divisors.len() {
            return Err("fitted `shift` and `divisor` must be as long as each other; fit the features again".to_string());
        }
        let (scale, all) = (self.to, shifts.len() - 1);
        Ok(Kernel::new(1, move |args: Args<'_>| {
            let (numbers, ids) = (args.numbers(0)?, args.ids(1)?);
            let place = |row: usize| if let [id] = ids.row(row) { (*id as usize).min(all) } else { all };
            let places = (0..args.rows).map(place).zip(numbers.iter());
            Ok(Column::numbers(places.map(|(i, &x)| scale.apply(x, shifts[i], divisors[i])).collect()))
        }))
    }
}

#[cfg(test)]
mod tests {
    use crate::op::testing::*;

    const SPEC: &str =
        "[k]\nop = 'vocabulary'\noov_buckets = 1\ninput = 'city'\n[y]\nop = 'scale_per_key'\ninputs = ['x', 'k']\n";

    fn columns(values: &[f64], cities: &[&str]) -> Columns {
        vec![("x", floats(values)), ("city", texts(cities))]
    }

    /// `tft.scale_to_z_score_per_key` of these gives the same: (x − mean) / sqrt(var) by key.
    #[test]
    fn each_category_has_mean_0_and_deviation_1() {
        let columns = columns(&[1.0, 100.0, 3.0, 300.0], &["a", "b", "a", "b"]);
        check_numeric(SPEC, columns, &[-1.0, -1.0, 1.0, 1.0]);
    }

    #[test]
    fn each_category_has_a_range_of_its_own() {
        let columns = columns(&[1.0, 100.0, 3.0, 300.0, 200.0, 7.0], &["a", "b", "a", "b", "b", "c"]);
        let sigmoid = 1.0 / (1.0 + (-7f64).exp());
        check_numeric(&format!("{SPEC}to = 'min_max'"), columns, &[0.0, 0.0, 1.0, 1.0, 0.5, sigmoid as f32]);
    }

    #[test]
    fn what_has_no_category_is_scaled_among_all() {
        let training = columns(&[1.0, 3.0, f64::INFINITY], &["a", "b", "c"]);
        let applied = columns(&[4.0, 4.0, 4.0, 4.0, f64::NAN], &["unknown", "-", "c", "a", "a"]);
        check_applied(SPEC, training, applied, &[2.0, 2.0, 2.0, 3.0, 0.0]);
    }

    #[test]
    fn nothing_to_fit_changes_nothing() {
        check_applied(SPEC, columns(&[f64::NAN], &["a"]), columns(&[4.0], &["a"]), &[4.0]);
    }

    #[test]
    fn wrong_inputs_are_refused() {
        let columns = || columns(&[1.0], &["a"]);
        check_error("[y]\nop = 'scale_per_key'\ninput = 'x'", columns(), "takes two `inputs` (a number, a categorical");
        let text = "[y]\nop = 'scale_per_key'\ninputs = ['x', 'city']";
        check_error(text, columns(), "`[features.y]`: needs a categorical feature second (`vocabulary`, `hash`");
        let large = "[k]\nop = 'hash'\nbuckets = 100000\ninput = 'city'\n[y]\nop = 'scale_per_key'\ninputs = ['x', 'k']";
        check_error(large, columns(), "feature `k` has 100000 buckets, more than the 65536 that can be told apart");
    }
}
