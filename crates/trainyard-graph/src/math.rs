//! Elementary functions that give the same bits on every machine and that compilers can vectorise.

/// `exp(x)`, within 2 units in the last place: `2ⁿ·exp(r)` with `|r| ≤ ln 2 / 2`, a polynomial for `exp(r)`.
///
/// Coefficients of the Cephes library's `expf` (Moshier, 1992). Below -103.97 it is 0, above 88.72 infinite.
#[inline]
pub(crate) fn exp(x: f32) -> f32 {
    let clamped = x.clamp(-104.0, 89.0);
    let n = (clamped * std::f32::consts::LOG2_E).round_ties_even();
    let r = (clamped - n * 0.693_359_4) - n * -2.121_944_4e-4;
    let mut p = 1.987_569_1e-4;
    for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.500_000_1] {
        p = p * r + coefficient;
    }
    let fraction = p * (r * r) + r + 1.0;
    // Two factors, since 2ⁿ alone leaves the range of f32 at both ends.
    let half = (n as i32) >> 1;
    fraction * power_of_two(half) * power_of_two(n as i32 - half)
}

#[inline]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits(((n + 127) as u32) << 23)
}

/// `1 / (1 + exp(-x))`.
#[inline]
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// `tanh(x)`: a polynomial near 0, where the formula by `exp` would cancel.
///
/// Coefficients of the Cephes library's `tanhf` (Moshier, 1992).
#[inline]
pub(crate) fn tanh(x: f32) -> f32 {
    let square = x * x;
    let mut p = -5.704_988_7e-3;
    for coefficient in [2.063_908_8e-2, -5.373_971_6e-2, 1.333_144_2e-1, -0.333_332_8] {
        p = p * square + coefficient;
    }
    let near = p * square * x + x;
    let far = (1.0 - 2.0 / (exp(2.0 * x.abs()) + 1.0)).copysign(x);
    if x.abs() < 0.625 { near } else { far }
}

/// `ln(1 + exp(x))`, without overflow.
#[inline]
pub(crate) fn softplus(x: f32) -> f32 {
    let positive = if x > 0.0 { x } else { x * 0.0 };
    positive + exp(-x.abs()).ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Distance in units in the last place of the exact value, rounded to `f32`.
    fn ulps(value: f32, exact: f64) -> f64 {
        let unit = f64::from((exact as f32).abs().next_up()) - f64::from((exact as f32).abs());
        (f64::from(value) - exact).abs() / unit
    }

    #[track_caller]
    fn check(f: fn(f32) -> f32, exact: fn(f64) -> f64, range: (f32, f32), bound: f64) {
        let n = 200_000;
        let worst = (0..=n)
            .map(|i| range.0 + (range.1 - range.0) * (i as f32 / n as f32))
            .map(|x| (ulps(f(x), exact(f64::from(x))), x))
            .fold((0.0, 0.0), |a, b| if b.0 > a.0 { b } else { a });
        assert!(worst.0 <= bound, "{} ulp at {}", worst.0, worst.1);
    }

    #[test]
    fn exp_is_within_two_units() {
        check(exp, f64::exp, (-87.0, 88.7), 2.0);
    }

    #[test]
    fn sigmoid_is_within_three_units() {
        check(sigmoid, |x| 1.0 / (1.0 + (-x).exp()), (-80.0, 80.0), 3.0);
    }

    #[test]
    fn tanh_is_within_two_units() {
        check(tanh, f64::tanh, (-10.0, 10.0), 2.0);
    }

    #[test]
    fn softplus_is_within_three_units() {
        check(softplus, |x| x.max(0.0) + (-x.abs()).exp().ln_1p(), (-80.0, 80.0), 3.0);
    }

    #[test]
    fn ends_are_exact() {
        assert_eq!((exp(0.0), exp(-200.0), exp(200.0)), (1.0, 0.0, f32::INFINITY));
        assert_eq!((tanh(50.0), tanh(-50.0), sigmoid(-200.0)), (1.0, -1.0, 0.0));
        assert!([exp, sigmoid, tanh, softplus].iter().all(|f| f(f32::NAN).is_nan()));
    }
}
