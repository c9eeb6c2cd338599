//! How files are written, as far as their first lines tell.

use crate::Result;
use std::io::Read;
use trainyard_data::{Format, Location, Source, SourceConfig};
use trainyard_features::ColumnType;

/// Bytes of the first file to look at.
const SAMPLE_BYTES: u64 = 1 << 16;

/// Characters between fields, the likeliest first.
const DELIMITERS: [char; 4] = [',', '\t', ';', '|'];

/// How files are written.
#[derive(Debug)]
pub(super) struct Dialect {
    /// The settings as given, with those that were found out.
    pub config: SourceConfig,
    /// Whether the files are text.
    pub is_csv: bool,
}

/// Completes `config` by format, delimiter, names of columns and blanks around fields.
pub(super) fn find_out(config: &SourceConfig) -> Result<Dialect> {
    let Some((source, format)) = first_text_file(config) else {
        return Ok(Dialect { config: config.clone(), is_csv: false });
    };
    let path = source.files()[0].clone();
    let lines = first_lines(&source, &path)?;
    let mut config = SourceConfig { format, ..config.clone() };
    let by_name = default_delimiter(&path);
    config.delimiter = config.delimiter.or_else(|| other_delimiter(&lines, by_name, config.quotes));
    let delimiter = config.delimiter.unwrap_or(by_name);
    let separators: Vec<Separators> = lines.iter().map(|line| Separators::of(line, delimiter, config.quotes)).collect();
    let (all, blank) = separators.iter().fold((0, 0), |(all, blank), line| (all + line.all, blank + line.before_blank));
    config.trim |= all > 0 && 10 * blank >= 9 * all;
    if !config.header && config.columns.is_empty() {
        let n_columns = separators.first().map_or(0, |line| line.all + 1);
        config.columns = (1..=n_columns).map(|i| format!("column_{i}")).collect();
    }
    Ok(Dialect { config, is_csv: true })
}

/// The first file if it is text, and the format if its name does not tell it. Whatever is wrong with the files is left to
/// be found when they are opened in earnest.
fn first_text_file(config: &SourceConfig) -> Option<(Source, Option<Format>)> {
    let open = |format| {
        // With one column of a known type no line is read, so no line can be wrong yet.
        let types = [("any".to_owned(), ColumnType::Text)].into();
        let columns = vec!["any".to_owned()];
        Source::open_all(&SourceConfig { format, header: false, columns, types, ..config.clone() })
    };
    let (source, format) = match open(config.format) {
        Err(trainyard_data::Error::Config { setting: "format", .. }) => (open(Some(Format::Csv)), Some(Format::Csv)),
        _ if config.format.is_some_and(|format| format != Format::Csv) => return None,
        source => (source, config.format),
    };
    source.ok().filter(|source| source.format() == Format::Csv).map(|source| (source, format))
}

/// The first lines that are whole and not empty.
fn first_lines(source: &Source, path: &Location) -> Result<Vec<String>> {
    let mut bytes = Vec::new();
    let read = source.bytes(path)?.take(SAMPLE_BYTES).read_to_end(&mut bytes);
    read.map_err(|source| trainyard_data::Error::Io { action: "read", path: path.clone(), source })?;
    let text = String::from_utf8_lossy(&bytes);
    let mut lines: Vec<&str> = text.split('\n').collect();
    if lines.len() > 1 {
        lines.pop();
    }
    let lines = lines.into_iter().map(|line| line.trim_end_matches('\r').to_owned());
    Ok(lines.filter(|line| !line.trim().is_empty()).collect())
}

fn default_delimiter(path: &Location) -> char {
    match path.extension().as_deref() {
        Some("tsv" | "tab") => '\t',
        _ => ',',
    }
}

/// The delimiter that cuts the lines into equally many fields, when the one that is expected does not.
fn other_delimiter(lines: &[String], expected: char, quotes: bool) -> Option<char> {
    let fields = |delimiter: char| {
        let counts: Vec<usize> = lines.iter().map(|line| Separators::of(line, delimiter, quotes).all).collect();
        let first = counts.first().copied().unwrap_or(0);
        let equal = counts.iter().filter(|&&count| count == first).count();
        if 10 * equal >= 9 * counts.len() { first } else { 0 }
    };
    if fields(expected) > 0 {
        return None;
    }
    // Of equally many fields the first delimiter wins, hence the reversal.
    let best = DELIMITERS.into_iter().rev().max_by_key(|&delimiter| fields(delimiter))?;
    (fields(best) > 0).then_some(best)
}

/// Delimiters of a line outside of quotes.
struct Separators {
    all: usize,
    before_blank: usize,
}

impl Separators {
    fn of(line: &str, delimiter: char, quotes: bool) -> Self {
        let (mut found, mut is_quoted) = (Self { all: 0, before_blank: 0 }, false);
        let mut characters = line.chars().peekable();
        while let Some(character) = characters.next() {
            is_quoted ^= quotes && character == '"';
            if character == delimiter && !is_quoted {
                found.all += 1;
                found.before_blank += usize::from(characters.peek() == Some(&' '));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, text: &str, delimiter: Option<char>, trim: bool) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let config = SourceConfig { path: path.as_path().into(), ..SourceConfig::default() };
        let dialect = find_out(&config).unwrap();
        assert_eq!((dialect.config.delimiter, dialect.config.trim, dialect.is_csv), (delimiter, trim, true));
    }

    #[test]
    fn a_comma_is_expected_and_not_written_down() {
        check("a.csv", "a,b\n1,2\n", None, false);
        check("a.tsv", "a\tb\n1\t2\n", None, false);
        check("a.csv", "a\n1\n", None, false);
    }

    #[test]
    fn another_delimiter_is_found() {
        check("a.csv", "a;b\n1,5;2\n2,5;3\n", Some(';'), false);
        check("a.csv", "a\tb\n1\tx, y\n", Some('\t'), false);
        check("a.csv", "a,b;c\n1,2;3\n", None, false);
    }

    #[test]
    fn delimiters_in_quotes_do_not_count() {
        check("a.csv", "a|b\n\"1,2\"|3\n\"1|2\"|3\n", Some('|'), false);
    }

    #[test]
    fn blanks_after_delimiters_are_noticed() {
        check("a.csv", "1, a, b\n2, c, d\n", None, true);
        check("a.csv", "a,b\nx, y,c\nx,y\n", None, false);
    }

    #[test]
    fn a_name_that_tells_no_format_is_taken_for_csv() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("binary.train");
        std::fs::write(&path, "1\t0.5\n0\t0.25\n").unwrap();
        let config = SourceConfig { path: path.as_path().into(), header: false, ..SourceConfig::default() };
        let dialect = find_out(&config).unwrap();
        assert_eq!((dialect.config.format, dialect.config.delimiter), (Some(Format::Csv), Some('\t')));
        assert_eq!(dialect.config.columns, ["column_1", "column_2"]);
    }

    #[test]
    fn what_is_not_there_is_left_to_the_source() {
        let config = SourceConfig { path: "no/such.csv".into(), ..SourceConfig::default() };
        assert!(!find_out(&config).unwrap().is_csv);
    }
}
