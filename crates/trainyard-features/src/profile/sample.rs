//! How often each value occurs, all of a limited number of values or a sample of them.

use crate::column::Column;
use crate::hash::{Map, farm_fingerprint64, fingerprint_cat64};
use arrow::array::Array;
use serde::{Deserialize, Serialize};

/// Rows by value.
///
/// Within limits, values are kept by hash: each time there are more than a limit allows, those whose hash has one more leading
/// 1 bit go (adaptive sampling; Flajolet, 1990). What is kept, and its counts, do not depend on order or partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub(crate) struct Sample {
    kind: ValueKind,
    numbers: Map<u64, u64>,
    texts: Map<Box<str>, u64>,
    limits: Limits,
    bytes: usize,
    level: u32,
}

/// How much [`Sample`] keep before they become a sample.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Limits {
    values: usize,
    bytes: usize,
}

/// Memory that a value takes besides its text: a slot of a map that is half full, and the allocation.
const VALUE_BYTES: usize = 64;

/// Memory for each value that may be kept, on average: long texts are kept for fewer values.
const BYTES: usize = 256;

/// What the 64 bits of a counted number mean.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum ValueKind {
    Float,
    Int,
    Bool,
    Id,
    Text,
}

/// [`Sample`] in a file, in an order that does not depend on the maps.
#[derive(Serialize, Deserialize)]
struct Stored {
    kind: ValueKind,
    numbers: Vec<(u64, u64)>,
    texts: Vec<(String, u64)>,
    limits: Limits,
    level: u32,
}

impl From<Sample> for Stored {
    fn from(counts: Sample) -> Self {
        let mut numbers: Vec<_> = counts.numbers.into_iter().collect();
        let mut texts: Vec<_> = counts.texts.into_iter().map(|(text, count)| (text.to_string(), count)).collect();
        numbers.sort_unstable();
        texts.sort_unstable();
        Self { kind: counts.kind, numbers, texts, limits: counts.limits, level: counts.level }
    }
}

impl From<Stored> for Sample {
    fn from(Stored { kind, numbers, texts, limits, level }: Stored) -> Self {
        let mut counts = Self { kind, level: level.min(63), ..Self::within(limits) };
        numbers.into_iter().for_each(|(number, count)| counts.add_number(number, count));
        texts.iter().for_each(|(text, count)| counts.add_text(text, *count));
        counts
    }
}

impl Sample {
    /// Sample every value up to `limit` distinct ones, beyond that a sample of them.
    pub fn new(limit: usize) -> Self {
        Self::within(Limits { values: limit, bytes: limit.saturating_mul(BYTES) })
    }

    fn within(limits: Limits) -> Self {
        Self { kind: ValueKind::Text, numbers: Map::default(), texts: Map::default(), limits, bytes: 0, level: 0 }
    }

    /// Adds the values of a column, all batches of which have the same type. Infinite numbers are left out.
    pub fn update(&mut self, column: &Column) {
        match column {
            Column::Numbers { values, .. } => {
                self.kind = ValueKind::Float;
                let present = values.iter().filter(|value| value.is_finite());
                present.for_each(|value| self.add_number(u64::from(value.to_bits()), 1));
            }
            Column::Int(array) => {
                self.kind = ValueKind::Int;
                array.iter().flatten().for_each(|value| self.add_number(value as u64, 1));
            }
            Column::Bool(array) => {
                self.kind = ValueKind::Bool;
                let yes = array.true_count() as u64;
                let no = (array.len() - array.null_count()) as u64 - yes;
                [(0, no), (1, yes)]
                    .into_iter()
                    .filter(|(_, count)| *count > 0)
                    .for_each(|(v, n)| self.add_number(v, n));
            }
            Column::Ids(ids) => {
                self.kind = ValueKind::Id;
                ids.ids.iter().for_each(|&id| self.add_number(id, 1));
            }
            Column::Text(texts) => {
                self.kind = ValueKind::Text;
                texts.iter().flatten().for_each(|text| self.add_text(text, 1));
            }
            Column::Tokens(tokens) => {
                self.kind = ValueKind::Text;
                tokens.iter().for_each(|token| self.add_text(token, 1));
            }
        }
    }

