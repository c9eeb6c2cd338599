//! Blocks whose rows lie together in memory.

use std::ops::Range;

use trainyard_features::Batch;
use trainyard_graph::{Ragged, simd};

use crate::cache::Block;

/// Rows that are handled together: their words stay in the nearest cache of the processor.
pub(super) const TILE: usize = 64;
/// Words of a line of the processor's cache.
const LINE: usize = 16;
/// Bits of a word.
const BITS: usize = u32::BITS as usize;

/// The rows of a block, each in one place.
///
/// ```text
/// row  | numbers | label | weight | ids of features with one at most | which of these there are |   words of 32 bits
/// ```
///
/// A file keeps the values of a column together. To take a row at random from that costs a miss of the processor's cache for
/// each column; from here it costs two or three. Features of any number of ids, or of ids of 64 bits, stay as they are.
#[derive(Debug)]
pub(crate) struct Packed {
    rows: usize,
    form: Form,
    words: Vec<u32>,
    /// The block itself, when some of its features are not packed.
    rest: Option<Block>,
}

/// What the words of a row are. It is the same for all blocks of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Form {
    numbers: usize,
    /// Labels and weights, 0 or 1 of each.
    labels: usize,
    weights: usize,
    /// Features with one id at most, by number.
    single: Vec<usize>,
    /// The other features.
    other: Vec<usize>,
}

impl Form {
    fn of(block: &Block) -> Self {
        let (single, other) = (0..block.n_ids()).partition(|&feature| block.is_single(feature));
        let (labels, weights) = (block.labels().len().min(1), block.weights().len().min(1));
        Self { numbers: block.numeric_width(), labels, weights, single, other }
    }

    /// Where the ids are.
    fn ids(&self) -> usize {
        self.numbers + self.labels + self.weights
    }

    /// Where it is said which of them there are.
    fn presence(&self) -> usize {
        self.ids() + self.single.len()
    }

    /// Words of a row.
    pub(super) fn width(&self) -> usize {
        self.presence() + self.single.len().div_ceil(BITS)
    }

    /// Features that are not packed, by number.
    pub(super) fn other(&self) -> &[usize] {
        &self.other
    }

    /// Makes room in a batch for further rows.
    pub(super) fn reserve(&self, rows: usize, batch: &mut Batch) {
        batch.ids.resize_with(self.single.len() + self.other.len(), Ragged::new);
        batch.numeric.reserve(rows * self.numbers);
        batch.labels.reserve(rows * self.labels);
        batch.weights.reserve(rows * self.weights);
        for ids in &mut batch.ids {
            ids.ids.reserve(rows);
            ids.offsets.reserve(rows);
        }
    }

    /// Adds rows to a batch whose words are these, one row after the other.
    pub(super) fn unpack(&self, words: &[u32], batch: &mut Batch) {
        let width = self.width();
        let column = |at: usize| words.chunks_exact(width.max(1)).map(move |row| row[at]);
        for row in words.chunks_exact(width.max(1)) {
            batch.numeric.extend(row[..self.numbers].iter().map(|&word| f32::from_bits(word)));
        }
        if self.labels > 0 {
            batch.labels.extend(column(self.numbers).map(f32::from_bits));
        }
        if self.weights > 0 {
            batch.weights.extend(column(self.numbers + self.labels).map(f32::from_bits));
        }
        for (group, features) in self.single.chunks(BITS).enumerate() {
            let (ids, presence) = (self.ids() + group * BITS, self.presence() + group);
            let everywhere = column(presence).fold(u32::MAX, |all, word| all & word);
            for (i, &feature) in features.iter().enumerate() {
                let (ids, bit, ragged) = (column(ids + i).map(u64::from), 1 << i, &mut batch.ids[feature]);
                if everywhere & bit > 0 {
                    push_all(ids, ragged);
                } else {
                    push(ids.zip(column(presence).map(|word| word & bit > 0)), ragged);
                }
            }
        }
    }
}

impl Packed {
    /// Packs the rows of a block, into memory that may have served before.
    pub(crate) fn new(block: Block, mut words: Vec<u32>) -> Self {
        let form = Form::of(&block);
        words.resize(block.rows() * form.width(), 0);
        for first in (0..block.rows()).step_by(TILE) {
            let rows = first..block.rows().min(first + TILE);
            pack(&block, &form, rows.clone(), &mut words[rows.start * form.width()..rows.end * form.width()]);
        }
        let rows = block.rows();
        let rest = (!form.other.is_empty()).then_some(block);
        Self { rows, form, words, rest }
    }

    /// Number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The memory, for other rows.
    pub(super) fn into_words(self) -> Vec<u32> {
        self.words
    }

