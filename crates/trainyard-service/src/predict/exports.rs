//! Which versions of which models lie in a directory.
//!
//! ```text
//! EXPORTS/NAME/7/bundle.json     several models, each under its own name
//! EXPORTS/7/bundle.json          one model; its name comes from the configuration or from the bundle
//! ```
//! A version is a directory with a number for a name. It counts from the moment it has a `bundle.json`: a directory that
//! is still being copied is not yet there.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use trainyard_model::bundle::MANIFEST;

use crate::error::{Error, Result};

/// A model found on disk.
#[derive(Debug, PartialEq)]
pub(crate) struct Export {
    /// The name of its directory; none when the base directory is itself a model's.
    pub name: Option<String>,
    /// Its versions, newest first.
    pub versions: Vec<ExportedVersion>,
}

/// A version found on disk.
#[derive(Debug, PartialEq)]
pub(crate) struct ExportedVersion {
    pub number: i64,
    pub path: PathBuf,
    /// When its bundle was written: a version that failed to load is tried again when this changes.
    pub written: Option<SystemTime>,
}

/// Lists the models under `base`. With `name`, `base` is the directory of that one model.
///
/// # Errors
/// [`Error::Read`] when `base` cannot be listed.
pub(crate) fn scan(base: &Path, name: Option<&str>) -> Result<Vec<Export>> {
    let children = directories(base)?;
    let versions = numbered(&children);
    if name.is_some() || !versions.is_empty() {
        return Ok(vec![Export { name: name.map(str::to_owned), versions: complete(versions) }]);
    }
    Ok(children.iter().filter_map(|(name, path)| model(name, path)).collect())
}

/// A directory that holds numbered ones; whatever else lies around is not a model.
fn model(name: &str, path: &Path) -> Option<Export> {
    let versions = numbered(&directories(path).ok()?);
    (!versions.is_empty()).then(|| Export { name: Some(name.to_owned()), versions: complete(versions) })
}

fn directories(path: &Path) -> Result<Vec<(String, PathBuf)>> {
    let error = |source| Error::Read { path: path.to_owned(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(path).map_err(error)? {
        let path = entry.map_err(error)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
        if let Some(name) = name.filter(|_| path.is_dir()) {
            found.push((name, path));
        }
    }
    found.sort();
    Ok(found)
}

fn numbered(directories: &[(String, PathBuf)]) -> Vec<(i64, PathBuf)> {
    let number = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit()).then(|| name.parse().ok()).flatten();
    directories.iter().filter_map(|(name, path)| Some((number(name)?, path.clone()))).collect()
}

fn complete(versions: Vec<(i64, PathBuf)>) -> Vec<ExportedVersion> {
    let manifest = |path: &Path| fs::metadata(path.join(MANIFEST)).ok();
    let mut versions: Vec<ExportedVersion> = versions
        .into_iter()
        .filter_map(|(number, path)| Some((number, manifest(&path)?, path)))
        .map(|(number, manifest, path)| ExportedVersion { number, path, written: manifest.modified().ok() })
        .collect();
    versions.sort_by_key(|version| std::cmp::Reverse(version.number));
    versions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(paths: &[&str], name: Option<&str>, expected: &str) {
        let base = tempfile::tempdir().unwrap();
        for path in paths {
            let path = base.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "{}").unwrap();
        }
        let found = scan(base.path(), name).unwrap();
        let numbers = |export: &Export| export.versions.iter().map(|version| version.number).collect::<Vec<_>>();
        let found: Vec<String> = found
            .iter()
            .map(|export| format!("{} {:?}", export.name.as_deref().unwrap_or("-"), numbers(export)))
            .collect();
        assert_eq!(found.join("; "), expected);
    }

    #[test]
    fn several_models_have_a_directory_each() {
        check(&["b/2/bundle.json", "b/10/bundle.json", "a/1/bundle.json"], None, "a [1]; b [10, 2]");
    }

    #[test]
    fn one_model_has_its_versions_at_the_top() {
        check(&["1/bundle.json", "00000123/bundle.json"], None, "- [123, 1]");
    }

    #[test]
    fn a_name_makes_the_base_that_models_directory() {
        check(&["1/bundle.json"], Some("m"), "m [1]");
        check(&["other/1/bundle.json"], Some("m"), "m []");
    }

    #[test]
    fn a_half_written_version_is_not_there_yet() {
        check(&["m/1/bundle.json", "m/2/weights.safetensors"], None, "m [1]");
    }

    #[test]
    fn what_is_not_a_number_is_not_a_version() {
        check(&["m/1/bundle.json", "m/v2/bundle.json", "m/-3/bundle.json", "notes/x.txt", "4.txt"], None, "m [1]");
    }

    #[test]
    fn an_empty_directory_has_no_models() {
        check(&[], None, "");
    }

    #[test]
    fn a_base_that_is_not_there_is_an_error() {
        let error = scan(Path::new("/nowhere/exports"), None).unwrap_err();
        assert!(error.to_string().starts_with("cannot read `/nowhere/exports`: "), "{error}");
    }
}
