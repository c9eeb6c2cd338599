//! JSON values, written at the end of a buffer.
//!
//! A float is the shortest text that reads back as the same `f32`, with `.0` for a whole number, so that its reader can
//! tell it from an integer; `NaN`, `Infinity` and `-Infinity` stand bare, as TensorFlow Serving and Python's `json` write
//! them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::error::{Error, Result};

/// Appends a number.
pub(crate) fn float(out: &mut Vec<u8>, value: f32) -> Result<()> {
    let text = match value {
        _ if value.is_finite() => return serialize(out, &value),
        _ if value.is_nan() => "NaN",
        _ if value > 0.0 => "Infinity",
        _ => "-Infinity",
    };
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

/// Appends a list of numbers.
pub(crate) fn floats(out: &mut Vec<u8>, values: &[f32]) -> Result<()> {
    out.push(b'[');
    separated(out, values, |out, &value| float(out, value))?;
    out.push(b']');
    Ok(())
}

/// Appends a whole number.
pub(crate) fn int(out: &mut Vec<u8>, value: i64) -> Result<()> {
    serialize(out, &value)
}

/// Appends a string.
pub(crate) fn text(out: &mut Vec<u8>, value: &str) -> Result<()> {
    serialize(out, value)
}

/// Appends `{"b64": ".."}`.
pub(crate) fn bytes(out: &mut Vec<u8>, value: &[u8]) -> Result<()> {
    out.extend_from_slice(b"{\"b64\":\"");
    out.extend_from_slice(STANDARD.encode(value).as_bytes());
    out.extend_from_slice(b"\"}");
    Ok(())
}

/// Appends what `write` appends for each item, with commas between.
pub(crate) fn separated<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    write: impl Fn(&mut Vec<u8>, T) -> Result<()>,
) -> Result<()> {
    for (idx, item) in items.into_iter().enumerate() {
        if idx > 0 {
            out.push(b',');
        }
        write(out, item)?;
    }
    Ok(())
}

fn serialize(out: &mut Vec<u8>, value: &(impl serde::Serialize + ?Sized)) -> Result<()> {
    serde_json::to_writer(out, value).map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(write: impl Fn(&mut Vec<u8>) -> Result<()>, expected: &str) {
        let mut out = Vec::new();
        write(&mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn whole_floats_have_a_fraction() {
        check(|out| floats(out, &[1.0, -0.0, 9_000_000.0]), "[1.0,-0.0,9000000.0]");
    }

    #[test]
    fn floats_are_the_shortest_text_of_their_precision() {
        check(|out| floats(out, &[0.2, 1.0 / 3.0, 16_777_216.0, 1e-45]), "[0.2,0.33333334,16777216.0,1e-45]");
    }

    #[test]
    fn floats_read_back_as_they_were() {
        for bits in (0..u32::MAX).step_by(7_654_321) {
            let value = f32::from_bits(bits);
            let mut out = Vec::new();
            float(&mut out, value).unwrap();
            let read: f32 = str::from_utf8(&out).unwrap().parse().unwrap();
            assert!(read.to_bits() == bits || value.is_nan() && read.is_nan(), "{value} became {read}");
        }
    }

    #[test]
    fn what_is_not_finite_stands_bare() {
        check(|out| floats(out, &[f32::NAN, f32::INFINITY, f32::NEG_INFINITY]), "[NaN,Infinity,-Infinity]");
    }

    #[test]
    fn text_is_escaped() {
        check(|out| text(out, "a\"b\n\u{1}é"), r#""a\"b\n\u0001é""#);
    }

    #[test]
    fn integers_keep_all_digits() {
        check(|out| int(out, i64::MIN), "-9223372036854775808");
    }

    #[test]
    fn bytes_are_base64() {
        check(|out| bytes(out, b"hello"), r#"{"b64":"aGVsbG8="}"#);
    }
}
