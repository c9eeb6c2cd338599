//! From paths, directories and patterns to files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::config::{Format, SourceConfig, config};
use crate::{Error, Result};

/// The files of a source, and what they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Files {
    pub format: Format,
    pub paths: Vec<PathBuf>,
}

impl Files {
    /// Finds the files that `config` means.
    pub(super) fn find(config: &SourceConfig) -> Result<Files> {
        let mut paths = Vec::new();
        for path in config.path.paths() {
            paths.extend(expand(path, config.format)?);
        }
        let mut seen = BTreeSet::new();
        paths.retain(|path| seen.insert(path.clone()));
        let format = common_format(&paths, config.format)?;
        Ok(Files { format, paths })
    }
}

/// The files that one entry of `path` means: itself, those of the directory, or those that match.
fn expand(path: &str, format: Option<Format>) -> Result<Vec<PathBuf>> {
    let literal = Path::new(path);
    if literal.is_dir() {
        return directory(path, format);
    }
    // A file may have `[` or `*` in its name: what exists is no pattern.
    if literal.exists() {
        return Ok(vec![literal.to_owned()]);
    }
    if !path.contains(['*', '?', '[']) {
        return Err(no_file(path, missing(literal)));
    }
    matching(path)
}

/// Why a path is not there, with the part of it that is.
fn missing(path: &Path) -> String {
    if path.as_os_str().is_empty() {
        return "is an empty path".to_owned();
    }
    match path.ancestors().skip(1).find(|ancestor| ancestor.exists()) {
        Some(there) if Some(there) == path.parent() => "does not exist (its directory does)".to_owned(),
        Some(there) if !there.as_os_str().is_empty() => format!("does not exist (`{}` does)", there.display()),
        _ => "does not exist".to_owned(),
    }
}

fn matching(pattern: &str) -> Result<Vec<PathBuf>> {
    let entries = glob::glob(pattern).map_err(|error| no_file(pattern, format!("is no pattern: {error}")))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| Error::Io { action: "list", path: pattern.into(), source: error.into() })?;
        if path.is_file() {
            files.push(path);
        }
    }
    if files.is_empty() {
        return Err(no_file(pattern, "matches no file"));
    }
    files.sort();
    Ok(files)
}

/// The files of a directory, not of those inside it, that are not hidden and whose names tell a format.
fn directory(path: &str, format: Option<Format>) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(Error::io("list", path))? {
        let file = entry.map_err(Error::io("list", path))?.path();
        if file.is_file() && !is_hidden(&file) && is_wanted(&file, format) {
            files.push(file);
        }
    }
    if files.is_empty() {
        let problem =
            format!("is a directory without files named {}; give a pattern such as `{path}/**/*`", endings(format));
        return Err(no_file(path, problem));
    }
    files.sort();
    Ok(files)
}

/// Names that start with a dot or an underscore are those of markers such as `_SUCCESS`.
fn is_hidden(file: &Path) -> bool {
    file.file_name().is_some_and(|name| name.to_string_lossy().starts_with(['.', '_']))
}

fn is_wanted(file: &Path, format: Option<Format>) -> bool {
    let found = format_of(file);
    found.is_some() && (format.is_none() || format == found)
}

fn format_of(file: &Path) -> Option<Format> {
    file.extension().and_then(|extension| Format::of_extension(&extension.to_string_lossy()))
}

/// `.csv, .tsv, ..` as a list for messages.
fn endings(format: Option<Format>) -> String {
    let formats = format.map_or(vec![Format::Csv, Format::Parquet], |format| vec![format]);
    let endings: Vec<_> =
        formats.iter().flat_map(|format| format.extensions()).map(|extension| format!("`.{extension}`")).collect();
    endings.join(", ")
}

/// The one format of all files.
fn common_format(paths: &[PathBuf], configured: Option<Format>) -> Result<Format> {
    let Some(first) = paths.first() else {
        return config("path", "is empty; name a file, a directory or a pattern");
    };
    if let Some(format) = configured {
        return Ok(format);
    }
    let format = recognised(first)?;
    for path in paths {
        if recognised(path)? != format {
            let problem = format!("names files of several formats (`{}`, `{}`)", first.display(), path.display());
            return config("path", problem + "; give one format a source");
        }
    }
    Ok(format)
}

fn recognised(path: &Path) -> Result<Format> {
    match format_of(path) {
        Some(format) => Ok(format),
        None => {
            let problem = format!("is not set, and the name of `{}` does not tell it", path.display());
            config("format", format!("{problem} (known: {}); set `format` to \"csv\" or \"parquet\"", endings(None)))
        }
    }
}

fn no_file(path: &str, problem: impl Into<String>) -> Error {
    Error::NoFile { path: path.to_owned(), problem: problem.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::config::PathSpec;

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            std::fs::create_dir_all(folder.path().join(name).parent().unwrap()).unwrap();
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        folder
    }

    fn find(folder: &tempfile::TempDir, paths: &[&str]) -> Result<Files> {
        let absolute = |path: &&str| folder.path().join(path).to_string_lossy().into_owned();
        let path = PathSpec::Many(paths.iter().map(absolute).collect());
        Files::find(&SourceConfig { path, ..SourceConfig::default() })
    }

    #[track_caller]
    fn check(names: &[&str], paths: &[&str], expected: &[&str]) {
        let folder = folder(names);
        let found = find(&folder, paths).unwrap();
        let expected: Vec<_> = expected.iter().map(|name| folder.path().join(name)).collect();
        assert_eq!(found.paths, expected);
    }

    #[track_caller]
    fn check_error(names: &[&str], paths: &[&str], expected: &str) {
        let error = find(&folder(names), paths).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn a_directory_gives_its_files_by_name() {
        check(
            &["d/b.csv", "d/a.csv", "d/_SUCCESS", "d/.x.csv", "d/notes.md", "d/in/c.csv"],
            &["d"],
            &["d/a.csv", "d/b.csv"],
        );
    }

    #[test]
    fn a_pattern_gives_its_matches_by_name() {
        check(&["p1.csv", "p0.csv", "q.csv"], &["p*.csv"], &["p0.csv", "p1.csv"]);
        check(&["y=1/a.csv", "y=2/a.csv"], &["**/*.csv"], &["y=1/a.csv", "y=2/a.csv"]);
    }

    #[test]
    fn a_list_keeps_its_order_and_reads_nothing_twice() {
        check(&["a.csv", "b.csv"], &["b.csv", "*.csv"], &["b.csv", "a.csv"]);
    }

    #[test]
    fn a_name_with_brackets_is_a_name() {
        check(&["a[1].csv"], &["a[1].csv"], &["a[1].csv"]);
    }

    #[test]
    fn what_is_not_there_is_an_error() {
        check_error(&[], &["a.csv"], "does not exist (its directory does)");
        check_error(&[], &["no/such/a.csv"], "does)");
        check_error(&[], &["*.csv"], "matches no file");
        check_error(&["d/readme.md"], &["d"], "without files named `.csv`");
        check_error(&[], &[], "`path` is empty");
    }

    #[test]
    fn formats_are_told_by_names_and_do_not_mix() {
        assert_eq!(find(&folder(&["a.PARQUET"]), &["a.PARQUET"]).unwrap().format, Format::Parquet);
        check_error(&["a.csv", "a.parquet"], &["a.csv", "a.parquet"], "several formats");
        check_error(&["a.xls"], &["a.xls"], "set `format`");
    }
}
