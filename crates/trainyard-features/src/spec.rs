//! Features as a user writes them.

use crate::error::{list, suggestion};
use crate::{Error, FeatureOp, Result};
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

/// One table `[features.NAME]`: an operation, what it reads, and whether the result reaches the model.
///
/// ```toml
/// [features.fare_z]
/// op = "z_score"
/// input = "fare"
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FeatureSpec {
    /// What the operation reads: columns or other features. Empty means the column with the feature's own name.
    /// Written as `input = "a"` or `inputs = ["a", "b"]`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<String>,
    /// Whether the model sees the feature. By default it does unless another feature reads it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<bool>,
    /// The table of embeddings that the feature shares with all that name the same one, and that those inherit which pass its
    /// ids on. Vocabularies that share are fitted together, as one over the values of all of their inputs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<String>,
    /// The operation and its parameters.
    #[serde(flatten)]
    pub op: FeatureOp,
}

impl FeatureSpec {
    /// An operation on these inputs, which reaches the model unless another feature reads it.
    pub fn new(op: FeatureOp, inputs: &[&str]) -> Self {
        Self { inputs: inputs.iter().map(ToString::to_string).collect(), output: None, share: None, op }
    }

    /// Reads a table whose feature is called `name`.
    fn parse(name: &str, table: Value) -> Result<Self> {
        let Value::Object(mut table) = table else {
            return Err(Error::feature(name, "is not a table; expected `op = \"..\"` and its parameters"));
        };
        let operations = || format!("operations: {}", list(FeatureOp::NAMES.iter()));
        let inputs = match (table.remove("input"), table.remove("inputs")) {
            (None, None) => Vec::new(),
            (Some(Value::String(input)), None) => vec![input],
            (None, Some(inputs)) => serde_json::from_value(inputs)
                .map_err(|error| Error::feature(name, format!("`inputs` must be a list of names: {error}")))?,
            (Some(_), None) => return Err(Error::feature(name, "`input` must be one name; for several use `inputs`")),
            (Some(_), Some(_)) => return Err(Error::feature(name, "has both `input` and `inputs`; keep one")),
        };
        let output = match table.remove("output") {
            None => None,
            Some(Value::Bool(output)) => Some(output),
            Some(other) => return Err(Error::feature(name, format!("`output` is {other}; expected true or false"))),
        };
        let share = match table.remove("share") {
            None => None,
            Some(Value::String(share)) if !share.is_empty() => Some(share),
            Some(other) => {
                return Err(Error::feature(name, format!("`share` is {other}; expected the name of a table")));
            }
        };
        match table.get("op").map(Value::as_str) {
            None => return Err(Error::feature(name, format!("has no `op`; {}", operations()))),
            Some(Some(op)) if !FeatureOp::NAMES.contains(&op) => {
                let nearest = suggestion(op, FeatureOp::NAMES.iter().copied());
                return Err(Error::feature(name, format!("there is no operation `{op}`{nearest}; {}", operations())));
            }
            Some(_) => {}
        }
        let op =
            serde_json::from_value(Value::Object(table)).map_err(|error| Error::feature(name, error.to_string()))?;
        Ok(Self { inputs, output, share, op })
    }
}

/// The features of a spec by name, in the order in which they were written.
///
/// ```
/// use trainyard_features::FeatureSpecs;
///
/// let specs: FeatureSpecs = serde_json::from_str(r#"{ "age": { "op": "z_score" } }"#).unwrap();
/// assert_eq!(specs.names().collect::<Vec<_>>(), ["age"]);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FeatureSpecs(Vec<(String, FeatureSpec)>);

impl FeatureSpecs {
    /// No features.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a feature.
    ///
    /// # Errors
    ///
    /// [`Error::Feature`] when there is one of that name.
    pub fn push(&mut self, name: impl Into<String>, spec: FeatureSpec) -> Result<()> {
        let name = name.into();
        if self.0.iter().any(|(other, _)| *other == name) {
            return Err(Error::feature(&name, "is defined twice; rename or remove one"));
        }
        self.0.push((name, spec));
        Ok(())
    }

