//! Distinct values of a column.

use super::sample::Sample;
use crate::column::Column;
use crate::schema::ColumnType;
use crate::statistics::ValueCount;
use crate::time;
use serde::{Deserialize, Serialize};

/// Values listed of a column, as many as the rank histogram of TensorFlow Data Validation has.
const LISTED: usize = 1000;

/// Sample distinct texts exactly up to a limit, beyond it by a sample of the values.
///
/// The values that a sample keeps are chosen by their hash, so that it does not depend on order or partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Distinct {
    counts: Sample,
    occurrences: u64,
}

impl Distinct {
    /// Nothing seen yet.
    pub fn new(limit: usize) -> Self {
        Self { counts: Sample::new(limit), occurrences: 0 }
    }

    /// Adds a text, as if it came `times` times.
    pub fn add(&mut self, text: &str, times: u64) {
        self.occurrences += times;
        self.counts.add_text(text, times);
    }

    /// Number of distinct texts; an estimate when it is not [exact](Self::is_exact).
    pub fn count(&self) -> u64 {
        self.counts.distinct().min(self.occurrences)
    }

    /// Whether every text was counted.
    pub fn is_exact(&self) -> bool {
        self.counts.is_exact()
    }

    /// Distinct texts per occurrence: 1 when all differ.
    pub fn share(&self) -> f64 {
        self.count() as f64 / self.occurrences.max(1) as f64
    }

    /// Whether no text came twice, as far as can be told.
    pub fn is_unique(&self) -> bool {
        is_unique(self.count(), self.occurrences, self.is_exact())
    }

    /// The texts by falling count, those of equal count ascending; `None` when there are more than `most`.
    pub fn few(&self, most: usize) -> Option<Vec<(String, u64)>> {
        let is_few = self.is_exact() && self.count() <= most as u64;
        is_few.then(|| {
            let mut few = self.counts.sorted();
            few.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
            few
        })
    }
}

/// Whether no value came twice. An estimate of as many as came is within 2 % of it; see [`Sample`].
pub(super) fn is_unique(distinct: u64, occurrences: u64, exact: bool) -> bool {
    if exact { distinct == occurrences } else { distinct as f64 > 0.97 * occurrences as f64 }
}

/// What the values of a column are like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValueProfile {
    /// Occurrences of values; of a column of lists, those in all lists.
    pub count: u64,
    /// Distinct values.
    pub unique: u64,
    /// Whether all values were counted; otherwise `unique` is an estimate from a sample of the values, and none are listed.
    pub exact: bool,
    /// The most frequent values, at most 1000, by falling count and those of equal count by falling text.
    pub top: Vec<ValueCount>,
    /// Mean length of texts in characters; `None` of other values and of nothing.
    pub mean_length: Option<f64>,
}

/// Running statistics of values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ValueState {
    counts: Sample,
    count: u64,
    /// Characters of all texts; 0 of other values.
    characters: u64,
    texts: u64,
}

impl ValueState {
    pub(super) fn new(limit: usize) -> Self {
        Self { counts: Sample::new(limit), count: 0, characters: 0, texts: 0 }
    }

    pub(super) fn update(&mut self, column: &Column) {
        match column {
            Column::Text(texts) => self.add_lengths(texts.iter().flatten()),
            Column::Tokens(tokens) => self.add_lengths(tokens.iter()),
            Column::Int(array) => self.count += present(array),
            Column::Bool(array) => self.count += present(array),
            // Raw columns are none of the others.
            Column::Numbers { .. } | Column::Ids(_) => return,
        }
        self.counts.update(column);
    }

    fn add_lengths<'a>(&mut self, texts: impl Iterator<Item = &'a str>) {
        for text in texts {
            self.count += 1;
            self.texts += 1;
            self.characters += text.chars().count() as u64;
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.counts.merge(&other.counts);
        self.count += other.count;
        self.characters += other.characters;
        self.texts += other.texts;
    }

    pub(super) fn profile(&self, column_type: ColumnType) -> ValueProfile {
        let shown = |value: String| match (column_type, value.parse()) {
            (ColumnType::Time, Ok(seconds)) => time::text(seconds),
            _ => value,
        };
        let exact = self.counts.is_exact();
        let ranked = if exact { self.counts.ranked() } else { Vec::new() };
        ValueProfile {
            count: self.count,
            unique: self.counts.distinct().min(self.count),
            exact,
            top: ranked
                .into_iter()
                .take(LISTED)
                .map(|(value, count)| ValueCount { value: shown(value), count })
                .collect(),
            mean_length: (self.texts > 0).then(|| self.characters as f64 / self.texts as f64),
        }
    }
}

fn present(array: &dyn arrow::array::Array) -> u64 {
    (array.len() - array.null_count()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distinct(limit: usize, values: impl IntoIterator<Item = u32>) -> Distinct {
        let mut distinct = Distinct::new(limit);
        values.into_iter().for_each(|value| distinct.add(&value.to_string(), 1));
        distinct
    }

    #[test]
    fn few_values_have_counts() {
        let few = distinct(100, [3, 1, 3, 2]);
        assert_eq!(few.few(20).unwrap(), [("3".to_owned(), 2), ("1".to_owned(), 1), ("2".to_owned(), 1)]);
        assert_eq!((few.count(), few.share()), (3, 0.75));
    }

    #[test]
    fn many_values_are_counted_only() {
        let many = distinct(100, (0..90).chain(0..90));
        assert_eq!((many.count(), many.share(), many.is_exact()), (90, 0.5, true));
        assert!(many.few(20).is_none());
    }

    #[test]
    fn beyond_the_limit_the_count_is_near() {
        let full = distinct(1000, (0..50_000).chain(0..50_000));
        assert!(!full.is_exact() && (full.share() - 0.5).abs() < 0.1, "{}", full.share());
    }
}
