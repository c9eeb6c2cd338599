//! Where the bytes go, and under which name.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use super::Output;
use crate::{Error, Result};

/// What stands for standard output in messages.
const STANDARD_OUTPUT: &str = "standard output";

/// A file under a temporary name that gets its own when it is whole, and goes away when it never is; or a stream.
#[derive(Debug)]
pub(crate) struct Target {
    /// What messages call it.
    pub name: PathBuf,
    staged: Option<Staged>,
}

#[derive(Debug)]
struct Staged {
    file: File,
    temporary: PathBuf,
    path: PathBuf,
    renamed: bool,
}

impl Target {
    /// Standard output, or whatever else is a stream.
    pub(crate) fn stream() -> Target {
        Target { name: STANDARD_OUTPUT.into(), staged: None }
    }

    /// Opens the place to write to. What is there, but is no file (a pipe, a device), is written directly.
    pub(crate) fn open(path: &Path) -> Result<(Target, Output)> {
        if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
            let file = File::create(path).map_err(Error::io("write", path))?;
            return Ok((Target { name: path.to_owned(), staged: None }, Box::new(BufWriter::new(file))));
        }
        // A link stays a link: the file behind it is replaced.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let temporary = temporary(&path);
        let file = File::create(&temporary).map_err(Error::io("create", &path))?;
        let output = file.try_clone().map_err(Error::io("create", &path))?;
        let staged = Staged { file, temporary, path: path.clone(), renamed: false };
        Ok((Target { name: path, staged: Some(staged) }, Box::new(BufWriter::new(output))))
    }

    /// Makes what was written durable and gives it its name.
    pub(crate) fn finish(self) -> Result<()> {
        let Some(mut staged) = self.staged else { return Ok(()) };
        staged.file.sync_all().map_err(Error::io("write", &staged.path))?;
        fs::rename(&staged.temporary, &staged.path).map_err(Error::io("rename a file to", &staged.path))?;
        staged.renamed = true;
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.renamed {
            // What broke the writing matters more than that the rest of it stays.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// A name beside `path` that no other process uses.
fn temporary(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    name.into()
}