    pub(super) fn form(&self) -> &Form {
        &self.form
    }

    /// Asks for the memory of a row ahead of its use.
    pub(super) fn prefetch(&self, row: usize) {
        let row = self.row(row);
        row.iter().step_by(LINE).chain(row.last()).for_each(simd::prefetch);
    }

    /// The words of a row.
    pub(super) fn row(&self, row: usize) -> &[u32] {
        let width = self.form.width();
        &self.words[row * width..(row + 1) * width]
    }

    /// Adds the ids that a row has of a feature that is not packed.
    pub(super) fn push_ids(&self, feature: usize, row: usize, ids: &mut Ragged) {
        if let Some(block) = &self.rest {
            block.push_ids(feature, row, ids);
        }
    }
}

/// Fills the words of some rows, whatever they are.
fn pack(block: &Block, form: &Form, rows: Range<usize>, words: &mut [u32]) {
    let width = form.width();
    let numbers = block.numbers().get(rows.start * form.numbers..rows.end * form.numbers).unwrap_or_default();
    if form.numbers > 0 {
        for (row, numbers) in words.chunks_exact_mut(width).zip(numbers.chunks_exact(form.numbers)) {
            row.iter_mut().zip(numbers).for_each(|(word, number)| *word = number.to_bits());
        }
    }
    let mut at = form.numbers;
    for values in [block.labels(), block.weights()] {
        if let Some(values) = values.get(rows.clone()) {
            column(words, width, at).zip(values).for_each(|(word, value)| *word = value.to_bits());
            at += 1;
        }
    }
    for (group, features) in form.single.chunks(BITS).enumerate() {
        let is_everywhere = |&feature: &usize| block.present(feature).is_none();
        let everywhere =
            features.iter().enumerate().fold(0, |bits, (i, feature)| bits | u32::from(is_everywhere(feature)) << i);
        column(words, width, form.presence() + group).for_each(|word| *word = everywhere);
    }
    for (i, &feature) in form.single.iter().enumerate() {
        block.copy_ids(feature, rows.clone(), column(words, width, form.ids() + i));
        if let Some(present) = block.present(feature) {
            let (word, bit) = (form.presence() + i / BITS, 1 << (i % BITS));
            let present = column(words, width, word).zip(rows.clone()).filter(|(_, row)| present.is_valid(*row));
            present.for_each(|(word, _)| *word |= bit);
        }
    }
}

/// One word of each row.
fn column(words: &mut [u32], width: usize, at: usize) -> impl Iterator<Item = &mut u32> {
    words.chunks_exact_mut(width.max(1)).map(move |row| &mut row[at])
}

/// Adds a row for each id.
fn push_all(ids: impl Iterator<Item = u64>, ragged: &mut Ragged) {
    let start = ragged.ids.len() as u32;
    ragged.ids.extend(ids);
    ragged.offsets.extend(start + 1..=ragged.ids.len() as u32);
}

/// Adds a row for each id, without it where it is not present.
fn push(ids: impl Iterator<Item = (u64, bool)>, ragged: &mut Ragged) {
    for (id, present) in ids {
        ragged.ids.extend(present.then_some(id));
        ragged.offsets.push(ragged.ids.len() as u32);
    }
}

#[cfg(test)]
mod tests {
    use trainyard_features::{CategoricalFeature, Encoding, NumericFeature};

    use super::*;
    use crate::Cache;

    #[test]
    fn memory_that_has_served_before_shows_nothing_of_it() {
        for buckets in [9, 1 << 20, 1 << 40] {
            check_memory(buckets);
        }
    }

    #[track_caller]
    fn check_memory(buckets: u64) {
        let encoding = Encoding {
            numeric: vec![NumericFeature { name: "n".into(), width: 1, offset: 0 }],
            categorical: ["all", "some"].map(|name| CategoricalFeature::new(name, buckets)).to_vec(),
        };
        let mut some = Ragged::new();
        (0..100_u64).for_each(|row| some.push_row(&[row % 9][..(row % 2) as usize]));
        let ids = vec![Ragged::from_single((0..100).map(|row| row % 9).collect()), some];
        let numbers: Vec<f32> = (0..100_u8).map(f32::from).collect();
        let batch = Batch { rows: 100, numeric: numbers.clone(), ids, labels: numbers, weights: vec![] };
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::of_blocks(&folder.path().join("c.arrow"), &encoding, vec![batch]).unwrap();
        let words = |memory| Packed::new(cache.block(0).unwrap(), memory).words;
        assert_eq!(words(vec![u32::MAX; 10_000]), words(Vec::new()));
        assert_eq!(words(vec![u32::MAX; 7]), words(Vec::new()));
    }
}
