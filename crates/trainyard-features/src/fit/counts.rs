//! How often each value occurs.

use super::spill::{Run, Spill, Value};
use super::table::{Key, ShortText, Table};
use super::top::Top;
use super::wire::{Reader, Wire, Writer};
use crate::Result;
use crate::column::Column;
use crate::hash::{Map, farm_fingerprint64, fingerprint_cat64};
use crate::op::Checked;
use crate::texts::Placed;
use arrow::array::Array;
use std::collections::BTreeSet;
use std::sync::Arc;
use trainyard_graph::Ragged;

/// Rows by value: of all values, or of a sample when there are very many.
///
/// All values are counted in memory as long as it lasts. [`spill`](Self::spill) moves what was counted so far to disk, as a run by
/// value, and [`ranked`](Self::ranked) merges the runs: counts are exact with any memory.
///
/// A sample keeps values by hash: each time there are more than a limit allows, those whose hash has one more leading
/// 1 bit go (adaptive sampling; Flajolet, 1990). What is kept, and its counts, do not depend on order or partition. From when values
/// go, the limit is a third of what it was: what is an estimate then is one from fewer, too, and these stay in the processor's caches.
#[derive(Debug, Clone)]
pub(crate) struct Counts {
    kind: ValueKind,
    numbers: Table<u64>,
    texts: Table<ShortText>,
    long: Map<Box<str>, u64>,
    /// Memory of the long texts.
    long_bytes: usize,
    runs: Vec<Arc<Run>>,
    /// How many values may be counted before there is a sample; `None` when all are.
    limit: Option<usize>,
    level: u32,
}

/// Memory that a long text takes besides its bytes: a slot of a map that is half full, and the allocation.
const LONG_BYTES: usize = 64;

/// Runs that are read at the same time, each through a page of memory.
const MAX_RUNS: usize = 256;

/// How many times as many values may be counted one by one as a sample keeps.
const LIMIT_BY_SAMPLE: usize = 3;

/// Values that are added together, before a sample is looked at for having grown too large.
const CHUNK: usize = 256;

/// New values that a small table is prepared for; a large one is for as many as it holds.
const NEW_VALUES: usize = 1024;

/// What the 64 bits of a counted number mean.
#[derive(Debug, Clone, Copy, PartialEq)]
enum ValueKind {
    Float,
    Int,
    Bool,
    Id,
    Text,
}

/// What [`Counts`] found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ranked {
    /// Number of distinct values; of a sample an estimate.
    pub distinct: u64,
    /// Values and their counts by falling count, those of equal count by falling bytes of their text, which is the order of
    /// `tft.vocabulary` and of Keras' `StringLookup`.
    pub values: Vec<(String, u64)>,
}

impl ValueKind {
    const ALL: [Self; 5] = [Self::Float, Self::Int, Self::Bool, Self::Id, Self::Text];

    fn token(self, number: u64) -> String {
        match self {
            Self::Float => float(number).to_string(),
            Self::Int => (number as i64).to_string(),
            Self::Bool => (number != 0).to_string(),
            Self::Id | Self::Text => number.to_string(),
        }
    }

    /// Numbers of this kind in their order.
    fn order(self, number: u64) -> i64 {
        match self {
            Self::Int => number as i64,
            Self::Float => {
                let bits = number as i32;
                i64::from(if bits < 0 { bits ^ i32::MAX } else { bits })
            }
            _ => (number ^ 1 << 63) as i64,
        }
    }
}

/// Values and their counts, as they are read.
type Entries<'a> = Box<dyn Iterator<Item = Result<(Value, u64)>> + 'a>;

impl Counts {
    /// Counts every value up to `limit` distinct ones, beyond that a sample of a third as many at most.
    pub fn sample(limit: usize) -> Self {
        Self { limit: Some(limit), ..Self::all() }
    }

    /// Counts every value.
    pub fn all() -> Self {
        Self {
            kind: ValueKind::Text,
            numbers: Table::default(),
            texts: Table::default(),
            long: Map::default(),
            long_bytes: 0,
            runs: Vec::new(),
            limit: None,
            level: 0,
        }
    }

