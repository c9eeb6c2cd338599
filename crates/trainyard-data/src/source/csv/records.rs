//! Bytes to records.

use std::io::Read;

use csv_core::ReadRecordResult;

use super::spaces::LeadingSpaces;
use crate::source::location::Location;
use crate::{Error, Result};

/// Bytes of the longest field that is read.
const FIELD_BYTES_MAX: usize = 16 << 20;
/// Fields of the longest record that is read.
const FIELDS_MAX: usize = 1 << 20;
/// Bytes that are read at a time.
const BUFFER_BYTES: usize = 256 << 10;

/// How fields are separated.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dialect {
    pub delimiter: u8,
    pub quotes: bool,
    pub trim: bool,
}

/// One row of fields, borrowed from the reader.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'a> {
    /// The line on which it starts, from 1.
    pub line: u64,
    bytes: &'a [u8],
    ends: &'a [usize],
}

impl<'a> Record<'a> {
    /// Number of fields.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The bytes of field `i`, without its quotes.
    pub(super) fn field(&self, i: usize) -> &'a [u8] {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.bytes[start..self.ends[i]]
    }

    /// Whether it is a single field of white space, as a line of blanks is.
    pub(super) fn is_blank(&self) -> bool {
        self.len() == 1 && self.bytes.trim_ascii().is_empty()
    }

    /// Whether one of its fields holds a line end.
    pub(super) fn spans_lines(&self) -> bool {
        self.bytes.contains(&b'\n')
    }
}

/// The records of a file. Lines without any byte are passed over.
#[derive(Debug)]
pub(super) struct Records<R> {
    input: R,
    path: Location,
    core: csv_core::Reader,
    spaces: Option<LeadingSpaces>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    at_end: bool,
    /// Line ends that were passed over between records, which `core` did not see.
    passed_lines: u64,
    record_line: u64,
    /// The fields of the last record, one after the other, in the first `length` bytes.
    bytes: Vec<u8>,
    length: usize,
    /// Where they end, in the first `fields` entries.
    ends: Vec<usize>,
    fields: usize,
}

impl<R: Read> Records<R> {
    /// Reads records from `input`; `path` is for messages.
    pub(super) fn new(input: R, path: &Location, dialect: Dialect) -> Self {
        let core = csv_core::ReaderBuilder::new().delimiter(dialect.delimiter).quoting(dialect.quotes).build();
        let spaces = (dialect.trim && dialect.quotes).then(|| LeadingSpaces::new(dialect.delimiter));
        Self {
            input,
            path: path.clone(),
            core,
            spaces,
            buffer: vec![0; BUFFER_BYTES],
            start: 0,
            end: 0,
            at_end: false,
            passed_lines: 0,
            record_line: 0,
            bytes: vec![0; 4 << 10],
            length: 0,
            ends: vec![0; 64],
            fields: 0,
        }
    }

    /// Reads the next record, and says whether there was one.
    pub(super) fn advance(&mut self) -> Result<bool> {
        self.pass_line_ends()?;
        if self.start == self.end {
            return Ok(false);
        }
        self.record_line = self.line();
        (self.length, self.fields) = self.read_record()?;
        Ok(true)
    }

