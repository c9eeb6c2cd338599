//! `[data]` of a spec.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use trainyard_features::ColumnType;

use super::location::Location;
use crate::{Error, Result};

/// Which files hold the rows, and how they are written.
///
/// ```
/// use trainyard_data::SourceConfig;
///
/// let config = SourceConfig { path: "rows/*.csv".into(), missing: vec!["?".into()], ..SourceConfig::default() };
/// assert_eq!(config.path.to_string(), "rows/*.csv");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SourceConfig {
    /// A file, a directory, a pattern such as `data/**/*.csv`, or a list of these, on this machine or in a store: `s3://`,
    /// `gs://`, `az://`, `http://`. Files of a directory or a pattern are read in the order of their names; a file that comes
    /// up twice is read once.
    pub path: PathSpec,
    /// What the files are; by default their names tell.
    pub format: Option<Format>,
    /// CSV: whether the first line of each file names the columns.
    pub header: bool,
    /// CSV without a header: the names of the columns.
    pub columns: Vec<String>,
    /// Types of columns by name; the first 10,000 rows tell those of the others.
    pub types: BTreeMap<String, ColumnType>,
    /// CSV: the character between fields; by default a comma, and a tab for `.tsv` and `.tab`.
    pub delimiter: Option<char>,
    /// CSV: whether `"` encloses fields that hold delimiters, line ends or (doubled) quotes. Without it a quote is text.
    pub quotes: bool,
    /// CSV: whether white space around fields, as in `a, b`, is left out. That around numbers always is.
    pub trim: bool,
    /// Texts that stand for a missing value; the empty text always does.
    pub missing: Vec<String>,
    /// What to do with a row that cannot be read.
    pub on_error: OnError,
    /// What the rows weigh, where inputs weigh differently.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<RowWeight>,
}

impl Default for SourceConfig {
    fn default() -> Self {
        Self {
            path: PathSpec::Many(Vec::new()),
            format: None,
            header: true,
            columns: Vec::new(),
            types: BTreeMap::new(),
            delimiter: None,
            quotes: true,
            trim: false,
            missing: Vec::new(),
            on_error: OnError::Fail,
            weight: None,
        }
    }
}

impl SourceConfig {
    /// Refuses settings that contradict each other or that no file can have.
    pub(super) fn check(&self) -> Result<()> {
        if let Some(RowWeight { factor, .. }) = self.weight.as_ref().filter(|weight| !weight.is_possible()) {
            return config("weight", format!("of `{}` is {factor}; it must be finite and at least 0", self.path));
        }
        if !self.header && self.columns.is_empty() && matches!(self.format, None | Some(Format::Csv)) {
            return config("columns", "is empty and `header` is false; name the columns of the file");
        }
        if self.header && !self.columns.is_empty() {
            return config(
                "columns",
                "names columns that the header names, too; set `header = false` if there is none",
            );
        }
        match self.delimiter {
            Some(c) if !c.is_ascii() || ['"', '\r', '\n'].contains(&c) => {
                config("delimiter", "must be one ASCII character, and neither a quote nor a line end")
            }
            _ => Ok(()),
        }
    }
}

/// The column that holds what the rows of each input weigh, where the files have no column of weights.
pub const INPUT_WEIGHT: &str = "input_weight";

/// What the rows of an input weigh: a factor on a column of weights, or on 1.
///
/// The factor multiplies what a row counts in losses, figures and label statistics. All rows are read, each once in an epoch:
/// nothing is sampled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowWeight {
    /// The factor, finite and at least 0.
    pub factor: f64,
    /// The column of weights that the files have. Without, the source gives the factor itself as the column [`INPUT_WEIGHT`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
}

impl RowWeight {
    /// The column of weights that the source gives.
    pub fn name(&self) -> &str {
        self.column.as_deref().unwrap_or(INPUT_WEIGHT)
    }

    fn is_possible(&self) -> bool {
        self.factor.is_finite() && self.factor >= 0.0
    }
}

/// A `Config` error.
pub(crate) fn config<T>(setting: &'static str, problem: impl Into<String>) -> Result<T> {
    Err(Error::Config { setting, problem: problem.into() })
}

/// One path or several, each a file, a directory or a pattern.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PathSpec {
    /// One path.
    One(String),
    /// Paths that are read one after the other.
    Many(Vec<String>),
}

impl PathSpec {
    /// The paths as written.
    pub fn paths(&self) -> &[String] {
        match self {
            PathSpec::One(path) => std::slice::from_ref(path),
            PathSpec::Many(paths) => paths,
        }
    }
}