    /// Adds the values of a column, all batches of which have the same type. Infinite numbers are left out.
    pub fn update(&mut self, column: &Column) {
        match column {
            Column::Numbers { values, .. } => {
                self.kind = ValueKind::Float;
                let present = values.iter().filter(|value| value.is_finite());
                self.add_numbers(&present.map(|value| u64::from(value.to_bits())).collect::<Vec<_>>());
            }
            Column::Int(array) => {
                self.kind = ValueKind::Int;
                self.add_numbers(&array.iter().flatten().map(|value| value as u64).collect::<Vec<_>>());
            }
            Column::Bool(array) => {
                self.kind = ValueKind::Bool;
                let yes = array.true_count() as u64;
                let no = (array.len() - array.null_count()) as u64 - yes;
                let seen = [(0, no), (1, yes)].into_iter().filter(|(_, count)| *count > 0);
                seen.for_each(|(value, count)| self.add_number(value, count));
            }
            Column::Ids(ids) => {
                self.kind = ValueKind::Id;
                self.add_numbers(&ids.ids);
            }
            Column::Text(texts) => {
                self.kind = ValueKind::Text;
                self.add_texts(texts.counts());
            }
            Column::Tokens(tokens) => {
                self.kind = ValueKind::Text;
                self.add_texts(tokens.placed().map(|token| (token, 1)));
            }
        }
    }

    /// Adds each id once for every row that has it.
    pub fn update_documents(&mut self, rows: &Ragged) {
        self.kind = ValueKind::Id;
        let mut ids = Vec::new();
        for row in 0..rows.rows() {
            ids.clear();
            ids.extend_from_slice(rows.row(row));
            ids.sort_unstable();
            ids.dedup();
            self.add_numbers(&ids);
        }
    }

    /// Adds the values that another of the same limit has seen; those on disk stay there.
    pub fn merge(&mut self, mut other: Self) {
        if !other.is_empty() {
            self.kind = other.kind;
        }
        self.runs.append(&mut other.runs);
        if other.level > self.level {
            self.raise(other.level);
        }
        // Room for all first: entries come in the order of their hashes, and would crowd a smaller table in one place.
        self.numbers.reserve(other.numbers.len());
        self.texts.reserve(other.texts.len());
        other.numbers.iter().for_each(|(number, count)| self.add_number(number, count));
        drop(other.numbers);
        other.texts.iter().for_each(|(text, count)| self.add_short(text, count));
        other.long.into_iter().for_each(|(text, count)| self.add_text(&text, count));
    }

    /// Memory that the values take.
    pub fn bytes(&self) -> usize {
        self.numbers.bytes() + self.texts.bytes() + self.long_bytes
    }

    /// Memory that is taken besides while the values of a column are added, as far as can be known.
    pub fn growth(&self, column: &Column) -> usize {
        let few = |values: usize, held: usize| values.min(held.max(NEW_VALUES));
        match column {
            _ if self.limit.is_some() => 0,
            Column::Text(texts) => self.texts.growth(few(texts.len(), self.texts.len())),
            Column::Tokens(tokens) => self.texts.growth(few(tokens.iter().count(), self.texts.len())),
            Column::Ids(ids) => self.numbers.growth(few(ids.ids.len(), self.numbers.len())),
            other => self.numbers.growth(few(other.rows(), self.numbers.len())),
        }
    }

    /// The same while another is merged.
    pub fn merge_growth(&self, other: &Self) -> usize {
        self.numbers.growth(other.numbers.len()) + self.texts.growth(other.texts.len())
    }

    /// Whether its memory can be had back by spilling.
    pub fn can_spill(&self) -> bool {
        self.limit.is_none()
    }

    /// Moves what is in memory to disk.
    pub fn spill(&mut self, spill: &Spill) -> Result<()> {
        if self.runs.len() >= MAX_RUNS {
            let merged = Run::write(spill, Run::merged(&self.runs)?)?;
            self.runs = vec![Arc::new(merged)];
        }
        let numbers = std::mem::take(&mut self.numbers).into_sorted().into_iter();
        let numbers = numbers.map(|(number, count)| (Value::Number(number), count));
        let texts = std::mem::take(&mut self.texts).into_sorted().into_iter();
        let texts = texts.map(|(text, count)| (Value::Short(text), count));
        let mut long: Vec<(Box<str>, u64)> = std::mem::take(&mut self.long).into_iter().collect();
        long.sort_unstable();
        self.long_bytes = 0;
        let long = long.into_iter().map(|(text, count)| (Value::Long(text), count));
        let run = Run::write(spill, numbers.chain(texts).chain(long).map(Ok))?;
        self.runs.push(Arc::new(run));
        Ok(())
    }

