//! The inputs of a split: `train = "a.csv"`, or several, `train = [{ path = "a/*.csv", weight = 3.0 }, "b.parquet"]`.

use super::data::refuse_unknown;
use serde::de::{Deserializer, Error as _};
use serde::ser::{Error as _, Serializer};
use serde::{Deserialize, Serialize};
use std::path::Path;
use toml::{Table, Value};
use trainyard_data::{PathSpec, RowWeight, SourceConfig};

/// The inputs whose rows a split has, one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Inputs(pub Vec<Input>);

/// Files that are written and weighed alike.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// Where they are.
    pub path: PathSpec,
    /// A factor on the weight of each row, which is 1 where no column says otherwise. Finite and at least 0; 1 when left out.
    ///
    /// It multiplies what a row counts in the loss, in the figures and in the statistics of the label, as a column of weights does.
    /// Nothing is sampled: an epoch has each row once. Features are fitted to rows as they are, whatever they weigh.
    pub weight: Option<f64>,
    /// Settings of [`SourceConfig`] that take the place of those of `[data]`.
    pub settings: Table,
}

impl Inputs {
    /// The same with paths that count from `base`.
    pub(super) fn joined(&self, base: &Path) -> Self {
        let input = |input: &Input| Input { path: input.path.from_folder(base), ..input.clone() };
        Self(self.0.iter().map(input).collect())
    }

    /// Whether an input says what its rows weigh.
    pub(super) fn are_weighted(&self) -> bool {
        self.0.iter().any(|input| input.weight.is_some())
    }
}

impl Input {
    /// How to read it, where `files` are the settings of `[data]`. With `weights`, the rows weigh what the input says.
    pub(super) fn source(
        &self,
        files: &SourceConfig,
        weights: Option<&RowWeight>,
    ) -> Result<SourceConfig, toml::de::Error> {
        let weight = weights.map(|weights| RowWeight { factor: self.weight.unwrap_or(1.0), ..weights.clone() });
        let mut config = SourceConfig { path: self.path.clone(), ..files.clone() };
        if !self.settings.is_empty() {
            let mut settings = Table::try_from(&config).map_err(toml::de::Error::custom)?;
            for (key, value) in &self.settings {
                match (settings.get_mut(key), value) {
                    // Types are given column by column.
                    (Some(Value::Table(types)), Value::Table(more)) => types.extend(more.clone()),
                    _ => drop(settings.insert(key.clone(), value.clone())),
                }
            }
            config = Value::Table(settings).try_into()?;
        }
        Ok(SourceConfig { weight, ..config })
    }

    fn from_value(value: Value) -> Result<Self, toml::de::Error> {
        let Value::Table(mut settings) = value else {
            return Ok(PathSpec::deserialize(value)?.into());
        };
        let path = settings.remove("path").ok_or_else(|| toml::de::Error::missing_field("path"))?.try_into()?;
        let weight = settings.remove("weight").map(Value::try_into).transpose()?;
        refuse_unknown::<toml::de::Error>(&settings, &["path", "weight"], "an input")?;
        let input = Self { path, weight, settings };
        // What is wrong with a setting is told now, with its place in the file.
        input.source(&SourceConfig::default(), None)?;
        Ok(input)
    }

    fn is_path(&self) -> bool {
        self.weight.is_none() && self.settings.is_empty()
    }
}

impl From<PathSpec> for Input {
    fn from(path: PathSpec) -> Self {
        Self { path, weight: None, settings: Table::new() }
    }
}

impl From<PathSpec> for Inputs {
    fn from(path: PathSpec) -> Self {
        Self(vec![path.into()])
    }
}

impl From<&str> for Inputs {
    fn from(path: &str) -> Self {
        PathSpec::from(path).into()
    }
}

impl From<&Path> for Inputs {
    fn from(path: &Path) -> Self {
        PathSpec::from(path).into()
    }
}

impl std::fmt::Display for Inputs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let paths: Vec<_> = self.0.iter().map(|input| input.path.to_string()).collect();
        f.write_str(&paths.join(", "))
    }
}

impl Serialize for Input {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_path() {
            return self.path.serialize(serializer);
        }
        let mut table = self.settings.clone();
        table.insert("path".to_owned(), Value::try_from(&self.path).map_err(S::Error::custom)?);
        table.extend(self.weight.map(|weight| ("weight".to_owned(), Value::Float(weight))));
        table.serialize(serializer)
    }
}

impl Serialize for Inputs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [input] if input.is_path() => input.serialize(serializer),
            inputs => serializer.collect_seq(inputs),
        }
    }
}

impl<'de> Deserialize<'de> for Inputs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let inputs = match Value::deserialize(deserializer)? {
            // A list of paths is one input.
            Value::Array(values) if values.iter().any(|value| !value.is_str()) => values,
            value => vec![value],
        };
        let inputs = inputs.into_iter().map(Input::from_value).collect::<Result<_, _>>();
        inputs.map(Self).map_err(|error| D::Error::custom(error.message()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(toml: &str) -> Result<Inputs, toml::de::Error> {
        let mut table: Table = format!("train = {toml}").parse().unwrap();
        table.remove("train").unwrap().try_into()
    }

    #[track_caller]
    fn check(toml: &str, paths: &[&[&str]], weights: &[Option<f64>]) {
        let inputs = parse(toml).unwrap();
        assert_eq!(inputs.0.iter().map(|input| input.path.paths()).collect::<Vec<_>>(), paths);
        assert_eq!(inputs.0.iter().map(|input| input.weight).collect::<Vec<_>>(), weights);
        let written = Value::try_from(&inputs).unwrap();
        assert_eq!(written.try_into::<Inputs>().unwrap(), inputs);
    }

    #[test]
    fn an_input_is_a_path_a_list_of_paths_or_a_table() {
        check("'a.csv'", &[&["a.csv"]], &[None]);
        check("['a.csv', 'b.csv']", &[&["a.csv", "b.csv"]], &[None]);
        check("{ path = ['a.csv', 'b.csv'], weight = 2 }", &[&["a.csv", "b.csv"]], &[Some(2.0)]);
        check(
            "[{ path = 'a/*.csv', weight = 3.5, delimiter = ';' }, 'b']",
            &[&["a/*.csv"], &["b"]],
            &[Some(3.5), None],
        );
    }

    #[track_caller]
    fn check_refused(toml: &str, expected: &str) {
        let error = parse(toml).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn what_is_no_input_is_named() {
        check_refused("[{ weight = 2 }]", "missing field `path`");
        check_refused("{ path = 'a.csv', wieght = 2 }", "unknown key `wieght` in an input (did you mean `weight`?)");
        check_refused("{ path = 'a.csv', weight = 'much' }", "invalid type");
        check_refused("{ path = 'a.csv', header = 3 }", "invalid type");
    }

    #[test]
    fn settings_of_an_input_take_the_place_of_those_of_all() {
        let all = "{ path = 'x', header = false, columns = ['a', 'b'], types = { a = 'int', b = 'text' } }";
        let all = parse(all).unwrap().0[0].source(&SourceConfig::default(), None).unwrap();
        let inputs = parse("[{ path = 'p', header = true, columns = [], types = { b = 'float' } }, 'q']").unwrap();
        let first = inputs.0[0].source(&all, None).unwrap();
        assert_eq!((first.header, first.columns.len(), first.types.len()), (true, 0, 2));
        assert_eq!(first.types["b"], trainyard_features::ColumnType::Float);
        assert_eq!(inputs.0[1].source(&all, None).unwrap(), SourceConfig { path: "q".into(), ..all });
    }
}
