//! Initial values of parameters.
//!
//! A value is a function of a stream and an index, so a parameter starts equal on every machine, whole or in parts, and
//! a row of an embedding table need not exist before it is first trained.

use crate::orthogonal::orthogonal;
use crate::{Result, error::Settings};
use serde::{Deserialize, Serialize};
use trainyard_graph::random;

/// How a parameter starts. Written `"zeros"`, `"glorot_uniform"` or, with a setting, `{ normal = { std = 0.1 } }`.
///
/// `fan_in` and `fan_out` are the numbers of inputs and outputs of the layer; see
/// [`ParamSpec::fan`](crate::ParamSpec::fan).
///
/// ```
/// use trainyard_nn::Initializer;
///
/// let mut weights = [0.0; 4];
/// Initializer::GlorotUniform.fill(7, 0, (2, 2), &mut weights);
/// let limit = (6.0f32 / 4.0).sqrt();
/// assert!(weights.iter().all(|weight| weight.abs() <= limit));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Initializer {
    /// All 0.
    Zeros,
    /// All `value`.
    Constant {
        /// The value.
        value: f32,
    },
    /// Uniform in `[-limit, limit)`.
    Uniform {
        /// Largest magnitude. Positive.
        limit: f32,
    },
    /// Normal with mean 0.
    Normal {
        /// Standard deviation. Positive.
        std: f32,
    },
    /// Normal with mean 0, within two standard deviations; the values outside are not moved to the bounds but never
    /// drawn.
    TruncatedNormal {
        /// Standard deviation before truncation, 1.137 times the one of the values. Positive.
        std: f32,
    },
    /// Uniform with limit `sqrt(6 / (fan_in + fan_out))` (Glorot and Bengio, 2010, equation 16).
    GlorotUniform,
    /// Truncated normal with standard deviation `sqrt(2 / (fan_in + fan_out))`, that of the values.
    GlorotNormal,
    /// Uniform with limit `sqrt(6 / fan_in)` (He, Zhang, Ren and Sun, 2015).
    HeUniform,
    /// Truncated normal with standard deviation `sqrt(2 / fan_in)`, that of the values.
    HeNormal,
    /// Truncated normal with standard deviation `sqrt(1 / fan_in)`, that of the values (LeCun and others, 1998).
    LecunNormal,
    /// A random orthogonal matrix (Saxe, McClelland and Ganguli, 2013): of `[.., in, out]`, with all axes but the last as one, the
    /// columns, or the rows if there are fewer of them, have the length 1 and right angles. A row of a table is a random direction
    /// of length 1.
    Orthogonal,
}

/// Standard deviation of a standard normal variable given that it is within two of its deviations:
/// `sqrt(1 - 4 φ(2) / (Φ(2) - Φ(-2)))`.
const TRUNCATED_STD: f64 = 0.879_625_661_034_239_8;

/// Probability that a standard normal variable is below -2.
const BELOW_MINUS_2: f64 = 0.022_750_131_948_179_195;

impl Initializer {
    /// Fills `out` with the values from `first_index` on: `out[i]` depends on `(stream, first_index + i)` and `fan`
    /// alone. For [`Orthogonal`](Self::Orthogonal) `fan` is the matrix's number of rows and of columns.
    pub fn fill(&self, stream: u64, first_index: u64, fan: (usize, usize), out: &mut [f32]) {
        let (fan_in, fan_out) = (fan.0.max(1) as f64, fan.1.max(1) as f64);
        let mut each = |value: &dyn Fn(u64) -> f32| {
            for (i, out) in out.iter_mut().enumerate() {
                *out = value(first_index.wrapping_add(i as u64));
            }
        };
        match *self {
            Self::Orthogonal => {
                let matrix = orthogonal(stream, fan.0, fan.1);
                each(&|i| matrix.get(i as usize).copied().unwrap_or(0.0));
            }
            Self::Zeros => out.fill(0.0),
            Self::Constant { value } => out.fill(value),
            Self::Uniform { limit } => each(&|i| uniform(stream, i, f64::from(limit))),
            Self::Normal { std } => each(&|i| random::normal(stream, i) * std),
            Self::TruncatedNormal { std } => each(&|i| truncated_normal(stream, i, f64::from(std))),
            Self::GlorotUniform => each(&|i| uniform(stream, i, (6.0 / (fan_in + fan_out)).sqrt())),
            Self::HeUniform => each(&|i| uniform(stream, i, (6.0 / fan_in).sqrt())),
            Self::GlorotNormal => each(&|i| scaled_normal(stream, i, (2.0 / (fan_in + fan_out)).sqrt())),
            Self::HeNormal => each(&|i| scaled_normal(stream, i, (2.0 / fan_in).sqrt())),
            Self::LecunNormal => each(&|i| scaled_normal(stream, i, (1.0 / fan_in).sqrt())),
        }
    }

