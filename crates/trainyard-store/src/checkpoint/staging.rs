//! A checkpoint under a temporary name, and what becomes of it.

use crate::Result;
use crate::error::io;
use crate::file::{remove_quietly, sync_directory, unique_suffix};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// A directory that is being filled. It disappears when it is dropped before it was published.
pub(super) struct Staging {
    path: PathBuf,
    /// Held while the writer lives: who can take it knows that the writer was killed.
    _lock: Option<File>,
}

/// What the middle of a temporary name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A checkpoint being written.
    New,
    /// A checkpoint that one of the same step is about to replace.
    Old,
    /// A checkpoint being removed.
    Gone,
}

impl Staging {
    /// A new, empty directory in `dir`.
    pub(super) fn new(dir: &Path, step: u64) -> Result<Self> {
        let path = temporary(dir, step, Kind::New);
        fs::create_dir(&path).map_err(io("create", &path))?;
        // Some file systems know no locks. Then what a killed writer left there stays, which is the safe side.
        let lock = File::open(&path).ok().filter(|file| file.try_lock().is_ok());
        Ok(Self { path, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it its step for a name. One that has the name is moved aside first, and back if that fails: a directory with
    /// content cannot be renamed over.
    pub(super) fn publish(self, dir: &Path, step: u64) -> Result<()> {
        let target = dir.join(step.to_string());
        let old = temporary(dir, step, Kind::Old);
        let replaces = target.is_dir();
        if replaces {
            fs::rename(&target, &old).map_err(io("replace", &target))?;
        }
        if let Err(error) = fs::rename(&self.path, &target) {
            if replaces {
                let _ = fs::rename(&old, &target);
            }
            return Err(io("write", target)(error));
        }
        sync_directory(dir)?;
        remove_quietly(&old);
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        remove_quietly(&self.path);
    }
}

/// Removes a checkpoint: it loses its name first, so that it is never there in part.
pub(super) fn remove(dir: &Path, step: u64) -> Result<()> {
    let (path, gone) = (dir.join(step.to_string()), temporary(dir, step, Kind::Gone));
    fs::rename(&path, &gone).map_err(io("remove", &path))?;
    fs::remove_dir_all(&gone).map_err(io("remove", &path))
}

/// Removes what killed writers left. What cannot be removed stays: it is in nobody's way, and reading must work on a disk that
/// is read-only.
pub(super) fn clean(dir: &Path) -> Result<()> {
    for entry in fs::read_dir(dir).map_err(io("list", dir))? {
        let path = entry.map_err(io("list", dir))?.path();
        match path.file_name().and_then(|name| parse(name.to_str()?)) {
            Some((_, Kind::New)) if !is_being_written(&path) => remove_quietly(&path),
            Some((step, Kind::Old)) if !dir.join(step.to_string()).exists() => {
                let _ = fs::rename(&path, dir.join(step.to_string()));
            }
            Some((_, Kind::Old | Kind::Gone)) => remove_quietly(&path),
            _ => {}
        }
    }
    Ok(())
}

fn is_being_written(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| file.try_lock().is_err())
}

fn temporary(dir: &Path, step: u64, kind: Kind) -> PathBuf {
    dir.join(format!(".{step}.{}.{}", kind.word(), unique_suffix()))
}

fn parse(name: &str) -> Option<(u64, Kind)> {
    let mut parts = name.strip_prefix('.')?.split('.');
    let step = parts.next()?.parse().ok()?;
    let word = parts.next()?;
    let kind = [Kind::New, Kind::Old, Kind::Gone].into_iter().find(|kind| kind.word() == word)?;
    parts.next()?.starts_with("tmp-").then_some((step, kind))
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::New => "new",
            Kind::Old => "old",
            Kind::Gone => "gone",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes the directories, cleans, and lists what is left.
    #[track_caller]
    fn check(before: &[&str], after: &[&str]) {
        let dir = tempfile::tempdir().unwrap();
        for name in before {
            fs::create_dir(dir.path().join(name)).unwrap();
            fs::write(dir.path().join(name).join("file"), name).unwrap();
        }
        clean(dir.path()).unwrap();
        let mut left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, after);
    }

    #[test]
    fn what_a_killed_writer_left_is_removed() {
        check(&["4", ".5.new.tmp-1-0", ".3.gone.tmp-1-1"], &["4"]);
    }

    #[test]
    fn a_checkpoint_that_was_moved_aside_comes_back() {
        check(&[".5.old.tmp-1-0"], &["5"]);
    }

    #[test]
    fn a_checkpoint_that_was_replaced_is_removed() {
        check(&["5", ".5.old.tmp-1-0"], &["5"]);
    }

    #[test]
    fn names_of_others_stay() {
        check(&[".git", ".5.new", ".x.new.tmp-1-0", "best"], &[".5.new", ".git", ".x.new.tmp-1-0", "best"]);
    }

    #[test]
    fn what_is_being_written_stays_until_its_writer_ends() {
        let dir = tempfile::tempdir().unwrap();
        let staging = Staging::new(dir.path(), 5).unwrap();
        let path = staging.path().to_owned();
        clean(dir.path()).unwrap();
        assert!(path.exists());
        drop(staging);
        assert!(!path.exists());
    }
}