    /// The features.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &FeatureSpec)> {
        self.0.iter().map(|(name, spec)| (name.as_str(), spec))
    }

    /// The names of the features.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// The features at places that pass.
    pub(crate) fn keep(&self, passes: impl Fn(usize) -> bool) -> Self {
        let kept = self.0.iter().enumerate().filter(|(i, _)| passes(*i));
        Self(kept.map(|(_, entry)| entry.clone()).collect())
    }

    /// Number of features.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for FeatureSpecs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, spec) in &self.0 {
            map.serialize_entry(name, spec)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for FeatureSpecs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(SpecsVisitor)
    }
}

/// Reads the tables one by one, so that they keep their order and an error names its feature.
struct SpecsVisitor;

impl<'de> Visitor<'de> for SpecsVisitor {
    type Value = FeatureSpecs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tables `[features.NAME]`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<FeatureSpecs, A::Error> {
        let mut specs = FeatureSpecs::new();
        while let Some((name, table)) = map.next_entry::<String, Value>()? {
            let spec = FeatureSpec::parse(&name, table).map_err(A::Error::custom)?;
            specs.push(name, spec).map_err(A::Error::custom)?;
        }
        Ok(specs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<FeatureSpecs, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[track_caller]
    fn check_error(json: &str, expected: &str) {
        let message = parse(json).unwrap_err();
        assert!(message.contains(expected), "{message}");
    }

    #[test]
    fn features_keep_their_order_and_survive_json() {
        let specs = parse(
            r#"{"z": {"op": "log1p", "input": "x", "output": false}, "a": {"op": "cross", "inputs": ["z", "b"], "buckets": 9}}"#,
        )
        .unwrap();
        assert_eq!(specs.names().collect::<Vec<_>>(), ["z", "a"]);
        assert_eq!(parse(&serde_json::to_string(&specs).unwrap()).unwrap(), specs);
    }

    #[test]
    fn toml_reads_the_same() {
        let specs: FeatureSpecs = toml::from_str("[x]\nop = \"clip\"\nmin = 0\nmax = 2.5").unwrap();
        assert_eq!(specs, parse(r#"{"x": {"op": "clip", "min": 0.0, "max": 2.5}}"#).unwrap());
    }

    #[test]
    fn an_unknown_operation_is_named_with_the_nearest_and_all() {
        check_error(
            r#"{"x": {"op": "zscore"}}"#,
            "`[features.x]`: there is no operation `zscore`; did you mean `z_score`?; operations: `numeric`, `sql`",
        );
    }

    #[test]
    fn a_table_without_operation_says_so() {
        check_error(r#"{"x": {"input": "y"}}"#, "`[features.x]`: has no `op`; operations: `numeric`");
    }

    #[test]
    fn an_unknown_parameter_is_named_with_those_there_are() {
        check_error(r#"{"x": {"op": "hash", "bukets": 3}}"#, "`[features.x]`: unknown field `bukets`, expected");
    }

    #[test]
    fn input_and_inputs_together_are_refused() {
        check_error(r#"{"x": {"op": "log1p", "input": "y", "inputs": ["y"]}}"#, "has both `input` and `inputs`");
    }

    #[test]
    fn share_is_a_name() {
        check_error(
            r#"{"x": {"op": "hash", "buckets": 9, "share": true}}"#,
            "`share` is true; expected the name of a table",
        );
        let json = r#"{"x":{"inputs":["y"],"share":"t","op":"hash","buckets":9}}"#;
        assert_eq!(serde_json::to_string(&parse(json).unwrap()).unwrap(), json);
    }

    #[test]
    fn a_name_is_given_once() {
        check_error(r#"{"x": {"op": "log1p"}, "x": {"op": "log1p"}}"#, "`[features.x]`: is defined twice");
    }
}
