//! One open CSV file.

use std::collections::HashSet;
use std::io::{self, Read};

use super::records::{Dialect, Record, Records};
use crate::error::{Error, Place, Result};
use crate::source::config::SourceConfig;
use crate::source::location::{Input, Location};

/// A CSV file behind its header.
pub(in crate::source) struct CsvFile {
    /// Where it lies.
    pub path: Location,
    /// Its columns.
    pub names: Vec<String>,
    records: Records<Input>,
}

impl CsvFile {
    /// Reads the header of the file at `path`, whose bytes `input` gives.
    pub(in crate::source) fn open(path: &Location, input: Input, config: &SourceConfig) -> Result<CsvFile> {
        let input = pass_mark(input, path)?;
        let mut records = Records::new(input, path, dialect(path, config));
        let names = if config.header { header(&mut records, path)? } else { config.columns.clone() };
        refuse_duplicates(&names, path)?;
        Ok(CsvFile { path: path.clone(), names, records })
    }

    /// Reads the next row, and says whether there was one.
    ///
    /// # Errors
    ///
    /// `Ragged` when it has more or fewer fields than there are columns; the row after it can be read all the same.
    pub(super) fn advance(&mut self) -> Result<bool> {
        while self.records.advance()? {
            let record = self.records.record();
            if record.len() == self.names.len() {
                return Ok(true);
            }
            if !record.is_blank() {
                return Err(ragged(&record, self.names.len(), &self.path));
            }
        }
        Ok(false)
    }

    /// The row that was read last.
    pub(super) fn record(&self) -> Record<'_> {
        self.records.record()
    }
}

/// How the fields of `path` are separated.
fn dialect(path: &Location, config: &SourceConfig) -> Dialect {
    let by_tabs = path.extension().is_some_and(|extension| extension == "tsv" || extension == "tab");
    let delimiter = config.delimiter.unwrap_or(if by_tabs { '\t' } else { ',' });
    Dialect { delimiter: delimiter as u8, quotes: config.quotes, trim: config.trim }
}

/// Passes over the byte order mark of UTF-8, and refuses files that their first bytes show to be something else.
fn pass_mark(mut input: Input, path: &Location) -> Result<Input> {
    let mut first = Vec::new();
    input.by_ref().take(4).read_to_end(&mut first).map_err(Error::io("read", path))?;
    let problem = match first.as_slice() {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "is text in UTF-16, UTF-8 was expected; convert it",
        [0x1f, 0x8b, ..] => "is compressed (gzip), plain text was expected; end its name in `.gz`",
        [0x28, 0xb5, 0x2f, 0xfd] => "is compressed (zstd), plain text was expected; end its name in `.zst`",
        b"PK\x03\x04" => "is a zip archive or a spreadsheet, plain text was expected; unpack it or export it as CSV",
        b"PAR1" => "is a Parquet file, plain text was expected; set `format = \"parquet\"`",
        _ => {
            if first.starts_with(&[0xef, 0xbb, 0xbf]) {
                first.drain(..3);
            }
            return Ok(Box::new(io::Cursor::new(first).chain(input)));
        }
    };
    Err(Error::NotText { path: path.clone(), problem: problem.to_owned() })
}

fn header(records: &mut Records<Input>, path: &Location) -> Result<Vec<String>> {
    if !records.advance()? {
        return Err(Error::EmptyFile { path: path.clone() });
    }
    let record = records.record();
    let name = |i| match std::str::from_utf8(record.field(i)) {
        Ok(name) => Ok(name.trim().to_owned()),
        Err(_) => {
            let problem = format!("names column {} in an encoding other than UTF-8; convert it", i + 1);
            Err(Error::NotText { path: path.clone(), problem })
        }
    };
    (0..record.len()).map(name).collect()
}

/// Two columns of one name would make "the column" ambiguous. Columns without a name cannot be needed and may repeat.
fn refuse_duplicates(names: &[String], path: &Location) -> Result<()> {
    let mut seen = HashSet::new();
    match names.iter().find(|name| !name.is_empty() && !seen.insert(name.as_str())) {
        Some(name) => Err(Error::DuplicateColumn { path: path.clone(), column: name.clone() }),
        None => Ok(()),
    }
}

fn ragged(record: &Record, expected: usize, path: &Location) -> Error {
    let hint = if record.spans_lines() {
        "; a quote in it goes on over several lines: if quotes are plain text, set `quotes = false`"
    } else if record.len() == 1 {
        "; if another character separates the fields, set `delimiter`"
    } else {
        "; correct it, or set `on_error = \"skip\"` to leave such rows out"
    };
    Error::Ragged {
        path: path.clone(),
        place: Place::Line(record.line),
        found: record.len(),
        expected,
        hint: hint.to_owned(),
    }
}