    /// Adds the values that another has seen.
    pub fn merge(&mut self, other: &Self) {
        if !other.is_empty() {
            self.kind = other.kind;
        }
        if other.level > self.level {
            self.raise(other.level);
        }
        other.numbers.iter().for_each(|(&number, &count)| self.add_number(number, count));
        other.texts.iter().for_each(|(text, &count)| self.add_text(text, count));
    }

    /// Number of distinct values; an estimate when there were more than the limit.
    pub fn distinct(&self) -> u64 {
        (self.len() as u64) << self.level.min(32)
    }

    /// How many of the occurrences here are of values that another has, too; an estimate when either is a sample. Both sample
    /// by the same hashes, so the values of the coarser sample are known to both.
    pub fn shared_with(&self, other: &Self) -> u64 {
        let level = self.level.max(other.level);
        let numbers = self.numbers.iter().filter(|(number, _)| keeps(level, number_hash(**number)));
        let numbers = numbers.filter(|(number, _)| other.numbers.contains_key(number)).map(|(_, count)| count);
        let texts = self.texts.iter().filter(|(text, _)| keeps(level, farm_fingerprint64(text.as_bytes())));
        let texts = texts.filter(|(text, _)| other.texts.contains_key(&**text)).map(|(_, count)| count);
        (numbers.sum::<u64>() + texts.sum::<u64>()) << level.min(32)
    }

    /// Whether every value was kept.
    pub fn is_exact(&self) -> bool {
        self.level == 0
    }

    /// The values by falling count, those of equal count by falling bytes of their text, which is the order of
    /// `tft.vocabulary` and of Keras' `StringLookup`.
    pub fn ranked(&self) -> Vec<(String, u64)> {
        let mut ranked = self.tokens();
        ranked.sort_unstable_by(|a, b| (b.1, b.0.as_bytes()).cmp(&(a.1, a.0.as_bytes())));
        ranked
    }

    /// The values in their own order: numbers by size, text by bytes.
    pub fn sorted(&self) -> Vec<(String, u64)> {
        let mut numbers: Vec<(u64, u64)> = self.numbers.iter().map(|(&number, &count)| (number, count)).collect();
        match self.kind {
            ValueKind::Int => numbers.sort_unstable_by_key(|(number, _)| *number as i64),
            ValueKind::Float => numbers.sort_unstable_by(|a, b| float(a.0).total_cmp(&float(b.0))),
            _ => numbers.sort_unstable(),
        }
        let mut texts: Vec<(&str, u64)> = self.texts.iter().map(|(text, &count)| (&**text, count)).collect();
        texts.sort_unstable();
        let texts = texts.into_iter().map(|(text, count)| (text.to_string(), count));
        numbers.into_iter().map(|(number, count)| (self.token(number), count)).chain(texts).collect()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn len(&self) -> usize {
        self.numbers.len() + self.texts.len()
    }

    fn tokens(&self) -> Vec<(String, u64)> {
        let numbers = self.numbers.iter().map(|(&number, &count)| (self.token(number), count));
        numbers.chain(self.texts.iter().map(|(text, &count)| (text.to_string(), count))).collect()
    }

    fn token(&self, number: u64) -> String {
        match self.kind {
            ValueKind::Float => float(number).to_string(),
            ValueKind::Int => (number as i64).to_string(),
            ValueKind::Bool => (number != 0).to_string(),
            ValueKind::Id | ValueKind::Text => number.to_string(),
        }
    }

    fn add_number(&mut self, number: u64, count: u64) {
        if self.level > 0 && !keeps(self.level, number_hash(number)) {
            return;
        }
        // Sample that are kept are above 0, so 0 says that the number is new.
        let total = self.numbers.entry(number).or_default();
        let is_new = *total == 0;
        *total += count;
        if is_new {
            self.bytes += VALUE_BYTES;
            self.shrink();
        }
    }

    /// Adds a text that occurs so many times, at least once.
    pub fn add_text(&mut self, text: &str, count: u64) {
        if self.level > 0 && !keeps(self.level, farm_fingerprint64(text.as_bytes())) {
            return;
        }
        // A text is copied only when it is new.
        match self.texts.get_mut(text) {
            Some(total) => *total += count,
            None => {
                self.texts.insert(text.into(), count);
                self.bytes += VALUE_BYTES + text.len();
                self.shrink();
            }
        }
    }

    /// Goes up levels until the limits are kept.
    fn shrink(&mut self) {
        while (self.len() > self.limits.values || self.bytes > self.limits.bytes) && self.level < 63 {
            self.raise(self.level + 1);
        }
    }

    /// Drops what a level does not keep.
    fn raise(&mut self, level: u32) {
        self.level = level;
        self.numbers.retain(|&number, _| keeps(level, number_hash(number)));
        self.texts.retain(|text, _| keeps(level, farm_fingerprint64(text.as_bytes())));
        self.bytes = self.len() * VALUE_BYTES + self.texts.keys().map(|text| text.len()).sum::<usize>();
    }
}

fn float(bits: u64) -> f32 {
    f32::from_bits(bits as u32)
}

fn number_hash(number: u64) -> u64 {
    fingerprint_cat64(0, number)
}

/// Whether a level keeps values of this hash: the first `level` bits are 0.
fn keeps(level: u32, hash: u64) -> bool {
    hash.leading_zeros() >= level
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Int64Array, StringArray};

