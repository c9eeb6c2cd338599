//! Fields to Arrow columns.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, StringBuilder};
use trainyard_features::ColumnType;

use super::value::{self, Rules};

/// A column under construction.
#[derive(Debug)]
pub(in crate::source) enum Column {
    Float(Float64Builder),
    Int(Int64Builder),
    Text(StringBuilder),
    Bool(BooleanBuilder),
}

impl Column {
    /// No values yet.
    pub(in crate::source) fn new(column_type: ColumnType, capacity: usize) -> Self {
        match column_type {
            ColumnType::Float => Column::Float(Float64Builder::with_capacity(capacity)),
            ColumnType::Int => Column::Int(Int64Builder::with_capacity(capacity)),
            ColumnType::Text => Column::Text(StringBuilder::with_capacity(capacity, 16 * capacity)),
            ColumnType::Bool => Column::Bool(BooleanBuilder::with_capacity(capacity)),
        }
    }

    /// Adds a field, as missing if it is not of the column's type, and says whether it is.
    pub(in crate::source) fn push(&mut self, field: &[u8], rules: &Rules) -> bool {
        match self {
            Column::Float(builder) => push_word(field, rules, value::float, |value| builder.append_option(value)),
            Column::Int(builder) => push_word(field, rules, value::int, |value| builder.append_option(value)),
            Column::Bool(builder) => push_word(field, rules, value::boolean, |value| builder.append_option(value)),
            Column::Text(builder) => {
                let text = rules.text(field).map(std::str::from_utf8).transpose();
                let is_text = text.is_ok();
                builder.append_option(text.unwrap_or_default());
                is_text
            }
        }
    }

    /// Bytes of text so far.
    pub(super) fn text_bytes(&self) -> usize {
        match self {
            Column::Text(builder) => builder.values_slice().len(),
            _ => 0,
        }
    }

    /// The column; the builder is empty again.
    pub(in crate::source) fn finish(&mut self) -> ArrayRef {
        match self {
            Column::Float(builder) => Arc::new(builder.finish()),
            Column::Int(builder) => Arc::new(builder.finish()),
            Column::Text(builder) => Arc::new(builder.finish()),
            Column::Bool(builder) => Arc::new(builder.finish()),
        }
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
