//! A spec: one run as a file, `spec.toml`.
//!
//! ```toml
//! name = "taxi"
//!
//! [data]
//! train = "train.csv"
//! eval = "eval.csv"
//! label = "fare"
//! task = "regression"
//!
//! [features]
//! dx = { op = "sql", expr = "to_x - from_x" }
//! dx_scaled = { op = "z_score", input = "dx" }
//!
//! [model]
//! type = "dnn"
//! hidden_units = [64, 32]
//!
//! [train]
//! epochs = 30
//! ```

mod data;
mod inputs;
mod set;
mod text;
mod train;

pub use data::DataConfig;
pub use inputs::{Input, Inputs};
pub use train::{EarlyStopping, TrainConfig};

use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use trainyard_data::ViewConfig;
use trainyard_features::FeatureSpecs;
use trainyard_model::{ModelConfig, WIDE};
use trainyard_nn::optim::{AdamConfig, FtrlConfig};
use trainyard_nn::{Loss, MAIN_GROUP, OptimizerConfig};

/// One run: data, features, model, training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Name of the run and of the model that it exports.
    pub name: String,
    /// The loss; by default squared error for numbers and cross-entropy for classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<Loss>,
    /// Where rows come from and what is to be predicted.
    pub data: DataConfig,
    /// A query over the rows, whose result takes their place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view: Option<ViewConfig>,
    /// The features by name.
    pub features: FeatureSpecs,
    /// The model.
    #[serde(default)]
    pub model: ModelConfig,
    /// Optimizers by group of parameters: `main`, and `wide` for the linear part of a model. Adam and FTRL by default.
    #[serde(default)]
    pub optimizers: BTreeMap<String, OptimizerConfig>,
    /// How to train.
    #[serde(default)]
    pub train: TrainConfig,
    /// The directory from which relative paths of data count: that of the file.
    #[serde(skip)]
    pub base: PathBuf,
}

impl Spec {
    /// A run of these features on this data, with defaults for the rest.
    pub fn new(name: &str, data: DataConfig, features: FeatureSpecs) -> Self {
        Self {
            name: name.to_owned(),
            loss: None,
            data,
            view: None,
            features,
            model: ModelConfig::default(),
            optimizers: BTreeMap::new(),
            train: TrainConfig::default(),
            base: PathBuf::new(),
        }
    }

    /// Reads a spec file.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when it cannot be read, [`Error::Spec`] with line and column when it is not a spec.
    pub fn read(path: &Path) -> Result<Self> {
        Self::read_with(path, &[])
    }

    /// Reads a spec file and changes settings of it, each written `key=value`, such as `train.epochs=5`.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read), and when there is no such setting.
    pub fn read_with(path: &Path, settings: &[String]) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(Error::io("read the spec", path))?;
        let location = path.display().to_string();
        let mut spec = Self::parse_with(&text, &location, settings)?;
        spec.base = path.parent().unwrap_or(Path::new("")).to_owned();
        Ok(spec)
    }

    /// Reads a spec from text. Relative paths count from the current directory.
    ///
    /// # Errors
    ///
    /// [`Error::Spec`] with line and column.
    pub fn parse(text: &str) -> Result<Self> {
        Self::parse_with(text, "spec", &[])
    }

    fn parse_with(text: &str, location: &str, settings: &[String]) -> Result<Self> {
        let spec =
            if settings.is_empty() { text::parse(text, location)? } else { set::parse_with(text, location, settings)? };
        spec.check()?;
        Ok(spec)
    }

    /// The spec as TOML, with all defaults filled in.
    ///
    /// # Errors
    ///
    /// None for a spec that was read; a bug otherwise.
    pub fn to_toml(&self) -> Result<String> {
        let resolved = Self { optimizers: self.all_optimizers(), ..self.clone() };
        toml::to_string(&resolved).map_err(|error| Error::Internal(format!("a spec cannot be written: {error}")))
    }

    /// The optimizer of each group, with defaults for those that are not named.
    pub fn all_optimizers(&self) -> BTreeMap<String, OptimizerConfig> {
        let mut optimizers = BTreeMap::from([
            (MAIN_GROUP.to_owned(), OptimizerConfig::Adam(AdamConfig::default())),
            (WIDE.to_owned(), OptimizerConfig::Ftrl(FtrlConfig { learning_rate: 0.05, ..FtrlConfig::default() })),
        ]);
        optimizers.extend(self.optimizers.clone());
        optimizers
    }

    /// The same with absolute paths.
    #[must_use]
    pub fn resolved(&self) -> Self {
        Self { data: self.data.resolved(&self.base), view: self.resolved_view(), base: PathBuf::new(), ..self.clone() }
    }

    /// The view, with the paths of its tables absolute.
    pub(crate) fn resolved_view(&self) -> Option<ViewConfig> {
        // The directory of a file without one is the current one.
        let base = std::path::absolute(Path::new(".").join(&self.base)).unwrap_or_else(|_| self.base.clone());
        let mut view = self.view.clone()?;
        for table in view.tables.values_mut() {
            table.0.path = table.0.path.from_folder(&base);
        }
        Some(view)
    }

    fn check(&self) -> Result<()> {
        let is_file_name = !self.name.is_empty()
            && self.name.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c))
            && !self.name.starts_with('.');
        if !is_file_name {
            return Err(Error::config(
                format!("`name = \"{}\"` cannot name a directory", self.name),
                "use letters, digits, `-`, `_` and `.`, not starting with a dot",
            ));
        }
        self.data.check()?;
        self.train.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: &str = r#"