    /// The record that was read last.
    pub(super) fn record(&self) -> Record<'_> {
        Record { line: self.record_line, bytes: &self.bytes[..self.length], ends: &self.ends[..self.fields] }
    }

    fn line(&self) -> u64 {
        self.core.line() + self.passed_lines
    }

    /// Passes over line ends, and so over empty lines and the `\n` of a `\r\n`, to the first byte of a record.
    fn pass_line_ends(&mut self) -> Result<()> {
        loop {
            while self.start < self.end {
                match self.buffer[self.start] {
                    b'\n' => self.passed_lines += 1,
                    b'\r' => {}
                    _ => return Ok(()),
                }
                self.start += 1;
            }
            if self.at_end {
                return Ok(());
            }
            self.fill()?;
        }
    }

    /// Reads the next piece of the file once the last one is used up.
    fn fill(&mut self) -> Result<()> {
        let read = loop {
            match self.input.read(&mut self.buffer) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                read => break read.map_err(Error::io("read", &self.path))?,
            }
        };
        self.at_end = read == 0;
        self.start = 0;
        self.end = match &mut self.spaces {
            Some(spaces) => spaces.remove(&mut self.buffer[..read]),
            None => read,
        };
        Ok(())
    }

    /// Reads one record into `bytes` and `ends`, and gives the lengths of the two.
    fn read_record(&mut self) -> Result<(usize, usize)> {
        let (mut length, mut fields) = (0, 0);
        loop {
            while self.start == self.end && !self.at_end {
                self.fill()?;
            }
            // The end of the file ends a record as a line end does, unless a quote is open: there it would be text.
            let closing = self.start == self.end;
            let input = if closing { &b"\n"[..] } else { &self.buffer[self.start..self.end] };
            let (result, read, written, ended) =
                self.core.read_record(input, &mut self.bytes[length..], &mut self.ends[fields..]);
            if !closing {
                self.start += read;
            }
            length += written;
            fields += ended;
            match result {
                ReadRecordResult::Record => return Ok((length, fields)),
                ReadRecordResult::InputEmpty if closing => {
                    return Err(Error::OpenQuote { path: self.path.clone(), line: self.record_line });
                }
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.widen_bytes(length, fields)?,
                ReadRecordResult::OutputEndsFull => self.widen_ends()?,
                ReadRecordResult::End => return Ok((length, fields)),
            }
        }
    }

    fn widen_bytes(&mut self, length: usize, fields: usize) -> Result<()> {
        let field_start = if fields == 0 { 0 } else { self.ends[fields - 1] };
        if length - field_start > FIELD_BYTES_MAX {
            return Err(self.too_long(format!("a field of more than {} MiB", FIELD_BYTES_MAX >> 20)));
        }
        self.bytes.resize(2 * self.bytes.len(), 0);
        Ok(())
    }

    fn widen_ends(&mut self) -> Result<()> {
        if self.ends.len() >= FIELDS_MAX {
            return Err(self.too_long(format!("more than {FIELDS_MAX} fields")));
        }
        self.ends.resize(2 * self.ends.len(), 0);
        Ok(())
    }

    fn too_long(&self, what: String) -> Error {
        Error::TooLong { path: self.path.clone(), line: self.record_line, what }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const COMMAS: Dialect = Dialect { delimiter: b',', quotes: true, trim: false };

    /// A reader that gives a few bytes at a time, so that every state meets the end of a piece.
    struct Trickle<'a>(&'a [u8], usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let n = self.1.min(self.0.len()).min(buffer.len());
            buffer[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    fn read(text: &[u8], piece: usize, dialect: Dialect) -> Result<Vec<(u64, Vec<String>)>> {
        let mut records = Records::new(Trickle(text, piece), &"t.csv".into(), dialect);
        let mut all = Vec::new();
        while records.advance()? {
            let record = records.record();
            let fields = (0..record.len()).map(|i| String::from_utf8_lossy(record.field(i)).into_owned()).collect();
            all.push((record.line, fields));
        }
        Ok(all)
    }

    #[track_caller]
    fn check(text: &str, dialect: Dialect, expected: &[(u64, &[&str])]) {
        for piece in [1, 2, 7, 1000] {
            let found = read(text.as_bytes(), piece, dialect).unwrap();
            let found: Vec<_> =
                found.iter().map(|(n, fields)| (*n, fields.iter().map(String::as_str).collect())).collect();
            let expected: Vec<(u64, Vec<&str>)> = expected.iter().map(|(n, fields)| (*n, fields.to_vec())).collect();
            assert_eq!(found, expected, "pieces of {piece}");
        }
    }

    #[test]
    fn records_know_their_lines() {
        check("a,b\n1,2\n3,4", COMMAS, &[(1, &["a", "b"]), (2, &["1", "2"]), (3, &["3", "4"])]);
    }

    #[test]
    fn windows_line_ends_count_once() {
        check("a\r\nb\r\n\r\nc\r\n", COMMAS, &[(1, &["a"]), (2, &["b"]), (4, &["c"])]);
    }

    #[test]
    fn line_ends_in_quotes_count() {
        check("\"a\n\nb\",1\nc,2\n", COMMAS, &[(1, &["a\n\nb", "1"]), (4, &["c", "2"])]);
        check("\"a\r\nb\",1\r\nc,2", COMMAS, &[(1, &["a\r\nb", "1"]), (3, &["c", "2"])]);
    }

    #[test]
    fn empty_lines_are_passed_over_and_counted() {
        check("\n\na\n\n\nb\n\n", COMMAS, &[(3, &["a"]), (6, &["b"])]);
        check("", COMMAS, &[]);
        check("\r\n\n", COMMAS, &[]);
    }

    #[test]
    fn quotes_are_doubled_inside_quotes() {
        check("\"a \"\"b\"\", c\",\"\"", COMMAS, &[(1, &["a \"b\", c", ""])]);
        check("\"closed at the end\"", COMMAS, &[(1, &["closed at the end"])]);
    }

    #[test]
    fn quotes_can_be_text() {
        check("\"a\tb\"\n", Dialect { delimiter: b'\t', quotes: false, trim: false }, &[(1, &["\"a", "b\""])]);
    }

    #[test]
    fn trimming_sees_quotes_after_blanks() {
        check("a, \"b, c\"\n   \n d", Dialect { trim: true, ..COMMAS }, &[(1, &["a", "b, c"]), (3, &["d"])]);
    }

    #[test]
    fn an_open_quote_is_an_error_at_its_row() {
        for piece in [1, 1000] {
            let error = read(b"a,b\n1,\"2\n3,4\n", piece, COMMAS).unwrap_err();
            assert!(matches!(error, Error::OpenQuote { line: 2, .. }), "{error}");
        }
    }

    #[test]
    fn an_endless_field_is_an_error() {
        let error = read(&vec![b'x'; FIELD_BYTES_MAX * 2 + 10], usize::MAX, COMMAS).unwrap_err();
        assert!(error.to_string().starts_with("line 1 of `t.csv` has a field of more than 16 MiB"), "{error}");
        let error = read(&vec![b','; FIELDS_MAX + 10], usize::MAX, COMMAS).unwrap_err();
        assert!(error.to_string().contains("more than 1048576 fields"), "{error}");
    }

    /// Writes each field in quotes, or plain where that is the same.
    fn written(rows: &[Vec<String>], end: &str, always_quote: bool) -> String {
        let field = |field: &String| {
            let plain = !always_quote && !field.is_empty() && !field.contains([',', '"', '\r', '\n']);
            if plain { field.clone() } else { format!("\"{}\"", field.replace('"', "\"\"")) }
        };
        rows.iter().map(|row| row.iter().map(field).collect::<Vec<_>>().join(",") + end).collect()
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            rows in prop::collection::vec(prop::collection::vec("[a ,\"\r\n\té]{0,6}", 1..5), 0..8),
            crlf: bool,
            always_quote: bool,
            piece in 1usize..40,
        ) {
            let text = written(&rows, if crlf { "\r\n" } else { "\n" }, always_quote);
            let found = read(text.as_bytes(), piece, COMMAS).unwrap();
            prop_assert_eq!(found.iter().map(|(_, fields)| fields.clone()).collect::<Vec<_>>(), rows.clone());
            let mut line = 1;
            for ((found, _), row) in found.iter().zip(&rows) {
                prop_assert_eq!(*found, line);
                line += 1 + row.iter().map(|field| field.matches('\n').count() as u64).sum::<u64>();
            }
        }
    }
}
