//! Records to a file.

use std::io::{self, Write};

use prost::encoding::encode_varint;

use super::crc::masked;

/// A value of a `tf.train.Example`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Feature<'a> {
    /// No value.
    Missing,
    /// A text.
    Bytes(&'a [u8]),
    /// Numbers.
    Floats(&'a [f32]),
    /// A whole number.
    Int(i64),
}

/// Writes examples as records.
#[derive(Debug)]
pub(crate) struct Writer<W> {
    output: W,
    features: Vec<u8>,
    scratch: [Vec<u8>; 2],
}

impl<W: Write> Writer<W> {
    /// Writes to `output`.
    pub(crate) fn new(output: W) -> Self {
        Self { output, features: Vec::new(), scratch: Default::default() }
    }

    /// Writes an example with these features.
    pub(crate) fn write<'a>(&mut self, features: impl Iterator<Item = (&'a str, Feature<'a>)>) -> io::Result<()> {
        self.features.clear();
        let [value, entry] = &mut self.scratch;
        for (name, feature) in features {
            value.clear();
            entry.clear();
            encode_feature(feature, value);
            message(1, name.as_bytes(), entry);
            message(2, value, entry);
            message(1, entry, &mut self.features);
        }
        let [example, _] = &mut self.scratch;
        example.clear();
        message(1, &self.features, example);
        write_record(&mut self.output, example)
    }

    /// Writes out what is buffered.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.output.flush()
    }
}

fn encode_feature(feature: Feature, output: &mut Vec<u8>) {
    let mut values = Vec::new();
    match feature {
        Feature::Missing => {}
        Feature::Bytes(bytes) => {
            message(1, bytes, &mut values);
            message(1, &values, output);
        }
        Feature::Floats(floats) => {
            let packed: Vec<u8> = floats.iter().flat_map(|value| value.to_le_bytes()).collect();
            message(1, &packed, &mut values);
            message(2, &values, output);
        }
        Feature::Int(value) => {
            let mut packed = Vec::new();
            encode_varint(value as u64, &mut packed);
            message(1, &packed, &mut values);
            message(3, &values, output);
        }
    }
}

/// Appends a field of bytes: its number with the wire type 2, the length, the bytes.
fn message(number: u64, bytes: &[u8], output: &mut Vec<u8>) {
    encode_varint(number << 3 | 2, output);
    encode_varint(bytes.len() as u64, output);
    output.extend_from_slice(bytes);
}

pub(super) fn write_record(output: &mut impl Write, data: &[u8]) -> io::Result<()> {
    let length = (data.len() as u64).to_le_bytes();
    output.write_all(&length)?;
    output.write_all(&masked(&length).to_le_bytes())?;
    output.write_all(data)?;
    output.write_all(&masked(data).to_le_bytes())
}
