//! What can go wrong between a file and a batch.

use std::fmt;
use std::path::PathBuf;

use datafusion::parquet::errors::ParquetError;
use trainyard_features::ColumnType;

use crate::source::{Location, ObjectUrl};

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Where in a file a row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A line of a text file, counted from 1 as editors do; of a row over several lines, the first.
    Line(u64),
    /// A row of a file that has no lines, counted from 1.
    Row(u64),
    /// A record of a file of records, counted from 1.
    Record(u64),
    /// A batch of rows of an Arrow file, counted from 1.
    Batch(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Line(number) => write!(f, "line {number}"),
            Place::Row(number) => write!(f, "row {number}"),
            Place::Record(number) => write!(f, "record {number}"),
            Place::Batch(number) => write!(f, "batch {number}"),
        }
    }
}

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("cannot {action} `{path}`: {source}")]
    Io {
        /// What was tried: "open", "read".
        action: &'static str,
        /// The file.
        path: Location,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// An object store, or the way to it, refused.
    #[error("cannot {action} `{url}`: {source}{hint}")]
    Store {
        /// What was tried: "list", "read".
        action: &'static str,
        /// The object, or the folder of objects.
        url: Box<ObjectUrl>,
        /// The store's reason.
        source: Box<object_store::Error>,
        /// How to mend it, or nothing.
        hint: &'static str,
    },
    /// A path, directory or pattern of the configuration gives no file.
    #[error("`{path}` {problem}; correct `path` in `[data]`")]
    NoFile {
        /// As configured.
        path: String,
        /// What was found in place of a file.
        problem: String,
    },
    /// A setting that cannot be.
    #[error("`{setting}` {problem}")]
    Config {
        /// The setting's name.
        setting: &'static str,
        /// What is wrong with it and how to fix it.
        problem: String,
    },
    /// The first bytes of a file are not those of its format.
    #[error("`{path}` {problem}")]
    NotText {
        /// The file.
        path: Location,
        /// What it is instead and how to fix it.
        problem: String,
    },
    /// A file without the line that names its columns.
    #[error(
        "`{path}` is empty, a line of column names was expected; remove the file, or set `header = false` and \
         `columns`"
    )]
    EmptyFile {
        /// The file.
        path: Location,
    },
    /// No row in any file.
    #[error("there are no rows to read in {files} ({skipped} were skipped)")]
    NoRows {
        /// The files, shortened.
        files: String,
        /// Rows skipped because they could not be read.
        skipped: u64,
    },
    /// A column that is needed is not in the data.
    #[error("`{path}` has no column `{column}`{suggestion} (columns: {columns})")]
    MissingColumn {
        /// The file.
        path: Location,
        /// The column that is needed.
        column: String,
        /// The columns that are there, shortened.
        columns: String,
        /// The nearest name as a question, or nothing.
        suggestion: String,
    },
    /// Two columns have one name.
    #[error(
        "`{path}` names column `{column}` twice; rename one, or set `header = false` and give \
         `columns`"
    )]
    DuplicateColumn {
        /// The file.
        path: Location,
        /// The name.
        column: String,
    },
    /// Inputs of one source that do not fit together.
    #[error("the inputs `{first}` and `{second}` {problem}")]
    Inputs {
        /// The path of one.
        first: String,
        /// The path of the other.
        second: String,
        /// How they differ and how to fix it.
        problem: String,
    },
    /// A query of a view that cannot be run.
    #[error("the `sql` of `[view]` {problem}")]
    View {
        /// What is wrong with it and how to fix it.
        problem: String,
    },
    /// A column of a type that no feature reads.
    #[error(
        "column `{column}` of `{path}` has the type `{data_type}`, which is none of numbers, text, booleans, \
         dates and times; convert it"
    )]
    UnsupportedType {
        /// The file.
        path: Location,
        /// The column.
        column: String,
        /// Arrow's name of the type.
        data_type: String,
    },
    /// A column is of different types in two files.
    #[error(
        "column `{column}` is {first_type} in `{first}`, but {other_type} in `{path}`; set its type in `types`, or read the \
         files apart"
    )]
    MixedTypes {
        /// The column.
        column: String,
        /// The first file.
        first: Location,
        /// The type there.
        first_type: &'static str,
        /// The other file.
        path: Location,
        /// The type there.
        other_type: &'static str,
    },
    /// A row with more or fewer fields than there are columns.
    #[error("{place} of `{path}` has {found} fields, expected {expected}{hint}")]
    Ragged {
        /// The file.
        path: Location,
        /// The row.
        place: Place,
        /// Fields in the row.
        found: usize,
        /// Columns in the header.
        expected: usize,
        /// How to fix it.
        hint: String,
    },
    /// A record that is whole, but not what its format asks for.
    #[error("{place} of `{path}` {problem}; correct it, or set `on_error = \"skip\"` to leave such rows out")]
    Record {
        /// The file.
        path: Location,
        /// The record.
        place: Place,
        /// What is wrong with it.
        problem: Box<str>,
    },
    /// A file that is not whole, so that nothing behind the place can be read.
    #[error("{place} of `{path}` {problem}")]
    DamagedFile {
        /// The file.
        path: Location,
        /// Where it breaks.
        place: Place,
        /// What does not fit.
        problem: String,
    },
    /// A value that is not of its column's type.
    #[error("{place} of `{path}`, column `{column}`: `{text}` is not {expected}; {hint}")]
    Value {
        /// The file.
        path: Location,
        /// The row.
        place: Place,
        /// The column.
        column: String,
        /// The value, shortened.
        text: Box<str>,
        /// What was expected, in words.
        expected: &'static str,
        /// How to fix it.
        hint: Box<str>,
    },
    /// A field or a line so long that the file cannot be what it is taken for.
    #[error(
        "line {line} of `{path}` has {what}; is a quote never closed, or is this not a CSV file? (`quotes = \
         false` reads quotes as text)"
    )]
    TooLong {
        /// The file.
        path: Location,
        /// Where the row starts.
        line: u64,
        /// What is too long, and the limit.
        what: String,
    },
    /// A quote that is open at the end of the file.
    #[error(
        "the row at line {line} of `{path}` opens a quote that is never closed; close it, or set `quotes = \
         false` when quotes are plain text"
    )]
    OpenQuote {
        /// The file.
        path: Location,
        /// Where the row starts.
        line: u64,
    },
    /// A cache that is not whole.
    #[error("the cache `{path}` is damaged: {problem}; delete it, and it will be built again")]
    DamagedCache {
        /// The file.
        path: Location,
        /// What does not fit.
        problem: String,
    },
    /// A cache that other features wrote.
    #[error(
        "the cache `{path}` was written for other features (fingerprint {found}, expected {expected}); delete \
         it, and it will be built again"
    )]
    StaleCache {
        /// The file.
        path: Location,
        /// The fingerprint in the file.
        found: String,
        /// The fingerprint asked for.
        expected: String,
    },
    /// A line of a log of served features is none.
    #[error("line {line} of `{}`: {source}", path.display())]
    FeatureLog {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        source: trainyard_features::Error,
    },
    /// A cluster could not do its work.
    #[error("the scheduler `{scheduler}` {problem}")]
    Cluster {
        /// Address of its scheduler.
        scheduler: String,
        /// What went wrong and how to mend it.
        problem: String,
    },
    /// An executor of a cluster met an error of this crate; these are its words.
    #[error("{message}")]
    Remote {
        /// The error's message.
        message: String,
    },
    /// Features could not be fitted or applied.
    #[error(transparent)]
    Features(#[from] trainyard_features::Error),
    /// A Parquet file that is not whole, or none at all.
    #[error("cannot read {}`{path}`: {source}; is the file whole?", of_group(*group))]
    Parquet {
        /// The file.
        path: Location,
        /// The row group, counted from 0; none for what holds for the file.
        group: Option<usize>,
        /// What does not fit.
        source: Box<ParquetError>,
    },
    /// Arrow failed.
    #[error(transparent)]
    Arrow(#[from] arrow::error::ArrowError),
    /// An invariant of this crate does not hold.
    #[error("internal error: {problem}; please report it")]
    Internal {
        /// What does not hold.
        problem: String,
    },
}

impl Error {
    /// Makes an `Io` error of an operating system's error.
    pub(crate) fn io(action: &'static str, path: impl Into<Location>) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.into();
        move |source| Error::Io { action, path, source }
    }

    /// Makes a `Store` error of a store's error.
    pub(crate) fn store(action: &'static str, url: ObjectUrl) -> impl FnOnce(object_store::Error) -> Error {
        move |source| Error::Store { action, url: Box::new(url), hint: hint(&source), source: Box::new(source) }
    }
}

/// What helps against a store's error.
fn hint(error: &object_store::Error) -> &'static str {
    use object_store::Error::{NotFound, PermissionDenied, Unauthenticated};
    match error {
        NotFound { .. } => "; correct `path` in `[data]`",
        PermissionDenied { .. } | Unauthenticated { .. } => {
            "; set the credentials that may read it in the environment (`AWS_..`, `GOOGLE_..` or `AZURE_..`)"
        }
        _ => "",
    }
}

