//! One open CSV file.

use std::collections::HashSet;
use std::io::Read;
use std::sync::Arc;

use super::cutter::{Cut, Cutter, line_ends};
use super::dialect::Dialect;
use super::records::{Misfit, Records, first_fields};
use crate::error::{Error, Place, Result};
use crate::source::config::SourceConfig;
use crate::source::location::{Input, Location};

/// A CSV file behind its header.
pub(in crate::source) struct CsvFile {
    /// What its texts share.
    pub head: Arc<Head>,
    cutter: Cutter<Input>,
}

/// What is known of a file before its rows.
#[derive(Debug)]
pub(in crate::source) struct Head {
    /// Where it lies.
    pub path: Location,
    /// Its columns.
    pub names: Vec<String>,
    dialect: Dialect,
}

/// Some rows of a file, as they stand there.
#[derive(Debug)]
pub(in crate::source) struct Text {
    head: Arc<Head>,
    cut: Cut,
}

impl CsvFile {
    /// Reads the header of the file at `path`, whose bytes `input` gives.
    pub(in crate::source) fn open(path: &Location, input: Input, config: &SourceConfig) -> Result<CsvFile> {
        let dialect = Dialect::of(path, config);
        let mut cutter = Cutter::new(input, path, dialect);
        let mark = mark(cutter.first_bytes()?, path)?;
        cutter.pass(mark);
        let names = if config.header { header(&mut cutter, path, dialect)? } else { config.columns.clone() };
        refuse_duplicates(&names, path)?;
        Ok(CsvFile { head: Arc::new(Head { path: path.clone(), names, dialect }), cutter })
    }

    /// The next rows, at most so many; `None` when there are no more.
    pub(super) fn next(&mut self, most: usize) -> Result<Option<Text>> {
        let cut = self.cutter.next(most)?;
        Ok(cut.map(|cut| Text { head: Arc::clone(&self.head), cut }))
    }
}

impl Text {
    /// The file it is of.
    pub(super) fn head(&self) -> &Head {
        &self.head
    }

    /// Its length.
    pub(super) fn bytes(&self) -> usize {
        self.cut.bytes.len()
    }

    /// How many rows it has, those included of nothing but white space.
    pub(super) fn rows(&self) -> usize {
        self.cut.records
    }

    /// Whether all of it is text in UTF-8, and so each of its fields.
    pub(super) fn is_utf8(&self) -> bool {
        std::str::from_utf8(&self.cut.bytes).is_ok()
    }

    /// Its rows.
    pub(super) fn records(&self) -> Records<'_> {
        Records::new(&self.cut.bytes, self.head.dialect, self.head.names.len())
    }

    /// The line on which the byte at `place` stands.
    pub(super) fn line(&self, place: usize) -> Place {
        Place::Line(self.cut.line + line_ends(&self.cut.bytes[..place]))
    }

    /// The error of a row with more or fewer fields than there are columns.
    pub(super) fn ragged(&self, misfit: &Misfit) -> Error {
        let hint = if line_ends(&self.cut.bytes[misfit.place.clone()]) > 0 {
            "; a quote in it goes on over several lines: if quotes are plain text, set `quotes = false`"
        } else if misfit.fields == 1 {
            "; if another character separates the fields, set `delimiter`"
        } else {
            "; correct it, or set `on_error = \"skip\"` to leave such rows out"
        };
        Error::Ragged {
            path: self.head.path.clone(),
            place: self.line(misfit.place.start),
            found: misfit.fields,
            expected: self.head.names.len(),
            hint: hint.to_owned(),
        }
    }
}

/// The length of UTF-8's byte order mark, if it comes first. Files that their first bytes show to be something else are refused.
fn mark(first: &[u8], path: &Location) -> Result<usize> {
    let problem = match first {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "is text in UTF-16, UTF-8 was expected; convert it",
        [0x1f, 0x8b, ..] => "is compressed (gzip), plain text was expected; end its name in `.gz`",
        [0x28, 0xb5, 0x2f, 0xfd] => "is compressed (zstd), plain text was expected; end its name in `.zst`",
        b"PK\x03\x04" => "is a zip archive or a spreadsheet, plain text was expected; unpack it or export it as CSV",
        b"PAR1" => "is a Parquet file, plain text was expected; set `format = \"parquet\"`",
        [0xef, 0xbb, 0xbf, ..] => return Ok(3),
        _ => return Ok(0),
    };
    Err(Error::NotText { path: path.clone(), problem: problem.to_owned() })
}

fn header(cutter: &mut Cutter<impl Read>, path: &Location, dialect: Dialect) -> Result<Vec<String>> {
    // Empty lines at the start of a long file may fill a text of their own.
    let cut = loop {
        match cutter.next(1)? {
            Some(cut) if cut.records == 0 => {}
            Some(cut) => break cut,
            None => return Err(Error::EmptyFile { path: path.clone() }),
        }
    };
    let name = |(i, field): (usize, Vec<u8>)| match String::from_utf8(field) {
        Ok(name) => Ok(name.trim().to_owned()),
        Err(_) => {
            let problem = format!("names column {} in an encoding other than UTF-8; convert it", i + 1);
            Err(Error::NotText { path: path.clone(), problem })
        }
    };
    first_fields(&cut.bytes, dialect).into_iter().enumerate().map(name).collect()
}

/// Two columns of one name would make "the column" ambiguous. Columns without a name cannot be needed and may repeat.
fn refuse_duplicates(names: &[String], path: &Location) -> Result<()> {
    let mut seen = HashSet::new();
    match names.iter().find(|name| !name.is_empty() && !seen.insert(name.as_str())) {
        Some(name) => Err(Error::DuplicateColumn { path: path.clone(), column: name.clone() }),
        None => Ok(()),
    }
}
