//! What a command is given as its model: an exported directory, or a run.

use anyhow::{Context, Result, bail};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use trainyard::data::{Error, PathSpec, SavedView, Source, SourceConfig};
use trainyard::features::ColumnType;
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

    /// The rows of `data` with the columns that are needed. With `through_view` the data is raw, and the view that the model was
    /// trained on makes the columns of it.
    pub fn open(&self, data: &[String], needed: &[Needed], through_view: bool) -> Result<Rows> {
        let config = self.source(data)?;
        if !through_view {
            let source = self.open_inputs(config, needed)?;
            return Ok(Rows { source, _folder: None });
        }
        let Some(view) = &self.manifest.view else {
            bail!("the model was trained without a `[view]`; leave out `--view`");
        };
        let view: SavedView =
            serde_json::from_value(view.clone()).context("`bundle.json` has a view that cannot be read")?;
        let folder = Folder::new()?;
        let path = folder.0.join("rows.parquet");
        let made = view.apply(&config, &path, &|_rows| {})?;
        if made.skipped > 0 {
            tracing::warn!("{} rows that cannot be read were skipped", made.skipped);
        }
        let made = SourceConfig { path: path.as_path().into(), ..SourceConfig::default() };
        Ok(Rows { source: Source::open(&made, needed)?, _folder: Some(folder) })
    }

    /// Opens rows that have the model's inputs; where a view made these in training, it made the weights, too.
    fn open_inputs(&self, config: SourceConfig, needed: &[Needed]) -> Result<Source> {
        if self.manifest.view.is_none() {
            return Ok(Source::open(&config, needed)?);
        }
        match Source::open(&SourceConfig { weight: None, ..config }, needed) {
            Err(error @ Error::MissingColumn { .. }) => Err(anyhow::Error::from(error)
                .context("the model was trained on the rows of a view; if the data is raw, `--view` applies it")),
            opened => Ok(opened?),
        }
    }
}

/// A column and its type, if that is known.
pub type Needed<'a> = (&'a str, Option<ColumnType>);

/// Rows to predict or to judge by.
#[derive(Debug)]
pub struct Rows {
    pub source: Source,
    /// Holds the rows that a view made, as long as they are read.
    _folder: Option<Folder>,
}

/// A folder of this process, which goes away with it.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self> {
        for attempt in 0u32.. {
            let path = std::env::temp_dir().join(format!("trainyard-view-{}-{attempt}", std::process::id()));
            match std::fs::create_dir(&path) {
                // A process of this number was killed before; what it left is not ours to touch.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                created => {
                    created.with_context(|| format!("cannot create `{}`", path.display()))?;
                    return Ok(Self(path));
                }
            }
        }
        bail!("no name is left for a folder in `{}`", std::env::temp_dir().display())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is the system's to clear.
        let _ = std::fs::remove_dir_all(&self.0);
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
