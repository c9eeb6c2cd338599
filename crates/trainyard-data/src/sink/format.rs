//! How answers are written.

use std::path::Path;

use crate::Result;
use crate::source::config;

/// How a [`Sink`](super::Sink) writes rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SinkFormat {
    /// A line of names, then a line per row, as in RFC 4180. A missing value is an empty field. A list of width `n` is `n`
    /// columns `name_0`, `name_1`, ..
    Csv,
    /// An object per line with all columns; a missing value is `null`, and so is a number that is not finite, since JSON has
    /// no other.
    JsonLines,
    /// Apache Parquet, compressed with Snappy.
    Parquet,
    /// TFRecord of `tf.train.Example`. A missing value is a feature without one, a truth value 0 or 1, and a number has 32 bits.
    TfRecord,
}

impl SinkFormat {
    const ALL: [SinkFormat; 4] = [SinkFormat::Csv, SinkFormat::JsonLines, SinkFormat::Parquet, SinkFormat::TfRecord];

    /// The extensions that name the format.
    pub fn extensions(self) -> &'static [&'static str] {
        match self {
            SinkFormat::Csv => &["csv"],
            SinkFormat::JsonLines => &["jsonl", "ndjson"],
            SinkFormat::Parquet => &["parquet"],
            SinkFormat::TfRecord => &["tfrecord"],
        }
    }

    /// The format that the extension of `path` names.
    ///
    /// # Errors
    ///
    /// When it names none; the message lists those that do.
    pub fn of_path(path: &Path) -> Result<SinkFormat> {
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let named = Self::ALL.into_iter().find(|format| format.extensions().contains(&extension.as_str()));
        if let Some(format) = named {
            return Ok(format);
        }
        let known: Vec<_> =
            Self::ALL.iter().flat_map(|format| format.extensions()).map(|e| format!("`.{e}`")).collect();
        let (path, known) = (path.display(), known.join(", "));
        config("format", format!("of `{path}` cannot be told from its name; end the name in one of {known}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_name_formats_in_any_case() {
        let names = ["a.csv", "a.b.JSONL", "a.ndjson", "d/a.parquet"];
        let expected = [SinkFormat::Csv, SinkFormat::JsonLines, SinkFormat::JsonLines, SinkFormat::Parquet];
        assert_eq!(names.map(|name| SinkFormat::of_path(Path::new(name)).unwrap()), expected);
    }

    #[test]
    fn an_unknown_extension_is_told_the_known_ones() {
        for name in ["a.xls", "a", ".csv"] {
            let error = SinkFormat::of_path(Path::new(name)).unwrap_err().to_string();
            let expected = "cannot be told from its name; end the name in one of `.csv`, `.jsonl`, `.ndjson`, `.parquet`, `.tfrecord`";
            assert_eq!(error, format!("`format` of `{name}` {expected}"));
        }
    }
}
