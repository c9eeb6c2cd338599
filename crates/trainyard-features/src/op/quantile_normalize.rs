//! A number as its rank among the training data.

use super::{Checked, Constants, Input, Kernel, Kind, Operation, one_number};
use crate::fit::{Findings, Needs, Quantile};
use serde::{Deserialize, Serialize};

/// The greatest number of parts.
const MAX_PARTS: u64 = 10_000;

/// Shares nearer to 0 or 1 than this are taken as this for the normal distribution, as in scikit-learn's `QuantileTransformer`.
const MARGIN: f64 = 1e-7;

/// The share `u` of the training data that lies below the number, so that the training data is spread evenly over `[0, 1]`;
/// with `distribution = "normal"`, `y = Φ⁻¹(u)`, the standard normal number of that rank, within ± 5.2.
///
/// The training data is cut into `m = quantiles` parts of equal size at `b₀ ≤ .. ≤ bₘ`, smallest and largest among them. Then `u`
/// is 1 from `bₘ` on, else 0 up to `b₀`, else `(i + (x − bᵢ) / (bᵢ₊₁ − bᵢ)) / m` with `bᵢ ≤ x < bᵢ₊₁`: the rule of
/// `tft.apply_buckets_with_interpolation`, computed in `f64`. Missing stays missing, and so does everything when the training
/// data has no value.
///
/// ```toml
/// [features.income_rank]
/// op = "quantile_normalize"
/// input = "income"
/// distribution = "normal"
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QuantileNormalize {
    /// Parts of equal size, 2 to 10,000.
    pub quantiles: u64,
    /// How the training data is spread afterwards.
    pub distribution: Distribution,
}

/// How [`QuantileNormalize`] spreads the training data.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Distribution {
    /// Evenly over `[0, 1]`.
    #[default]
    Uniform,
    /// As the standard normal distribution.
    Normal,
}

impl Default for QuantileNormalize {
    fn default() -> Self {
        Self { quantiles: 1000, distribution: Distribution::Uniform }
    }
}

impl QuantileNormalize {
    fn all_quantiles(&self) -> impl Iterator<Item = Quantile> {
        (0..=self.quantiles).map(|i| Quantile::Ratio(i, self.quantiles))
    }
}

impl Operation for QuantileNormalize {
    fn check(&self, inputs: &[Input]) -> Checked<Kind> {
        one_number(inputs)?;
        let in_range = (2..=MAX_PARTS).contains(&self.quantiles);
        if in_range { Ok(Kind::Number) } else { Err(format!("`quantiles` is {}; expected 2 to {MAX_PARTS}", self.quantiles)) }
    }

    fn needs(&self) -> Needs {
        Needs { quantiles: self.all_quantiles().collect(), ..Needs::default() }
    }

    fn fit(&self, findings: &Findings<'_>) -> Checked<Constants> {
        let boundaries = self.all_quantiles().filter_map(|quantile| findings.quantile(quantile).transpose());
        Ok(Constants::default().with("boundaries", boundaries.collect::<Checked<_>>()?))
    }

    fn build(&self, constants: &Constants, _: &[Input]) -> Checked<Kernel> {
        let boundaries = constants.list("boundaries")?.to_vec();
        if boundaries.windows(2).any(|pair| pair[0] > pair[1]) {
            return Err("fitted `boundaries` fall; fit the features again".to_string());
        }
        let distribution = self.distribution;
        Ok(Kernel::map(move |x| match distribution {
            Distribution::Uniform => share(&boundaries, x) as f32,
            Distribution::Normal => normal_quantile(share(&boundaries, x).clamp(MARGIN, 1.0 - MARGIN)) as f32,
        }))
    }
}