impl PathSpec {
    /// The same with relative paths counted from `base`. URLs stay.
    #[must_use]
    pub fn from_folder(&self, base: &Path) -> PathSpec {
        let join = |path: &String| match Location::is_url(path) {
            true => path.clone(),
            false => base.join(path).to_string_lossy().into_owned(),
        };
        match self {
            PathSpec::One(path) => PathSpec::One(join(path)),
            PathSpec::Many(paths) => PathSpec::Many(paths.iter().map(join).collect()),
        }
    }
}

impl From<&str> for PathSpec {
    fn from(path: &str) -> Self {
        PathSpec::One(path.to_owned())
    }
}

impl From<&Path> for PathSpec {
    fn from(path: &Path) -> Self {
        PathSpec::One(path.to_string_lossy().into_owned())
    }
}

impl std::fmt::Display for PathSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.paths().join(", "))
    }
}

/// How files are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Text with delimiters; RFC 4180 and its usual deviations.
    Csv,
    /// A JSON object per line.
    #[serde(rename = "jsonl")]
    JsonLines,
    /// Apache Parquet.
    Parquet,
    /// Apache Arrow IPC, as a file or as a stream.
    Arrow,
    /// TFRecord of `tf.train.Example`.
    TfRecord,
}

impl Format {
    /// All formats.
    pub(super) const ALL: [Format; 5] =
        [Format::Csv, Format::JsonLines, Format::Parquet, Format::Arrow, Format::TfRecord];

    /// The extensions by which files are recognised.
    pub(super) fn extensions(self) -> &'static [&'static str] {
        match self {
            Format::Csv => &["csv", "tsv", "tab", "txt", "data"],
            Format::JsonLines => &["jsonl", "ndjson", "json"],
            Format::Parquet => &["parquet", "pq"],
            Format::Arrow => &["arrow", "arrows", "feather"],
            Format::TfRecord => &["tfrecord", "tfrecords"],
        }
    }

    /// The name of the format in a spec.
    pub fn name(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::JsonLines => "jsonl",
            Format::Parquet => "parquet",
            Format::Arrow => "arrow",
            Format::TfRecord => "tfrecord",
        }
    }

    /// The names of all formats, for messages.
    pub(super) fn names() -> String {
        Self::ALL.map(|format| format!("\"{}\"", format.name())).join(", ")
    }

    /// Whether the file may be packed as a whole; the others pack their columns.
    pub(super) fn may_be_packed(self) -> bool {
        !matches!(self, Format::Parquet | Format::Arrow)
    }

    /// The format that a file's name tells.
    pub(super) fn of(file: &Location) -> Option<Format> {
        let extension = file.extension()?;
        Self::ALL.into_iter().find(|format| format.extensions().contains(&extension.as_str()))
    }
}

/// What to do with a row that cannot be read: too many or too few fields, or a value that is not of its column's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnError {
    /// Stop and name the row.
    #[default]
    Fail,
    /// Leave the row out and count it.
    Skip,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(config: SourceConfig, expected: &str) {
        let error = config.check().unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn no_header_needs_names() {
        check(SourceConfig { header: false, ..SourceConfig::default() }, "name the columns");
    }

    #[test]
    fn a_header_and_names_contradict() {
        check(SourceConfig { columns: vec!["a".into()], ..SourceConfig::default() }, "set `header = false`");
    }

    #[test]
    fn a_delimiter_is_one_byte() {
        check(SourceConfig { delimiter: Some('é'), ..SourceConfig::default() }, "one ASCII character");
        check(SourceConfig { delimiter: Some('"'), ..SourceConfig::default() }, "neither a quote");
    }

    #[test]
    fn a_weight_is_a_number_of_at_least_0() {
        for factor in [-1.0, f64::NAN, f64::INFINITY] {
            let weight = Some(RowWeight { factor, column: None });
            check(SourceConfig { path: "a.csv".into(), weight, ..SourceConfig::default() }, "`weight` of `a.csv` is ");
        }
    }

    #[test]
    fn the_default_is_a_csv_with_a_header() {
        assert!(SourceConfig::default().check().is_ok());
        assert_eq!(serde_json::from_str::<SourceConfig>("{}").unwrap(), SourceConfig::default());
    }

    #[test]
    fn a_path_is_a_text_or_a_list() {
        let config: SourceConfig = serde_json::from_str(r#"{"path": ["a.csv", "b"], "on_error": "skip"}"#).unwrap();
        assert_eq!(config.path.paths(), ["a.csv", "b"]);
        assert_eq!(serde_json::from_str::<SourceConfig>(r#"{"path": "a.csv"}"#).unwrap().path, "a.csv".into());
    }
}
