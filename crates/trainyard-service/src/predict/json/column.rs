//! One raw column, filled value by value.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, StringBuilder, TimestampSecondBuilder};
use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jiter::{Jiter, Peek};
use trainyard_features::{ColumnType, time};

use super::document::{quote, skip};
use super::is_base64;
use crate::error::{Error, Result};

/// Standard alphabet, with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A column under construction.
pub(super) struct Column {
    builder: Builder,
    len: usize,
    /// The shape of every value, known from the first: `[]` or `[1]`.
    shape: Option<Vec<usize>>,
}

enum Builder {
    Float(Float64Builder),
    Int(Int64Builder),
    Text(StringBuilder),
    Bool(BooleanBuilder),
    Time(TimestampSecondBuilder),
}

impl Column {
    pub fn new(column_type: ColumnType) -> Self {
        let builder = match column_type {
            ColumnType::Float => Builder::Float(Float64Builder::with_capacity(1)),
            ColumnType::Int => Builder::Int(Int64Builder::with_capacity(1)),
            ColumnType::Text => Builder::Text(StringBuilder::with_capacity(1, 16)),
            ColumnType::Bool => Builder::Bool(BooleanBuilder::with_capacity(1)),
            ColumnType::Time => Builder::Time(TimestampSecondBuilder::with_capacity(1)),
        };
        Self { builder, len: 0, shape: None }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn finish(self) -> ArrayRef {
        match self.builder {
            Builder::Float(mut builder) => Arc::new(builder.finish()),
            Builder::Int(mut builder) => Arc::new(builder.finish()),
            Builder::Text(mut builder) => Arc::new(builder.finish()),
            Builder::Bool(mut builder) => Arc::new(builder.finish()),
            Builder::Time(mut builder) => Arc::new(builder.finish()),
        }
    }

    /// Reads the value of one row: `v`, or `[v]` if all rows have it so.
    pub fn push_item(&mut self, json: &mut Jiter<'_>, peek: Peek) -> Result<()> {
        let mut shape = Vec::new();
        if peek == Peek::Array {
            measure(&mut json.clone(), peek, &mut shape)?;
        }
        self.check_shape(&shape)?;
        if shape.is_empty() {
            return self.push_value(json, peek);
        }
        if let Some(inner) = json.known_array()? {
            self.push_value(json, inner)?;
            json.array_step()?;
        }
        Ok(())
    }

    /// Reads the name of a row: text, or a number as its text.
    pub fn push_key(&mut self, json: &mut Jiter<'_>, peek: Peek) -> Result<()> {
        match &mut self.builder {
            Builder::Text(builder) if peek.is_num() => builder.append_value(String::from_utf8_lossy(skip(json, peek)?)),
            _ => return self.push_item(json, peek),
        }
        self.len += 1;
        Ok(())
    }

    /// Adds rows without a value until there are so many.
    pub fn fill(&mut self, len: usize) {
        for _ in self.len..len {
            match &mut self.builder {
                Builder::Float(builder) => builder.append_null(),
                Builder::Int(builder) => builder.append_null(),
                Builder::Text(builder) => builder.append_null(),
                Builder::Bool(builder) => builder.append_null(),
                Builder::Time(builder) => builder.append_null(),
            }
        }
        self.len = self.len.max(len);
    }

    fn check_shape(&mut self, shape: &[usize]) -> Result<()> {
        let Some(expected) = &self.shape else {
            if !matches!(shape, [] | [1]) {
                return Err(Error::invalid(format!(
                    "Expecting one value per instance (shape [] or [1]) but got shape: {}",
                    display_shape(shape)
                )));
            }
            self.shape = Some(shape.to_vec());
            return Ok(());
        };
        if expected == shape {
            return Ok(());
        }
        let size = |shape: &[usize]| shape.iter().fold(1usize, |size, &dim| size.saturating_mul(dim));
        Err(Error::invalid(if size(expected) == size(shape) {
            format!("Expecting shape {} but got: {}", display_shape(expected), display_shape(shape))
        } else {
            format!("Expecting tensor size: {} but got: {}", size(expected), size(shape))
        }))
    }

    fn push_value(&mut self, json: &mut Jiter<'_>, peek: Peek) -> Result<()> {
        let start = json.current_index();
        let pushed = match &mut self.builder {
            Builder::Float(builder) => push_float(builder, json, peek),
            Builder::Int(builder) => push_int(builder, json, peek),
            Builder::Text(builder) => push_text(builder, json, peek),
            Builder::Bool(builder) => push_bool(builder, json, peek),
            Builder::Time(builder) => push_time(builder, json, peek),
        }?;
        self.len += 1;
        if pushed { Ok(()) } else { Err(self.type_error(json, start, peek)) }
    }

    /// Of the value that starts at `start`, whether it has been read since or not.
    fn type_error(&self, json: &mut Jiter<'_>, start: usize, peek: Peek) -> Error {
        let unread = json.current_index() == start;
        let value = match if unread { skip(json, peek) } else { Ok(json.slice_to_current(start)) } {
            Ok(value) => value,
            Err(error) => return error,
        };
        let message =
            format!("JSON Value: {} Type: {} is not of expected type: {}", quote(value), kind(peek), self.kind());
        Error::invalid(message)
    }

    fn kind(&self) -> &'static str {
        match self.builder {
            Builder::Float(_) => "double",
            Builder::Int(_) => "int64",
            Builder::Text(_) => "string",
            Builder::Bool(_) => "bool",
            Builder::Time(_) => "time",
        }
    }
}

