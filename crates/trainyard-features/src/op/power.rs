//! A power of a number.

use super::{Checked, Constants, Input, Kernel, Kind, Operation, one_number};
use serde::{Deserialize, Serialize};

/// `y = x ^ exponent`, by default the square root; with `signed`, `y = sign(x) · |x| ^ exponent`. Computed in `f64` and rounded
/// once.
///
/// Missing stays missing, and so does what has no finite power: the root of a negative number (unless `signed`), `1 / 0`, and
/// what is too large for `f32`.
///
/// ```toml
/// [features.tip_root]
/// op = "power"
/// input = "tip"
/// exponent = 0.5
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Power {
    /// The exponent; finite and not 0.
    pub exponent: f64,
    /// Whether the power is of the size of `x`, and `y` has the sign of `x`.
    pub signed: bool,
}

impl Default for Power {
    fn default() -> Self {
        Self { exponent: 0.5, signed: false }
    }
}

impl Power {
    fn of(&self, x: f64) -> f32 {
        let base = if self.signed { x.abs() } else { x };
        // `sqrt` is exact to the last bit on every machine, `powf` is not.
        let power = if self.exponent == 0.5 { base.sqrt() } else { base.powf(self.exponent) };
        let power = if self.signed && x < 0.0 { -power } else { power } as f32;
        if power.is_finite() { power + 0.0 } else { f32::NAN }
    }
}

impl Operation for Power {
    fn check(&self, inputs: &[Input]) -> Checked<Kind> {
        one_number(inputs)?;
        let useful = self.exponent.is_finite() && self.exponent != 0.0;
        if useful { Ok(Kind::Number) } else { Err("`exponent` must be finite and not 0".to_string()) }
    }

    fn build(&self, _: &Constants, _: &[Input]) -> Checked<Kernel> {
        let power = self.clone();
        Ok(Kernel::map(move |x| power.of(f64::from(x))))
    }
}

#[cfg(test)]
mod tests {
    use crate::op::testing::*;

    #[track_caller]
    fn check(parameters: &str, values: &[f64], expected: &[f32]) {
        check_numeric(&format!("[x]\nop = 'power'\n{parameters}"), vec![("x", floats(values))], expected);
    }

    #[test]
    fn the_square_root_is_the_default() {
        check("", &[4.0, 2.0, 0.0, -0.0], &[2.0, std::f32::consts::SQRT_2, 0.0, 0.0]);
    }

    #[test]
    fn other_exponents_are_given() {
        check("exponent = 3", &[-2.0, 0.5], &[-8.0, 0.125]);
        check("exponent = -1", &[4.0], &[0.25]);
    }

    #[test]
    fn signed_powers_keep_the_sign() {
        check("signed = true", &[-9.0, 9.0], &[-3.0, 3.0]);
        check("exponent = 2\nsigned = true", &[-3.0], &[-9.0]);
    }

    #[test]
    fn what_has_no_finite_power_is_missing() {
        check("", &[-4.0, f64::NAN, f64::INFINITY], &[0.0, 0.0, 0.0]);
        check("exponent = -1", &[0.0], &[0.0]);
        check("exponent = 9", &[1e30], &[0.0]);
    }

    #[test]
    fn an_exponent_that_tells_nothing_is_refused() {
        let spec = "[x]\nop = 'power'\nexponent = 0";
        check_error(spec, vec![("x", floats(&[1.0]))], "`[features.x]`: `exponent` must be finite and not 0");
    }
}
