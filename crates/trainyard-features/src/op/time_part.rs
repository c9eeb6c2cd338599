//! Hour, day or month of a time.

use super::{Args, Checked, Constants, Input, Kernel, Kind, Operation, any_of, one};
use crate::column::{Column, single_ids, texts};
use serde::{Deserialize, Serialize};

const DAY: i64 = 86_400;

/// A part of a time as an id. The time is an int (seconds since 1970-01-01 00:00 UTC) or text that starts like
/// `2024-05-01 13:45:00` (or `2024-05-01T13:45`, `2024-05-01`); what follows, such as a zone, is not read.
///
/// Missing values, and text that is no time, have no id.
///
/// ```toml
/// [features.hour]
/// op = "time_part"
/// input = "pickup_time"
/// part = "hour"
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimePart {
    /// Which part.
    pub part: Part,
    /// Added to the time first: the offset of local time from that of the data. Within ± 1440.
    #[serde(default)]
    pub utc_offset_minutes: i64,
}

/// A part of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// 0 to 23.
    Hour,
    /// Monday 0 to Sunday 6.
    DayOfWeek,
    /// Day of the month less 1: 0 to 30.
    Day,
    /// Month less 1: January 0 to December 11.
    Month,
}

impl Part {
    fn buckets(self) -> u64 {
        match self {
            Self::Hour => 24,
            Self::DayOfWeek => 7,
            Self::Day => 31,
            Self::Month => 12,
        }
    }

    fn of(self, seconds: i64) -> u64 {
        let days = seconds.div_euclid(DAY);
        (match self {
            Self::Hour => seconds.rem_euclid(DAY) / 3600,
            // 1970-01-01 was a Thursday.
            Self::DayOfWeek => (days + 3).rem_euclid(7),
            Self::Day => i64::from(month_and_day(days).1) - 1,
            Self::Month => i64::from(month_and_day(days).0) - 1,
        }) as u64
    }
}

impl Operation for TimePart {
    fn check(&self, inputs: &[Input]) -> Checked<Kind> {
        let needed = "a time: int seconds since 1970, or text like `2024-05-01 13:45:00`";
        any_of(one(inputs)?, &[Kind::Int, Kind::Text], needed)?;
        let in_range = (-1440..=1440).contains(&self.utc_offset_minutes);
        if in_range { Ok(Kind::Ids) } else { Err("`utc_offset_minutes` must be within ± 1440".to_string()) }
    }

    fn build(&self, _: &Constants, _: &[Input]) -> Checked<Kernel> {
        let (part, offset) = (self.part, self.utc_offset_minutes * 60);
        let id = move |seconds: i64| part.of(seconds.saturating_add(offset));
        Ok(Kernel::new(part.buckets(), move |args: Args<'_>| {
            Ok(Column::Ids(match args.column(0)? {
                Column::Int(array) => single_ids(args.rows, array.iter().map(|time| time.map(id))),
                Column::Text(array) => {
                    single_ids(args.rows, texts(array).map(|text| text.and_then(parse_time).map(id)))
                }
                _ => return Err("input is neither int nor text; please report it".to_string()),
            }))
        }))
    }
}

/// Seconds since 1970 of text that starts like `2024-05-01 13:45:00`.
fn parse_time(text: &str) -> Option<i64> {
    let bytes = text.trim_start().as_bytes();
    let number = |from: usize, digits: usize| -> Option<i64> {
        let digits = bytes.get(from..from + digits)?;
        digits.iter().try_fold(0, |n, &byte| byte.is_ascii_digit().then(|| n * 10 + i64::from(byte - b'0')))
    };
    let at = |place: usize, expected: &[u8]| bytes.get(place).is_some_and(|byte| expected.contains(byte));
    let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
    if !at(4, b"-") || !at(7, b"-") || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let midnight = days_since_1970(year, month, day) * DAY;
    if !at(10, b" T") || !at(13, b":") {
        return (bytes.len() == 10).then_some(midnight);
    }
    let (hour, minute) = (number(11, 2)?, number(14, 2)?);
    let second = if at(16, b":") { number(17, 2)? } else { 0 };
    (hour < 24 && minute < 60 && second <= 60).then_some(midnight + hour * 3600 + minute * 60 + second)
}

