//! What columns must be like: `schema.toml`.

use crate::schema::ColumnType;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a data set must be like.
///
/// ```
/// use trainyard_features::validation::DataSchema;
///
/// let schema = DataSchema::from_toml(
///     r#"
///     [columns.fare]
///     type = "float"
///     presence = 1.0
///     range = [0.0, 500.0]
///     "#,
/// )?;
/// assert_eq!(schema.columns["fare"].range, Some((0.0, 500.0)));
/// # Ok::<(), trainyard_features::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataSchema {
    /// How many rows there must be.
    pub rows: RowsRule,
    /// How far columns may move from earlier data, unless they say so themselves.
    pub drift: Thresholds,
    /// How far columns may differ in served data, unless they say so themselves.
    pub skew: Thresholds,
    /// The columns by name.
    pub columns: BTreeMap<String, ColumnRule>,
}

/// How many rows there must be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RowsRule {
    /// At least so many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<u64>,
    /// At most so many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<u64>,
}

/// What a column must be like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnRule {
    /// Type of its values.
    #[serde(rename = "type")]
    pub column_type: ColumnType,
    /// What it is for.
    #[serde(default)]
    pub role: Role,
    /// The least share of rows with a value, from 0 to 1.
    #[serde(default)]
    pub presence: f64,
    /// Of lists: the least and the greatest number of items where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valency: Option<(u64, u64)>,
    /// Of numbers: the least and the greatest that may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<(f64, f64)>,
    /// Of text, bool and int: the values that may be, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<String>>,
    /// The share of values that may be others, from 0 to 1.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unexpected: f64,
    /// Of floats: whether values may be NaN.
    #[serde(default, skip_serializing_if = "is_false")]
    pub nan: bool,
    /// Of floats: whether values may be infinite.
    #[serde(default, skip_serializing_if = "is_false")]
    pub infinite: bool,
    /// How far it may move from earlier data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<Thresholds>,
    /// How far it may differ in served data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skew: Option<Thresholds>,
}

/// What a column is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Something to predict from.
    #[default]
    Feature,
    /// What is to be predicted.
    Label,
    /// How much a row counts.
    Weight,
    /// The name of a row.
    Id,
    /// Which part of the data a row belongs to.
    Split,
}

/// How different a column may be from itself elsewhere; see [`crate::profile::Distance`]. What is not set is not compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Of text, bool and int with `values`: the greatest difference of the share of a value, from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub l_infinity: Option<f64>,
    /// Of all: the divergence of the distributions, from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jensen_shannon: Option<f64>,
}

impl DataSchema {
    /// Reads a schema.
    ///
    /// # Errors
    ///
    /// [`Error::Spec`] with line and column when it is not one.
    pub fn from_toml(text: &str) -> Result<Self> {
        let schema: Self = toml::from_str(text).map_err(|error| Error::spec(error.to_string().trim_end()))?;
        schema.columns.iter().try_for_each(|(name, rule)| rule.check(name))?;
        Ok(schema)
    }
}

impl ColumnRule {
    /// A column of a type, of which nothing else is expected.
    pub fn new(column_type: ColumnType) -> Self {
        Self {
            column_type,
            role: Role::default(),
            presence: 0.0,
            valency: None,
            range: None,
            values: None,
            unexpected: 0.0,
            nan: false,
            infinite: false,
            drift: None,
            skew: None,
        }
    }

    /// Refuses what no column can be.
    fn check(&self, name: &str) -> Result<()> {
        let wrong = |problem: String| Err(Error::spec(format!("`[columns.{name}]`: {problem}")));
        for (setting, share) in [("presence", self.presence), ("unexpected", self.unexpected)] {
            if !(0.0..=1.0).contains(&share) {
                return wrong(format!("`{setting}` is {share}; expected a share from 0 to 1"));
            }
        }
        let is_number = matches!(self.column_type, ColumnType::Float | ColumnType::Int | ColumnType::Time);
        match self {
            Self { range: Some((low, high)), .. } if low > high || low.is_nan() || high.is_nan() => {
                wrong("`range` ends before it begins; write `[least, greatest]`".to_owned())
            }
            Self { valency: Some((low, high)), .. } if low > high => {
                wrong("`valency` ends before it begins; write `[least, greatest]`".to_owned())
            }
            Self { range: Some(_), .. } if !is_number => {
                wrong(format!("`range` is of numbers, but the column is `{}`; use `values`", self.column_type))
            }
            Self { values: Some(_), column_type: column_type @ (ColumnType::Float | ColumnType::Time), .. } => {
                wrong(format!("`values` is of text, bool and int, but the column is `{column_type}`; use `range`"))
            }
            _ => Ok(()),
        }
    }
}

fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

fn is_false(value: &bool) -> bool {
    !value
}
