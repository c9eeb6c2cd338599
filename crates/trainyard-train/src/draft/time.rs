//! Whether texts are times.

/// What texts of a column say as times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Times {
    /// Texts that are times.
    pub count: u64,
    /// Whether one has a time of day other than midnight.
    pub has_clock: bool,
    /// A bit for each month that came.
    months: u16,
}

impl Times {
    /// Takes a text into account if it starts like `2024-05-01 13:45`, which the operation `time_part` reads.
    pub(super) fn add(&mut self, text: &str) {
        let Some((month, clock)) = parse(text.as_bytes()) else { return };
        self.count += 1;
        self.has_clock |= clock;
        self.months |= 1 << month;
    }

    /// Whether the times are of several months.
    pub(super) fn several_months(&self) -> bool {
        self.months.count_ones() > 1
    }
}

/// The month, and whether there is a time of day other than midnight.
fn parse(bytes: &[u8]) -> Option<(u8, bool)> {
    let number = |from: usize| {
        let digits = bytes.get(from..from + 2).filter(|digits| digits.iter().all(u8::is_ascii_digit))?;
        Some((digits[0] - b'0') * 10 + digits[1] - b'0')
    };
    let at = |place: usize, expected: &[u8]| bytes.get(place).is_some_and(|byte| expected.contains(byte));
    let (month, day) = (number(5)?, number(8)?);
    let is_date = number(0).is_some() && number(2).is_some() && at(4, b"-") && at(7, b"-");
    if !is_date || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    if bytes.len() == 10 {
        return Some((month, false));
    }
    let (hour, minute) = (number(11)?, number(14)?);
    (at(10, b" T") && at(13, b":") && hour < 24 && minute < 60).then_some((month, hour > 0 || minute > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(texts: &[&str], count: u64, has_clock: bool, several_months: bool) {
        let mut times = Times::default();
        texts.iter().for_each(|text| times.add(text));
        assert_eq!((times.count, times.has_clock, times.several_months()), (count, has_clock, several_months));
    }

    #[test]
    fn dates_and_times_are_told_apart() {
        check(&["2024-05-01", "2024-06-01"], 2, false, true);
        check(&["2024-05-01 00:00:00", "2024-05-02T00:00Z"], 2, false, false);
        check(&["2024-05-01 13:45", "2024-05-02 00:00"], 2, true, false);
    }

    #[test]
    fn other_texts_are_no_times() {
        check(
            &["", "yesterday", "2024-13-01", "2024/05/01", "2024-05-01x", "2024-05-01 25:00", "12345678901"],
            0,
            false,
            false,
        );
    }
}