    /// Ends counting: what is partly on disk goes there whole, so that each value can be found once.
    pub fn settle(&mut self, spill: &Spill) -> Result<()> {
        if self.runs.is_empty() || self.in_memory() == 0 { Ok(()) } else { self.spill(spill) }
    }

    /// Number of distinct values in memory; of a sample an estimate.
    pub fn distinct(&self) -> u64 {
        (self.in_memory() as u64) << self.level.min(32)
    }

    /// Whether every value was counted.
    pub fn is_exact(&self) -> bool {
        self.level == 0
    }

    /// The values that occur at least `min_count` times, the most frequent ones up to a limit, in memory of that order.
    pub fn ranked(&self, limit: usize, min_count: u64) -> Result<Ranked> {
        let (mut seen, mut top) = (0u64, Top::new(limit));
        for entry in self.entries()? {
            let (value, count) = entry?;
            seen += 1;
            if count >= min_count {
                top.push(count, || self.token(&value));
            }
        }
        let values = top.into_sorted().into_iter().map(|(count, token)| (token, count)).collect();
        Ok(Ranked { distinct: seen << self.level.min(32), values })
    }

    /// The values and their counts by value, in the order that those of other counts of the same column have.
    pub(super) fn by_value(&self) -> Result<Entries<'_>> {
        if !self.runs.is_empty() {
            return Ok(Box::new(Run::merged(&self.runs)?));
        }
        let mut entries = self.entries()?.collect::<Result<Vec<_>>>()?;
        entries.sort_unstable();
        Ok(Box::new(entries.into_iter().map(Ok)))
    }

    /// The text of a value, if it is of the kind that is counted.
    pub(super) fn kind_token(&self, value: &Value) -> Option<String> {
        (!self.is_empty()).then(|| self.token(value))
    }

    /// Adds the values of one row, each once.
    pub fn add_row(&mut self, column: &Column, row: usize) {
        match column {
            Column::Int(array) if array.is_valid(row) => {
                self.kind = ValueKind::Int;
                self.add_number(array.value(row) as u64, 1);
            }
            Column::Bool(array) if array.is_valid(row) => {
                self.kind = ValueKind::Bool;
                self.add_number(u64::from(array.value(row)), 1);
            }
            Column::Ids(ids) => {
                self.kind = ValueKind::Id;
                let distinct: BTreeSet<u64> = ids.row(row).iter().copied().collect();
                distinct.into_iter().for_each(|id| self.add_number(id, 1));
            }
            Column::Text(texts) => {
                texts.get(row).into_iter().for_each(|text| self.add_text(text, 1));
            }
            Column::Tokens(tokens) => {
                let distinct: BTreeSet<&str> = tokens.row(row).collect();
                distinct.into_iter().for_each(|token| self.add_text(token, 1));
            }
            _ => {}
        }
    }

    /// The values in their own order: numbers by size, text by bytes.
    pub fn sorted(&self) -> Result<Vec<(String, u64)>> {
        let mut entries = self.entries()?.map(|entry| {
            let (value, count) = entry?;
            let order = if let Value::Number(number) = value { self.kind.order(number) } else { 0 };
            Ok((order, self.token(&value), count))
        });
        let mut entries = entries.by_ref().collect::<Result<Vec<_>>>()?;
        entries.sort_unstable();
        Ok(entries.into_iter().map(|(_, token, count)| (token, count)).collect())
    }

    /// The most frequent number, and the smallest of those that are equally frequent; `None` when there is none.
    pub fn mode(&self) -> Result<Option<String>> {
        let mut best = None;
        for entry in self.entries()? {
            if let (Value::Number(number), count) = entry? {
                best = best.max(Some((count, std::cmp::Reverse(self.kind.order(number)), number)));
            }
        }
        Ok(best.map(|(_, _, number)| self.kind.token(number)))
    }

    /// Values and their counts, in no order that means something.
    fn entries(&self) -> Result<impl Iterator<Item = Result<(Value, u64)>>> {
        let numbers = self.numbers.iter().map(|(number, count)| (Value::Number(number), count));
        let texts = self.texts.iter().map(|(text, count)| (Value::Short(text), count));
        let long = self.long.iter().map(|(text, &count)| (Value::Long(text.clone()), count));
        Ok(numbers.chain(texts).chain(long).map(Ok).chain(Run::merged(&self.runs)?))
    }

    fn is_empty(&self) -> bool {
        self.in_memory() == 0 && self.runs.is_empty()
    }

    /// Number of values in memory.
    fn in_memory(&self) -> usize {
        self.numbers.len() + self.texts.len() + self.long.len()
    }

    fn token(&self, value: &Value) -> String {
        match value {
            Value::Number(number) => self.kind.token(*number),
            Value::Short(text) => text.text(),
            Value::Long(text) => text.to_string(),
        }
    }

    fn add_numbers(&mut self, numbers: &[u64]) {
        let mut entries = [(0, 1); CHUNK];
        for numbers in numbers.chunks(CHUNK) {
            entries.iter_mut().zip(numbers).for_each(|(entry, &number)| entry.0 = number);
            match self.level {
                0 => self.numbers.add_all(&entries[..numbers.len()]),
                _ => numbers.iter().for_each(|&number| self.add_number(number, 1)),
            }
            self.shrink();
        }
    }

    fn add_texts<'a>(&mut self, mut texts: impl Iterator<Item = (Placed<'a>, u64)>) {
        let mut short = [(ShortText::default(), 0); CHUNK];
        loop {
            let (mut seen, mut n) = (0, 0);
            for (Placed { text, onward }, count) in texts.by_ref().take(CHUNK) {
                seen += 1;
                match ShortText::new(onward, text.len()) {
                    Some(text) => {
                        // A text that is not kept is overwritten by the next.
                        short[n] = (text, count);
                        n += usize::from(self.keeps_short(text));
                    }
                    None if self.keeps_long(text) => self.insert_long(text, count),
                    None => {}
                }
            }
            if seen == 0 {
                return;
            }
            self.texts.add_all(&short[..n]);
            self.shrink();
        }
    }

    fn add_value(&mut self, value: Value, count: u64) {
        match value {
            Value::Number(number) => self.add_number(number, count),
            Value::Short(text) => self.add_short(text, count),
            Value::Long(text) => self.add_text(&text, count),
        }
    }

    fn add_number(&mut self, number: u64, count: u64) {
        if self.level == 0 || keeps(self.level, number_hash(number)) {
            self.numbers.add(number, count);
            self.shrink();
        }
    }

    fn add_text(&mut self, text: &str, count: u64) {
        match ShortText::new(text.as_bytes(), text.len()) {
            Some(short) => self.add_short(short, count),
            None if self.keeps_long(text) => {
                self.insert_long(text, count);
                self.shrink();
            }
            None => {}
        }
    }

    fn add_short(&mut self, text: ShortText, count: u64) {
        if self.keeps_short(text) {
            self.texts.add(text, count);
            self.shrink();
        }
    }

    fn keeps_short(&self, text: ShortText) -> bool {
        self.level == 0 || keeps(self.level, text_hash(text))
    }

    fn keeps_long(&self, text: &str) -> bool {
        self.level == 0 || keeps(self.level, farm_fingerprint64(text.as_bytes()))
    }

    /// Adds a text that the level keeps and no [`ShortText`] holds.
    fn insert_long(&mut self, text: &str, count: u64) {
        // A text is copied only when it is new.
        match self.long.get_mut(text) {
            Some(total) => *total = total.saturating_add(count),
            None => {
                self.long.insert(text.into(), count);
                self.long_bytes += LONG_BYTES + text.len();
            }
        }
    }

    /// Goes up levels until the limit is kept.
    fn shrink(&mut self) {
        let most = |level: u32, limit: usize| if level == 0 { limit } else { limit / LIMIT_BY_SAMPLE };
        while self.limit.is_some_and(|limit| self.in_memory() > most(self.level, limit)) && self.level < 63 {
            self.raise(self.level + 1);
        }
    }

    /// Drops what a level does not keep.
    fn raise(&mut self, level: u32) {
        self.level = level;
        self.numbers.retain(|number| keeps(level, number_hash(number)));
        self.texts.retain(|text| keeps(level, text_hash(text)));
        self.long.retain(|text, _| keeps(level, farm_fingerprint64(text.as_bytes())));
        self.long_bytes = self.long.keys().map(|text| LONG_BYTES + text.len()).sum();
    }
}

