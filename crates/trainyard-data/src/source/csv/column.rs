//! Fields to Arrow columns.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, TimestampSecondBuilder};
use trainyard_features::ColumnType;

use super::records::Records;
use super::texts::Texts;
use super::value::{self, Rules};
use crate::Result;

/// A column under construction.
#[derive(Debug)]
pub(in crate::source) enum Column {
    Float(Float64Builder),
    Int(Int64Builder),
    Text(Texts),
    Bool(BooleanBuilder),
    Time(TimestampSecondBuilder),
}

impl Column {
    /// No values yet, and room for so many; for texts, of so many bytes together.
    pub(in crate::source) fn new(column_type: ColumnType, capacity: usize, text_bytes: usize) -> Self {
        match column_type {
            ColumnType::Float => Column::Float(Float64Builder::with_capacity(capacity)),
            ColumnType::Int => Column::Int(Int64Builder::with_capacity(capacity)),
            ColumnType::Text => Column::Text(Texts::with_capacity(capacity, text_bytes)),
            ColumnType::Bool => Column::Bool(BooleanBuilder::with_capacity(capacity)),
            ColumnType::Time => Column::Time(TimestampSecondBuilder::with_capacity(capacity)),
        }
    }

    /// Adds a field, as missing if it is not of the column's type, and says whether it is.
    pub(in crate::source) fn push(&mut self, field: &[u8], rules: &Rules) -> bool {
        match self {
            Column::Float(builder) => push_word(field, rules, value::float, |value| builder.append_option(value)),
            Column::Int(builder) => push_word(field, rules, value::int, |value| builder.append_option(value)),
            Column::Bool(builder) => push_word(field, rules, value::boolean, |value| builder.append_option(value)),
            Column::Time(builder) => push_word(field, rules, value::time, |value| builder.append_option(value)),
            Column::Text(texts) => push_text(field, &[], rules, false, texts),
        }
    }

    /// Adds field `i` of all records as [`push`](Self::push) does, and calls `bad` with the numbers of those that are not of the
    /// column's type. `is_utf8` says that all fields are known to be text.
    pub(super) fn extend(
        &mut self,
        (records, i): (&Records, usize),
        rules: &Rules,
        is_utf8: bool,
        mut bad: impl FnMut(usize),
    ) {
        let mut tell = |row, is_good: bool| {
            if !is_good {
                bad(row);
            }
        };
        // A loop for each type, so that what is asked of each field is the field alone.
        match self {
            Column::Float(builder) => records.each(i, |row, field| {
                tell(row, push_word(field, rules, value::float, |value| builder.append_option(value)));
            }),
            Column::Text(texts) => records.each(i, |row, field| {
                tell(row, push_text(field, records.text(), rules, is_utf8, texts));
            }),
            column => records.each(i, |row, field| tell(row, column.push(field, rules))),
        }
    }

    /// The column; the builder is empty again.
    pub(in crate::source) fn finish(&mut self) -> Result<ArrayRef> {
        Ok(match self {
            Column::Float(builder) => Arc::new(builder.finish()),
            Column::Int(builder) => Arc::new(builder.finish()),
            Column::Text(texts) => Arc::new(texts.finish()?),
            Column::Bool(builder) => Arc::new(builder.finish()),
            Column::Time(builder) => Arc::new(builder.finish()),
        })
    }
}

/// Parses a word, appends the result, and says whether the word is missing or could be parsed.
fn push_word<T>(
    field: &[u8],
    rules: &Rules,
    parse: impl Fn(&[u8]) -> Option<T>,
    append: impl FnOnce(Option<T>),
) -> bool {
    let word = rules.word(field);
    let value = word.and_then(parse);
    let is_good = word.is_none() || value.is_some();
    append(value);
    is_good
}

/// Appends a text, and says whether it is one.
#[inline]
fn push_text(field: &[u8], around: &[u8], rules: &Rules, is_utf8: bool, texts: &mut Texts) -> bool {
    let text = rules.text(field);
    let is_good = is_utf8 || text.is_none_or(|text| std::str::from_utf8(text).is_ok());
    texts.push(text.filter(|_| is_good), around);
    is_good
}
