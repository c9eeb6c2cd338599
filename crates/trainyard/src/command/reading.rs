//! How data is read that no model or spec describes.

use super::engine::EngineArgs;
use super::progress;
use anyhow::{Context, Result, bail};
use clap::Args;
use std::path::{Path, PathBuf};
use trainyard::Spec;
use trainyard::data::{OnError, PathSpec, Profiling, Resources, SourceConfig, Validated, profile_against};
use trainyard::features::ColumnType;
use trainyard::features::profile::{Profile, ProfilerConfig};
use trainyard::features::validation::DataSchema;
use trainyard::train::draft::completed;

/// How files are written.
#[derive(Debug, Args)]
pub struct Reading {
    /// Read as `[data]` of this spec says, and its training rows unless others are named.
    #[arg(long, value_name = "FILE")]
    spec: Option<PathBuf>,
    /// Names of the columns, for CSV without a header.
    #[arg(long, value_delimiter = ',', value_name = "COLUMN,…")]
    columns: Vec<String>,
    /// The character between fields of CSV.
    #[arg(long, value_name = "CHAR")]
    delimiter: Option<char>,
    /// Texts that stand for a missing value, besides the empty one.
    #[arg(long, value_delimiter = ',', value_name = "TEXT,…")]
    missing: Vec<String>,
    /// Types of columns: float, int, text, bool or time [default: as found].
    #[arg(long, value_delimiter = ',', value_name = "COLUMN=TYPE,…")]
    types: Vec<String>,
    /// Leave out rows that cannot be read, and count them.
    #[arg(long)]
    skip_errors: bool,
    #[command(flatten)]
    engine: EngineArgs,
}

impl Reading {
    /// The settings for files; those that are open and can be found out are.
    pub fn source(&self, data: &[String]) -> Result<SourceConfig> {
        let path = PathSpec::Many(data.to_vec());
        let mut config = match &self.spec {
            Some(spec) => {
                let spec = Spec::read(spec)?;
                match spec.data.inputs(&spec.data.train, &spec.base)?.as_slice() {
                    _ if !data.is_empty() => SourceConfig { path, ..spec.data.files.clone() },
                    [one] => one.clone(),
                    _ => bail!("the spec has several inputs; name the files of one"),
                }
            }
            None if data.is_empty() => bail!("there is nothing to read; name files, or a spec with `--spec`"),
            None => SourceConfig { path, ..SourceConfig::default() },
        };
        if !self.columns.is_empty() {
            (config.header, config.columns) = (false, self.columns.clone());
        }
        config.delimiter = self.delimiter.or(config.delimiter);
        config.missing.extend(self.missing.iter().cloned());
        for setting in &self.types {
            let (column, column_type) = column_type(setting)?;
            config.types.insert(column, column_type);
        }
        if self.skip_errors {
            config.on_error = OnError::Skip;
        }
        Ok(completed(&config)?)
    }

    /// The label that the spec names.
    pub fn label(&self) -> Result<Option<String>> {
        self.spec.as_ref().map(|spec| Ok(Spec::read(spec)?.data.label.column)).transpose()
    }

    /// What data is like, read as a schema says: files, or one that `stats --save` wrote.
    pub fn profile(&self, data: &[String], label: Option<&str>, schema: &DataSchema, exact: bool) -> Result<Validated> {
        if let [path] = data
            && let Some(profile) = saved(Path::new(path))?
        {
            return Ok(Validated { profile, anomalies: Vec::new(), skipped: 0 });
        }
        let config = ProfilerConfig { label: label.map(str::to_owned), rows: true };
        let how = Profiling { config, exact, engine: self.engine.engine(Resources::default())? };
        let bar = progress::Rows::new("look at the data");
        let validated = profile_against(schema, &self.source(data)?, &how, &|rows| bar.set(rows))?;
        if validated.skipped > 0 {
            tracing::warn!("{} rows that cannot be read were left out", validated.skipped);
        }
        Ok(validated)
    }
}

/// The profile that a file holds, if it is one.
fn saved(path: &Path) -> Result<Option<Profile>> {
    if path.extension().is_none_or(|extension| extension != "json") || !path.is_file() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    // Data of JSON does not begin with a version.
    if !text.starts_with("{\"version\":") {
        return Ok(None);
    }
    Ok(Some(Profile::from_json(&text).with_context(|| format!("cannot read `{}`", path.display()))?))
}

fn column_type(setting: &str) -> Result<(String, ColumnType)> {
    let found = setting.rsplit_once('=').and_then(|(column, name)| {
        Some((column.to_owned(), ColumnType::ALL.into_iter().find(|column_type| column_type.to_string() == name)?))
    });
    found.with_context(|| {
        format!("`--types {setting}` gives no type; write COLUMN=TYPE with float, int, text, bool or time")
    })
}