/// The kind, the level, and each value with its count after a 1, until a 0.
impl Wire for Counts {
    fn write(&self, out: &mut Writer) -> Result<()> {
        let kind = ValueKind::ALL.iter().position(|kind| *kind == self.kind);
        out.number(kind.unwrap_or_default() as u64);
        out.number(u64::from(self.level));
        for entry in self.entries()? {
            let (value, count) = entry?;
            out.number(1);
            value.write(out);
            out.number(count);
        }
        out.number(0);
        Ok(())
    }

    fn read(&mut self, from: &mut Reader<'_>) -> Checked<()> {
        let (kind, level) = (from.number()?, from.number()?);
        let kind_of = |kind: u64| ValueKind::ALL.get(usize::try_from(kind).ok()?).copied();
        self.kind = kind_of(kind).ok_or_else(|| format!("there is no kind of values {kind}"))?;
        let level = u32::try_from(level).ok().filter(|level| *level == 0 || self.limit.is_some() && *level < 64);
        self.level = level.ok_or("a sample is of no level")?;
        while from.number()? == 1 {
            let (value, count) = (Value::read(from)?, from.count()?);
            if count == 0 {
                return Err("a value occurs in no row".to_string());
            }
            self.add_value(value, count);
        }
        Ok(())
    }
}

