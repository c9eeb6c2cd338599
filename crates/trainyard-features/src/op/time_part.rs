//! Hour, day, month or another part of a time.

use super::{Args, Checked, Constants, Input, Kernel, Kind, Operation, any_of, one};
use crate::column::{Column, single_ids};
use crate::error::suggestion;
use crate::time::{self, DAY, date, days_since_1970};
use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::{TZ_VARIANTS, Tz};
use serde::{Deserialize, Serialize};

/// A part of a time as an id. The time is a column of type `time`, an int (seconds since 1970-01-01 00:00 UTC) or text as
/// [`time::parse`] reads it.
///
/// With `zone`, the part is that of the local time there, summer time included; ids are those of the clock on the wall, so the
/// hour that summer time repeats occurs twice. The rules are those of the IANA database in this program (crate `chrono-tz`).
/// Missing values have no id, nor has text that is no time: where that is an error, declare the column's type `time`.
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
        let needed = "a time: a column of type `time`, int seconds since 1970, or text like `2024-05-01 13:45:00`";
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
                    single_ids(args.rows, texts.iter().map(|text| text.and_then(time::parse).map(id)))
                }
                _ => return Err("input is neither int nor text; please report it".to_string()),
            }))
        }))
    }
}

#[cfg(test)]
mod tests {
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
    fn floats_are_refused() {
        let spec = "[x]\nop = 'time_part'\npart = 'hour'";
        check_error(spec, vec![("x", floats(&[1.0]))], "needs a time: a column of type `time`, int seconds since 1970, or text");
    }
}
