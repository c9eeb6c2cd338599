//! Hour, day, month or another part of a time.

use super::{Args, Checked, Constants, Input, Kernel, Kind, Operation, any_of, one};
use crate::column::{Column, single_ids};
use crate::error::suggestion;
use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::{TZ_VARIANTS, Tz};
use serde::{Deserialize, Serialize};

const DAY: i64 = 86_400;

/// A part of a time as an id. The time is an int (seconds since 1970-01-01 00:00 UTC) or text that starts like
/// `2024-05-01 13:45:00` (or `2024-05-01T13:45`, `2024-05-01`); what follows, such as a zone, is not read.
///
/// With `zone`, the part is that of the local time there, summer time included; ids are those of the clock on the wall, so the
/// hour that summer time repeats occurs twice. The rules are those of the IANA database in this program (crate `chrono-tz`).
/// Missing values, and text that is no time, have no id.
///
/// ```toml
/// [features.hour]
/// op = "time_part"
/// input = "pickup_time"
/// part = "hour"
/// zone = "America/Chicago"
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimePart {
    /// Which part.
    pub part: Part,
    /// Added to the time first: the offset of local time from that of the data. Within ± 1440.
    #[serde(default)]
    pub utc_offset_minutes: i64,
    /// The time zone whose local time is meant, by its IANA name, for times in UTC. In place of `utc_offset_minutes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
}

/// A part of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// 0 to 59.
    Minute,
    /// 0 to 23.
    Hour,
    /// Monday 0 to Sunday 6.
    DayOfWeek,
    /// Day of the month less 1: 0 to 30.
    Day,
    /// Day of the year less 1: 0 to 365.
    DayOfYear,
    /// Month less 1: January 0 to December 11.
    Month,
    /// January to March 0, October to December 3.
    Quarter,
}

impl Part {
    fn buckets(self) -> u64 {
        match self {
            Self::Minute => 60,
            Self::Hour => 24,
            Self::DayOfWeek => 7,
            Self::Day => 31,
            Self::DayOfYear => 366,
            Self::Month => 12,
            Self::Quarter => 4,
        }
    }

    fn of(self, seconds: i64) -> u64 {
        let days = seconds.div_euclid(DAY);
        (match self {
            Self::Minute => seconds.rem_euclid(3600) / 60,
            Self::Hour => seconds.rem_euclid(DAY) / 3600,
            // 1970-01-01 was a Thursday.
            Self::DayOfWeek => (days + 3).rem_euclid(7),
            Self::Day => date(days).day - 1,
            Self::DayOfYear => days - days_since_1970(date(days).year, 1, 1),
            Self::Month => date(days).month - 1,
            Self::Quarter => (date(days).month - 1) / 3,
        }) as u64
    }
}

/// How far local time is from that of the data.
#[derive(Debug, Clone, Copy)]
enum Shift {
    Fixed(i64),
    Zone(Tz),
}

impl Shift {
    /// Seconds since 1970 of the clock on the wall.
    fn local(self, seconds: i64) -> i64 {
        let offset = match self {
            Self::Fixed(offset) => offset,
            // Times beyond the calendar of `chrono`, 262,000 years from now, are left as they are.
            Self::Zone(zone) => DateTime::from_timestamp(seconds, 0).map_or(0, |time| {
                i64::from(zone.offset_from_utc_datetime(&time.naive_utc()).fix().local_minus_utc())
            }),
        };
        seconds.saturating_add(offset)
    }
}

impl TimePart {
    fn shift(&self) -> Checked<Shift> {
        let Some(name) = &self.zone else { return Ok(Shift::Fixed(self.utc_offset_minutes * 60)) };
        if self.utc_offset_minutes != 0 {
            return Err("has both `zone` and `utc_offset_minutes`; keep one".to_string());
        }
        name.parse().map(Shift::Zone).map_err(|_| {
            let nearest = suggestion(name, TZ_VARIANTS.iter().map(|zone| zone.name()));
            format!("there is no time zone `{name}`{nearest}; expected an IANA name such as `Europe/Rome`")
        })
    }
}

