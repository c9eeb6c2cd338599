//! The directory of a run.
//!
//! ```text
//! config.toml            the spec with all defaults filled in
//! features/features.json the fitted features
//! view/<split>.parquet   rows as the view makes them, if there is one; may be removed, too
//! cache/<split>.arrow    rows ready for the model; may be removed, it is made again
//! shuffled               is there when the training rows of the cache are in a random order
//! checkpoints/<step>/    parameters and state
//! export/<version>/      the model
//! metrics.json  report.html
//! ```

use crate::spec::Spec;
use crate::{Error, Result};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use trainyard_features::FittedFeatures;
use trainyard_store::file::atomic_write;

/// The file that says that training rows are in a random order.
const SHUFFLED: &str = "shuffled";

/// The directory of a run, held by this process alone.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    /// Closing the file gives the lock back.
    _lock: File,
}

impl Directory {
    /// Makes or opens the directory for `spec`.
    pub(crate) fn open(path: &Path, spec: &Spec) -> Result<Self> {
        for dir in [path.to_owned(), path.join("features"), path.join("view"), path.join("cache")] {
            fs::create_dir_all(&dir).map_err(Error::io("create", &dir))?;
        }
        let lock = lock(path)?;
        let directory = Self { path: path.to_owned(), _lock: lock };
        for dir in ["", "features", "view", "cache", "export"] {
            remove_leftovers(&path.join(dir));
        }
        directory.check_spec(spec)?;
        let config = directory.path.join("config.toml");
        atomic_write(&config, spec.resolved().to_toml()?.as_bytes())?;
        Ok(directory)
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Where the rows of a split are kept that the view makes.
    pub(crate) fn view(&self, split: &str) -> PathBuf {
        self.path.join("view").join(format!("{split}.parquet"))
    }

    /// Where the rows of a split are kept.
    pub(crate) fn cache(&self, split: &str) -> PathBuf {
        self.path.join("cache").join(format!("{split}.arrow"))
    }

    /// Whether training rows are kept in a random order.
    pub(crate) fn is_shuffled(&self) -> bool {
        self.join(SHUFFLED).exists()
    }

    /// Has training rows kept in a random order from now on.
    pub(crate) fn shuffle(&self) -> Result<()> {
        if self.is_shuffled() {
            return Ok(());
        }
        if fs::read_dir(self.join("checkpoints")).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(self.other("that has begun to learn from its rows in another order"));
        }
        Ok(atomic_write(&self.join(SHUFFLED), b"")?)
    }

    /// The fitted features, if they were fitted to the data that has this fingerprint.
    pub(crate) fn features(&self, data: &str) -> Result<Option<FittedFeatures>> {
        let (path, data_path) = self.features_paths();
        if !path.exists() {
            return Ok(None);
        }
        let found = fs::read_to_string(&data_path).map_err(Error::io("read", &data_path))?;
        if found != data {
            return Err(self.other("whose training data has changed since"));
        }
        let json = fs::read_to_string(&path).map_err(Error::io("read", &path))?;
        Ok(Some(FittedFeatures::from_json(&json)?))
    }

    pub(crate) fn save_features(&self, features: &FittedFeatures, data: &str) -> Result<()> {
        let (path, data_path) = self.features_paths();
        atomic_write(&data_path, data.as_bytes())?;
        Ok(atomic_write(&path, features.to_json().as_bytes())?)
    }

    fn features_paths(&self) -> (PathBuf, PathBuf) {
        let dir = self.path.join("features");
        (dir.join("features.json"), dir.join("data.txt"))
    }

    /// Refuses a directory that was made for another spec. What may differ is how long to train; and as long as no features were
    /// fitted, as when the spec had a mistake, there is nothing to keep.
    fn check_spec(&self, spec: &Spec) -> Result<()> {
        let path = self.path.join("config.toml");
        if !path.exists() || !self.features_paths().0.exists() {
            return Ok(());
        }
        let before = Spec::read(&path)?;
        let (before, now) = (fixed(&before)?, fixed(&spec.resolved())?);
        let Some(difference) = before.lines().zip(now.lines()).find(|(a, b)| a != b) else {
            return if before.len() == now.len() { Ok(()) } else { Err(self.other("of another spec")) };
        };
        Err(self.other(&format!("with `{}`, but the spec now has `{}`", difference.0, difference.1)))
    }

    /// The error of a directory that this run cannot go on in.
    pub(crate) fn other(&self, problem: &str) -> Error {
        Error::Directory {
            path: self.path.clone(),
            problem: problem.to_owned(),
            expected: "choose another directory with `--output`, or remove this one to start anew".to_owned(),
        }
    }
}

fn lock(path: &Path) -> Result<File> {
    let name = path.join(".lock");
    let file =
        File::options().create(true).truncate(false).write(true).open(&name).map_err(Error::io("open", &name))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::Error(source)) => Err(Error::Io { action: "lock", path: name, source }),
        Err(TryLockError::WouldBlock) => Err(Error::Directory {
            path: path.to_owned(),
            problem: "that another process is working on".to_owned(),
            expected: "wait for it, or choose another directory with `--output`".to_owned(),
        }),
    }
}

/// Removes what a killed process was writing. Whatever cannot be removed is in nobody's way.
fn remove_leftovers(dir: &Path) {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_leftover = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        name.ends_with(".tmp") || (name.starts_with('.') && name.contains(".tmp-"))
    };
    for path in entries.filter(is_leftover) {
        drop(if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) });
    }
}

/// The spec without what may change between two starts of one run.
fn fixed(spec: &Spec) -> Result<String> {
    Spec { train: spec.train.fixed(), ..spec.clone() }.to_toml()
}