/// The share below `x`; NaN when it is missing or there are no boundaries.
fn share(boundaries: &[f32], x: f32) -> f64 {
    let (Some(&first), Some(&last)) = (boundaries.first(), boundaries.last()) else { return f64::NAN };
    if x.is_nan() || x >= last {
        return if x.is_nan() { f64::NAN } else { 1.0 };
    }
    if x <= first {
        return 0.0;
    }
    let above = boundaries.partition_point(|boundary| *boundary <= x);
    let (low, high) = (f64::from(boundaries[above - 1]), f64::from(boundaries[above]));
    let parts = (boundaries.len() - 1) as f64;
    ((above - 1) as f64 + (f64::from(x) - low) / (high - low)) / parts
}

/// `Φ⁻¹(p)`: the number below which a standard normal number lies with probability `p`, in `(0, 1)`.
///
/// Rational functions of M. J. Wichura, *Algorithm AS 241*, Applied Statistics 37 (1988), routine PPND16; relative error 1e-16.
#[expect(clippy::excessive_precision, clippy::unreadable_literal, reason = "the coefficients as published")]
fn normal_quantile(p: f64) -> f64 {
    const MIDDLE: [[f64; 8]; 2] = [
        [
            3.3871328727963666080e0,
            1.3314166789178437745e2,
            1.9715909503065514427e3,
            1.3731693765509461125e4,
            4.5921953931549871457e4,
            6.7265770927008700853e4,
            3.3430575583588128105e4,
            2.5090809287301226727e3,
        ],
        [
            1.0,
            4.2313330701600911252e1,
            6.8718700749205790830e2,
            5.3941960214247511077e3,
            2.1213794301586595867e4,
            3.9307895800092710610e4,
            2.8729085735721942674e4,
            5.2264952788528545610e3,
        ],
    ];
    const NEAR: [[f64; 8]; 2] = [
        [
            1.42343711074968357734e0,
            4.63033784615654529590e0,
            5.76949722146069140550e0,
            3.64784832476320460504e0,
            1.27045825245236838258e0,
            2.41780725177450611770e-1,
            2.27238449892691845833e-2,
            7.74545014278341407640e-4,
        ],
        [
            1.0,
            2.05319162663775882187e0,
            1.67638483018380384940e0,
            6.89767334985100004550e-1,
            1.48103976427480074590e-1,
            1.51986665636164571966e-2,
            5.47593808499534494600e-4,
            1.05075007164441684324e-9,
        ],
    ];
    let ratio = |[over, under]: &[[f64; 8]; 2], r: f64| {
        let polynomial = |c: &[f64; 8]| c.iter().rev().fold(0.0, |sum, coefficient| sum * r + coefficient);
        polynomial(over) / polynomial(under)
    };
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        return q * ratio(&MIDDLE, 0.180625 - q * q);
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    // The published third pair of polynomials is for tails below exp(-25), far beyond `MARGIN`.
    (ratio(&NEAR, (-tail.ln()).sqrt() - 1.6)).copysign(q)
}

#[cfg(test)]
mod tests {
    use super::{normal_quantile, share};
    use crate::op::testing::*;

    #[track_caller]
    fn check(parameters: &str, training: &[f64], applied: &[f64], expected: &[f32]) {
        let spec = format!("[x]\nop = 'quantile_normalize'\n{parameters}");
        check_applied(&spec, vec![("x", floats(training))], vec![("x", floats(applied))], expected);
    }