impl Operation for TimePart {
    fn check(&self, inputs: &[Input]) -> Checked<Kind> {
        let needed = "a time: int seconds since 1970, or text like `2024-05-01 13:45:00`";
        any_of(one(inputs)?, &[Kind::Int, Kind::Text], needed)?;
        if !(-1440..=1440).contains(&self.utc_offset_minutes) {
            return Err("`utc_offset_minutes` must be within ± 1440".to_string());
        }
        self.shift()?;
        Ok(Kind::Ids)
    }

    fn build(&self, _: &Constants, _: &[Input]) -> Checked<Kernel> {
        let (part, shift) = (self.part, self.shift()?);
        let id = move |seconds: i64| part.of(shift.local(seconds));
        Ok(Kernel::new(part.buckets(), move |args: Args<'_>| {
            Ok(Column::Ids(match args.column(0)? {
                Column::Int(array) => single_ids(args.rows, array.iter().map(|time| time.map(id))),
                Column::Text(texts) => {
                    single_ids(args.rows, texts.iter().map(|text| text.and_then(parse_time).map(id)))
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

/// A date of the Gregorian calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Date {
    year: i64,
    /// 1 to 12.
    month: i64,
    /// 1 to 31.
    day: i64,
}

/// The date of a day since 1970-01-01; the inverse of [`days_since_1970`].
fn date(days: i64) -> Date {
    let era = (days + 719_468).div_euclid(146_097);
    let day_of_era = (days + 719_468).rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = (march_month + 2) % 12 + 1;
    Date { year: era * 400 + year_of_era + i64::from(month <= 2), month, day }
}

#[cfg(test)]
mod tests {
    use super::{Date, date, days_since_1970, parse_time};
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
        check("minute", column(), &[&[45], &[59], &[0], &[]]);
        check("day_of_year", column(), &[&[121], &[364], &[0], &[]]);
        check("quarter", column(), &[&[1], &[3], &[0], &[]]);
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

    #[track_caller]
    fn check_zone(zone: &str, times: &[i64], expected: &[&[u64]]) {
        let spec = format!("[x]\nop = 'time_part'\npart = 'hour'\nzone = '{zone}'");
        let times: Vec<Option<i64>> = times.iter().copied().map(Some).collect();
        check_ids(&spec, vec![("x", ints(&times))], expected, 24);
    }

    /// `TZ=America/Chicago date -d @1710057599` and around: clocks went from 2 to 3 on 2024-03-10, and twice through 1 on
    /// 2024-11-03.
    #[test]
    fn a_zone_knows_its_summer_time() {
        check_zone("America/Chicago", &[1_710_057_599, 1_710_057_600], &[&[1], &[3]]);
        check_zone("America/Chicago", &[1_730_615_400, 1_730_619_000, 1_730_622_600], &[&[1], &[1], &[2]]);
        check_zone("Asia/Kolkata", &[0, i64::MAX], &[&[5], &[15]]);
    }

    #[test]
    fn an_unknown_zone_is_named_with_the_nearest() {
        let spec = "[x]\nop = 'time_part'\npart = 'hour'\nzone = 'America/Chicgo'";
        let expected = "`[features.x]`: there is no time zone `America/Chicgo`; did you mean `America/Chicago`?";
        check_error(spec, vec![("x", ints(&[Some(0)]))], expected);
        let both = "[x]\nop = 'time_part'\npart = 'hour'\nzone = 'UTC'\nutc_offset_minutes = 60";
        check_error(both, vec![("x", ints(&[Some(0)]))], "has both `zone` and `utc_offset_minutes`; keep one");
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

    #[test]
    fn floats_are_refused() {
        let spec = "[x]\nop = 'time_part'\npart = 'hour'";
        check_error(spec, vec![("x", floats(&[1.0]))], "needs a time: int seconds since 1970, or text");
    }
}
