//! The values of one column or feature for some rows.

use crate::hash::{CROSS_KEY, farm_fingerprint64, fingerprint_cat64};
use crate::schema::{ColumnType, Field};
use crate::texts::Texts;
use crate::tokens::Tokens;
use crate::{Error, Result};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, ListArray};
use arrow::datatypes::{Float64Type, Int64Type, TimestampSecondType};
use arrow::record_batch::RecordBatch;
use std::borrow::Cow;
use trainyard_graph::Ragged;

/// What stands for a missing value in the hash of a row: the digits of π, so that it is not a value by accident.
const MISSING: u64 = 0x243f_6a88_85a3_08d3;

/// The values of one column or feature for the rows of a batch.
///
/// A missing number is NaN; a missing int, bool or text is null, and so is the text `""`; a row without tokens or
/// ids is empty.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Column {
    /// `width` numbers per row, row by row.
    Numbers {
        /// Numbers per row, at least 1.
        width: usize,
        /// `[rows, width]`.
        values: Vec<f32>,
    },
    /// Whole numbers, and times as seconds since 1970.
    Int(Int64Array),
    /// True or false.
    Bool(BooleanArray),
    /// Text.
    Text(Texts),
    /// Lists of text, which a raw column of text may hold too.
    Tokens(Tokens),
    /// Categorical ids.
    Ids(Ragged),
}

impl Column {
    /// One number per row.
    pub fn numbers(values: Vec<f32>) -> Self {
        Self::Numbers { width: 1, values }
    }

    /// Reads a raw column: by its position when the name there fits, else by name.
    pub fn read(batch: &RecordBatch, field: &Field, position: usize) -> Result<Self> {
        let array = find(batch, &field.name, position)?;
        let wrong_type = || {
            let (found, expected) = (array.data_type(), field.column_type);
            Error::column(&field.name, format!("is `{found}`; expected `{expected}`, the type it was fitted with"))
        };
        let column = match field.column_type {
            ColumnType::Float => array.as_primitive_opt::<Float64Type>().map(|array| {
                let values = array.values().iter();
                match array.nulls() {
                    None => Self::numbers(values.map(|&value| number(value)).collect()),
                    Some(nulls) => {
                        let values = values.zip(nulls);
                        Self::numbers(
                            values.map(|(&value, valid)| if valid { number(value) } else { f32::NAN }).collect(),
                        )
                    }
                }
            }),
            ColumnType::Int => array.as_primitive_opt::<Int64Type>().cloned().map(Self::Int),
            ColumnType::Time => (array.as_primitive_opt::<TimestampSecondType>())
                .map(|times| Self::Int(times.clone().reinterpret_cast::<Int64Type>())),
            ColumnType::Bool => array.as_boolean_opt().cloned().map(Self::Bool),
            ColumnType::Text => match list_tokens(array) {
                Some(tokens) => Some(Self::Tokens(tokens.map_err(|problem| Error::column(&field.name, problem))?)),
                None => Texts::of(array).map(Self::Text),
            },
        };
        column.ok_or_else(wrong_type)
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        match self {
            Self::Numbers { width, values } => values.len() / width,
            Self::Int(array) => array.len(),
            Self::Bool(array) => array.len(),
            Self::Text(texts) => texts.len(),
            Self::Tokens(tokens) => tokens.rows(),
            Self::Ids(ids) => ids.rows(),
        }
    }

    /// One number per row, missing as NaN: ints rounded to `f32`, bools as 0 and 1, ids of rows with a single one.
    /// `None` for text and for several numbers per row.
    pub fn as_f32(&self) -> Option<Cow<'_, [f32]>> {
        Some(match self {
            Self::Numbers { width: 1, values } => Cow::Borrowed(values),
            _ => Cow::Owned(self.convert(|int| int as f32, |id| id as f32, f32::NAN, [0.0, 1.0])?),
        })
    }

    /// Like [`as_f32`](Self::as_f32) in `f64`, which holds ints up to 2⁵³ exactly.
    pub fn as_f64(&self) -> Option<Vec<f64>> {
        match self {
            Self::Numbers { width: 1, values } => Some(values.iter().map(|&value| f64::from(value)).collect()),
            _ => self.convert(|int| int as f64, |id| id as f64, f64::NAN, [0.0, 1.0]),
        }
    }

    fn convert<T: Copy>(
        &self,
        int: impl Fn(i64) -> T,
        id: impl Fn(u64) -> T,
        missing: T,
        [no, yes]: [T; 2],
    ) -> Option<Vec<T>> {
        Some(match self {
            Self::Int(array) => array.iter().map(|value| value.map_or(missing, &int)).collect(),
            Self::Bool(array) => {
                let value = |value: bool| if value { yes } else { no };
                array.iter().map(|bit| bit.map_or(missing, value)).collect()
            }
            Self::Ids(ids) => {
                let single = |row: &[u64]| if let [only] = row { id(*only) } else { missing };
                (0..ids.rows()).map(|row| single(ids.row(row))).collect()
            }
            Self::Numbers { .. } | Self::Text(_) | Self::Tokens(_) => return None,
        })
    }
}

