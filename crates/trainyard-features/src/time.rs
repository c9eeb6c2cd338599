//! Times as text.

/// Seconds of a day.
pub const DAY: i64 = 86_400;

/// The seconds of the years 0 to 9999, which text can say.
const YEARS: std::ops::Range<i64> = -62_167_219_200..253_402_300_800;

/// Seconds since 1970-01-01 00:00 UTC of a time such as `2024-05-01 13:45:00`; `None` for what is no time, as `2024-02-30`.
///
/// Between date and time stands a space or `T`. The time, its seconds, and their fraction, which is dropped, may be left out. Behind it may
/// stand `Z` or `UTC`, or how far the clock is ahead of UTC: `2024-05-01T13:45:00.123+02:00`. Without one the clock is that of UTC.
///
/// ```
/// use trainyard_features::time;
///
/// assert_eq!(time::parse("2024-05-01"), Some(1_714_521_600));
/// assert_eq!(time::parse("2024-05-01 13:45"), Some(1_714_571_100));
/// assert_eq!(time::parse("2024-05-01T13:45:00.5-05:00"), Some(1_714_571_100 + 5 * 3600));
/// assert_eq!(time::parse("2024-02-30"), None);
/// ```
pub fn parse(text: &str) -> Option<i64> {
    let bytes = text.trim_ascii().as_bytes();
    let (midnight, rest) = read_date(bytes)?;
    let Some((b' ' | b'T', rest)) = rest.split_first() else {
        return rest.is_empty().then_some(midnight);
    };
    let (clock, rest) = read_clock(rest)?;
    Some(midnight + clock - read_offset(rest)?).filter(|seconds| YEARS.contains(seconds))
}

/// A time as text that [`parse`] reads: `2024-05-01 13:45:00`.
///
/// ```
/// use trainyard_features::time;
///
/// assert_eq!(time::text(1_714_571_100), "2024-05-01 13:45:00");
/// ```
pub fn text(seconds: i64) -> String {
    let Date { year, month, day } = date(seconds.div_euclid(DAY));
    let clock = seconds.rem_euclid(DAY);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}", clock / 3600, clock / 60 % 60, clock % 60)
}

/// The first second of a date, and what follows it.
fn read_date(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (year, bytes) = digits::<4>(bytes)?;
    let (month, bytes) = digits::<2>(bytes.strip_prefix(b"-")?)?;
    let (day, bytes) = digits::<2>(bytes.strip_prefix(b"-")?)?;
    let days = days_since_1970(year, month, day);
    (date(days) == Date { year, month, day }).then_some((days * DAY, bytes))
}

/// The seconds since midnight, and what follows them.
fn read_clock(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (hour, bytes) = digits::<2>(bytes)?;
    let (minute, mut bytes) = digits::<2>(bytes.strip_prefix(b":")?)?;
    let mut second = 0;
    if let Some(rest) = bytes.strip_prefix(b":") {
        (second, bytes) = digits::<2>(rest)?;
        if let Some(fraction) = bytes.strip_prefix(b".") {
            bytes = &fraction[fraction.iter().take_while(|byte| byte.is_ascii_digit()).count()..];
        }
    }
    // The 60th is a leap second.
    (hour < 24 && minute < 60 && second <= 60).then_some((hour * 3600 + minute * 60 + second, bytes))
}

/// Seconds that a clock is ahead of UTC.
fn read_offset(bytes: &[u8]) -> Option<i64> {
    let (sign, bytes) = match bytes.trim_ascii_start() {
        b"" | b"Z" | b"UTC" => return Some(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, bytes) = digits::<2>(bytes)?;
    let (minutes, rest) = digits::<2>(bytes.strip_prefix(b":").unwrap_or(bytes))?;
    (rest.is_empty() && hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

/// A number of so many digits, and what follows it.
fn digits<const N: usize>(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (digits, rest) = bytes.split_first_chunk::<N>()?;
    let number = |n, byte: &u8| byte.is_ascii_digit().then(|| n * 10 + i64::from(byte - b'0'));
    Some((digits.iter().try_fold(0, number)?, rest))
}

/// Days since 1970-01-01 of a date of the Gregorian calendar.
///
/// Years start in March, so that the leap day is the last; Howard Hinnant, *chrono-compatible low-level date algorithms*.
pub(crate) fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// A date of the Gregorian calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date {
    /// The year.
    pub year: i64,
    /// 1 to 12.
    pub month: i64,
    /// 1 to 31.
    pub day: i64,
}

/// The date of a day since 1970-01-01.
pub fn date(days: i64) -> Date {
    let since_era = days.saturating_add(719_468);
    let (era, day_of_era) = (since_era.div_euclid(146_097), since_era.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = (march_month + 2) % 12 + 1;
    Date { year: era * 400 + year_of_era + i64::from(month <= 2), month, day }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `date -u -d TEXT +%s`, but for the last, whose zone `date` does not know without a colon.
    #[test]
    fn times_in_common_forms_are_read() {
        let times = [
            ("2024-05-01", 1_714_521_600),
            ("2024-05-01 ", 1_714_521_600),
            (" 2024-05-01 13:45 ", 1_714_571_100),
            ("2024-05-01T13:45:59.123Z", 1_714_571_159),
            ("2024-05-01 13:45 UTC", 1_714_571_100),
            ("1969-12-31 23:59:59", -1),
            ("2024-02-29T00:00:00+05:30", 1_709_145_000),
            ("2024-02-29 00:00:00 -0100", 1_709_168_400),
        ];
        times.into_iter().for_each(|(text, seconds)| assert_eq!(parse(text), Some(seconds), "{text}"));
    }

    #[test]
    fn text_is_read_back() {
        for seconds in
            [-1, 0, 951_782_399, 4_102_444_800, parse("0000-01-01").unwrap(), parse("9999-12-31 23:59:59").unwrap()]
        {
            assert_eq!(parse(&text(seconds)), Some(seconds));
        }
        assert!(text(i64::MAX).starts_with("292277026596-12-04"));
    }

    #[test]
    fn what_is_no_time_is_none() {
        let texts = [
            "",
            "yesterday",
            "0000-01-01 00:00+00:01",
            "9999-12-31 23:59-00:01",
            "2024-13-01",
            "2024-00-01",
            "2023-02-29",
            "2024-04-31",
            "2024-05-00",
            "2024-5-1",
            "2024-05-01x",
            "2024-05-01 25:00:00",
            "2024-05-01 12:60",
            "2024-05-01 12:00:61",
            "2024-05-01 12",
            "2024-05-01 12:00 CET",
            "2024-05-01 12:00+2",
            "2024-05-01 12:00+02:00x",
            "1714571100",
            "é",
            "2024-05-01 é",
        ];
        texts.into_iter().for_each(|text| assert_eq!(parse(text), None, "{text}"));
    }

    #[test]
    fn dates_go_there_and_back_over_leap_years() {
        let mut expected = (1600, 1, 1);
        for days in days_since_1970(1600, 1, 1)..days_since_1970(2101, 1, 1) {
            let (year, month, day) = expected;
            assert_eq!(days_since_1970(year, month, day), days);
            assert_eq!(date(days), Date { year, month, day });
            let leap = i64::from(year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
            let length = [31, 28 + leap, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month as usize - 1];
            expected = match (day < length, month < 12) {
                (true, _) => (year, month, day + 1),
                (false, true) => (year, month + 1, 1),
                (false, false) => (year + 1, 1, 1),
            };
        }
    }
}
