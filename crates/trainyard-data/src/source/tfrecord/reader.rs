//! Records of a file.

use std::io::{BufReader, Read};

use super::crc::masked;
use super::example;
use crate::error::{Error, Place, Result};
use crate::source::location::{Input, Location};
use crate::source::records::{RecordFile, Texts, Visitor};

/// Bytes of the longest record that is read.
const RECORD_BYTES_MAX: u64 = 256 << 20;
/// Bytes that are read at a time.
const BUFFER_BYTES: usize = 256 << 10;

/// The records of a file.
pub(in crate::source) struct Records {
    input: BufReader<Input>,
    path: Location,
    data: Vec<u8>,
    number: u64,
    list: Texts,
}

impl Records {
    /// Reads records from `input`; `path` is for messages.
    pub(in crate::source) fn new(input: Input, path: &Location) -> Self {
        let input = BufReader::with_capacity(BUFFER_BYTES, input);
        Self { input, path: path.clone(), data: Vec::new(), number: 0, list: Texts::default() }
    }

    /// Reads the length of the next record; `None` at the end of the file.
    fn length(&mut self) -> Result<Option<u64>> {
        let mut head = Vec::with_capacity(12);
        self.input.by_ref().take(12).read_to_end(&mut head).map_err(Error::io("read", &self.path))?;
        match head.as_slice() {
            [] => Ok(None),
            &[a, b, c, d, e, f, g, h, ref crc @ ..] if crc.len() == 4 => {
                let bytes = [a, b, c, d, e, f, g, h];
                self.check(crc, &bytes)?;
                Ok(Some(u64::from_le_bytes(bytes)))
            }
            _ => Err(self.damaged("is cut off")),
        }
    }

    fn check(&self, crc: &[u8], bytes: &[u8]) -> Result<()> {
        if crc == masked(bytes).to_le_bytes() {
            return Ok(());
        }
        // Nothing was right so far: it may be no such file, or a packed one.
        let problem = match (self.number, bytes) {
            (1, [0x1f, 0x8b, ..]) => "has a wrong checksum; if the file is packed with gzip, end its name in `.gz`",
            (1, _) => "has a wrong checksum; is this a TFRecord file?",
            _ => "has a wrong checksum: the file is damaged here",
        };
        Err(self.damaged(problem))
    }

    fn damaged(&self, problem: &str) -> Error {
        Error::DamagedFile { path: self.path.clone(), place: self.place(), problem: problem.to_owned() }
    }
}

impl RecordFile for Records {
    fn advance(&mut self) -> Result<bool> {
        self.number += 1;
        let Some(length) = self.length()? else { return Ok(false) };
        if length > RECORD_BYTES_MAX {
            let most = RECORD_BYTES_MAX >> 20;
            return Err(self.damaged(&format!("is said to have {length} bytes; at most {most} MiB are read")));
        }
        self.data.clear();
        // What is not there is not allocated either, whatever the length says.
        let read = self.input.by_ref().take(length + 4).read_to_end(&mut self.data);
        read.map_err(Error::io("read", &self.path))?;
        if self.data.len() as u64 != length + 4 {
            return Err(self.damaged("is cut off"));
        }
        let crc = self.data.split_off(length as usize);
        self.check(&crc, &self.data)?;
        Ok(true)
    }

    fn place(&self) -> Place {
        Place::Record(self.number)
    }

    fn fields(&mut self, visitor: &mut dyn Visitor) -> Result<(), String> {
        example::decode(&self.data, &mut self.list, visitor)
            .map_err(|error| format!("is no `tf.train.Example`: {error}"))
    }
}