/// Ids with at most one per row.
pub(crate) fn single_ids(rows: usize, ids: impl Iterator<Item = Option<u64>>) -> Ragged {
    let (mut all, mut offsets, mut n) = (vec![0; rows], vec![0; rows + 1], 0);
    for (id, offset) in ids.zip(&mut offsets[1..]) {
        // Written in any case: whether there is an id is hard to foresee.
        all[n] = id.unwrap_or_default();
        n += usize::from(id.is_some());
        *offset = n as u32;
    }
    all.truncate(n);
    Ragged { offsets, ids: all, weights: None }
}

/// A hash of each row of some raw columns; empty without columns. Missing values of all kinds are alike.
pub(crate) fn row_hashes(columns: &[Column], rows: usize) -> Vec<u64> {
    if columns.is_empty() {
        return Vec::new();
    }
    let mut hashes = vec![CROSS_KEY; rows];
    for column in columns {
        let mut add =
            |row: usize, word: Option<u64>| hashes[row] = fingerprint_cat64(hashes[row], word.unwrap_or(MISSING));
        match column {
            Column::Numbers { width, values } => (values.iter().enumerate())
                .for_each(|(i, value)| add(i / width, (!value.is_nan()).then(|| u64::from(value.to_bits())))),
            Column::Int(array) => {
                array.iter().enumerate().for_each(|(row, value)| add(row, value.map(|value| value as u64)));
            }
            Column::Bool(array) => array.iter().enumerate().for_each(|(row, value)| add(row, value.map(u64::from))),
            Column::Text(texts) => (texts.iter().enumerate())
                .for_each(|(row, text)| add(row, text.map(|text| farm_fingerprint64(text.as_bytes())))),
            Column::Tokens(tokens) => {
                for row in 0..tokens.rows() {
                    let words = tokens.row(row).map(|text| farm_fingerprint64(text.as_bytes()));
                    let list = words.fold(tokens.len(row) as u64, fingerprint_cat64);
                    add(row, (tokens.len(row) > 0).then_some(list));
                }
            }
            // Raw columns are none of the others.
            _ => {}
        }
    }
    hashes
}

/// The ids of tokens, and one for rows without tokens.
pub(crate) fn token_ids(tokens: &Tokens, id: impl Fn(&str) -> Option<u64>, missing: Option<u64>) -> Ragged {
    let mut ragged = Ragged::new();
    for row in 0..tokens.rows() {
        ragged.ids.extend(tokens.row(row).filter_map(&id));
        ragged.ids.extend(missing.filter(|_| tokens.len(row) == 0));
        ragged.offsets.push(ragged.ids.len() as u32);
    }
    ragged
}

/// The lists of a column of lists of text or whole numbers, these as their decimal text; `None` for another column. A missing
/// list has no tokens, and what is missing in a list is none.
fn list_tokens(array: &ArrayRef) -> Option<Result<Tokens, String>> {
    let lists = array.as_list_opt::<i32>()?;
    if let Some(texts) = lists.values().as_string_opt::<i32>() {
        let text = |i: usize| texts.is_valid(i).then(|| texts.value(i));
        return Some(collect_lists(lists, text));
    }
    let ints = lists.values().as_primitive_opt::<Int64Type>()?;
    Some(collect_lists(lists, |i| ints.is_valid(i).then(|| ints.value(i).to_string())))
}