/// Any number. The parser rounds correctly, hence to the same `f64` as every other correct reader of that text.
fn push_float(builder: &mut Float64Builder, json: &mut Jiter<'_>, peek: Peek) -> Result<bool> {
    match peek {
        Peek::Null => json.known_null().map(|()| builder.append_null())?,
        _ if peek.is_num() => json.known_float(peek).map(|value| builder.append_value(value))?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// A number written without fraction and exponent, in the range of 64 bits.
fn push_int(builder: &mut Int64Builder, json: &mut Jiter<'_>, peek: Peek) -> Result<bool> {
    match peek {
        Peek::Null => json.known_null().map(|()| builder.append_null())?,
        _ if peek.is_num() => {
            let digits = str::from_utf8(json.known_number_bytes(peek)?).unwrap_or_default();
            let Ok(value) = digits.parse() else { return Ok(false) };
            builder.append_value(value);
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn push_text(builder: &mut StringBuilder, json: &mut Jiter<'_>, peek: Peek) -> Result<bool> {
    match peek {
        Peek::Null => json.known_null().map(|()| builder.append_null())?,
        Peek::String => append_text(builder, json.known_str()?),
        Peek::Object => append_text(builder, &decode_base64(json)?),
        _ => return Ok(false),
    }
    Ok(true)
}

fn append_text(builder: &mut StringBuilder, text: &str) {
    builder.append_option((!text.is_empty()).then_some(text));
}

fn push_bool(builder: &mut BooleanBuilder, json: &mut Jiter<'_>, peek: Peek) -> Result<bool> {
    match peek {
        Peek::Null => json.known_null().map(|()| builder.append_null())?,
        Peek::True | Peek::False => json.known_bool(peek).map(|value| builder.append_value(value))?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// A text that says a time; the empty one is missing.
fn push_time(builder: &mut TimestampSecondBuilder, json: &mut Jiter<'_>, peek: Peek) -> Result<bool> {
    match peek {
        Peek::Null => json.known_null().map(|()| builder.append_null())?,
        Peek::String => {
            let text = json.known_str()?;
            let time = time::parse(text);
            builder.append_option(time);
            return Ok(time.is_some() || text.trim_ascii().is_empty());
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// Reads `{"b64": ".."}`. A text column takes bytes that are UTF-8.
fn decode_base64(json: &mut Jiter<'_>) -> Result<String> {
    if !is_base64(json.clone()) {
        let value = skip(json, Peek::Object)?;
        return Err(Error::invalid(format!("JSON Value: {} not formatted correctly for base64 data", quote(value))));
    }
    json.known_object()?;
    let bytes = BASE64.decode(json.next_str()?).map_err(|_| Error::invalid("Unable to base64 decode"))?;
    json.next_key()?;
    String::from_utf8(bytes).map_err(|_| Error::invalid("the bytes of a base64 value are not UTF-8 text"))
}

/// Reads past a value and finds its shape: of nested lists, the lengths of those that come first.
fn measure(json: &mut Jiter<'_>, peek: Peek, shape: &mut Vec<usize>) -> Result<()> {
    if peek != Peek::Array {
        return Ok(json.known_skip(peek)?);
    }
    let level = shape.len();
    shape.push(0);
    let mut next = json.known_array()?;
    while let Some(inner) = next {
        if shape[level] == 0 {
            measure(json, inner, shape)?;
        } else {
            json.known_skip(inner)?;
        }
        shape[level] += 1;
        next = json.array_step()?;
    }
    Ok(())
}

fn display_shape(shape: &[usize]) -> String {
    let dims: Vec<String> = shape.iter().map(usize::to_string).collect();
    format!("[{}]", dims.join(","))
}

/// The name of a value's kind.
fn kind(peek: Peek) -> &'static str {
    match peek {
        Peek::Null => "Null",
        Peek::True => "True",
        Peek::False => "False",
        Peek::String => "String",
        Peek::Array => "Array",
        Peek::Object => "Object",
        _ => "Number",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::TimestampSecondArray;

    fn time(json: &str) -> Result<ArrayRef> {
        let (mut column, mut json) = (Column::new(ColumnType::Time), Jiter::new(json.as_bytes()));
        let peek = json.peek()?;
        column.push_item(&mut json, peek)?;
        Ok(column.finish())
    }

    #[test]
    fn a_time_is_text_that_says_one() {
        let read = |text| time(text).unwrap();
        let times = |times: Vec<Option<i64>>| Arc::new(TimestampSecondArray::from(times)) as ArrayRef;
        assert_eq!(&read(r#""2024-05-01 13:45:00""#), &times(vec![Some(1_714_571_100)]));
        assert_eq!((&read("null"), &read(r#""""#)), (&times(vec![None]), &times(vec![None])));
        let refused = [(r#""2023-02-29""#, "String"), ("1714571100", "Number")];
        for (text, kind) in refused {
            let error = time(text).unwrap_err().to_string();
            assert!(error.contains(&format!("Type: {kind} is not of expected type: time")), "{error}");
        }
    }
}
