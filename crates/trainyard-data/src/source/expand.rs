//! From paths, directories, patterns and URLs to files.

use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern};

use super::config::Format;
use super::location::{Location, ObjectUrl, Stores};
use crate::{Error, Result};

/// Characters that make a pattern of a path.
const WILDCARDS: [char; 3] = ['*', '?', '['];

/// Which files of a directory count: those of one format, or of any.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted(pub Option<Format>);

impl Wanted {
    fn accepts(self, file: &Location) -> bool {
        // Names that start with a dot or an underscore are those of markers such as `_SUCCESS`.
        let is_hidden = file.name().starts_with(['.', '_']);
        let found = Format::of(file);
        !is_hidden && found.is_some() && (self.0.is_none() || self.0 == found)
    }

    /// `.csv, .tsv, ..` as a list for messages.
    pub(super) fn endings(self) -> String {
        let formats = self.0.map_or(Format::ALL.to_vec(), |format| vec![format]);
        let endings = formats.iter().flat_map(|format| format.extensions()).map(|extension| format!("`.{extension}`"));
        endings.collect::<Vec<_>>().join(", ")
    }

    fn none_in(self, path: &str) -> Error {
        let pattern = format!("{}/**/*", path.trim_end_matches('/'));
        no_file(
            path,
            format!("is a directory without files named {}; give a pattern such as `{pattern}`", self.endings()),
        )
    }
}

/// The files that one entry of `path` means: itself, those of the directory, or those that match.
pub(super) fn expand(path: &str, wanted: Wanted, stores: &Stores) -> Result<Vec<Location>> {
    match Location::parse(path)? {
        Location::Local(path) => local(&path, wanted),
        Location::Remote(url) if url.has_listing() => remote(&url, wanted, stores),
        Location::Remote(url) => web(*url, stores),
    }
}

fn local(path: &Path, wanted: Wanted) -> Result<Vec<Location>> {
    let text = path.to_string_lossy();
    if path.is_dir() {
        return directory(path, wanted);
    }
    // A file may have `[` or `*` in its name: what exists is no pattern.
    if path.exists() {
        return Ok(vec![path.into()]);
    }
    if !text.contains(WILDCARDS) {
        return Err(no_file(&text, missing(path)));
    }
    matching(&text)
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

fn matching(pattern: &str) -> Result<Vec<Location>> {
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
    Ok(sorted(files))
}

/// The files of a directory, not of those inside it, that are not hidden and whose names tell a format.
fn directory(path: &Path, wanted: Wanted) -> Result<Vec<Location>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(Error::io("list", path))? {
        let file = entry.map_err(Error::io("list", path))?.path();
        if file.is_file() && wanted.accepts(&Location::from(&file)) {
            files.push(file);
        }
    }
    if files.is_empty() {
        return Err(wanted.none_in(&path.to_string_lossy()));
    }
    Ok(sorted(files))
}

fn sorted(mut files: Vec<PathBuf>) -> Vec<Location> {
    files.sort();
    files.into_iter().map(Location::from).collect()
}

/// The object of this key, or those below it, or those that match.
fn remote(url: &ObjectUrl, wanted: Wanted, stores: &Stores) -> Result<Vec<Location>> {
    if url.key().is_empty() || url.key().ends_with('/') {
        return folder(url, wanted, stores);
    }
    match stores.object(url) {
        Ok(_) => return Ok(vec![url.clone().into()]),
        Err(Error::Store { source, .. }) if matches!(*source, object_store::Error::NotFound { .. }) => {}
        Err(error) => return Err(error),
    }
    if url.key().contains(WILDCARDS) {
        return matching_objects(url, stores);
    }
    let folder_url = url.with_key(format!("{}/", url.key()));
    if stores.list(&folder_url, false)?.is_empty() {
        return Err(no_file(&url.to_string(), "does not exist"));
    }
    folder(&folder_url, wanted, stores)
}

fn folder(url: &ObjectUrl, wanted: Wanted, stores: &Stores) -> Result<Vec<Location>> {
    let mut files: Vec<Location> = stores.list(url, false)?.into_iter().map(Location::from).collect();
    files.retain(|file| wanted.accepts(file));
    if files.is_empty() { Err(wanted.none_in(&url.to_string())) } else { Ok(files) }
}

fn matching_objects(url: &ObjectUrl, stores: &Stores) -> Result<Vec<Location>> {
    let shown = url.to_string();
    let pattern = Pattern::new(url.key()).map_err(|error| no_file(&shown, format!("is no pattern: {error}")))?;
    // `*` stays in a folder, as on this machine; `**` does not.
    let options = MatchOptions { require_literal_separator: true, ..MatchOptions::default() };
    let fixed = url.key().split(WILDCARDS).next().unwrap_or_default();
    let (folder, rest) = url.key().split_at(fixed.rfind('/').map_or(0, |slash| slash + 1));
    let objects = stores.list(&url.with_key(folder), rest.contains('/'))?;
    let matching = objects.into_iter().filter(|object| pattern.matches_with(object.key(), options));
    let files: Vec<_> = matching.map(Location::from).collect();
    if files.is_empty() { Err(no_file(&shown, "matches no object")) } else { Ok(files) }
}

/// A file of a web server, which cannot be asked for others.
fn web(url: ObjectUrl, stores: &Stores) -> Result<Vec<Location>> {
    if url.path().contains('*') || url.path().is_empty() || url.path().ends_with('/') {
        return Err(no_file(
            &url.to_string(),
            "is no file, and a web server cannot be asked which ones it has; name each",
        ));
    }
    stores.object(&url)?;
    Ok(vec![url.into()])
}

fn no_file(path: &str, problem: impl Into<String>) -> Error {
    Error::NoFile { path: path.to_owned(), problem: problem.into() }
}