fn float(bits: u64) -> f32 {
    f32::from_bits(bits as u32)
}

/// Its leading bits are others than those that choose the place in a table.
fn text_hash(text: ShortText) -> u64 {
    text.hash().rotate_left(32)
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
    use proptest::prelude::*;

    fn words(words: &[&str]) -> Column {
        Column::Text(StringArray::from(words.to_vec()).into())
    }

    fn ranked(counts: &Counts) -> Vec<(String, u64)> {
        counts.ranked(usize::MAX, 1).unwrap().values
    }

    fn tokens(values: Vec<(String, u64)>) -> Vec<String> {
        values.into_iter().map(|(token, _)| token).collect()
    }

    #[test]
    fn equal_counts_are_ordered_by_falling_bytes() {
        let mut counts = Counts::all();
        counts.update(&words(&["b", "a", "b", "é", "Z", ""]));
        assert_eq!(tokens(ranked(&counts)), ["b", "é", "a", "Z"]);
        assert_eq!(tokens(counts.ranked(2, 1).unwrap().values), ["b", "é"]);
        assert_eq!(counts.ranked(9, 2).unwrap(), Ranked { distinct: 4, values: vec![("b".to_string(), 2)] });
    }

    /// `tft.vocabulary` on ints breaks ties by their text: vocabulary_integration_test.py.
    #[test]
    fn ints_of_equal_count_are_ordered_as_text() {
        let mut counts = Counts::all();
        counts.update(&Column::Int(Int64Array::from(vec![111, 2, 3, -4])));
        assert_eq!(tokens(ranked(&counts)), ["3", "2", "111", "-4"]);
        assert_eq!(tokens(counts.sorted().unwrap()), ["-4", "2", "3", "111"]);
    }

    #[test]
    fn the_mode_is_the_smallest_of_the_most_frequent_numbers() {
        let mut counts = Counts::all();
        counts.update(&Column::numbers(vec![2.0, -1.5, 10.0, -1.5, 2.0, f32::NAN, f32::NAN, f32::NAN]));
        assert_eq!(counts.mode().unwrap(), Some("-1.5".to_string()));
        assert_eq!(Counts::all().mode().unwrap(), None);
    }

    #[track_caller]
    fn check_sample(column: impl Fn(&[u64]) -> Column) {
        let values: Vec<u64> = (0..5000).map(|i| i * i % 1711).collect();
        let (left, right) = values.split_at(150);
        let backwards: Vec<u64> = right.iter().rev().copied().collect();
        let (mut whole, mut a, mut b) = (Counts::sample(100), Counts::sample(100), Counts::sample(100));
        whole.update(&column(&values));
        a.update(&column(left));
        b.update(&column(&backwards));
        assert_ne!(a.level, b.level);
        b.merge(a);
        assert_eq!((b.level, b.sorted().unwrap()), (whole.level, whole.sorted().unwrap()));
        assert!(!whole.is_exact());
    }

    /// A text of 1 to 40 bytes for each number, another for another one.
    fn text(number: u64) -> String {
        format!("{number:0width$}", width = number as usize % 40)
    }

    fn texts(numbers: &[u64]) -> Column {
        Column::Text(StringArray::from_iter_values(numbers.iter().map(|&number| text(number))).into())
    }

    fn ints(numbers: &[u64]) -> Column {
        Column::Int(numbers.iter().map(|&number| number as i64).collect())
    }

    #[test]
    fn a_sample_does_not_depend_on_order_or_partition() {
        check_sample(ints);
        check_sample(texts);
    }

    #[test]
    fn the_number_of_distinct_values_is_estimated_beyond_the_limit() {
        let numbers: Vec<u64> = (0..100_000).collect();
        for column in [ints(&numbers), texts(&numbers)] {
            let mut counts = Counts::sample(1000);
            counts.update(&column);
            assert!((66..=333).contains(&counts.in_memory()), "a third at most");
            assert_eq!(counts.distinct(), counts.ranked(1, 1).unwrap().distinct);
            let distinct = counts.distinct() as f64;
            assert!((distinct / 100_000.0 - 1.0).abs() < 0.2, "{distinct}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_on_disk_counts_as_what_is_in_memory(
            parts in prop::collection::vec((prop::collection::vec("[ab]{1,3}|[a-c]{22,25}", 0..60), any::<bool>()), 0..8),
            limit in 0usize..9,
            min_count in 1u64..4,
        ) {
            let (spill, mut whole, mut spilled) = (Spill::default(), Counts::all(), Counts::all());
            for (part, goes) in &parts {
                let part = words(&part.iter().map(String::as_str).collect::<Vec<_>>());
                whole.update(&part);
                let mut counts = Counts::all();
                counts.update(&part);
                if *goes {
                    counts.spill(&spill).unwrap();
                    prop_assert_eq!(counts.bytes(), 0);
                }
                spilled.merge(counts);
            }
            spilled.settle(&spill).unwrap();
            prop_assert_eq!(ranked(&spilled), ranked(&whole));
            prop_assert_eq!(spilled.ranked(limit, min_count).unwrap(), whole.ranked(limit, min_count).unwrap());
            prop_assert_eq!(spilled.sorted().unwrap(), whole.sorted().unwrap());
        }
    }

    #[test]
    fn many_runs_become_one() {
        let (spill, mut counts) = (Spill::default(), Counts::all());
        for i in 0..2 * MAX_RUNS as i64 + 10 {
            counts.update(&Column::Int(Int64Array::from(vec![i % 7, i])));
            counts.spill(&spill).unwrap();
        }
        assert!(counts.runs.len() <= MAX_RUNS);
        let ranked = counts.ranked(3, 1).unwrap();
        assert_eq!(ranked.distinct, 522);
        assert_eq!(ranked.values[0], ("3".to_string(), 76));
    }

    #[test]
    fn the_most_frequent_are_found_among_many() {
        let mut counts = Counts::all();
        let often = (0..20_000i64).flat_map(|i| std::iter::repeat_n(i, if i % 1999 == 3 { 3 } else { 1 }));
        counts.update(&Column::Int(often.collect()));
        let found = tokens(counts.ranked(usize::MAX, 2).unwrap().values);
        assert_eq!((found.len(), tokens(counts.ranked(5, 1).unwrap().values)), (11, found[..5].to_vec()));
        assert!(found.is_sorted_by(|a, b| a > b), "{found:?}");
    }
}
