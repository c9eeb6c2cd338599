//! Whether texts are times.

use trainyard_features::time::{self, DAY};

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
    /// Takes a text into account if it is a time.
    pub(super) fn add(&mut self, text: &str) {
        let Some(seconds) = time::parse(text) else { return };
        self.count += 1;
        self.has_clock |= seconds.rem_euclid(DAY) > 0;
        self.months |= 1 << time::date(seconds.div_euclid(DAY)).month;
    }

    /// Whether the times are of several months.
    pub(super) fn several_months(&self) -> bool {
        self.months.count_ones() > 1
    }
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