fn collect_lists<T: AsRef<str>>(lists: &ListArray, text: impl Fn(usize) -> Option<T>) -> Result<Tokens, String> {
    let mut tokens = Tokens::new();
    for (row, ends) in lists.value_offsets().windows(2).enumerate() {
        let places = if lists.is_null(row) { 0..0 } else { ends[0] as usize..ends[1] as usize };
        for text in places.filter_map(&text) {
            tokens.push([text.as_ref()])?;
        }
        tokens.end_row();
    }
    Ok(tokens)
}

/// A raw number as features see it; `-0.0` becomes `0.0`, so that equal numbers have equal bits.
fn number(value: f64) -> f32 {
    value as f32 + 0.0
}

fn find<'a>(batch: &'a RecordBatch, name: &str, position: usize) -> Result<&'a ArrayRef> {
    let schema = batch.schema_ref();
    let at_position = schema.fields().get(position).is_some_and(|field| field.name() == name);
    let position = if at_position { Some(position) } else { schema.index_of(name).ok() };
    position.map(|position| batch.column(position)).ok_or_else(|| {
        let columns = crate::error::list(schema.fields().iter().map(|field| field.name()));
        Error::column(name, format!("is not in the data (columns: {columns})"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Float64Array, ListBuilder, StringBuilder};
    use std::sync::Arc;

    fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
    }

    #[test]
    fn columns_are_found_by_name_wherever_they_stand() {
        let ones: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.5), None]));
        let batch = batch(vec![("other", ones.clone()), ("x", ones)]);
        let field = Field { name: "x".into(), column_type: ColumnType::Float };
        for position in [0, 1, 7] {
            let Column::Numbers { values, .. } = Column::read(&batch, &field, position).unwrap() else { panic!() };
            assert!(values[0] == 1.5 && values[1].is_nan());
        }
    }

    #[test]
    fn an_absent_column_is_named_with_those_there_are() {
        let batch = batch(vec![("y", Arc::new(Float64Array::from(vec![1.0])))]);
        let field = Field { name: "x".into(), column_type: ColumnType::Float };
        let message = Column::read(&batch, &field, 0).unwrap_err().to_string();
        assert_eq!(message, "column `x` is not in the data (columns: `y`)");
    }

    #[test]
    fn another_type_is_an_error_that_names_both() {
        let batch = batch(vec![("x", Arc::new(Float64Array::from(vec![1.0])))]);
        let field = Field { name: "x".into(), column_type: ColumnType::Int };
        let message = Column::read(&batch, &field, 0).unwrap_err().to_string();
        assert_eq!(message, "column `x` is `Float64`; expected `int`, the type it was fitted with");
    }

    #[track_caller]
    fn check_lists(lists: ListArray, expected: &[&[&str]]) {
        let batch = batch(vec![("x", Arc::new(lists))]);
        let field = Field { name: "x".into(), column_type: ColumnType::Text };
        let Column::Tokens(tokens) = Column::read(&batch, &field, 0).unwrap() else { panic!() };
        let rows: Vec<Vec<&str>> = (0..tokens.rows()).map(|row| tokens.row(row).collect()).collect();
        assert_eq!(rows, expected);
    }

    #[test]
    fn lists_of_text_and_of_ints_are_tokens() {
        let mut texts = ListBuilder::new(StringBuilder::new());
        texts.append_value([Some("a b"), None, Some(""), Some("c")]);
        texts.append_null();
        texts.append_value([Some("d")]);
        let texts = texts.finish();
        check_lists(texts.slice(1, 2), &[&[], &["d"]]);
        check_lists(texts, &[&["a b", "c"], &[], &["d"]]);
        let ints =
            ListArray::from_iter_primitive::<Int64Type, _, _>([Some(vec![Some(-7), None, Some(7)]), Some(vec![])]);
        check_lists(ints, &[&["-7", "7"], &[]]);
    }

    #[test]
    fn lists_of_something_else_are_an_error() {
        let floats = ListArray::from_iter_primitive::<Float64Type, _, _>([Some(vec![Some(1.5)])]);
        let batch = batch(vec![("x", Arc::new(floats))]);
        let field = Field { name: "x".into(), column_type: ColumnType::Text };
        let message = Column::read(&batch, &field, 0).unwrap_err().to_string();
        assert!(message.contains("column `x` is `List(Float64)`; expected `text`"), "{message}");
    }

    #[test]
    fn negative_zero_becomes_zero() {
        assert_eq!(number(-0.0).to_bits(), 0);
    }
}
