//! The checkpoints of one run.

use super::keep::{prune, steps};
use super::manifest::Manifest;
use super::read::read_files;
use super::staging::{Staging, clean};
use super::write::write_files;
use crate::error::{io, listed};
use crate::{Error, Result, Snapshot};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A directory of checkpoints, one per step.
#[derive(Debug, Clone)]
pub struct Checkpoints {
    dir: PathBuf,
    keep: usize,
    protected: BTreeSet<u64>,
}

/// A checkpoint that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The step it was saved at.
    pub step: u64,
    /// The content of the store.
    pub snapshot: Snapshot,
    /// The trainer's state, as it was given.
    pub state: String,
    /// Newer checkpoints that could not be read, newest first, each with the reason.
    pub skipped: Vec<(u64, String)>,
}

impl Checkpoints {
    /// Opens a directory, makes it if it is not there, and removes what killed writers left in it. Each save keeps the newest
    /// `keep` checkpoints; 0 keeps all.
    ///
    /// # Errors
    /// [`Error::Io`] when the directory can neither be read nor made.
    pub fn open(dir: impl Into<PathBuf>, keep: usize) -> Result<Self> {
        let dir = dir.into();
        fs::create_dir_all(&dir).map_err(io("create", &dir))?;
        clean(&dir)?;
        Ok(Self { dir, keep, protected: BTreeSet::new() })
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// Makes these steps, and none other, stay whatever their age: the best so far, say.
    pub fn protect(&mut self, steps: impl IntoIterator<Item = u64>) {
        self.protected = steps.into_iter().collect();
    }

    /// The steps that have a checkpoint, ascending. They may turn out to be damaged.
    ///
    /// # Errors
    /// [`Error::Io`] when the directory cannot be read.
    pub fn steps(&self) -> Result<Vec<u64>> {
        steps(&self.dir)
    }

    /// Saves a snapshot with the trainer's state, then removes the checkpoints beyond those to be kept. A checkpoint that the
    /// step has already is replaced, or left as it is when it is the same.
    ///
    /// # Errors
    /// [`Error::Snapshot`] when the snapshot is of another step or contradicts itself; [`Error::Io`] when the disk is full or
    /// cannot be written. Then the other checkpoints are as they were and nothing of the new one stays.
    pub fn save(&self, step: u64, snapshot: &Snapshot, state: &str) -> Result<()> {
        snapshot.check()?;
        if snapshot.step != step {
            let problem = format!("it is of step {}", snapshot.step);
            return Err(Error::Snapshot { problem, expected: format!("it is to be saved as step {step}") });
        }
        let staging = Staging::new(&self.dir, step)?;
        let manifest = write_files(staging.path(), snapshot, state)?;
        if !Manifest::verified(&self.step_dir(step), step).is_ok_and(|existing| existing == manifest) {
            staging.publish(&self.dir, step)?;
        }
        prune(&self.dir, step, self.keep, &self.protected)
    }

    /// The checkpoint of one step.
    ///
    /// # Errors
    /// [`Error::NoCheckpoint`] with the steps that have one, [`Error::Damaged`] or [`Error::Io`] when it cannot be read, and
    /// [`Error::NewerVersion`] when a later version of this program wrote it.
    pub fn load(&self, step: u64) -> Result<Loaded> {
        let steps = self.steps()?;
        if !steps.contains(&step) {
            return Err(Error::NoCheckpoint { dir: self.dir.clone(), step, steps: listed(steps) });
        }
        let (snapshot, state) = read_files(&self.step_dir(step), step)?;
        Ok(Loaded { step, snapshot, state, skipped: Vec::new() })
    }

    /// The newest checkpoint that is whole, with those that had to be skipped; none when nothing was saved yet.
    ///
    /// # Errors
    /// [`Error::AllDamaged`] when there are checkpoints but none is whole. [`Error::NewerVersion`] when a later version of this
    /// program wrote the newest: going on from an older one would lose training without need. [`Error::Io`] without permission.
    pub fn latest(&self) -> Result<Option<Loaded>> {
        let mut skipped = Vec::new();
        for step in self.steps()?.into_iter().rev() {
            match self.load(step) {
                Ok(loaded) => return Ok(Some(Loaded { skipped, ..loaded })),
                Err(error) if error.is_damage() => skipped.push((step, error.to_string())),
                Err(error) => return Err(error),
            }
        }
        if skipped.is_empty() {
            return Ok(None);
        }
        let reasons: Vec<_> = skipped.iter().map(|(step, reason)| format!("step {step}: {reason}")).collect();
        Err(Error::AllDamaged { dir: self.dir.clone(), reasons: reasons.join("; ") })
    }

    fn step_dir(&self, step: u64) -> PathBuf {
        self.dir.join(step.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::super::manifest::MANIFEST;
    use super::*;
    use crate::checkpoint::layout::{PARAMS, STATE};
    use crate::contract::trained;
    use proptest::prelude::*;
    use proptest::test_runner::TestRunner;

    /// A directory with checkpoints of these steps, whose state is the step.
    fn saved(steps: &[u64]) -> (tempfile::TempDir, Checkpoints) {
        let dir = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::open(dir.path(), 0).unwrap();
        steps.iter().for_each(|&step| checkpoints.save(step, &trained(step), &step.to_string()).unwrap());
        (dir, checkpoints)
    }

    /// All names in a directory, hidden ones too.
    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Changes a file of step 2, and expects step 1 with step 2 skipped for the reason given.
    #[track_caller]
    fn check_falls_back(file: &str, change: impl Fn(&Path), reason: &str) {
        let (dir, checkpoints) = saved(&[1, 2]);
        change(&dir.path().join("2").join(file));
        let loaded = checkpoints.latest().unwrap().unwrap();
        assert_eq!((loaded.step, loaded.snapshot, loaded.state), (1, trained(1), "1".into()));
        assert!(loaded.skipped[0].0 == 2 && loaded.skipped[0].1.contains(reason), "{:?}", loaded.skipped);
    }

    fn edit(path: &Path, change: impl Fn(&mut Vec<u8>)) {
        let mut bytes = fs::read(path).unwrap();
        change(&mut bytes);
        fs::write(path, bytes).unwrap();
    }

    #[test]
    fn the_newest_is_loaded() {
        let (_dir, checkpoints) = saved(&[9, 10, 2]);
        assert_eq!(checkpoints.steps().unwrap(), [2, 9, 10]);
        let loaded = checkpoints.latest().unwrap().unwrap();
        assert_eq!(loaded, Loaded { step: 10, snapshot: trained(10), state: "10".into(), skipped: vec![] });
    }

    #[test]
    fn nothing_saved_is_not_an_error() {
        assert_eq!(saved(&[]).1.latest().unwrap(), None);
    }

    #[test]
    fn a_flipped_bit_is_noticed() {
        check_falls_back(PARAMS, |path| edit(path, |bytes| bytes[100] ^= 1), "CRC-32");
        check_falls_back(STATE, |path| edit(path, |bytes| bytes[0] ^= 1), "CRC-32");
    }

    #[test]
    fn a_short_file_is_noticed() {
        check_falls_back(PARAMS, |path| edit(path, |bytes| bytes.truncate(50)), "it has 50 bytes");
        check_falls_back(MANIFEST, |path| edit(path, Vec::clear), "EOF");
    }

    #[test]
    fn a_missing_file_is_noticed() {
        for file in [PARAMS, STATE, MANIFEST] {
            check_falls_back(file, |path| fs::remove_file(path).unwrap(), file);
        }
    }

    #[test]
    fn a_directory_under_another_name_is_noticed() {
        let (dir, checkpoints) = saved(&[1]);
        fs::rename(dir.path().join("1"), dir.path().join("7")).unwrap();
        assert!(checkpoints.load(7).unwrap_err().to_string().contains("of step 1"));
    }

    #[test]
    fn when_all_are_damaged_training_does_not_silently_start_anew() {
        let (dir, checkpoints) = saved(&[1, 2]);
        for step in ["1", "2"] {
            fs::remove_file(dir.path().join(step).join(STATE)).unwrap();
        }
        let message = checkpoints.latest().unwrap_err().to_string();
        assert!(
            message.contains("step 1") && message.contains("step 2") && message.contains("start anew"),
            "{message}"
        );
    }

    #[test]
    fn a_newer_format_says_to_upgrade() {
        let (dir, checkpoints) = saved(&[1, 2]);
        fs::write(dir.path().join("2").join(MANIFEST), r#"{"format_version": 3, "shards": []}"#).unwrap();
        let message = checkpoints.latest().unwrap_err().to_string();
        assert!(
            message.contains("version 3") && message.contains("version 1") && message.contains("upgrade"),
            "{message}"
        );
    }

    #[test]
    fn a_step_that_was_not_saved_is_told_from_those_that_were() {
        assert!(saved(&[1, 2]).1.load(3).unwrap_err().to_string().contains("(steps: 1, 2)"));
    }

    #[test]
    fn old_ones_go_but_the_protected_stay() {
        let (dir, _) = saved(&[1, 2, 3]);
        let mut checkpoints = Checkpoints::open(dir.path(), 2).unwrap();
        checkpoints.protect([1]);
        checkpoints.save(4, &trained(4), "").unwrap();
        assert_eq!(names(dir.path()), ["1", "3", "4"]);
        checkpoints.protect([4]);
        checkpoints.save(5, &trained(5), "").unwrap();
        assert_eq!(names(dir.path()), ["4", "5"]);
    }

    #[test]
    fn the_same_again_is_left_as_it_is_and_other_content_replaces() {
        let (dir, checkpoints) = saved(&[1]);
        let mark = dir.path().join("1/mark");
        fs::write(&mark, "").unwrap();
        checkpoints.save(1, &trained(1), "1").unwrap();
        assert!(mark.exists());
        checkpoints.save(1, &trained(1), "other").unwrap();
        assert!(!mark.exists());
        assert_eq!(checkpoints.load(1).unwrap().state, "other");
        assert_eq!(names(dir.path()), ["1"]);
    }

    #[test]
    fn a_damaged_one_is_replaced_by_the_same() {
        let (dir, checkpoints) = saved(&[1]);
        edit(&dir.path().join("1").join(PARAMS), |bytes| bytes[100] ^= 1);
        checkpoints.save(1, &trained(1), "1").unwrap();
        assert_eq!(checkpoints.load(1).unwrap().snapshot, trained(1));
    }

    #[test]
    fn equal_content_gives_equal_bytes() {
        let (one, two) = (saved(&[5]).0, saved(&[5]).0);
        for file in [PARAMS, STATE, MANIFEST] {
            let read = |dir: &tempfile::TempDir| fs::read(dir.path().join("5").join(file)).unwrap();
            assert_eq!(read(&one), read(&two), "{file}");
        }
    }

    #[test]
    fn a_save_that_fails_leaves_the_others_and_nothing_of_itself() {
        let (dir, checkpoints) = saved(&[1]);
        fs::write(dir.path().join("2"), "in the way").unwrap();
        let message = checkpoints.save(2, &trained(2), "").unwrap_err().to_string();
        assert!(
            message.contains("cannot write") && message.contains(&*dir.path().join("2").to_string_lossy()),
            "{message}"
        );
        assert_eq!(names(dir.path()), ["1", "2"]);
        assert_eq!(checkpoints.latest().unwrap().unwrap().step, 1);
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().join("checkpoints");
        let message = Checkpoints::open(&path, 1).unwrap_err().to_string();
        assert!(message.starts_with("cannot create") && message.contains(&*path.to_string_lossy()), "{message}");
    }

    #[test]
    fn a_snapshot_of_another_step_is_refused() {
        let (dir, checkpoints) = saved(&[]);
        assert!(checkpoints.save(2, &trained(1), "").is_err());
        assert!(names(dir.path()).is_empty());
    }

    /// Whatever happens to a file: the newest as it was, the one before it, or an error, never a third thing.
    #[test]
    fn damage_gives_the_newest_the_one_before_or_an_error() {
        let (dir, checkpoints) = saved(&[1, 2]);
        let (one, two) = (trained(1), trained(2));
        let file = prop_oneof![Just(PARAMS), Just(STATE), Just(MANIFEST)];
        let change = prop_oneof![(1..=255u8).prop_map(Some), Just(None)];
        let cases = (file, any::<prop::sample::Index>(), change);
        let mut runner = TestRunner::new(ProptestConfig::with_cases(1000));
        let checked = runner.run(&cases, |(file, at, change)| {
            let path = dir.path().join("2").join(file);
            let whole = fs::read(&path).unwrap();
            let at = at.index(whole.len());
            edit(&path, |bytes| match change {
                Some(bits) => bytes[at] ^= bits,
                None => bytes.truncate(at),
            });
            let loaded = checkpoints.latest();
            fs::write(&path, whole).unwrap();
            match loaded.map(Option::unwrap) {
                Ok(loaded) => {
                    prop_assert_eq!(loaded.skipped.len() as u64, 2 - loaded.step);
                    prop_assert_eq!(loaded.state, loaded.step.to_string());
                    prop_assert_eq!(&loaded.snapshot, if loaded.step == 1 { &one } else { &two });
                }
                Err(error) => prop_assert!(matches!(error, Error::NewerVersion { .. }), "{}", error),
            }
            Ok(())
        });
        checked.unwrap();
    }
}
