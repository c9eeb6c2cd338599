//! TFRecord files of `tf.train.Example`.
//!
//! A file is records one behind the other, each `length: u64, crc of length: u32, data, crc of data: u32`, all little-endian;
//! the data of a record is a protocol buffer of named features, each a list of bytes, floats or 64-bit integers. The format
//! is that of TensorFlow, `core/lib/io/record_writer.h` and `core/example/{example,feature}.proto`.

mod crc;
mod example;
mod reader;
mod writer;

pub(super) use reader::Records;
pub(crate) use writer::{Feature, Writer};
