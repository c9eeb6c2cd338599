//! What the columns of a data set are like.

use super::association::Association;
use super::numbers::NumberProfile;
use super::sample::Sample;
use super::values::{ValueProfile, is_unique};
use crate::schema::ColumnType;
use crate::{Error, Result, time};
use serde::{Deserialize, Serialize};

/// Version of the file; others are refused. Version 1 had no cells of numbers.
const VERSION: u64 = 2;

/// What the columns of a data set are like, and all that comparing it with another needs: the data need not be kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    version: u64,
    /// Rows looked at.
    pub rows: u64,
    /// The label, when columns were compared with it.
    pub label: Option<String>,
    /// The columns in the order of the data.
    pub columns: Vec<ColumnProfile>,
    /// Hashes of whole rows, when they were asked for: all, or a sample when there are very many.
    pub(super) row_hashes: Option<Sample>,
}

/// What one column is like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnProfile {
    /// Name of the column.
    pub name: String,
    /// Type of its values.
    #[serde(rename = "type")]
    pub column_type: ColumnType,
    /// Rows with a value, NaN among them.
    pub count: u64,
    /// Rows without one: null, empty text, an empty list.
    pub missing: u64,
    /// Of float, int and time, of which it is seconds since 1970.
    pub numbers: Option<NumberProfile>,
    /// Of int, text, bool and time.
    pub values: Option<ValueProfile>,
    /// Of lists of text or ints, whose items `values` tells of.
    pub lists: Option<ListProfile>,
    /// How it and the label vary together.
    pub associations: Vec<Association>,
}

/// How long the lists of a column are that are not missing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListProfile {
    /// Items of the shortest.
    pub min: u64,
    /// Items of the longest.
    pub max: u64,
    /// Items on average.
    pub mean: f64,
}

impl Profile {
    pub(super) fn new(
        rows: u64,
        label: Option<String>,
        columns: Vec<ColumnProfile>,
        row_hashes: Option<Sample>,
    ) -> Self {
        Self { version: VERSION, rows, label, columns, row_hashes }
    }

    /// The column of that name.
    pub fn get(&self, name: &str) -> Option<&ColumnProfile> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Rows that are equal to an earlier one, as features see them; `None` when rows were not hashed. Whether it is exact: it is
    /// an estimate when there were more rows than are kept.
    pub fn duplicate_rows(&self) -> Option<(u64, bool)> {
        let hashes = self.row_hashes.as_ref()?;
        Some((self.rows.saturating_sub(hashes.distinct()), hashes.is_exact()))
    }

    /// As a file: equal data gives equal bytes, whatever order and partition it was read in.
    ///
    /// # Errors
    ///
    /// None; a bug otherwise.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|error| Error::Internal(format!("a profile cannot be written: {error}")))
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    ///
    /// [`Error::Saved`] when it is not a profile, or one of another version.
    pub fn from_json(json: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Head {
            version: u64,
        }
        let damaged = |error: serde_json::Error| Error::saved(format!("this is no saved profile: {error}"));
        let Head { version } = serde_json::from_str(json).map_err(damaged)?;
        if version != VERSION {
            return Err(Error::saved(format!(
                "the profile has format version {version}, but this program reads version {VERSION}; make it again from the data, \
                 or use the program that wrote it"
            )));
        }
        serde_json::from_str(json).map_err(damaged)
    }
}

impl ColumnProfile {
    /// Share of the rows that have a value; 1 without rows.
    pub fn presence(&self) -> f64 {
        let rows = self.count.saturating_add(self.missing);
        if rows == 0 { 1.0 } else { self.count as f64 / rows as f64 }
    }

    /// The time that a number of a column of times stands for, to the second; `None` of other columns.
    pub fn time(&self, seconds: f64) -> Option<String> {
        (self.column_type == ColumnType::Time).then(|| time::text(seconds.round() as i64))
    }

    /// Values that are no number.
    pub fn nan(&self) -> u64 {
        self.numbers.as_ref().map_or(0, |numbers| numbers.nan)
    }

    /// Whether there are values and all are the same.
    pub fn is_constant(&self) -> bool {
        let by_value = self.values.as_ref().map(|values| values.exact && values.unique == 1);
        let same = |numbers: &NumberProfile| numbers.count > 0 && numbers.min == numbers.max;
        let by_number = || self.numbers.as_ref().is_some_and(|n| same(n) && n.nan == 0 && n.infinite() == 0);
        by_value.unwrap_or_else(by_number)
    }

    /// Whether each row has another value, as names of rows do. Floats are amounts, not names.
    pub fn is_unique(&self) -> bool {
        let values = self.values.as_ref().filter(|_| self.lists.is_none() && self.missing == 0);
        values.is_some_and(|values| values.count > 1 && is_unique(values.unique, values.count, values.exact))
    }
}
