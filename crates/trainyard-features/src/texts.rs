//! One text per row.

use arrow::array::{Array, ArrayRef, AsArray, Int32Array, StringArray};
use arrow::datatypes::Int32Type;

/// The text of each row, or its place in a dictionary, as files with few different texts have them.
///
/// `""` is missing like null: a CSV file cannot tell the two apart, so nothing else may either.
#[derive(Debug, Clone)]
pub(crate) struct Texts {
    values: StringArray,
    /// Where the text of each row stands among the values; `None` when they are the texts of the rows.
    places: Option<Int32Array>,
}

/// A text, and the bytes from its start to the end of all texts beside it, so that it can be read by whole words of memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placed<'a> {
    pub text: &'a str,
    pub onward: &'a [u8],
}

impl Texts {
    /// The texts of an array of texts, or of one of places in a dictionary of texts; `None` for any other.
    pub fn of(array: &ArrayRef) -> Option<Self> {
        if let Some(array) = array.as_dictionary_opt::<Int32Type>() {
            let values = array.values().as_string_opt::<i32>()?.clone();
            return Some(Self { values, places: Some(array.keys().clone()) });
        }
        array.as_string_opt::<i32>().cloned().map(Self::from)
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.places.as_ref().map_or(self.values.len(), |places| places.len())
    }

    /// The text of a row; `None` when it is missing.
    #[inline]
    pub fn get(&self, row: usize) -> Option<&str> {
        self.value(self.place(row)?)
    }

    /// The text of each row.
    pub fn iter(&self) -> impl Iterator<Item = Option<&str>> {
        (0..self.len()).map(|row| self.get(row))
    }

    /// Number of rows without a text.
    pub fn missing(&self) -> usize {
        match &self.places {
            None => self.missing_values(),
            Some(places) if self.is_dense() && self.missing_values() == 0 => places.null_count(),
            Some(_) => self.iter().filter(Option::is_none).count(),
        }
    }

    /// Number of values that are no text.
    fn missing_values(&self) -> usize {
        let is_empty = |ends: &[i32]| ends[0] == ends[1];
        let values = self.values.value_offsets().windows(2);
        match self.values.nulls() {
            None => values.filter(|ends| is_empty(ends)).count(),
            Some(nulls) => values.zip(nulls).filter(|(ends, valid)| !valid || is_empty(ends)).count(),
        }
    }

    /// Texts, each with a number of rows that have it: all together are the texts of all rows. A text may come more than once.
    pub fn counts(&self) -> impl Iterator<Item = (Placed<'_>, u64)> {
        let counts = self.place_counts();
        let rows = if counts.is_none() { 0..self.len() } else { 0..0 };
        let by_row = rows.filter_map(|row| Some((self.placed(self.place(row)?)?, 1)));
        let by_place = counts.into_iter().flatten().enumerate().filter(|(_, count)| *count > 0);
        by_row.chain(by_place.filter_map(|(place, count)| Some((self.placed(place)?, u64::from(count)))))
    }

    /// Whether there are no more values than rows, so that looking at all values is no waste.
    fn is_dense(&self) -> bool {
        self.values.len() <= self.len()
    }

    /// Rows by place in the dictionary, if there is a dense one.
    fn place_counts(&self) -> Option<Vec<u32>> {
        let places = self.places.as_ref().filter(|_| self.is_dense())?;
        let mut counts = vec![0; self.values.len()];
        match places.nulls() {
            None => places.values().iter().for_each(|&place| counts[place as usize] += 1),
            Some(_) => places.iter().flatten().for_each(|place| counts[place as usize] += 1),
        }
        Some(counts)
    }

    /// Where the text of a row stands among the values.
    #[inline]
    fn place(&self, row: usize) -> Option<usize> {
        match &self.places {
            None => Some(row),
            Some(places) => places.is_valid(row).then(|| places.value(row) as usize),
        }
    }

    #[inline]
    fn placed(&self, place: usize) -> Option<Placed<'_>> {
        let text = self.value(place)?;
        Some(Placed { text, onward: &self.values.value_data()[self.values.value_offsets()[place] as usize..] })
    }

    #[inline]
    fn value(&self, place: usize) -> Option<&str> {
        Some(self.values.value(place)).filter(|text| !text.is_empty() && self.values.is_valid(place))
    }
}

impl From<StringArray> for Texts {
    fn from(values: StringArray) -> Self {
        Self { values, places: None }
    }
}

impl PartialEq for Texts {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::DictionaryArray;
    use std::collections::BTreeMap;
    use std::sync::Arc;

    fn check(texts: &Texts, expected: &[Option<&str>]) {
        assert_eq!(texts.iter().collect::<Vec<_>>(), expected);
        assert_eq!(
            (texts.len(), texts.missing()),
            (expected.len(), expected.iter().filter(|text| text.is_none()).count())
        );
        let (mut counts, mut rows) = (BTreeMap::<&str, u64>::new(), BTreeMap::<&str, u64>::new());
        texts.counts().for_each(|(placed, count)| {
            assert!(placed.onward.starts_with(placed.text.as_bytes()));
            *counts.entry(placed.text).or_default() += count;
        });
        expected.iter().flatten().for_each(|text| *rows.entry(text).or_default() += 1);
        assert_eq!(counts, rows);
    }

    #[test]
    fn texts_by_place_are_those_of_the_rows() {
        let rows = [Some("b"), Some(""), None, Some("é"), Some("b")];
        let plain = Texts::of(&(Arc::new(StringArray::from(rows.to_vec())) as ArrayRef)).unwrap();
        let expected = [Some("b"), None, None, Some("é"), Some("b")];
        check(&plain, &expected);
        // Of two places with one text, one that no row has, and one that is missing in the dictionary.
        let values = Arc::new(StringArray::from(vec![Some("é"), Some("b"), Some("z"), Some(""), None, Some("b")]));
        let coded = |places: Vec<Option<i32>>| -> ArrayRef {
            Arc::new(DictionaryArray::new(Int32Array::from(places), values.clone()))
        };
        let places = vec![Some(1), Some(3), None, Some(0), Some(5)];
        let many = places.iter().copied().chain([Some(4), Some(1)]).collect();
        let coded = [coded(places), coded(many)].map(|array| Texts::of(&array).unwrap());
        check(&coded[0], &expected);
        check(&coded[1], &[&expected[..], &[None, Some("b")]].concat());
        assert!(coded[0] == plain && coded[1] != plain);
    }

    #[test]
    fn a_slice_has_the_texts_of_its_rows_alone() {
        let rows = [Some("long, and before the slice"), Some("b"), None, Some(""), Some("é"), Some("behind it")];
        let expected = [Some("b"), None, None, Some("é")];
        let plain: ArrayRef = Arc::new(StringArray::from(rows.to_vec()));
        let coded: ArrayRef = Arc::new(rows.into_iter().collect::<DictionaryArray<Int32Type>>());
        for array in [plain, coded] {
            check(&Texts::of(&array.slice(1, 4)).unwrap(), &expected);
            check(&Texts::of(&array.slice(4, 1)).unwrap(), &[Some("é")]);
            check(&Texts::of(&array.slice(2, 0)).unwrap(), &[]);
        }
    }

    #[test]
    fn what_is_no_text_is_none() {
        assert!(Texts::of(&(Arc::new(Int32Array::from(vec![1])) as ArrayRef)).is_none());
        let numbers = DictionaryArray::<Int32Type>::new(Int32Array::from(vec![0]), Arc::new(Int32Array::from(vec![7])));
        assert!(Texts::of(&(Arc::new(numbers) as ArrayRef)).is_none());
    }
}
