//! Text to values: the one place that says what a number, a truth value and a missing value look like.

use trainyard_features::{ColumnType, time};

use crate::source::config::SourceConfig;

/// Which texts are no value.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// Whether white space around texts is left out.
    pub trim: bool,
    /// Texts that mean "missing" besides the empty one.
    pub missing: Vec<String>,
}

impl Rules {
    /// The rules that `config` sets.
    pub(crate) fn new(config: &SourceConfig) -> Self {
        Self { trim: config.trim, missing: config.missing.clone() }
    }

    /// The field as text columns see it, or `None` when it is missing.
    pub(in crate::source) fn text<'a>(&self, field: &'a [u8]) -> Option<&'a [u8]> {
        self.present(if self.trim { field.trim_ascii() } else { field })
    }

    /// The field as number and truth columns see it, without the white space around it.
    pub(in crate::source) fn word<'a>(&self, field: &'a [u8]) -> Option<&'a [u8]> {
        self.present(field.trim_ascii())
    }

    fn present<'a>(&self, field: &'a [u8]) -> Option<&'a [u8]> {
        let missing = field.is_empty() || self.missing.iter().any(|text| text.as_bytes() == field);
        (!missing).then_some(field)
    }
}

/// A decimal number that 64 bits hold, also `1e-3`, `inf` and `nan`.
pub(in crate::source) fn float(word: &[u8]) -> Option<f64> {
    short_decimal(word).or_else(|| {
        let value: f64 = std::str::from_utf8(word).ok()?.parse().ok()?;
        // Digits that are out of range are read as infinite, which only `inf` is.
        (value.is_finite() || !word.iter().any(u8::is_ascii_digit)).then_some(value)
    })
}

/// Powers of ten that are floats without an error, and some more digits than whole floats have.
const POWERS: [f64; 18] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17];

/// A decimal number of few digits such as `-12.5`, or `None` for what looks otherwise.
///
/// It is the digits as a whole number over a power of ten. Where both are floats without an error, their quotient is the nearest float
/// (Clinger, *How to Read Floating Point Numbers Accurately*, 1990), the one that the standard library finds in several times as long.
fn short_decimal(word: &[u8]) -> Option<f64> {
    /// Whole numbers up to this one are floats.
    const WHOLE_MAX: u64 = 1 << f64::MANTISSA_DIGITS;
    let (is_negative, magnitude) = match word {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, word),
    };
    let (number, fraction) = fixed(magnitude).or_else(|| digit_by_digit(magnitude))?;
    let value = number as f64 / POWERS[fraction];
    (number <= WHOLE_MAX).then_some(if is_negative { -value } else { value })
}

/// The digits of a decimal number as a whole one, and how many of them stand behind the point.
fn digit_by_digit(magnitude: &[u8]) -> Option<(u64, usize)> {
    if magnitude.len() > POWERS.len() {
        return None;
    }
    let (mut number, mut digits, mut before_point) = (0, 0, None);
    for &byte in magnitude {
        match byte {
            b'0'..=b'9' => (number, digits) = (10 * number + u64::from(byte - b'0'), digits + 1),
            b'.' if before_point.is_none() => before_point = Some(digits),
            _ => return None,
        }
    }
    (digits > 0).then_some((number, digits - before_point.unwrap_or(digits)))
}

/// The same of one to eight digits behind a point and up to eight before it, eight bytes in all or more, as programs write most
/// fractions; `None` for what looks otherwise.
///
/// The digits behind the point are read together, as bytes of one number: neighbours are added, then pairs, then fours (Lemire,
/// *Number Parsing at a Gigabyte per Second*, 2021).
fn fixed(magnitude: &[u8]) -> Option<(u64, usize)> {
    const EACH: u64 = u64::MAX / 255;
    const SCALES: [u64; 9] = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];
    let (mut whole, mut point) = (0, 0);
    while let Some(digit) = magnitude.get(point).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit <= 9) {
        (whole, point) = (10 * whole + u64::from(digit), point + 1);
        if point > 8 {
            return None;
        }
    }
    let fraction = magnitude.len().checked_sub(point + 1).filter(|fraction| (1..=8).contains(fraction))?;
    let last = magnitude.last_chunk().filter(|_| magnitude[point] == b'.')?;
    // The digits, the last one in the highest byte, behind bytes of 0.
    let others = 64 - 8 * fraction as u32;
    let digits = (u64::from_le_bytes(*last) >> others << others) ^ (EACH * 0x30) >> others << others;
    // What is no digit is more than 9, so that its byte has its highest bit now or when 118 is added.
    if (digits | digits.wrapping_add(EACH * 118)) & (EACH << 7) != 0 {
        return None;
    }
    let pairs = (digits * 10 + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    let eight = (fours * 10_000 + (fours >> 32)) & 0xffff_ffff;
    Some((whole * SCALES[fraction] + eight, fraction))
}