/// Days since 1970-01-01 of a date of the Gregorian calendar.
///
/// Years start in March, so that the leap day is the last; Howard Hinnant, *chrono-compatible low-level date algorithms*.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Month (1 to 12) and day (1 to 31) of a day since 1970-01-01; the inverse of [`days_since_1970`].
fn month_and_day(days: i64) -> (u8, u8) {
    let day_of_era = (days + 719_468).rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    (((march_month + 2) % 12 + 1) as u8, day as u8)
}

#[cfg(test)]
mod tests {
    use super::{days_since_1970, month_and_day, parse_time};
    use crate::op::testing::*;

    #[track_caller]
    fn check(part: &str, columns: Columns, expected: &[&[u64]]) {
        let spec = format!("[x]\nop = 'time_part'\npart = '{part}'");
        let batch = run(&spec, &columns).unwrap();
        let found: Vec<&[u64]> = (0..batch.rows).map(|row| batch.ids[0].row(row)).collect();
        assert_eq!(found, expected);
    }

    /// 1,714,571,100 is 2024-05-01 13:45:00 UTC, a Wednesday (`date -u -d @1714571100`); -1 is 1969-12-31 23:59:59.
    const TIMES: [Option<i64>; 4] = [Some(1_714_571_100), Some(-1), Some(0), None];

    #[test]
    fn seconds_since_1970_have_parts() {
        let column = || vec![("x", ints(&TIMES))];
        check("hour", column(), &[&[13], &[23], &[0], &[]]);
        check("day_of_week", column(), &[&[2], &[2], &[3], &[]]);
        check("day", column(), &[&[0], &[30], &[0], &[]]);
        check("month", column(), &[&[4], &[11], &[0], &[]]);
    }

    #[test]
    fn text_in_common_forms_is_read() {
        let times = ["2024-05-01 13:45:00", "2024-05-01T13:45:59.123Z", "2024-05-01 13:45 UTC", "2024-05-01", "-"];
        check("hour", vec![("x", texts(&times))], &[&[13], &[13], &[13], &[0], &[]]);
        assert_eq!(parse_time("2024-05-01 13:45:00"), Some(1_714_571_100));
    }

    #[test]
    fn text_that_is_no_time_has_no_id() {
        let times = ["yesterday", "2024-13-01", "2024-05-01 25:00:00", "2024-05-01x", "é", "2024-05-01 é"];
        check("hour", vec![("x", texts(&times))], &[&[], &[], &[], &[], &[], &[]]);
    }

    #[test]
    fn an_offset_moves_to_local_time() {
        let spec = "[x]\nop = 'time_part'\npart = 'hour'\nutc_offset_minutes = -330";
        check_ids(spec, vec![("x", ints(&[Some(0), Some(i64::MIN), Some(i64::MAX)]))], &[&[18], &[8], &[10]], 24);
    }

    #[test]
    fn dates_go_there_and_back_over_leap_years() {
        let mut expected = (1600, 1, 1);
        for days in days_since_1970(1600, 1, 1)..days_since_1970(2101, 1, 1) {
            let (year, month, day) = expected;
            assert_eq!(days_since_1970(year, month, day), days);
            assert_eq!(month_and_day(days), (month as u8, day as u8));
            let leap = i64::from(year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
            let length = [31, 28 + leap, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month as usize - 1];
            expected = match (day < length, month < 12) {
                (true, _) => (year, month, day + 1),
                (false, true) => (year, month + 1, 1),
                (false, false) => (year + 1, 1, 1),
            };
        }
    }

    #[test]
    fn floats_are_refused() {
        let spec = "[x]\nop = 'time_part'\npart = 'hour'";
        check_error(spec, vec![("x", floats(&[1.0]))], "needs a time: int seconds since 1970, or text");
    }
}
