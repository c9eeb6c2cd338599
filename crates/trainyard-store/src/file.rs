//! Files that are either wholly there or not at all.

use crate::error;
use crate::{Error, Result};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Writes a file so that a reader sees the old content or the new one, also after a power cut: to a temporary name in the
/// same directory, synced, renamed, directory synced.
///
/// ```
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("metrics.json");
/// trainyard_store::file::atomic_write(&path, b"{}")?;
/// trainyard_store::file::atomic_write(&path, b"{\"auc\": 0.8}")?;
/// assert_eq!(std::fs::read_to_string(&path)?, "{\"auc\": 0.8}");
/// assert_eq!(std::fs::read_dir(dir.path())?.count(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::Io`] with the path, and the temporary file removed.
pub fn atomic_write(path: &Path, bytes: &[u8]) -> Result<()> {
    atomic_write_with(path, |file| file.write_all(bytes))
}

/// The same for content that is written piece by piece; gives what `write` gives.
///
/// # Errors
/// As [`atomic_write`], with the error of `write`.
pub fn atomic_write_with<T>(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<T>) -> Result<T> {
    let name = path.file_name().ok_or_else(|| not_a_file(path))?;
    let dir = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let temp = dir.join(format!(".{}.{}", name.to_string_lossy(), unique_suffix()));
    let written = write_synced(&temp, write).and_then(|found| fs::rename(&temp, path).map(|()| found));
    let found = written.map_err(|error| {
        remove_quietly(&temp);
        error::io("write", path)(error)
    })?;
    sync_directory(dir)?;
    Ok(found)
}

/// Makes the names in a directory last: after it, a rename or a removal in it survives a power cut.
///
/// # Errors
/// [`Error::Io`] with the path.
pub fn sync_directory(dir: &Path) -> Result<()> {
    // Other systems than Unix neither need nor allow a directory to be opened for this.
    if cfg!(unix) {
        File::open(dir).and_then(|file| file.sync_all()).map_err(error::io("sync", dir))?;
    }
    Ok(())
}

/// Writes a new file and waits until it is on the disk.
pub(crate) fn write_synced<T>(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<T>) -> io::Result<T> {
    let mut file = BufWriter::new(File::create_new(path)?);
    let found = write(&mut file)?;
    file.into_inner().map_err(|error| error.into_error())?.sync_all()?;
    Ok(found)
}

/// A writer that shows what it has written, to be summed up.
#[derive(Debug)]
pub struct Shown<W, F> {
    inner: W,
    show: F,
}

impl<W: Write, F: FnMut(&[u8])> Shown<W, F> {
    /// Writes to `inner` and calls `show`.
    pub fn new(inner: W, show: F) -> Self {
        Self { inner, show }
    }
}

impl<W: Write, F: FnMut(&[u8])> Write for Shown<W, F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        (self.show)(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// A suffix that no other writer of this machine uses now.
pub(crate) fn unique_suffix() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("tmp-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Removes what a failed writer left. The writer's own error is the one to report.
pub(crate) fn remove_quietly(path: &Path) {
    let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
}

fn not_a_file(path: &Path) -> Error {
    let source = io::Error::new(io::ErrorKind::InvalidInput, "the path does not name a file");
    Error::Io { action: "write", path: PathBuf::from(path), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_refused(path: &Path, dir: &Path) {
        let message = atomic_write(path, b"new").unwrap_err().to_string();
        assert!(message.contains(&path.file_name().unwrap_or(path.as_os_str()).to_string_lossy()[..]), "{message}");
        let hidden =
            fs::read_dir(dir).unwrap().filter(|e| e.as_ref().unwrap().file_name().to_string_lossy().starts_with('.'));
        assert_eq!(hidden.count(), 0, "temporary files stayed");
    }

    #[test]
    fn a_missing_directory_is_named() {
        let dir = tempfile::tempdir().unwrap();
        check_refused(&dir.path().join("absent/file"), dir.path());
    }

    #[test]
    fn a_directory_in_the_way_is_named_and_the_temporary_file_removed() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("taken/inside")).unwrap();
        check_refused(&dir.path().join("taken"), dir.path());
    }

    #[test]
    fn what_fails_half_way_leaves_the_old_content() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        atomic_write(&path, b"old").unwrap();
        let write = |file: &mut BufWriter<File>| {
            file.write_all(&[1; 100_000])?;
            Err::<(), _>(io::Error::other("no more"))
        };
        let message = atomic_write_with(&path, write).unwrap_err().to_string();
        assert!(message.contains(&path.display().to_string()), "{message}");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_path_without_a_name_is_refused() {
        assert!(atomic_write(Path::new("/"), b"").is_err());
    }
}