name = "t"
[data]
train = "a.csv"
label = "y"
task = "binary"
delimiter = ";"
[features]
b = { op = "z_score", input = "x" }
a = { op = "vocabulary", input = "c" }
[model]
type = "linear"
"#;

    #[track_caller]
    fn check_refused(from: &str, to: &str, parts: &[&str]) {
        let message = Spec::parse(&SPEC.replace(from, to)).unwrap_err().to_string();
        for part in parts {
            assert!(message.contains(part), "{message}\nlacks {part}");
        }
    }

    #[test]
    fn a_spec_survives_being_written() {
        let spec = Spec::parse(SPEC).unwrap();
        assert_eq!(spec.features.names().collect::<Vec<_>>(), ["b", "a"]);
        assert_eq!(spec.data.files.delimiter, Some(';'));
        let again = Spec::parse(&spec.to_toml().unwrap()).unwrap();
        assert_eq!(again.to_toml().unwrap(), spec.to_toml().unwrap());
        assert_eq!(again, Spec { optimizers: spec.all_optimizers(), ..spec });
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line_and_the_nearest_right_one() {
        check_refused(
            "type = \"linear\"",
            "type = \"linear\"\n[train]\nepoch = 3",
            &["`epoch`", "`epochs`", "line 14"],
        );
        check_refused("label = \"y\"", "lable = \"y\"", &["`lable`", "`label`"]);
        check_refused("delimiter", "delimitter", &["`delimitter`", "`delimiter`"]);
        check_refused("name = \"t\"", "name = \"t\"\nnmae = 1", &["`nmae`", "`name`"]);
    }

    #[test]
    fn an_unknown_value_is_named_with_the_nearest_right_one() {
        check_refused("\"linear\"", "\"liner\"", &["`liner`", "`linear`"]);
        check_refused("\"binary\"", "\"binari\"", &["`binari`", "`binary`"]);
        check_refused("z_score", "zscore", &["zscore", "z_score"]);
    }

    #[test]
    fn a_missing_key_is_named() {
        check_refused("label = \"y\"\n", "", &["`label`"]);
        check_refused("train = \"a.csv\"\n", "", &["`train`"]);
    }

    #[test]
    fn a_name_that_is_no_directory_is_refused() {
        check_refused("name = \"t\"", "name = \"../t\"", &["`name = \"../t\"`"]);
    }

    #[test]
    fn settings_are_changed_by_their_path() {
        let change = |settings: &[&str]| {
            Spec::parse_with(SPEC, "spec", &settings.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>())
        };
        let spec = change(&["train.epochs=7", "name=other", "data.train=b.csv", "features.b.input=z"]).unwrap();
        assert_eq!((spec.train.epochs, spec.name.as_str()), (7, "other"));
        assert_eq!(spec.data.train.to_string(), "b.csv");
        assert!(change(&["train.epoch=7"]).unwrap_err().to_string().contains("`epochs`"));
        assert!(change(&["train.epochs"]).unwrap_err().to_string().contains("key=value"));
        assert!(change(&["name.x=1"]).is_err());
    }
}
