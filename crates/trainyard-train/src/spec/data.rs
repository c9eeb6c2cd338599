//! `[data]`: where rows come from and what is to be predicted.

use super::inputs::Inputs;
use super::text::nearest;
use crate::{Error, Result};
use serde::de::{Deserializer, Error as _};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use toml::{Table, Value};
use trainyard_data::{RowWeight, SourceConfig, SplitConfig};
use trainyard_features::{LabelSpec, LabelTask, LabelValue};

/// `[data]` of a spec. Next to its own settings the table holds those of [`SourceConfig`], which say how the files are
/// written and count for all of them.
#[derive(Debug, Clone, PartialEq)]
pub struct DataConfig {
    /// The rows to learn from.
    pub train: Inputs,
    /// The rows by which training is judged and stopped; when left out, one training row in ten is held out.
    pub eval: Option<Inputs>,
    /// Rows that nothing is chosen by, for the final figures.
    pub test: Option<Inputs>,
    /// Keys that divide the rows of `train` in place of `eval` and `test`.
    pub split: Option<SplitConfig>,
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
    train: Inputs,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    eval: Option<Inputs>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    test: Option<Inputs>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    split: Option<SplitConfig>,
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
    const KEYS: [&'static str; 9] = ["train", "eval", "test", "split", "label", "task", "positive", "weight", "keys"];
}

impl DataConfig {
    /// Training rows and what to predict; nothing else.
    pub fn new(train: impl Into<Inputs>, label: LabelSpec) -> Self {
        let (train, files) = (train.into(), SourceConfig::default());
        Self { train, eval: None, test: None, split: None, label, weight: None, keys: Vec::new(), files }
    }

    /// How to read the inputs of one of the splits, with relative paths counted from `base`.
    ///
    /// # Errors
    ///
    /// When the settings of an input cannot be; those that were read from a spec can.
    pub fn inputs(&self, split: &Inputs, base: &Path) -> Result<Vec<SourceConfig>> {
        let weights = self.are_inputs_weighted().then(|| RowWeight { factor: 1.0, column: self.weight.clone() });
        let source = |input: &super::Input| {
            let refused =
                |error: toml::de::Error| Error::config(error.message().to_owned(), "correct the input in `[data]`");
            input.source(&self.files, weights.as_ref()).map_err(refused)
        };
        split.joined(base).0.iter().map(source).collect()
    }

    /// The column that holds what rows weigh, if there is one.
    pub fn weight_column(&self) -> Option<String> {
        let of_inputs = || self.are_inputs_weighted().then(|| trainyard_data::INPUT_WEIGHT.to_owned());
        self.weight.clone().or_else(of_inputs)
    }

    /// Whether inputs, of whatever split, say what their rows weigh; then those of all splits have weights.
    fn are_inputs_weighted(&self) -> bool {
        [Some(&self.train), self.eval.as_ref(), self.test.as_ref()].into_iter().flatten().any(Inputs::are_weighted)
    }

    /// How the files are written, without their paths, as a bundle keeps it. Rows of other files weigh 1 where only the inputs
    /// told what rows weigh.
    pub(crate) fn files_as_data(&self) -> Result<BTreeMap<String, serde_json::Value>> {
        let are_weights_added = self.weight.is_none() && self.are_inputs_weighted();
        let weight = are_weights_added.then_some(RowWeight { factor: 1.0, column: None });
        let files = SourceConfig { weight, ..self.files.clone() };
        let value = serde_json::to_value(&files).and_then(serde_json::from_value::<BTreeMap<_, _>>);
        let mut files = value.map_err(|error| Error::Internal(error.to_string()))?;
        files.remove("path");
        Ok(files)
    }

    /// The same with absolute paths.
    #[must_use]
    pub fn resolved(&self, base: &Path) -> Self {
        let base = std::path::absolute(base).unwrap_or_else(|_| PathBuf::from(base));
        let resolve = |inputs: &Inputs| inputs.joined(&base);
        Self {
            train: resolve(&self.train),
            eval: self.eval.as_ref().map(resolve),
            test: self.test.as_ref().map(resolve),
            ..self.clone()
        }
    }

    /// Refuses two answers to the question which rows judge.
    pub(super) fn check(&self) -> Result<()> {
        let Some(split) = &self.split else { return Ok(()) };
        let given = [("eval", &self.eval), ("test", &self.test)].into_iter().find(|(_, inputs)| inputs.is_some());
        if let Some((name, _)) = given {
            return Err(Error::config(
                format!("`[data]` has `split`, which divides the rows of `train`, and `{name}`, too"),
                format!("remove `{name}`, or `split`"),
            ));
        }
        Ok(split.check()?)
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
            split: self.split.clone(),
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
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let (own, files): (Table, Table) =
            Table::deserialize(deserializer)?.into_iter().partition(|(key, _)| Own::KEYS.contains(&key.as_str()));
        refuse_unknown::<D::Error>(&files, &Own::KEYS, "`[data]`")?;
        let own: Own = Value::Table(own).try_into().map_err(D::Error::custom)?;
        let files = Value::Table(files).try_into().map_err(D::Error::custom)?;
        let Own { train, eval, test, split, label, task, positive, weight, keys } = own;
        Ok(Self { train, eval, test, split, label: LabelSpec { column: label, task, positive }, weight, keys, files })
    }
}

/// Refuses a key of `place` that is neither one of its `own` nor a setting of files, with the nearest of both.
pub(super) fn refuse_unknown<E: serde::de::Error>(files: &Table, own: &[&str], place: &str) -> Result<(), E> {
    const FILES: [&str; 9] =
        ["format", "header", "columns", "types", "delimiter", "quotes", "trim", "missing", "on_error"];
    let Some(unknown) = files.keys().find(|key| !FILES.contains(&key.as_str())) else { return Ok(()) };
    let known: Vec<&str> = own.iter().copied().chain(FILES).collect();
    let hint = nearest(unknown, known.iter().copied()).map(|n| format!(" (did you mean `{n}`?)")).unwrap_or_default();
    let listed: Vec<String> = known.iter().map(|key| format!("`{key}`")).collect();
    Err(E::custom(format!("unknown key `{unknown}` in {place}{hint}; the keys are {}", listed.join(", "))))
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
        assert_eq!(refuse_unknown::<toml::de::Error>(&table, &[], ""), Ok(()));
        assert_eq!(table.len(), 9);
    }
}
