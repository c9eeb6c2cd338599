//! The columns of raw data and their types.

use arrow::datatypes::{DataType, TimeUnit};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The type of a raw column.
///
/// | type | Arrow array | words in a spec |
/// |---|---|---|
/// | `Float` | `Float64Array` | `float` |
/// | `Int` | `Int64Array` | `int` |
/// | `Text` | `StringArray`, `DictionaryArray` of 32-bit places in one, or `ListArray` of text or ints | `text` |
/// | `Bool` | `BooleanArray` | `bool` |
/// | `Time` | `TimestampSecondArray` without a zone | `time` |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// Numbers; features see them as `f32`.
    Float,
    /// Whole numbers of 64 bits.
    Int,
    /// UTF-8 text, or lists of it, each row any number.
    Text,
    /// True or false.
    Bool,
    /// Times; features see them as whole seconds since 1970-01-01 00:00 UTC. As text they are what
    /// [`time::parse`](crate::time::parse) reads.
    Time,
}

impl ColumnType {
    /// All types.
    pub const ALL: [Self; 5] = [Self::Float, Self::Int, Self::Text, Self::Bool, Self::Time];

    /// The Arrow type of a column that does not hold lists.
    pub fn arrow(self) -> DataType {
        match self {
            Self::Float => DataType::Float64,
            Self::Int => DataType::Int64,
            Self::Text => DataType::Utf8,
            Self::Bool => DataType::Boolean,
            Self::Time => DataType::Timestamp(TimeUnit::Second, None),
        }
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Float => "float",
            Self::Int => "int",
            Self::Text => "text",
            Self::Bool => "bool",
            Self::Time => "time",
        })
    }
}

/// A raw column: its name and type.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Name of the column.
    pub name: String,
    /// Type of its values.
    #[serde(rename = "type")]
    pub column_type: ColumnType,
}

/// The raw columns of a source, in order.
///
/// ```
/// use trainyard_features::{ColumnType, Schema};
///
/// let schema = Schema::new([("age", ColumnType::Float), ("city", ColumnType::Text)]);
/// assert_eq!(schema.get("city").unwrap().column_type, ColumnType::Text);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Schema {
    /// The columns.
    pub fields: Vec<Field>,
}

impl Schema {
    /// A schema of these names and types.
    pub fn new<S: Into<String>>(columns: impl IntoIterator<Item = (S, ColumnType)>) -> Self {
        let field = |(name, column_type): (S, _)| Field { name: name.into(), column_type };
        Self { fields: columns.into_iter().map(field).collect() }
    }

    /// The column of that name.
    pub fn get(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The names of the columns, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|field| field.name.as_str())
    }
}
