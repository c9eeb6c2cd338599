//! What all values of a column are like.

use super::time::Times;
use std::fmt::Write;
use trainyard_features::ColumnType;
use trainyard_features::profile::{Distinct, NumberState};

/// Texts that often mean "missing", and whether they do wherever they stand. Those of the others that stand among numbers do,
/// too; elsewhere, as `None` among kinds of a thing, they may be values.
pub(super) const MARKERS: [(&str, bool); 14] = [
    ("?", true),
    ("\\N", true),
    ("NULL", true),
    ("null", true),
    ("N/A", true),
    ("#N/A", true),
    ("NA", false),
    ("na", false),
    ("n/a", false),
    ("NaN", false),
    ("nan", false),
    ("None", false),
    ("-", false),
    (".", false),
];

/// Different values whose counts are told.
pub(super) const FEW: usize = 20;

/// Numbers that are looked at together.
const PENDING: usize = 512;

/// Words from which on a text is prose.
const PROSE_WORDS: usize = 4;

/// What all values of a column are like.
#[derive(Debug, Clone)]
pub(super) struct ColumnSurvey {
    pub name: String,
    /// Rows with a value.
    pub present: u64,
    /// Rows without one.
    pub missing: u64,
    /// The values that are finite numbers.
    pub numbers: NumberState,
    /// The values as texts.
    pub distinct: Distinct,
    /// The values that are times.
    pub times: Times,
    /// The first value that is no number.
    pub odd: Option<String>,
    /// The type that the file knows or that was given.
    known: Option<ColumnType>,
    kinds: Kinds,
    /// Numbers that are not in `numbers` yet.
    pending: Vec<f64>,
    markers: [u64; MARKERS.len()],
    buffer: String,
}

/// How many values are of a kind.
#[derive(Debug, Clone, Copy, Default)]
struct Kinds {
    ints: u64,
    floats: u64,
    /// Those of the floats that have no fraction.
    whole_floats: u64,
    bools: u64,
    prose: u64,
}

impl ColumnSurvey {
    /// No values yet; `limit` bounds how many different ones are told apart.
    pub(super) fn new(name: &str, known: Option<ColumnType>, limit: usize) -> Self {
        Self {
            name: name.to_owned(),
            present: 0,
            missing: 0,
            numbers: NumberState::default(),
            pending: Vec::new(),
            distinct: Distinct::new(limit),
            times: Times::default(),
            odd: None,
            known,
            kinds: Kinds::default(),
            markers: [0; MARKERS.len()],
            buffer: String::new(),
        }
    }

    /// Takes a row without value into account.
    pub(super) fn add_missing(&mut self) {
        self.missing += 1;
    }

    /// Takes a text into account; those in `missing`, besides the empty one, are none.
    pub(super) fn add_text(&mut self, text: &str, missing: &[String]) {
        let word = text.trim();
        if word.is_empty() || missing.iter().any(|text| text == word) {
            self.missing += 1;
        } else if let Some(marker) = MARKERS.iter().position(|(marker, _)| *marker == word) {
            self.markers[marker] += 1;
        } else {
            self.add_word(word);
        }
    }

    /// Takes a number into account; NaN is none.
    pub(super) fn add_float(&mut self, value: f64) {
        if value.is_nan() {
            return self.add_missing();
        }
        self.add_displayed(value);
    }

    /// Takes a value into account that is of the column's type.
    pub(super) fn add_displayed(&mut self, value: impl std::fmt::Display) {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        // Writing to a string cannot fail.
        let _ = write!(buffer, "{value}");
        self.add_word(&buffer);
        self.buffer = buffer;
    }

    fn add_word(&mut self, word: &str) {
        self.present += 1;
        self.distinct.add(word, 1);
        match number(word) {
            Some((value, is_int)) => self.add_number(value, is_int),
            None => self.add_odd(word),
        }
    }

    fn add_number(&mut self, value: f64, is_int: bool) {
        self.kinds.ints += u64::from(is_int);
        self.kinds.floats += u64::from(!is_int);
        self.kinds.whole_floats += u64::from(!is_int && value.fract() == 0.0);
        self.pending.push(value);
        if self.pending.len() == PENDING {
            self.numbers.update(self.pending.drain(..));
        }
    }

    fn add_odd(&mut self, word: &str) {
        self.kinds.bools += u64::from(["true", "false"].iter().any(|truth| word.eq_ignore_ascii_case(truth)));
        self.kinds.prose += u64::from(word.split_whitespace().nth(PROSE_WORDS - 1).is_some());
        self.times.add(word);
        if self.odd.is_none() {
            self.odd = Some(word.to_owned());
        }
    }

