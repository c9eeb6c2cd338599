//! What a command is given as its model: an exported directory, or a run.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use trainyard::data::{PathSpec, SourceConfig};
use trainyard::model::Predictor;
use trainyard::model::bundle::{MANIFEST, Manifest};

/// An exported model and how its data was written.
#[derive(Debug)]
pub struct Exported {
    pub predictor: Predictor,
    pub manifest: Manifest,
}

impl Exported {
    /// Loads an exported directory, the newest version of a directory of them, or the newest export of a run.
    pub fn load(path: &Path) -> Result<Self> {
        let versions = newest_first(path)?;
        let Some((newest, older)) = versions.split_first() else {
            bail!(
                "`{}` holds no exported model: there is neither a `{MANIFEST}` nor an `export/<version>`; \
                 give the directory of a run that has ended, or one of its exports",
                path.display()
            );
        };
        match Self::load_version(newest) {
            Ok(exported) => Ok(exported),
            Err(error) => Self::load_older(error, older),
        }
    }

    /// The newest of the older versions that is whole.
    fn load_older(error: anyhow::Error, older: &[PathBuf]) -> Result<Self> {
        for path in older {
            if let Ok(exported) = Self::load_version(path) {
                tracing::warn!("{error:#}; `{}` is used instead", path.display());
                return Ok(exported);
            }
        }
        Err(error)
    }

    fn load_version(path: &Path) -> Result<Self> {
        let manifest = Manifest::read(path)?;
        Ok(Self { predictor: Predictor::load(path)?, manifest })
    }

    /// How to read `data`: as the training data was written.
    pub fn source(&self, data: &[String]) -> Result<SourceConfig> {
        let files = serde_json::to_value(&self.manifest.files)?;
        let config: SourceConfig =
            serde_json::from_value(files).context("`bundle.json` says wrongly how its data is written")?;
        Ok(SourceConfig { path: PathSpec::Many(data.to_vec()), ..config })
    }
}

/// The exported directories that `path` leads to.
fn newest_first(path: &Path) -> Result<Vec<PathBuf>> {
    if path.join(MANIFEST).exists() {
        return Ok(vec![path.to_owned()]);
    }
    if !path.is_dir() {
        bail!("there is no directory `{}`; give the directory of a run, or one of its exports", path.display());
    }
    let exports = if path.join("export").is_dir() { path.join("export") } else { path.to_owned() };
    let mut versions = Vec::new();
    for entry in std::fs::read_dir(&exports).with_context(|| format!("cannot read `{}`", exports.display()))? {
        let entry = entry?.path();
        let version = entry.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse::<u64>().ok());
        versions.extend(version.filter(|_| entry.join(MANIFEST).exists()).map(|version| (version, entry)));
    }
    versions.sort_by(|a, b| b.cmp(a));
    Ok(versions.into_iter().map(|(_, path)| path).collect())
}