    /// mappers_test.py of TensorFlow Transform, testApplyBucketsWithInterpolation, `interpolates_properly`.
    #[test]
    fn matches_tensorflow_transform() {
        let boundaries = [10.0, 100.0, 1000.0, 10_000.0];
        let found = [-1111.0, 10.0, 50.0, 100.0, 1000.0, 9000.0, 10_000.0, 1_293_817_391.0].map(|x| share(&boundaries, x));
        let expected = [0.0, 0.0, 4.0 / 9.0 / 3.0, 1.0 / 3.0, 2.0 / 3.0, (2.0 + 8.0 / 9.0) / 3.0, 1.0, 1.0];
        assert!(found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-15), "{found:?}");
    }

    #[track_caller]
    fn check_share(boundaries: &[f32], numbers: &[f32], expected: &[f64]) {
        for (&x, &expected) in numbers.iter().zip(expected) {
            let found = share(boundaries, x);
            assert!((found - expected).abs() <= 1e-6, "{x}: {found}, expected {expected}");
        }
    }

    /// The other cases of testApplyBucketsWithInterpolation whose numbers and boundaries are finite or lie beyond all of them.
    #[test]
    fn further_cases_match_tensorflow_transform() {
        check_share(&[0.0, 2.0], &[1.0], &[0.5]);
        check_share(&[10.0], &[-1.0, 9.0, 10.0, 11.0], &[0.0, 0.0, 1.0, 1.0]);
        check_share(
            &[10.0, 20.0],
            &[-1111.0, 0.0, 5.0, 9.0, 10.0, 11.0, 15.0, 19.0, 20.0, 21.0, 1111.0, 17.0, 25.0],
            &[0.0, 0.0, 0.0, 0.0, 0.0, 0.1, 0.5, 0.9, 1.0, 1.0, 1.0, 0.7, 1.0],
        );
        let tens: Vec<f32> = (0..=10).map(|i| i as f32).collect();
        check_share(
            &tens,
            &[f32::NEG_INFINITY, -10.0, 0.0, 0.1, 2.3, 4.5, 6.7, 8.9, 10.0, 100.0, f32::INFINITY],
            &[0.0, 0.0, 0.0, 0.01, 0.23, 0.45, 0.67, 0.89, 1.0, 1.0, 1.0],
        );
        check_share(
            &[-20.0, -4.0, 1.0, 4.0, 20.0],
            &[-10.0, -5.0, -3.0, 0.0, 2.0, 4.0, 8.0, 12.0, 18.0],
            &[0.15625, 0.234375, 0.3, 0.45, 0.583_333, 0.75, 0.8125, 0.875, 0.96875],
        );
    }

    #[test]
    fn training_data_is_spread_evenly() {
        check("quantiles = 2", &[1.0, 10.0, 100.0], &[1.0, 5.5, 10.0, 55.0, 100.0], &[0.0, 0.25, 0.5, 0.75, 1.0]);
    }

    #[test]
    fn numbers_beyond_the_training_data_are_its_ends() {
        check("quantiles = 2", &[1.0, 2.0, 3.0], &[-9.0, f64::INFINITY, f64::NAN], &[0.0, 1.0, 0.0]);
        check("", &[5.0, 5.0], &[4.9, 5.0], &[0.0, 1.0]);
        check("", &[f64::NAN], &[1.0], &[0.0]);
    }

    #[test]
    fn the_normal_distribution_has_the_middle_at_zero() {
        let spec = "quantiles = 4\ndistribution = 'normal'";
        check(spec, &[1.0, 2.0, 3.0, 4.0, 5.0], &[3.0, 0.0, 9.0, 2.0], &[0.0, -5.199_337_5, 5.199_337_5, -0.674_489_74]);
    }

    /// `scipy.special.ndtri` of SciPy 1.17.1.
    #[test]
    fn normal_quantiles_match_scipy() {
        let expected = [
            (1e-7, -5.199_337_582_192_816_5),
            (0.001, -3.090_232_306_167_813),
            (0.1, -1.281_551_565_544_600_4),
            (0.3, -0.524_400_512_708_040_9),
            (0.425, -0.189_118_426_272_792_52),
            (0.77, 0.738_846_849_185_213_7),
            (0.99, 2.326_347_874_040_840_8),
        ];
        for (p, expected) in expected {
            let found = normal_quantile(p);
            assert!((found - expected).abs() <= 4e-16 * expected.abs().max(1.0) * 4.0, "{p}: {found}");
        }
    }

    #[test]
    fn one_part_is_refused() {
        let spec = "[x]\nop = 'quantile_normalize'\nquantiles = 1";
        check_error(spec, vec![("x", floats(&[1.0]))], "`[features.x]`: `quantiles` is 1; expected 2 to 10000");
    }
}
