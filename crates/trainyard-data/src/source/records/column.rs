//! Cells to Arrow columns.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, ListBuilder, StringBuilder, TimestampSecondBuilder,
};
use arrow::datatypes::DataType;

use super::{Cell, Texts};
use crate::source::csv::{Rules, boolean, float, int, time};

/// A column under construction.
#[derive(Debug)]
pub(super) enum Column {
    Float(Float64Builder),
    Int(Int64Builder),
    Bool(BooleanBuilder),
    Time(TimestampSecondBuilder),
    Text(StringBuilder),
    List(ListBuilder<StringBuilder>),
}

impl Column {
    /// No values yet, of the Arrow type of a raw column.
    pub(super) fn new(data_type: &DataType) -> Self {
        match data_type {
            DataType::Float64 => Column::Float(Float64Builder::new()),
            DataType::Int64 => Column::Int(Int64Builder::new()),
            DataType::Boolean => Column::Bool(BooleanBuilder::new()),
            DataType::Timestamp(..) => Column::Time(TimestampSecondBuilder::new()),
            DataType::List(_) => Column::List(ListBuilder::new(StringBuilder::new())),
            _ => Column::Text(StringBuilder::new()),
        }
    }

    /// Adds a value, as missing if it is not of the column's type, and says whether it is.
    pub(super) fn push(&mut self, cell: Cell, rules: &Rules) -> bool {
        match self {
            Column::Float(builder) => keep(to_float(cell, rules), |value| builder.append_option(value)),
            Column::Int(builder) => keep(to_int(cell, rules), |value| builder.append_option(value)),
            Column::Bool(builder) => keep(to_bool(cell, rules), |value| builder.append_option(value)),
            Column::Time(builder) => keep(to_time(cell, rules), |value| builder.append_option(value)),
            Column::Text(builder) => push_text(builder, cell, rules),
            Column::List(builder) => push_list(builder, cell, rules),
        }
    }

    /// Adds a missing value.
    pub(super) fn push_missing(&mut self) {
        match self {
            Column::Float(builder) => builder.append_null(),
            Column::Int(builder) => builder.append_null(),
            Column::Bool(builder) => builder.append_null(),
            Column::Time(builder) => builder.append_null(),
            Column::Text(builder) => builder.append_null(),
            Column::List(builder) => builder.append_null(),
        }
    }

    /// Bytes of text so far.
    pub(super) fn text_bytes(&self) -> usize {
        match self {
            Column::Text(builder) => builder.values_slice().len(),
            Column::List(builder) => builder.values_ref().values_slice().len(),
            _ => 0,
        }
    }

    /// The column; the builder is empty again.
    pub(super) fn finish(&mut self) -> ArrayRef {
        match self {
            Column::Float(builder) => Arc::new(builder.finish()),
            Column::Int(builder) => Arc::new(builder.finish()),
            Column::Bool(builder) => Arc::new(builder.finish()),
            Column::Time(builder) => Arc::new(builder.finish()),
            Column::Text(builder) => Arc::new(builder.finish()),
            Column::List(builder) => Arc::new(builder.finish()),
        }
    }
}

/// A value, a missing one, or one that is not of the type.
type Converted<T> = Result<Option<T>, ()>;

fn keep<T>(converted: Converted<T>, append: impl FnOnce(Option<T>)) -> bool {
    let is_good = converted.is_ok();
    append(converted.unwrap_or_default());
    is_good
}

fn word<T>(text: &[u8], rules: &Rules, parse: impl Fn(&[u8]) -> Option<T>) -> Converted<T> {
    match rules.word(text) {
        None => Ok(None),
        Some(word) => parse(word).map(Some).ok_or(()),
    }
}

fn to_float(cell: Cell, rules: &Rules) -> Converted<f64> {
    match cell {
        Cell::Missing => Ok(None),
        Cell::Int(value) => Ok(Some(value as f64)),
        Cell::Float(value) => Ok(Some(f64::from(value))),
        Cell::Word(b"true") => Ok(Some(1.0)),
        Cell::Word(b"false") => Ok(Some(0.0)),
        Cell::Word(text) | Cell::Text(text) => word(text, rules, float),
        Cell::List(_) | Cell::Other(_) => Err(()),
    }
}

fn to_int(cell: Cell, rules: &Rules) -> Converted<i64> {
    match cell {
        Cell::Missing => Ok(None),
        Cell::Int(value) => Ok(Some(value)),
        // 2⁶³ is the first float that an `i64` does not hold.
        Cell::Float(value) if value.fract() == 0.0 && (-(2f32.powi(63))..2f32.powi(63)).contains(&value) => {
            Ok(Some(value as i64))
        }
        Cell::Word(b"true") => Ok(Some(1)),
        Cell::Word(b"false") => Ok(Some(0)),
        Cell::Word(text) | Cell::Text(text) => word(text, rules, int),
        Cell::Float(_) | Cell::List(_) | Cell::Other(_) => Err(()),
    }
}

fn to_bool(cell: Cell, rules: &Rules) -> Converted<bool> {
    match cell {
        Cell::Missing => Ok(None),
        Cell::Int(value @ (0 | 1)) => Ok(Some(value == 1)),
        Cell::Word(text) | Cell::Text(text) => word(text, rules, boolean),
        Cell::Int(_) | Cell::Float(_) | Cell::List(_) | Cell::Other(_) => Err(()),
    }
}

fn to_time(cell: Cell, rules: &Rules) -> Converted<i64> {
    match cell {
        Cell::Missing => Ok(None),
        Cell::Word(text) | Cell::Text(text) => word(text, rules, time),
        Cell::Int(_) | Cell::Float(_) | Cell::List(_) | Cell::Other(_) => Err(()),
    }
}

fn push_text(builder: &mut StringBuilder, cell: Cell, rules: &Rules) -> bool {
    let mut texts = Texts::default();
    let text = match cell {
        Cell::Missing => None,
        Cell::Text(text) | Cell::Word(text) => rules.text(text),
        Cell::Int(value) => {
            texts.push_int(value);
            texts.iter().next()
        }
        Cell::Float(value) => {
            texts.push(format!("{value:?}").as_bytes());
            texts.iter().next()
        }
        Cell::List(_) | Cell::Other(_) => {
            builder.append_null();
            return false;
        }
    };
    let text = text.map(std::str::from_utf8).transpose();
    builder.append_option(text.unwrap_or_default());
    text.is_ok()
}

/// One value is a list of it.
fn push_list(builder: &mut ListBuilder<StringBuilder>, cell: Cell, rules: &Rules) -> bool {
    let mut one = Texts::default();
    let list = match cell {
        Cell::List(list) => list,
        Cell::Missing => {
            builder.append_null();
            return true;
        }
        Cell::Text(text) | Cell::Word(text) => {
            one.push(text);
            &one
        }
        Cell::Int(value) => {
            one.push_int(value);
            &one
        }
        Cell::Float(_) | Cell::Other(_) => {
            builder.append_null();
            return false;
        }
    };
    let mut is_text = true;
    for text in list.iter() {
        let text = rules.text(text).map(std::str::from_utf8).transpose();
        is_text &= text.is_ok();
        builder.values().append_option(text.unwrap_or_default());
    }
    builder.append(is_text);
    is_text
}
