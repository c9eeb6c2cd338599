//! `[view]` of a spec.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::query::ROWS;
use crate::Result;
use crate::source::{PathSpec, SourceConfig, config};

/// A query over the raw rows, whose result takes their place.
///
/// `rows` are the rows of the split that is read, so a query never sees those of another split; other tables are the same for
/// all. Names of columns and tables are written as they are, upper or lower case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ViewConfig {
    /// One `SELECT`.
    pub sql: String,
    /// Other tables, by the names that the query gives them.
    #[serde(default)]
    pub tables: BTreeMap<String, TableConfig>,
    /// MiB that joins, aggregates and sorts may hold; at least 16. What sorts and aggregates hold beyond is spilled to disk; the
    /// smaller side of a join and the rows of a window must fit.
    #[serde(default = "gibibyte")]
    pub memory_mib: u64,
}

fn gibibyte() -> u64 {
    1024
}

impl ViewConfig {
    /// A query without other tables.
    pub fn new(sql: impl Into<String>) -> Self {
        Self { sql: sql.into(), tables: BTreeMap::new(), memory_mib: gibibyte() }
    }

    pub(super) fn check(&self) -> Result<()> {
        if self.tables.contains_key(ROWS) {
            return config(
                "view.tables",
                format!("gives a table the name `{ROWS}`, which is that of the split's own rows; rename it"),
            );
        }
        if self.memory_mib < 16 {
            return config("view.memory_mib", format!("is {}; it must be at least 16", self.memory_mib));
        }
        Ok(())
    }
}

/// A table of a view: a path, or the settings of [`SourceConfig`] with their `path`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TableConfig(pub SourceConfig);

impl<'de> Deserialize<'de> for TableConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PathOrSettings;

        impl<'de> Visitor<'de> for PathOrSettings {
            type Value = TableConfig;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a path, a list of paths, or a table with a `path`")
            }

            fn visit_str<E>(self, path: &str) -> Result<TableConfig, E> {
                Ok(TableConfig(SourceConfig { path: path.into(), ..SourceConfig::default() }))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, paths: A) -> Result<TableConfig, A::Error> {
                let path = PathSpec::Many(Deserialize::deserialize(SeqAccessDeserializer::new(paths))?);
                Ok(TableConfig(SourceConfig { path, ..SourceConfig::default() }))
            }

            fn visit_map<A: MapAccess<'de>>(self, settings: A) -> Result<TableConfig, A::Error> {
                SourceConfig::deserialize(MapAccessDeserializer::new(settings)).map(TableConfig)
            }
        }
        deserializer.deserialize_any(PathOrSettings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_a_path_or_has_settings() {
        let json = r#"{ "sql": "SELECT 1", "tables": { "a": "a.csv", "b": ["b.csv", "c.csv"], "d": { "path": "d.csv", "trim": true } } }"#;
        let view: ViewConfig = serde_json::from_str(json).unwrap();
        assert_eq!(view.tables["a"].0.path, "a.csv".into());
        assert_eq!(view.tables["b"].0.path.paths().len(), 2);
        assert!(view.tables["d"].0.trim);
        let written = serde_json::to_string(&view).unwrap();
        assert_eq!(serde_json::from_str::<ViewConfig>(&written).unwrap(), view);
    }

    #[track_caller]
    fn check_refused(json: &str, expected: &str) {
        let error = serde_json::from_str::<ViewConfig>(json).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn what_is_not_known_is_named() {
        check_refused(r#"{ "sql": "", "tables": { "a": { "pth": "a.csv" } } }"#, "`pth`");
        check_refused(r#"{ "sql": "", "tables": { "a": 3 } }"#, "a path, a list of paths, or a table with a `path`");
        check_refused(r#"{ "sql": "", "table": {} }"#, "`table`");
    }

    #[test]
    fn the_name_of_the_rows_and_too_little_memory_are_refused() {
        let mut view = ViewConfig::new("SELECT 1");
        view.memory_mib = 1;
        assert!(view.check().unwrap_err().to_string().contains("at least 16"));
        let table = TableConfig(SourceConfig::default());
        let view = ViewConfig { tables: [("rows".to_owned(), table)].into(), ..ViewConfig::new("SELECT 1") };
        assert!(view.check().unwrap_err().to_string().contains("`rows`"));
    }
}