    fn words(words: &[&str]) -> Column {
        Column::Text(StringArray::from(words.to_vec()).into())
    }

    #[test]
    fn a_sample_does_not_depend_on_order_or_partition() {
        let numbers: Vec<i64> = (0..5000).map(|i| i * i % 1711).collect();
        let (left, right) = numbers.split_at(1000);
        let (mut whole, mut a, mut b) = (Sample::new(100), Sample::new(100), Sample::new(100));
        whole.update(&Column::Int(Int64Array::from(numbers.clone())));
        a.update(&Column::Int(Int64Array::from(left.to_vec())));
        b.update(&Column::Int(right.iter().rev().copied().collect()));
        b.merge(&a);
        assert_eq!(b, whole);
        assert!(!whole.is_exact());
    }

    #[test]
    fn long_texts_do_not_outgrow_the_memory_whatever_their_order() {
        let limits = Limits { values: usize::MAX, bytes: 10_000 };
        let texts: Vec<String> = (0..500).map(|i| format!("{i}").repeat(i % 7 + 1)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let reversed: Vec<&str> = texts.iter().rev().copied().collect();
        let (mut counts, mut backwards) = (Sample::within(limits), Sample::within(limits));
        counts.update(&words(&texts));
        backwards.update(&words(&reversed));
        assert_eq!(counts, backwards);
        assert!(!counts.is_exact() && counts.bytes <= 10_000 && counts.bytes > 1000, "{}", counts.bytes);
    }

    #[test]
    fn what_two_have_in_common_is_counted_or_estimated() {
        let ids = |range: std::ops::Range<i64>, limit| {
            let mut counts = Sample::new(limit);
            counts.update(&Column::Int(range.collect()));
            counts
        };
        assert_eq!(ids(0..1000, 5000).shared_with(&ids(900..2000, 5000)), 100);
        let estimate = ids(0..50_000, 4000).shared_with(&ids(25_000..60_000, 2000)) as f64;
        assert!((estimate / 25_000.0 - 1.0).abs() < 0.2, "{estimate}");
    }

    #[test]
    fn counts_survive_json() {
        let mut counts = Sample::new(10);
        counts.update(&words(&["b", "a", "b", "é", "Z", ""]));
        counts.update(&words(&"abcdefghijklmnop".split("").collect::<Vec<_>>()));
        let json = serde_json::to_string(&counts).unwrap();
        assert_eq!(serde_json::from_str::<Sample>(&json).unwrap(), counts);
        assert!(!counts.is_exact());
    }

    #[test]
    fn the_number_of_distinct_values_is_estimated_beyond_the_limit() {
        let mut counts = Sample::new(1000);
        counts.update(&Column::Int((0..100_000).collect()));
        let distinct = counts.distinct() as f64;
        assert!((distinct / 100_000.0 - 1.0).abs() < 0.2, "{distinct}");
    }
}
