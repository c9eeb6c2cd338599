//! JSON lines: an object per line.

use std::io::{BufRead, BufReader, Read};

use jiter::{Jiter, JiterError, Peek};

use super::location::{Input, Location};
use super::records::{Cell, RecordFile, Texts, Visitor};
use crate::error::{Error, Place, Result};

/// Bytes of the longest line that is read.
const LINE_BYTES_MAX: usize = 64 << 20;
/// Bytes that are read at a time.
const BUFFER_BYTES: usize = 256 << 10;

/// The lines of a file. Lines of white space are passed over.
pub(super) struct Lines {
    input: BufReader<Input>,
    path: Location,
    line: Vec<u8>,
    number: u64,
    list: Texts,
}

impl Lines {
    /// Reads lines from `input`; `path` is for messages.
    pub(super) fn new(input: Input, path: &Location) -> Self {
        let input = BufReader::with_capacity(BUFFER_BYTES, input);
        Self { input, path: path.clone(), line: Vec::new(), number: 0, list: Texts::default() }
    }

    fn check_first(&self) -> Result<()> {
        let problem = match self.line.as_slice() {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "is text in UTF-16, UTF-8 was expected; convert it",
            [0x1f, 0x8b, ..] => "is compressed (gzip), plain text was expected; end its name in `.gz`",
            [0x28, 0xb5, 0x2f, 0xfd, ..] => "is compressed (zstd), plain text was expected; end its name in `.zst`",
            line if line.trim_ascii_start().starts_with(b"[") => {
                "is a JSON array, an object per line was expected; convert it, say by `jq -c '.[]'`"
            }
            _ => return Ok(()),
        };
        Err(Error::NotText { path: self.path.clone(), problem: problem.to_owned() })
    }
}

impl RecordFile for Lines {
    fn advance(&mut self) -> Result<bool> {
        loop {
            self.line.clear();
            let most = LINE_BYTES_MAX as u64 + 1;
            let read = self.input.by_ref().take(most).read_until(b'\n', &mut self.line);
            if read.map_err(Error::io("read", &self.path))? == 0 {
                return Ok(false);
            }
            self.number += 1;
            if self.number == 1 {
                self.check_first()?;
                if self.line.starts_with(&[0xef, 0xbb, 0xbf]) {
                    self.line.drain(..3);
                }
            }
            if self.line.len() > LINE_BYTES_MAX {
                let what = format!("more than {} MiB", LINE_BYTES_MAX >> 20);
                return Err(Error::TooLong { path: self.path.clone(), line: self.number, what });
            }
            if !self.line.trim_ascii().is_empty() {
                return Ok(true);
            }
        }
    }

    fn place(&self) -> Place {
        Place::Line(self.number)
    }

    fn fields(&mut self, visitor: &mut dyn Visitor) -> Result<(), String> {
        let mut json = Jiter::new(&self.line);
        object(&mut json, &mut self.list, visitor).map_err(|error| {
            let column = error.index + 1;
            format!("is no JSON object: {} at character {column}", error.error_type)
        })
    }
}

fn object(json: &mut Jiter, list: &mut Texts, visitor: &mut dyn Visitor) -> Result<(), JiterError> {
    let mut column = json.next_object()?.map(|name| visitor.find(name));
    while let Some(found) = column {
        match found {
            None => json.next_skip()?,
            Some(found) => value(json, list, &mut |cell| visitor.take(found, cell))?,
        }
        column = json.next_key()?.map(|name| visitor.find(name));
    }
    json.finish()
}

fn value(json: &mut Jiter, list: &mut Texts, take: &mut dyn FnMut(Cell)) -> Result<(), JiterError> {
    match json.peek()? {
        Peek::Null => {
            json.known_null()?;
            take(Cell::Missing);
        }
        peek @ (Peek::True | Peek::False) => {
            take(Cell::Word(if json.known_bool(peek)? { b"true" } else { b"false" }));
        }
        Peek::String => take(Cell::Text(json.known_str()?.as_bytes())),
        Peek::Array => match array(json, list)? {
            true => take(Cell::List(list)),
            false => take(Cell::Other("list of fractions, truth values, lists or objects")),
        },
        Peek::Object => {
            json.next_skip()?;
            take(Cell::Other("JSON object"));
        }
        peek => take(Cell::Word(json.known_number_bytes(peek)?)),
    }
    Ok(())
}

/// Reads an array into `list`, and says whether it is one of texts or whole numbers. What is null in it is left out.
fn array(json: &mut Jiter, list: &mut Texts) -> Result<bool, JiterError> {
    list.clear();
    let mut is_list = true;
    let mut item = json.known_array()?;
    while let Some(peek) = item {
        match peek {
            Peek::Null => json.known_null()?,
            Peek::String => list.push(json.known_str()?.as_bytes()),
            Peek::Array | Peek::Object | Peek::True | Peek::False => {
                json.known_skip(peek)?;
                is_list = false;
            }
            peek => {
                let number = json.known_number_bytes(peek)?;
                is_list &= !number.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E'));
                list.push(number);
            }
        }
        item = json.array_step()?;
    }
    Ok(is_list)
}
