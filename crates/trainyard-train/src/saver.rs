//! Checkpoints that are written while training goes on.

use crate::{Error, Result};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use trainyard_store::Snapshot;
use trainyard_store::checkpoint::Checkpoints;

/// Saves checkpoints on a thread of its own, one after the other.
///
/// An error is told by what comes next: another save, or [`written`](Self::written). Dropping this waits for the last one, so that
/// none is cut off.
#[derive(Debug)]
pub(crate) struct Saver {
    checkpoints: Checkpoints,
    /// The thread that writes the last one.
    writing: Option<JoinHandle<trainyard_store::Result<()>>>,
}

impl Saver {
    /// Saves to these.
    pub(crate) fn new(checkpoints: Checkpoints) -> Self {
        Self { checkpoints, writing: None }
    }

    /// Makes these steps, and none other, stay whatever their age.
    pub(crate) fn protect(&mut self, steps: impl IntoIterator<Item = u64>) {
        self.checkpoints.protect(steps);
    }

    /// Begins to save a snapshot with the trainer's state, once the one before is written.
    pub(crate) fn save(&mut self, snapshot: Arc<Snapshot>, state: String) -> Result<()> {
        let checkpoints = self.written()?.clone();
        let write = move || checkpoints.save(snapshot.step, &snapshot, &state);
        let writing = thread::Builder::new().name("checkpoint".to_owned()).spawn(write);
        let path = self.checkpoints.path().to_owned();
        self.writing = Some(writing.map_err(|source| Error::Io { action: "start a thread to write", path, source })?);
        Ok(())
    }

    /// The checkpoints, all of which are written.
    pub(crate) fn written(&mut self) -> Result<&Checkpoints> {
        if let Some(writing) = self.writing.take() {
            writing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        }
        Ok(&self.checkpoints)
    }
}

impl Drop for Saver {
    fn drop(&mut self) {
        if let Some(writing) = self.writing.take() {
            // Training has ended by an error, which says more than that of a checkpoint.
            let _ = writing.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trainyard_nn::{Initializer, ParamShape, ParamSpec};
    use trainyard_store::{MemoryStore, ParamStore, StoreConfig};

    fn snapshot() -> Arc<Snapshot> {
        let store = MemoryStore::new(StoreConfig::default()).unwrap();
        store.create(&[ParamSpec::new("w", ParamShape::Dense(vec![3]), Initializer::Zeros)]).unwrap();
        Arc::new(store.snapshot().unwrap())
    }

    fn saver() -> (tempfile::TempDir, Saver) {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::open(folder.path().join("checkpoints"), 0).unwrap();
        (folder, Saver::new(checkpoints))
    }

    #[test]
    fn what_was_saved_is_there_once_it_is_asked_for() {
        let (_folder, mut saver) = saver();
        for state in ["first", "second"] {
            saver.save(snapshot(), state.to_owned()).unwrap();
        }
        let loaded = saver.written().unwrap().latest().unwrap().unwrap();
        assert_eq!((&loaded.snapshot, loaded.state.as_str()), (&*snapshot(), "second"));
    }

    #[test]
    fn dropping_it_waits_for_the_last_one() {
        let (folder, mut saver) = saver();
        saver.save(snapshot(), String::new()).unwrap();
        drop(saver);
        let checkpoints = Checkpoints::open(folder.path().join("checkpoints"), 0).unwrap();
        assert!(checkpoints.latest().unwrap().is_some());
    }

    #[test]
    fn an_error_is_told_by_what_comes_next() {
        for next in
            [|saver: &mut Saver| saver.save(snapshot(), String::new()), |saver: &mut Saver| saver.written().map(drop)]
        {
            let (folder, mut saver) = saver();
            std::fs::remove_dir_all(folder.path().join("checkpoints")).unwrap();
            saver.save(snapshot(), String::new()).unwrap();
            assert!(matches!(next(&mut saver), Err(Error::Store(trainyard_store::Error::Io { .. }))));
        }
    }
}
