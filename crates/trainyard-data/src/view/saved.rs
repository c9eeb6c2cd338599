//! A view for rows that come later.

use std::path::Path;

use serde::{Deserialize, Serialize};
use trainyard_features::{ColumnType, Schema};

use super::{Made, View, ViewConfig};
use crate::{Result, Source, SourceConfig};

/// A view as an exported model carries it, to be applied to other raw rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedView {
    /// The query and where its tables are.
    pub config: ViewConfig,
    /// The raw columns of the training rows. Others are read as these types, so that a query means the same for them: dividing
    /// whole numbers gives another result than dividing numbers.
    pub rows: Schema,
}

impl SavedView {
    /// Runs the query over other rows and writes its result to the Parquet file `target`. Columns that the rows lack, such as
    /// the label, must not be read by the query.
    ///
    /// # Errors
    ///
    /// Those of [`Source::open_all`] and [`View::make`].
    pub fn apply(&self, rows: &SourceConfig, target: &Path, progress: &dyn Fn(u64)) -> Result<Made> {
        let there = Source::open_all(rows)?;
        let known = self.rows.fields.iter().filter(|field| there.schema().get(&field.name).is_some());
        let needed: Vec<(&str, Option<ColumnType>)> =
            known.map(|field| (field.name.as_str(), Some(field.column_type))).collect();
        View::open(&self.config)?.make(&Source::open(rows, &needed)?, target, progress)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::rows;

    #[test]
    fn other_rows_are_read_as_the_training_rows_were() {
        let folder = tempfile::tempdir().unwrap();
        let config = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            SourceConfig { path: path.as_path().into(), ..SourceConfig::default() }
        };
        let trained = Source::open_all(&config("a.csv", "a,b,y\n1.5,2,0\n")).unwrap();
        let sql = "SELECT *, a / b AS part FROM rows";
        let view = SavedView { config: ViewConfig::new(sql), rows: trained.schema().clone() };
        let target = folder.path().join("view.parquet");
        // As whole numbers 7 / 2 would be 3. The label is not there, and another column is.
        let made = view.apply(&config("b.csv", "b,more,a\n2,x,7\n"), &target, &|_| {}).unwrap();
        assert_eq!(rows(&made.source).unwrap(), ["7.0|2|3.5"]);
        let read: SavedView = serde_json::from_str(&serde_json::to_string(&view).unwrap()).unwrap();
        assert_eq!(read, view);
    }
}
