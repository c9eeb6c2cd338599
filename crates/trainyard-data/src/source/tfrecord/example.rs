//! The protocol buffer `tf.train.Example`.
//!
//! ```text
//! Example { Features features = 1 }
//! Features { map<string, Feature> feature = 1 }      an entry is a message { string key = 1, Feature value = 2 }
//! Feature { BytesList = 1 | FloatList = 2 | Int64List = 3 }
//! BytesList { repeated bytes value = 1 }   FloatList { repeated float value = 1 }   Int64List { repeated int64 value = 1 }
//! ```
//!
//! Decoded by hand from the bytes where they lie: a generated decoder would allocate each name and each text of each record.

use bytes::Buf;
use prost::DecodeError;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use crate::source::records::{Cell, Texts, Visitor};

type Result<T, E = String> = std::result::Result<T, E>;

/// Gives the features of an example to a visitor. A list of one is a value, and an empty one a missing value.
pub(super) fn decode(example: &[u8], list: &mut Texts, visitor: &mut dyn Visitor) -> Result<()> {
    each_field(example, |number, field| match (number, field) {
        (1, Field::Bytes(features)) => each_field(features, |number, field| match (number, field) {
            (1, Field::Bytes(entry)) => decode_entry(entry, list, visitor),
            _ => Ok(()),
        }),
        _ => Ok(()),
    })
}

fn decode_entry(entry: &[u8], list: &mut Texts, visitor: &mut dyn Visitor) -> Result<()> {
    let (mut name, mut feature) = (&b""[..], &b""[..]);
    each_field(entry, |number, field| {
        match (number, field) {
            (1, Field::Bytes(bytes)) => name = bytes,
            (2, Field::Bytes(bytes)) => feature = bytes,
            _ => {}
        }
        Ok(())
    })?;
    let name = std::str::from_utf8(name).map_err(|_| "the name of a feature is not UTF-8".to_owned())?;
    match visitor.find(name) {
        None => Ok(()),
        Some(column) => decode_feature(feature, list, &mut |cell| visitor.take(column, cell)),
    }
}

fn decode_feature(feature: &[u8], list: &mut Texts, take: &mut dyn FnMut(Cell)) -> Result<()> {
    let mut last = None;
    each_field(feature, |number, field| {
        if let (1..=3, Field::Bytes(values)) = (number, field) {
            last = Some((number, values));
        }
        Ok(())
    })?;
    match last {
        Some((1, values)) => decode_bytes(values, list, take),
        Some((2, values)) => decode_floats(values, take),
        Some((_, values)) => decode_ints(values, list, take),
        None => {
            take(Cell::Missing);
            Ok(())
        }
    }
}

fn decode_bytes(values: &[u8], list: &mut Texts, take: &mut dyn FnMut(Cell)) -> Result<()> {
    list.clear();
    let (mut count, mut only) = (0, &b""[..]);
    each_field(values, |number, field| {
        if let (1, Field::Bytes(bytes)) = (number, field) {
            // The first one is copied only when a second one comes.
            match count {
                0 => only = bytes,
                1 => [only, bytes].into_iter().for_each(|bytes| list.push(bytes)),
                _ => list.push(bytes),
            }
            count += 1;
        }
        Ok(())
    })?;
    take(match count {
        0 => Cell::Missing,
        1 => Cell::Text(only),
        _ => Cell::List(list),
    });
    Ok(())
}

fn decode_floats(values: &[u8], take: &mut dyn FnMut(Cell)) -> Result<()> {
    let (mut count, mut only) = (0, 0.0);
    each_field(values, |number, field| {
        match (number, field) {
            (1, Field::Fixed32(value)) => (count, only) = (count + 1, f32::from_bits(value)),
            (1, Field::Bytes(packed)) => {
                let (floats, rest) = packed.as_chunks::<4>();
                if !rest.is_empty() {
                    return Err("a list of floats is cut off".to_owned());
                }
                count += floats.len();
                only = floats.last().map_or(only, |bytes| f32::from_le_bytes(*bytes));
            }
            _ => {}
        }
        Ok(())
    })?;
    take(match count {
        0 => Cell::Missing,
        1 => Cell::Float(only),
        _ => Cell::Other("list of floats"),
    });
    Ok(())
}

fn decode_ints(values: &[u8], list: &mut Texts, take: &mut dyn FnMut(Cell)) -> Result<()> {
    list.clear();
    let (mut count, mut only) = (0, 0);
    let mut add = |value: u64| {
        let value = value as i64;
        match count {
            0 => only = value,
            1 => [only, value].into_iter().for_each(|value| list.push_int(value)),
            _ => list.push_int(value),
        }
        count += 1;
    };
    each_field(values, |number, field| {
        match (number, field) {
            (1, Field::Varint(value)) => add(value),
            (1, Field::Bytes(mut packed)) => {
                while packed.has_remaining() {
                    add(decode_varint(&mut packed).map_err(text)?);
                }
            }
            _ => {}
        }
        Ok(())
    })?;
    take(match count {
        0 => Cell::Missing,
        1 => Cell::Int(only),
        _ => Cell::List(list),
    });
    Ok(())
}

/// A field of a message.
enum Field<'a> {
    Varint(u64),
    Fixed32(u32),
    Bytes(&'a [u8]),
    /// Of no kind that a message here has.
    Unknown,
}

/// Gives the number and the value of each field of a message to `take`.
fn each_field<'a>(mut message: &'a [u8], mut take: impl FnMut(u32, Field<'a>) -> Result<()>) -> Result<()> {
    while message.has_remaining() {
        let (number, wire_type) = decode_key(&mut message).map_err(text)?;
        let field = match wire_type {
            WireType::Varint => Field::Varint(decode_varint(&mut message).map_err(text)?),
            WireType::ThirtyTwoBit => Field::Fixed32(message.try_get_u32_le().map_err(|_| cut_off())?),
            WireType::LengthDelimited => {
                let length = decode_varint(&mut message).map_err(text)?;
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                let (bytes, rest) = message.split_at_checked(length).ok_or_else(cut_off)?;
                message = rest;
                Field::Bytes(bytes)
            }
            other => {
                skip_field(other, number, &mut message, DecodeContext::default()).map_err(text)?;
                Field::Unknown
            }
        };
        take(number, field)?;
    }
    Ok(())
}

fn cut_off() -> String {
    "it is cut off".to_owned()
}

fn text(error: DecodeError) -> String {
    error.to_string()
}