    /// The markers that mean "missing" as far as this column can tell.
    pub(super) fn missing_markers(&self) -> impl Iterator<Item = &'static str> {
        let among_numbers = self.present == 0 || self.column_type() != ColumnType::Text;
        let found = MARKERS.iter().zip(self.markers).filter(|(_, count)| *count > 0);
        found.filter(move |((_, always), _)| *always || among_numbers).map(|((marker, _), _)| *marker)
    }

    /// Takes the markers into account as missing or as values, as all columns together say.
    pub(super) fn settle(&mut self, missing: &[String]) {
        self.numbers.update(self.pending.drain(..));
        for (i, count) in std::mem::take(&mut self.markers).into_iter().enumerate().filter(|(_, count)| *count > 0) {
            if missing.iter().any(|text| text == MARKERS[i].0) {
                self.missing += count;
            } else {
                self.present += count;
                self.distinct.add(MARKERS[i].0, count);
            }
        }
    }

    /// The narrowest type that all values have; text when there are none.
    pub(super) fn column_type(&self) -> ColumnType {
        let Kinds { ints, floats, bools, .. } = self.kinds;
        let inferred = || match self.present {
            0 => ColumnType::Text,
            all if all == ints => ColumnType::Int,
            all if all == ints + floats => ColumnType::Float,
            all if all == bools => ColumnType::Bool,
            all if all == self.times.count => ColumnType::Time,
            _ => ColumnType::Text,
        };
        self.known.unwrap_or_else(inferred)
    }

    /// Whether the values are whole numbers, also when written like `1.0`.
    pub(super) fn is_whole(&self) -> bool {
        self.present == self.kinds.ints + self.kinds.whole_floats
    }

    /// Values that are numbers.
    pub(super) fn numeric(&self) -> u64 {
        self.kinds.ints + self.kinds.floats
    }

    /// Whether some numbers are infinite.
    pub(super) fn has_infinite(&self) -> bool {
        self.numbers.infinite() > 0
    }

    /// Whether most values are texts of several words.
    pub(super) fn is_prose(&self) -> bool {
        2 * self.kinds.prose > self.present
    }

    /// Whether there is a value in every row and no two are the same, as far as was counted.
    pub(super) fn is_unique(&self) -> bool {
        self.missing == 0 && self.distinct.is_unique()
    }
}

/// A number and whether it is an int. Digits that do not fit 64 bits are a name: a float would merge neighbours.
fn number(word: &str) -> Option<(f64, bool)> {
    if let Ok(int) = word.parse::<i64>() {
        return Some((int as f64, true));
    }
    let is_name = word.len() > 18 && word.bytes().all(|byte| byte.is_ascii_digit());
    word.parse().ok().filter(|_| !is_name).map(|float| (float, false))
}

#[cfg(test)]
mod tests {
    use super::*;
    use trainyard_features::ColumnType::{Bool, Float, Int, Text};

    fn column(texts: &[&str]) -> ColumnSurvey {
        let mut column = ColumnSurvey::new("x", None, 100);
        texts.iter().for_each(|text| column.add_text(text, &["none".to_owned()]));
        column
    }

    #[track_caller]
    fn check(texts: &[&str], column_type: ColumnType, markers: &[&str]) {
        let column = column(texts);
        assert_eq!(column.column_type(), column_type);
        assert_eq!(column.missing_markers().collect::<Vec<_>>(), markers);
    }

    #[test]
    fn types_are_those_that_the_source_reads() {
        check(&["1", " -2 ", "+3", ""], Int, &[]);
        check(&["1", "2.5", "1e3", "inf"], Float, &[]);
        check(&["true", "FALSE"], Bool, &[]);
        check(&["true", "1"], Text, &[]);
        check(&["12345678901234567890"], Text, &[]);
        check(&["none", " "], Text, &[]);
    }

    #[test]
    fn markers_among_numbers_mean_missing() {
        check(&["1", "NA", "-"], Int, &["NA", "-"]);
        check(&["a", "NA", "?"], Text, &["?"]);
        check(&["None", "None"], Text, &["None"]);
    }

    #[test]
    fn a_marker_is_missing_or_a_value() {
        let mut values = column(&["a", "NA", "NA"]);
        values.settle(&[]);
        assert_eq!((values.present, values.missing, values.distinct.count()), (3, 0, 2));
        let mut missing = column(&["1", "NA", "NA"]);
        missing.settle(&["NA".to_owned()]);
        assert_eq!((missing.present, missing.missing, missing.distinct.count()), (1, 2, 1));
    }

    #[test]
    fn whole_numbers_may_be_written_with_a_point() {
        assert!(column(&["1.0", "2"]).is_whole());
        assert!(!column(&["1.5", "2"]).is_whole());
    }

    #[test]
    fn typed_values_count_like_texts() {
        let mut column = ColumnSurvey::new("x", Some(Float), 100);
        [1.0, 1.0, 2.5, f64::NAN, f64::INFINITY].into_iter().for_each(|value| column.add_float(value));
        assert_eq!((column.present, column.missing, column.distinct.count()), (4, 1, 3));
        column.settle(&[]);
        assert!(column.has_infinite() && column.numbers.max() == 2.5);
    }
}