fn of_group(group: Option<usize>) -> String {
    group.map_or(String::new(), |group| format!("row group {} of ", group + 1))
}

/// A type in words, as in "expected a whole number".
pub(crate) fn in_words(column_type: ColumnType) -> &'static str {
    match column_type {
        ColumnType::Float => "a number",
        ColumnType::Int => "a whole number of 64 bits",
        ColumnType::Text => "text in UTF-8",
        ColumnType::Bool => "`true` or `false`",
        ColumnType::Time => "a time such as `2024-05-01 13:45:00`",
    }
}

/// A value as it is shown in a message: at most 60 characters, on one line.
pub(crate) fn shortened(bytes: &[u8]) -> String {
    const LONGEST: usize = 60;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * LONGEST)]);
    let plain = |c: char| if c.is_control() { c.escape_default().collect() } else { String::from(c) };
    let mut shown: String = text.chars().take(LONGEST).map(plain).collect();
    if text.chars().count() > LONGEST || bytes.len() > 4 * LONGEST {
        shown.push('…');
    }
    shown
}

/// Names as they are listed in a message: at most 40 of them.
pub(crate) fn listed<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    const MOST: usize = 40;
    let more = names.len().saturating_sub(MOST);
    let shown = names.take(MOST).collect::<Vec<_>>().join(", ");
    if more == 0 { shown } else { format!("{shown}, and {more} more") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_value_is_shortened_and_stays_on_one_line() {
        assert_eq!(shortened(b"a\nb"), "a\\nb");
        assert_eq!(shortened("é".repeat(70).as_bytes()), "é".repeat(60) + "…");
        assert_eq!(shortened(b"\xff"), "\u{fffd}");
    }

    #[test]
    fn many_names_are_counted() {
        let names: Vec<String> = (0..42).map(|i| i.to_string()).collect();
        assert!(listed(names.iter().map(String::as_str)).ends_with("38, 39, and 2 more"));
        assert_eq!(listed(["a", "b"].into_iter()), "a, b");
    }
}
