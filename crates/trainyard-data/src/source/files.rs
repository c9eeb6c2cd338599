//! The files of a source.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use super::config::{Format, SourceConfig, config};
use super::expand::{Wanted, expand};
use super::location::{Input, Location, Stat, Stores};
use super::piece::Piece;
use crate::Result;

/// The files of a source, what they are, and the stores that some of them lie in.
#[derive(Debug, Clone)]
pub(super) struct Files {
    pub format: Format,
    pub locations: Vec<Location>,
    pub stores: Stores,
    pieces: Arc<OnceLock<Vec<Piece>>>,
}

impl Files {
    /// Files of one format.
    pub(super) fn new(format: Format, locations: Vec<Location>, stores: Stores) -> Files {
        Files { format, locations, stores, pieces: Arc::default() }
    }

    /// Finds the files that `config` means.
    pub(super) fn find(config: &SourceConfig, stores: Stores) -> Result<Files> {
        let wanted = Wanted(config.format);
        let mut locations = Vec::new();
        for path in config.path.paths() {
            locations.extend(expand(path, wanted, &stores)?);
        }
        let mut seen = BTreeSet::new();
        locations.retain(|location| seen.insert(location.clone()));
        let format = common_format(&locations, config.format)?;
        refuse_packed(&locations, format)?;
        Ok(Files::new(format, locations, stores))
    }

    /// The bytes of one of the files, unpacked.
    pub(super) fn open(&self, location: &Location) -> Result<Input> {
        self.stores.open(location)
    }

    /// The pieces that they are cut into. They are looked at once.
    pub(super) fn pieces(&self) -> Result<&[Piece]> {
        if let Some(pieces) = self.pieces.get() {
            return Ok(pieces);
        }
        let pieces = Piece::cut(self)?;
        Ok(self.pieces.get_or_init(|| pieces))
    }

    /// Size and version of each file.
    pub(super) fn stats(&self) -> Result<Vec<Stat>> {
        self.stores.stats(&self.locations)
    }
}

/// Formats that pack their columns are read from the middle, which a file that is packed as a whole does not allow.
fn refuse_packed(locations: &[Location], format: Format) -> Result<()> {
    match locations.iter().find(|location| location.is_packed() && !format.may_be_packed()) {
        None => Ok(()),
        Some(packed) => {
            let name = format.name();
            config("path", format!("names the packed file `{packed}`, which \"{name}\" files must not be; unpack it"))
        }
    }
}

/// The one format of all files.
fn common_format(locations: &[Location], configured: Option<Format>) -> Result<Format> {
    let Some(first) = locations.first() else {
        return config("path", "is empty; name a file, a directory or a pattern");
    };
    if let Some(format) = configured {
        return Ok(format);
    }
    let format = recognised(first)?;
    for location in locations {
        if recognised(location)? != format {
            let problem = format!("names files of several formats (`{first}`, `{location}`)");
            return config("path", problem + "; give one format a source");
        }
    }
    Ok(format)
}

fn recognised(location: &Location) -> Result<Format> {
    match Format::of(location) {
        Some(format) => Ok(format),
        None => {
            let problem = format!("is not set, and the name of `{location}` does not tell it");
            let known = Wanted(None).endings();
            config("format", format!("{problem} (known: {known}); set `format` to one of {}", Format::names()))
        }
    }
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
        Files::find(&SourceConfig { path, ..SourceConfig::default() }, Stores::from_environment())
    }

    #[track_caller]
    fn check(names: &[&str], paths: &[&str], expected: &[&str]) {
        let folder = folder(names);
        let found = find(&folder, paths).unwrap();
        let expected: Vec<_> = expected.iter().map(|name| Location::from(folder.path().join(name))).collect();
        assert_eq!(found.locations, expected);
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
        check(&["a.csv.gz", "b.csv.zst"], &["*"], &["a.csv.gz", "b.csv.zst"]);
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
        let format = |name| find(&folder(&[name]), &[name]).unwrap().format;
        assert_eq!((format("a.PARQUET"), format("a.tsv.GZ")), (Format::Parquet, Format::Csv));
        check_error(&["a.csv", "a.parquet"], &["a.csv", "a.parquet"], "several formats");
        check_error(&["a.xls"], &["a.xls"], "set `format` to one of \"csv\", \"jsonl\"");
        check_error(&["a.parquet.gz"], &["a.parquet.gz"], "which \"parquet\" files must not be; unpack it");
    }
}