    /// Refuses settings out of range.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`](crate::Error::Setting) when a limit or deviation is not positive, or a constant not finite.
    pub fn check(&self) -> Result<()> {
        let settings = Settings("the initializer");
        match *self {
            Self::Constant { value } => settings.require(value.is_finite(), "value", value, "a finite number"),
            Self::Uniform { limit } => settings.positive("limit", limit),
            Self::Normal { std } | Self::TruncatedNormal { std } => settings.positive("std", std),
            _ => Ok(()),
        }
    }
}

fn uniform(stream: u64, index: u64, limit: f64) -> f32 {
    ((f64::from(random::uniform(stream, index)) * 2.0 - 1.0) * limit) as f32
}

/// Truncated normal whose values have the standard deviation `std`.
fn scaled_normal(stream: u64, index: u64, std: f64) -> f32 {
    truncated_normal(stream, index, std / TRUNCATED_STD)
}

/// By the inverse of the distribution function, which draws one random number where rejection draws an unknown number.
fn truncated_normal(stream: u64, index: u64, std: f64) -> f32 {
    let middle_of_step = 0.5 / f64::from(1 << 24);
    let u = f64::from(random::uniform(stream, index)) + middle_of_step;
    (normal_quantile(BELOW_MINUS_2 + (1.0 - 2.0 * BELOW_MINUS_2) * u) * std) as f32
}

/// The `z` below which a standard normal variable is with probability `p`, for `p` from 1e-10 to 1 - 1e-10.
///
/// Relative error about 1e-7. Source: Wichura, *Algorithm AS 241: The Percentage Points of the Normal Distribution*
/// (1988), PPND7 without its far tail.
fn normal_quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180_625 - q * q;
        let above = polynomial(r, &[3.387_132_717_9, 50.434_271_938, 159.291_132_02, 59.109_374_72]);
        let below = polynomial(r, &[1.0, 17.895_169_469, 78.757_757_664, 67.187_563_6]);
        return q * above / below;
    }
    let r = (-p.min(1.0 - p).ln()).sqrt() - 1.6;
    let above = polynomial(r, &[1.423_437_277_7, 2.756_815_39, 1.306_728_481_6, 0.170_238_211_03]);
    let below = polynomial(r, &[1.0, 0.737_001_642_5, 0.120_211_329_75]);
    (above / below).copysign(q)
}

fn polynomial(x: f64, coefficients: &[f64]) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, coefficient| sum * x + coefficient)
}

#[cfg(test)]
mod tests {
    use super::*;

    const N: usize = 100_000;

    /// Draws many values and compares their deviation and largest magnitude with what the formula promises.
    #[track_caller]
    fn check(initializer: Initializer, fan: (usize, usize), std: f64, largest: f64) {
        let mut values = vec![0.0; N];
        initializer.fill(random::stream(1, "values"), 0, fan, &mut values);
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / N as f64;
        let variance = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / N as f64;
        assert!(mean.abs() <= 0.02 * std, "mean {mean}");
        assert!((variance.sqrt() - std).abs() <= 0.01 * std, "deviation {} is not {std}", variance.sqrt());
        let magnitude = values.iter().fold(0.0f64, |most, &v| most.max(f64::from(v).abs()));
        assert!(magnitude <= largest * (1.0 + 1e-6) && magnitude >= 0.95 * largest.min(4.0 * std), "{magnitude}");
    }

