//! A stream of bytes to texts of whole records.

use std::io::Read;

use super::dialect::{Dialect, Marks, Quotes};
use crate::source::location::Location;
use crate::{Error, Result};

/// Bytes of the longest record that is read.
const RECORD_BYTES_MAX: usize = 16 << 20;
/// Bytes after which a text is cut though it has fewer records than it may have, so that long ones do not fill the memory.
const TEXT_BYTES: usize = 8 << 20;
/// Bytes that are read at a time.
const READ_BYTES: usize = 256 << 10;

/// Cuts a stream where records end.
///
/// It looks at line ends and quotes alone, which takes a fraction of the time of decoding, so that one thread can cut for many that
/// decode.
#[derive(Debug)]
pub(super) struct Cutter<R> {
    input: R,
    path: Location,
    dialect: Dialect,
    /// What was read and not given out. It starts where a record does.
    text: Vec<u8>,
    /// The line on which it starts, from 1.
    line: u64,
    at_end: bool,
}

/// Some records.
#[derive(Debug)]
pub(super) struct Cut {
    /// The line on which the first byte stands, from 1.
    pub line: u64,
    /// How many there are, those included of nothing but white space.
    pub records: usize,
    /// From the start of the first to the end of the last.
    pub bytes: Vec<u8>,
}

/// How far a text has been looked at.
#[derive(Debug, Default)]
struct Progress {
    /// Records that have ended.
    records: usize,
    /// Where the next one starts.
    record: usize,
    /// Lines that end before it.
    record_lines: u64,
    /// Lines that have ended.
    lines: u64,
    /// The first byte that was not looked at.
    at: usize,
    quotes: Quotes,
}

impl<R: Read> Cutter<R> {
    /// Cuts `input`; `path` is for messages.
    pub(super) fn new(input: R, path: &Location, dialect: Dialect) -> Self {
        Self { input, path: path.clone(), dialect, text: Vec::new(), line: 1, at_end: false }
    }

    /// The first bytes, at most four, before any have been cut.
    pub(super) fn first_bytes(&mut self) -> Result<&[u8]> {
        if self.text.is_empty() {
            self.fill(0)?;
        }
        Ok(&self.text[..self.text.len().min(4)])
    }

    /// Passes over so many bytes, as many as are there.
    pub(super) fn pass(&mut self, bytes: usize) {
        self.text.drain(..bytes);
    }

    /// The next records: `most` of them, at least 1, or fewer when they are long or the last. `None` when nothing is left.
    ///
    /// # Errors
    ///
    /// `OpenQuote` or `TooLong` when no end of a record is found, `Io` when the input cannot be read.
    pub(super) fn next(&mut self, most: usize) -> Result<Option<Cut>> {
        let mut progress = Progress::default();
        while !self.look(&mut progress, most) && progress.record < TEXT_BYTES {
            let length = self.text.len() - progress.record;
            if self.at_end || length > RECORD_BYTES_MAX {
                // The records before it are given out first: they may have errors of their own.
                if progress.records > 0 {
                    break;
                }
                return Err(self.endless(&progress));
            }
            self.fill(length)?;
        }
        Ok(self.cut(&progress))
    }

    /// Looks at what was read, up to the end of the record number `most`, and says whether that or the end of all was found.
    fn look(&self, progress: &mut Progress, most: usize) -> bool {
        let (text, marks) = (self.text.as_slice(), self.dialect.record_marks());
        while progress.at < text.len() {
            let (block, mut bits) = (progress.at, marks.bits(text, progress.at));
            while bits != 0 {
                let place = block + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                progress.lines += u64::from(text[place] == b'\n');
                if text[place] == b'"' {
                    progress.quotes.pass(self.dialect, text, progress.record, place);
                } else if !progress.quotes.are_open && progress.end(place) == most {
                    return true;
                }
            }
            progress.at = text.len().min(block + Marks::BLOCK);
        }
        let is_end = self.at_end && !progress.quotes.are_open;
        if is_end {
            progress.end(text.len());
        }
        is_end
    }

    /// Reads on, at least as much as the record that does not end yet is long, so that it is not looked at too many times.
    fn fill(&mut self, record_bytes: usize) -> Result<()> {
        let wanted = READ_BYTES.max(record_bytes);
        self.text.reserve(wanted);
        let read = self.input.by_ref().take(wanted as u64).read_to_end(&mut self.text);
        self.at_end = read.map_err(Error::io("read", &self.path))? < wanted;
        Ok(())
    }

    /// Gives out what was looked at.
    fn cut(&mut self, progress: &Progress) -> Option<Cut> {
        let end = progress.record.min(self.text.len());
        let mut rest = Vec::with_capacity(end + READ_BYTES);
        rest.extend_from_slice(&self.text[end..]);
        let mut bytes = std::mem::replace(&mut self.text, rest);
        bytes.truncate(end);
        let line = self.line;
        self.line += progress.record_lines;
        (end > 0).then_some(Cut { line, records: progress.records, bytes })
    }

    /// The error for a record of which no end was found.
    fn endless(&self, progress: &Progress) -> Error {
        let (path, line) = (self.path.clone(), self.line + progress.record_lines);
        if self.at_end {
            return Error::OpenQuote { path, line };
        }
        Error::TooLong { path, line, what: format!("a row of more than {} MiB", RECORD_BYTES_MAX >> 20) }
    }
}

/// How many lines end in a text.
pub(super) fn line_ends(text: &[u8]) -> u64 {
    text.iter().filter(|&&byte| byte == b'\n').count() as u64
}

impl Progress {
    /// A line end, or the end of all, at `place`; how many records have ended. Lines without any byte are none.
    fn end(&mut self, place: usize) -> usize {
        self.records += usize::from(place > self.record);
        (self.record, self.record_lines) = (place + 1, self.lines);
        self.records
    }
}
