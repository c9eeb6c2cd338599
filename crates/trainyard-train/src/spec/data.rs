//! `[data]`: where rows come from and what is to be predicted.

use super::text::nearest;
use serde::de::{Deserializer, Error as _};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use toml::{Table, Value};
use trainyard_data::{PathSpec, SourceConfig};
use trainyard_features::{LabelSpec, LabelTask, LabelValue};

/// `[data]` of a spec. Next to its own settings the table holds those of [`SourceConfig`], which say how the files are
/// written and count for all of them.
#[derive(Debug, Clone, PartialEq)]
pub struct DataConfig {
    /// The rows to learn from.
    pub train: PathSpec,
    /// The rows by which training is judged and stopped; when left out, one training row in ten is held out.
    pub eval: Option<PathSpec>,
    /// Rows that nothing is chosen by, for the final figures.
    pub test: Option<PathSpec>,
    /// The column to predict, and the kind of answer.
    pub label: LabelSpec,
    /// The column of weights; every row weighs 1 without.
    pub weight: Option<String>,
    /// Columns that name a row. They are no features; predictions carry them through.
    pub keys: Vec<String>,
    /// How the files are written.
    pub files: SourceConfig,
}

/// The settings that are not those of [`SourceConfig`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Own {
    train: PathSpec,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    eval: Option<PathSpec>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    test: Option<PathSpec>,
    label: String,
    task: LabelTask,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    positive: Option<LabelValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    weight: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    keys: Vec<String>,
}

impl Own {
    const KEYS: [&'static str; 8] = ["train", "eval", "test", "label", "task", "positive", "weight", "keys"];
}

impl DataConfig {
    /// Training rows and what to predict; nothing else.
    pub fn new(train: impl Into<PathSpec>, label: LabelSpec) -> Self {
        let files = SourceConfig::default();
        Self { train: train.into(), eval: None, test: None, label, weight: None, keys: Vec::new(), files }
    }

    /// How to read one of the splits, with relative paths counted from `base`.
    pub fn source(&self, split: &PathSpec, base: &Path) -> SourceConfig {
        SourceConfig { path: split.from_folder(base), ..self.files.clone() }
    }

    /// How the files are written, without their paths, as a bundle keeps it.
    pub(crate) fn files_as_data(&self) -> crate::Result<BTreeMap<String, serde_json::Value>> {
        let value = serde_json::to_value(&self.files).and_then(serde_json::from_value::<BTreeMap<_, _>>);
        let mut files = value.map_err(|error| crate::Error::Internal(error.to_string()))?;
        files.remove("path");
        Ok(files)
    }

    /// The same with absolute paths.
    #[must_use]
    pub fn resolved(&self, base: &Path) -> Self {
        let base = std::path::absolute(base).unwrap_or_else(|_| PathBuf::from(base));
        let resolve = |path: &PathSpec| self.source(path, &base).path;
        Self {
            train: resolve(&self.train),
            eval: self.eval.as_ref().map(resolve),
            test: self.test.as_ref().map(resolve),
            ..self.clone()
        }
    }
}

impl Serialize for DataConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        /// Both kinds of settings in one table.
        #[derive(Serialize)]
        struct Both {
            #[serde(flatten)]
            own: Own,
            #[serde(flatten)]
            files: Table,
        }
        let own = Own {
            train: self.train.clone(),
            eval: self.eval.clone(),
            test: self.test.clone(),
            label: self.label.column.clone(),
            task: self.label.task,
            positive: self.label.positive.clone(),
            weight: self.weight.clone(),
            keys: self.keys.clone(),
        };
        let mut files = Table::try_from(&self.files).map_err(serde::ser::Error::custom)?;
        files.remove("path");
        Both { own, files }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for DataConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (own, files): (Table, Table) =
            Table::deserialize(deserializer)?.into_iter().partition(|(key, _)| Own::KEYS.contains(&key.as_str()));
        refuse_unknown::<D::Error>(&files)?;
        let own: Own = Value::Table(own).try_into().map_err(D::Error::custom)?;
        let files = Value::Table(files).try_into().map_err(D::Error::custom)?;
        let Own { train, eval, test, label, task, positive, weight, keys } = own;
        Ok(Self { train, eval, test, label: LabelSpec { column: label, task, positive }, weight, keys, files })
    }
}

/// Refuses a key that is in neither group, with the nearest of both.
fn refuse_unknown<E: serde::de::Error>(files: &Table) -> Result<(), E> {
    const FILES: [&str; 9] =
        ["format", "header", "columns", "types", "delimiter", "quotes", "trim", "missing", "on_error"];
    let Some(unknown) = files.keys().find(|key| !FILES.contains(&key.as_str())) else { return Ok(()) };
    let known: Vec<&str> = Own::KEYS.into_iter().chain(FILES).collect();
    let hint = nearest(unknown, known.iter().copied()).map(|n| format!(" (did you mean `{n}`?)")).unwrap_or_default();
    let listed: Vec<String> = known.iter().map(|key| format!("`{key}`")).collect();
    Err(E::custom(format!("unknown key `{unknown}` in `[data]`{hint}; the keys are {}", listed.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_of_files_is_known() {
        let all =
            SourceConfig { format: Some(trainyard_data::Format::Csv), delimiter: Some(','), ..SourceConfig::default() };
        let mut table = Table::try_from(&all).unwrap();
        table.remove("path");
        assert_eq!(refuse_unknown::<toml::de::Error>(&table), Ok(()));
        assert_eq!(table.len(), 9);
    }
}