    #[test]
    fn constants_are_constant() {
        let mut values = [7.0; 3];
        Initializer::Zeros.fill(1, 0, (1, 1), &mut values);
        assert_eq!(values, [0.0; 3]);
        Initializer::Constant { value: 0.5 }.fill(1, 0, (1, 1), &mut values);
        assert_eq!(values, [0.5; 3]);
    }

    #[test]
    fn uniform_fills_its_interval() {
        check(Initializer::Uniform { limit: 0.3 }, (1, 1), 0.3 / 3f64.sqrt(), 0.3);
    }

    #[test]
    fn normal_has_its_deviation() {
        check(Initializer::Normal { std: 0.2 }, (1, 1), 0.2, f64::MAX);
    }

    #[test]
    fn truncated_normal_stays_within_two_deviations() {
        check(Initializer::TruncatedNormal { std: 0.25 }, (1, 1), 0.25 * TRUNCATED_STD, 0.5);
    }

    #[test]
    fn glorot_uses_both_fans() {
        check(Initializer::GlorotUniform, (30, 70), 0.02f64.sqrt(), 0.06f64.sqrt());
        check(Initializer::GlorotNormal, (30, 70), 0.02f64.sqrt(), 2.0 * 0.02f64.sqrt() / TRUNCATED_STD);
    }

    #[test]
    fn he_uses_the_inputs_alone() {
        check(Initializer::HeUniform, (50, 7), 0.04f64.sqrt(), 0.12f64.sqrt());
        check(Initializer::HeNormal, (50, 7), 0.04f64.sqrt(), 2.0 * 0.04f64.sqrt() / TRUNCATED_STD);
    }

    #[test]
    fn lecun_keeps_the_variance_of_the_inputs() {
        check(Initializer::LecunNormal, (25, 7), 0.2, 0.4 / TRUNCATED_STD);
    }

    #[test]
    fn parts_equal_the_whole() {
        use Initializer::{GlorotUniform, HeNormal, Normal, Orthogonal};
        for initializer in [HeNormal, GlorotUniform, Normal { std: 1.0 }, Orthogonal] {
            let (mut whole, mut parts) = ([0.0; 10], [0.0; 10]);
            initializer.fill(3, 100, (14, 10), &mut whole);
            initializer.fill(3, 107, (14, 10), &mut parts[7..]);
            initializer.fill(3, 100, (14, 10), &mut parts[..7]);
            assert_eq!(whole, parts);
        }
    }

    #[test]
    fn indexes_wrap_at_the_end_of_the_integers() {
        Initializer::LecunNormal.fill(3, u64::MAX, (4, 4), &mut [0.0; 2]);
    }

    #[test]
    fn quantiles_match_python() {
        // statistics.NormalDist().inv_cdf(p), Python 3.11.
        let expected = [
            (BELOW_MINUS_2, -2.0),
            (0.05, -1.644_853_626_951_472_9),
            (0.075, -1.439_531_470_938_456_3),
            (0.3, -0.524_400_512_708_041),
            (0.5, 0.0),
            (0.9, 1.281_551_565_544_600_4),
            (0.97, 1.880_793_608_151_250_9),
        ];
        for (p, z) in expected {
            assert!((normal_quantile(p) - z).abs() <= 2e-7 * f64::abs(z), "{p}: {} is not {z}", normal_quantile(p));
        }
    }

    #[test]
    fn names_are_plain_strings() {
        for (text, expected) in [
            ("\"zeros\"", Initializer::Zeros),
            ("\"glorot_uniform\"", Initializer::GlorotUniform),
            ("\"orthogonal\"", Initializer::Orthogonal),
            ("{\"truncated_normal\":{\"std\":0.5}}", Initializer::TruncatedNormal { std: 0.5 }),
        ] {
            assert_eq!(serde_json::from_str::<Initializer>(text).unwrap(), expected);
            assert_eq!(serde_json::to_string(&expected).unwrap(), text);
        }
        assert!(serde_json::from_str::<Initializer>("{\"normal\":{\"std\":1,\"mean\":0}}").is_err());
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        assert!(Initializer::Normal { std: -1.0 }.check().is_err());
        assert!(Initializer::Uniform { limit: 0.0 }.check().is_err());
        assert!(Initializer::Constant { value: f32::NAN }.check().is_err());
        assert!(Initializer::HeNormal.check().is_ok());
    }
}