/// A whole number of 64 bits.
pub(in crate::source) fn int(word: &[u8]) -> Option<i64> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// `true` or `false` in any case, or `1` or `0`.
pub(in crate::source) fn boolean(word: &[u8]) -> Option<bool> {
    match word {
        b"1" => Some(true),
        b"0" => Some(false),
        _ => spelled_boolean(word),
    }
}

/// A time such as `2024-05-01 13:45:00`, as seconds since 1970.
pub(in crate::source) fn time(word: &[u8]) -> Option<i64> {
    time::parse(std::str::from_utf8(word).ok()?)
}

fn spelled_boolean(word: &[u8]) -> Option<bool> {
    if word.eq_ignore_ascii_case(b"true") {
        return Some(true);
    }
    word.eq_ignore_ascii_case(b"false").then_some(false)
}

/// What the values of a column seen so far allow it to be.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::source) struct Evidence {
    any: bool,
    not_int: bool,
    not_float: bool,
    not_bool: bool,
}

impl Evidence {
    /// Takes a field into account.
    pub(super) fn add(&mut self, field: &[u8], rules: &Rules) {
        let Some(word) = rules.word(field) else { return };
        self.any = true;
        let is_int = !self.not_int && int(word).is_some();
        self.not_int |= !is_int;
        // Digits that do not fit 64 bits are an identifier: a float would merge neighbours.
        self.not_float |=
            !is_int && (float(word).is_none() || (word.len() > 18 && word.iter().all(u8::is_ascii_digit)));
        self.not_bool |= spelled_boolean(word).is_none();
    }

    /// The narrowest type that all values have; `None` when all are missing.
    pub(in crate::source) fn column_type(&self) -> Option<ColumnType> {
        match self {
            Evidence { any: false, .. } => None,
            Evidence { not_int: false, .. } => Some(ColumnType::Int),
            Evidence { not_float: false, .. } => Some(ColumnType::Float),
            Evidence { not_bool: false, .. } => Some(ColumnType::Bool),
            _ => Some(ColumnType::Text),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(fields: &[&str], expected: Option<ColumnType>) {
        let rules = Rules { trim: false, missing: vec!["?".into(), "NA".into()] };
        let mut evidence = Evidence::default();
        fields.iter().for_each(|field| evidence.add(field.as_bytes(), &rules));
        assert_eq!(evidence.column_type(), expected, "{fields:?}");
    }

    proptest! {
        #[test]
        fn floats_are_the_nearest_ones(text in "[+-]?[0-9]{0,20}[.]?[0-9]{0,20}(e[+-]?[0-9]{1,2})?|[-0-9.]{0,17}|-?[0-9]{0,9}.[ -~é]{0,9}") {
            let expected = text.parse::<f64>().ok();
            prop_assert_eq!(float(text.as_bytes()).map(f64::to_bits), expected.map(f64::to_bits));
        }
    }

    #[test]
    fn whole_numbers_are_int() {
        check(&["1", " -2 ", "+3", "", "?"], Some(ColumnType::Int));
    }

    #[test]
    fn one_fraction_makes_float() {
        check(&["1", "2.5"], Some(ColumnType::Float));
        check(&["2.5", "1"], Some(ColumnType::Float));
        check(&["1e3", "nan", "-inf", ".5", "5."], Some(ColumnType::Float));
    }

    #[test]
    fn true_and_false_are_bool() {
        check(&["true", "FALSE", "NA"], Some(ColumnType::Bool));
        check(&["0", "1"], Some(ColumnType::Int));
        check(&["true", "1"], Some(ColumnType::Text));
    }

    #[test]
    fn anything_else_is_text() {
        check(&["1", "a"], Some(ColumnType::Text));
        check(&["1", "true"], Some(ColumnType::Text));
        check(&["1_000"], Some(ColumnType::Text));
        check(&["2024-01-01"], Some(ColumnType::Text));
    }

    #[test]
    fn digits_beyond_64_bits_are_text() {
        check(&["1", "12345678901234567890"], Some(ColumnType::Text));
    }

    #[test]
    fn only_missing_tells_nothing() {
        check(&["", "?", " NA", "  "], None);
    }

    #[test]
    fn text_keeps_its_blanks_unless_trimmed() {
        let mut rules = Rules { trim: false, missing: vec!["?".into()] };
        assert_eq!(rules.text(b" a "), Some(&b" a "[..]));
        assert_eq!(rules.text(b" ?"), Some(&b" ?"[..]));
        rules.trim = true;
        assert_eq!((rules.text(b" a "), rules.text(b" ?"), rules.text(b" ")), (Some(&b"a"[..]), None, None));
    }

    #[test]
    fn truth_has_two_spellings() {
        assert_eq!(
            [&b"1"[..], b"True", b"0", b"false", b"yes"].map(boolean),
            [Some(true), Some(true), Some(false), Some(false), None]
        );
    }
}
