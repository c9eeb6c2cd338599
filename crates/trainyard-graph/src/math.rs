//! Elementary functions that give the same bits on every machine and that compilers can vectorise.

/// `1.5·2²³`: numbers of this size are 1 apart, so that adding it rounds to the nearest integer, ties to even.
const SHIFT: f32 = 12_582_912.0;

/// `exp(x)`, within 1 unit in the last place: `2ⁿ·exp(r)` with `|r| ≤ ln 2 / 2`, a polynomial for `exp(r)`.
///
/// Coefficients of the Cephes library's `expf` (Moshier, 1992). Below -103.97 it is 0, above 88.72 infinite.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    let clamped = x.clamp(-104.0, 89.0);
    // The last bits of the sum are the nearest integer: rounding by a function and a cast, which looks for NaN, take longer.
    let shifted = clamped * std::f32::consts::LOG2_E + SHIFT;
    let n = shifted - SHIFT;
    // ln 2 in two parts, the first of few digits: `high` is exact.
    let (high, low) = (clamped - n * 0.693_359_4, n * 2.121_944_4e-4);
    let r = high + low;
    let mut p = 1.987_569_1e-4;
    for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.500_000_1] {
        p = p * r + coefficient;
    }
    // 1 + high, and what its rounding lost.
    let sum = 1.0 + high;
    let fraction = sum + (p * (r * r) + (low + (high - (sum - 1.0))));
    // Two factors, since 2ⁿ alone leaves the range of f32 at both ends.
    let n = shifted.to_bits() as i32 - SHIFT.to_bits() as i32;
    let half = n >> 1;
    fraction * power_of_two(half) * power_of_two(n - half)
}

#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits(((n + 127) as u32) << 23)
}

/// `1 / (1 + exp(-x))`, within 2 units in the last place: by `exp` of a number below 0 on both sides.
#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    let e = exp(-x.abs());
    let sum = 1.0 + e;
    // Chosen by bits: compilers make two quotients of a branch, and choose one of them.
    let below = (x.to_bits().cast_signed() >> 31).cast_unsigned();
    let value = f32::from_bits(e.to_bits() & below | 1.0_f32.to_bits() & !below) / sum;
    // What the sum lost by rounding, times the slope 1 / sum.
    let slope = if x < 0.0 { 1.0 - value } else { value };
    value - value * slope * (e - (sum - 1.0))
}

/// `tanh(x)`: a polynomial near 0, where the formula by `exp` would cancel.
///
/// Coefficients of the Cephes library's `tanhf` (Moshier, 1992).
#[inline(always)]
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

/// `ln(x)`, within 1 unit in the last place: `x = 2ⁿ·(1 + r)` with `1 + r` between √½ and √2, a polynomial for `ln(1 + r)`.
/// NaN below 0, -∞ at 0.
///
/// Coefficients of the Cephes library's `logf` (Moshier, 1992).
#[inline(always)]
pub(crate) fn ln(x: f32) -> f32 {
    // Subnormal numbers are scaled into the others' range.
    let small = x < f32::MIN_POSITIVE;
    let bits = if small { x * 8_388_608.0 } else { x }.to_bits() as i32;
    // Bits of numbers below 0 may overflow, and what comes of them is not used.
    let n = bits.wrapping_sub(0x3f35_04f3) >> 23;
    let r = f32::from_bits(bits.wrapping_sub(n << 23) as u32) - 1.0;
    let n = (n - if small { 23 } else { 0 }) as f32;
    let mut p = 7.037_683_6e-2;
    for coefficient in [
        -0.115_146_1,
        0.116_769_984,
        -0.124_201_41,
        0.142_493_23,
        -0.166_680_58,
        0.200_007_15,
        -0.249_999_94,
        0.333_333_3,
    ] {
        p = p * r + coefficient;
    }
    let square = r * r;
    let tail = p * r * square + n * -2.121_944_4e-4 - 0.5 * square;
    let value = n * 0.693_359_4 + (r + tail);
    match x {
        _ if x > 0.0 && x < f32::INFINITY => value,
        _ if x == 0.0 => f32::NEG_INFINITY,
        _ if x > 0.0 => x,
        _ => f32::NAN,
    }
}

/// `ln(1 + x)` for `x` from 0 to 1, within 2 units in the last place: what `1 + x` loses by rounding is added.
#[inline(always)]
fn ln_1p(x: f32) -> f32 {
    let sum = 1.0 + x;
    ln(sum) + (x - (sum - 1.0)) / sum
}

/// `ln(1 + exp(x))`, without overflow, within 2 units in the last place.
#[inline(always)]
pub(crate) fn softplus(x: f32) -> f32 {
    let positive = if x > 0.0 { x } else { x * 0.0 };
    positive + ln_1p(exp(-x.abs()))
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
        let n = 2_000_000;
        let worst = (0..=n)
            .map(|i| range.0 + (range.1 - range.0) * (i as f32 / n as f32))
            .map(|x| (ulps(f(x), exact(f64::from(x))), x))
            .fold((0.0, 0.0), |a, b| if b.0 > a.0 { b } else { a });
        assert!(worst.0 <= bound, "{} ulp at {}", worst.0, worst.1);
    }

    #[test]
    fn exp_is_within_one_unit() {
        check(exp, f64::exp, (-87.0, 88.7), 1.0);
    }

    #[test]
    fn sigmoid_is_within_two_units() {
        check(sigmoid, |x| 1.0 / (1.0 + (-x).exp()), (-80.0, 80.0), 2.0);
        check(sigmoid, |x| 1.0 / (1.0 + (-x).exp()), (-8.0, 8.0), 2.0);
    }

    #[test]
    fn tanh_is_within_two_units() {
        check(tanh, f64::tanh, (-10.0, 10.0), 2.0);
    }

    #[test]
    fn softplus_is_within_two_units() {
        check(softplus, |x| x.max(0.0) + (-x.abs()).exp().ln_1p(), (-80.0, 80.0), 2.0);
        check(softplus, |x| x.max(0.0) + (-x.abs()).exp().ln_1p(), (-8.0, 8.0), 2.0);
    }

    #[test]
    fn ln_is_within_one_unit() {
        check(ln, f64::ln, (1e-3, 10.0), 1.0);
        check(ln, f64::ln, (1e-40, 1e-36), 1.0);
        check(ln, f64::ln, (1e30, 3e38), 1.0);
    }

    #[test]
    fn ends_are_exact() {
        assert_eq!((exp(0.0), exp(-200.0), exp(200.0)), (1.0, 0.0, f32::INFINITY));
        assert_eq!((tanh(50.0), tanh(-50.0), sigmoid(-200.0)), (1.0, -1.0, 0.0));
        assert_eq!((ln(1.0), ln(0.0), ln(f32::INFINITY)), (0.0, f32::NEG_INFINITY, f32::INFINITY));
        assert!([-1.0, -2.0, f32::MIN, f32::NEG_INFINITY, -1e-45].iter().all(|&x| ln(x).is_nan()));
        assert!([exp, sigmoid, tanh, softplus, ln].iter().all(|f| f(f32::NAN).is_nan()));
    }
}
