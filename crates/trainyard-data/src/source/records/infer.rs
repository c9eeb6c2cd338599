//! What the first records tell about the columns.

use std::collections::HashMap;

use trainyard_features::ColumnType;

use super::{Cell, Visitor, bad_record, open};
use crate::error::{Error, Result};
use crate::source::columns::RawColumn;
use crate::source::config::{OnError, SourceConfig};
use crate::source::csv::{float, int};
use crate::source::files::Files;
use crate::source::location::Location;

/// The columns that the first `limit` records of a file have, in the order in which they come up, and those whose types are
/// configured, after a check that columns can hold those of `needed`.
pub(in crate::source) fn columns(
    config: &SourceConfig,
    files: &Files,
    location: &Location,
    (needed, limit): (&[&str], usize),
) -> Result<Vec<RawColumn>> {
    let mut file = open(files, location)?;
    let mut columns = Columns::default();
    let mut records = 0;
    while records < limit && file.advance()? {
        records += 1;
        match file.fields(&mut columns) {
            Err(problem) if config.on_error == OnError::Fail => {
                return Err(bad_record(location, file.place(), problem));
            }
            _ => {}
        }
    }
    if records > 0 {
        for name in config.types.keys() {
            let _ = columns.find(name);
        }
    }
    columns.check(needed, location)
}

/// The columns seen so far.
#[derive(Debug, Default)]
struct Columns {
    places: HashMap<String, usize>,
    seen: Vec<(String, Evidence)>,
}

impl Visitor for Columns {
    fn find(&mut self, name: &str) -> Option<usize> {
        if let Some(place) = self.places.get(name) {
            return Some(*place);
        }
        self.places.insert(name.to_owned(), self.seen.len());
        self.seen.push((name.to_owned(), Evidence::default()));
        Some(self.seen.len() - 1)
    }

    fn take(&mut self, column: usize, cell: Cell) {
        self.seen[column].1.add(cell);
    }
}

impl Columns {
    fn check(self, needed: &[&str], location: &Location) -> Result<Vec<RawColumn>> {
        let mut columns = Vec::new();
        for (name, evidence) in self.seen {
            match evidence.column_type() {
                Ok((column_type, is_list)) => columns.push(RawColumn { name, column_type, is_list }),
                Err(data_type) if needed.contains(&name.as_str()) => {
                    let path = location.clone();
                    return Err(Error::UnsupportedType { path, column: name, data_type: data_type.to_owned() });
                }
                Err(_) => {}
            }
        }
        Ok(columns)
    }
}

/// What the values of a column seen so far are.
#[derive(Debug, Clone, Copy, Default)]
struct Evidence {
    int: bool,
    float: bool,
    truth: bool,
    text: bool,
    list: bool,
    other: Option<&'static str>,
}

impl Evidence {
    fn add(&mut self, cell: Cell) {
        match cell {
            Cell::Missing => {}
            Cell::Text(_) => self.text = true,
            Cell::Int(_) => self.int = true,
            Cell::Float(_) => self.float = true,
            Cell::List(_) => self.list = true,
            Cell::Other(what) => self.other = Some(what),
            Cell::Word(b"true" | b"false") => self.truth = true,
            Cell::Word(word) if int(word).is_some() => self.int = true,
            // Digits that do not fit 64 bits are an identifier: a float would merge neighbours.
            Cell::Word(word) if word.iter().all(u8::is_ascii_digit) || float(word).is_none() => self.text = true,
            Cell::Word(_) => self.float = true,
        }
    }

    /// The narrowest type that all values have, if any has a value, and whether it is that of lists.
    ///
    /// # Errors
    ///
    /// What they are, in words, when no column holds them.
    fn column_type(self) -> Result<(Option<ColumnType>, bool), &'static str> {
        match self {
            Evidence { other: Some(what), .. } => Err(what),
            Evidence { list: true, float: true, .. } | Evidence { list: true, truth: true, .. } => {
                Err("list in some rows and single value in others")
            }
            Evidence { list: true, .. } => Ok((Some(ColumnType::Text), true)),
            Evidence { text: true, .. } => Ok((Some(ColumnType::Text), false)),
            Evidence { truth: true, int, float, .. } if int || float => Ok((Some(ColumnType::Text), false)),
            Evidence { truth: true, .. } => Ok((Some(ColumnType::Bool), false)),
            Evidence { float: true, .. } => Ok((Some(ColumnType::Float), false)),
            Evidence { int: true, .. } => Ok((Some(ColumnType::Int), false)),
            _ => Ok((None, false)),
        }
    }
}
