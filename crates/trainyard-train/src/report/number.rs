//! Numbers as text: four digits that matter, thousands apart, a true minus sign.

/// What stands where there is no value.
pub(crate) const NONE: &str = "–";

/// Digits shown of a number that is not whole.
const DIGITS: i32 = 4;

/// A number for a table: whole numbers whole, others with four significant digits and no zeros at the end.
pub(crate) fn number(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 { decimals(value, 0) } else { trimmed(&metric(value)) }
}

/// A number with four significant digits, zeros included, so that a column of them lines up.
pub(crate) fn metric(value: f64) -> String {
    if !value.is_finite() {
        return special(value).to_owned();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let exponent = exponent(value);
    if !(-4..15).contains(&exponent) {
        return scientific(value, 3);
    }
    decimals(value, (DIGITS - 1 - exponent).max(0) as usize)
}

/// A number, or a dash when there is none.
pub(crate) fn optional(value: Option<f64>) -> String {
    value.map_or_else(|| NONE.to_owned(), number)
}

/// A count: `12,345`.
pub(crate) fn count(count: u64) -> String {
    grouped(&count.to_string())
}

/// A count in at most four characters, where there is little room: `12k`.
pub(crate) fn short_count(count: u64) -> String {
    let units = [(1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")];
    let Some((unit, name)) = units.into_iter().find(|(unit, _)| count >= *unit) else { return count.to_string() };
    let value = count as f64 / unit as f64;
    format!("{}{name}", if value < 9.95 { trimmed(&decimals(value, 1)) } else { decimals(value, 0) })
}

/// A share of one in percent: `12.5 %`. Only a true 0 or 1 shows as one.
pub(crate) fn percent(share: f64) -> String {
    let text = match share * 100.0 {
        percent if !percent.is_finite() => return NONE.to_owned(),
        percent if percent > 0.0 && percent < 0.1 => "< 0.1".to_owned(),
        percent if percent > 99.9 && percent < 100.0 => "> 99.9".to_owned(),
        percent => trimmed(&decimals(percent, 1)),
    };
    format!("{text}\u{a0}%")
}

/// A number with so many digits after the point: `−1,234.50`.
pub(crate) fn decimals(value: f64, digits: usize) -> String {
    let text = format!("{:.digits$}", value.abs());
    let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    let is_zero = text.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    let sign = if value < 0.0 && !is_zero { "−" } else { "" };
    format!("{sign}{}{fraction}", grouped(whole))
}

/// A number as mantissa and exponent, `1.5e−7`, with at most so many digits after the point.
pub(crate) fn scientific(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    format!("{}e{exponent}", trimmed(mantissa)).replace('-', "−")
}

/// Power of ten of the first digit.
pub(crate) fn exponent(value: f64) -> i32 {
    // The small addend keeps 1000, whose logarithm may come out just under 3, in its decade.
    (value.abs().log10() + 1e-12).floor() as i32
}

fn special(value: f64) -> &'static str {
    match value {
        infinite if infinite == f64::INFINITY => "∞",
        infinite if infinite == f64::NEG_INFINITY => "−∞",
        _ => "NaN",
    }
}

/// Digits in groups of three.
fn grouped(digits: &str) -> String {
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|group| str::from_utf8(group).ok()).collect();
    groups.join(",")
}

/// Without the zeros that end a fraction.
fn trimmed(text: &str) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(values: &[f64], format: fn(f64) -> String, expected: &[&str]) {
        assert_eq!(values.iter().map(|value| format(*value)).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn whole_numbers_are_whole() {
        check(&[0.0, -0.0, 7.0, -1234.0, 7_333_000.0], number, &["0", "0", "7", "−1,234", "7,333,000"]);
    }

    #[test]
    fn others_have_four_digits() {
        check(&[0.123456, 12.3456, -54321.6, 0.5, 0.00012], number, &["0.1235", "12.35", "−54,322", "0.5", "0.00012"]);
    }

    #[test]
    fn the_very_large_and_small_have_an_exponent() {
        check(&[1.5e-7, -3e20, 1e300], number, &["1.5e−7", "−3e20", "1e300"]);
    }

    #[test]
    fn what_is_not_finite_has_a_name() {
        check(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY], number, &["NaN", "∞", "−∞"]);
    }

    #[test]
    fn metrics_keep_their_zeros() {
        check(&[0.87, 1.0, 12.0, 1000.6], metric, &["0.8700", "1.000", "12.00", "1,001"]);
    }

    #[test]
    fn what_rounds_to_zero_has_no_sign() {
        assert_eq!(decimals(-0.001, 2), "0.00");
    }

    #[test]
    fn only_all_is_all_percent() {
        let expected = ["0\u{a0}%", "< 0.1\u{a0}%", "12.5\u{a0}%", "> 99.9\u{a0}%", "100\u{a0}%", "–"];
        check(&[0.0, 1e-6, 0.125, 0.99999, 1.0, f64::NAN], percent, &expected);
    }

    #[test]
    fn short_counts_fit_four_characters() {
        let counts = [7, 999, 1_000, 1_250, 9_960, 123_456, 2_500_000].map(short_count);
        assert_eq!(counts, ["7", "999", "1k", "1.2k", "10k", "123k", "2.5M"]);
    }
}
