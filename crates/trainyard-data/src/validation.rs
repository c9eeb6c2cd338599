//! Reading data whose types are to be checked rather than relied on.

use std::collections::{BTreeMap, BTreeSet};

use trainyard_features::ColumnType;
use trainyard_features::profile::Profile;
use trainyard_features::validation::{Anomaly, AnomalyKind, DataSchema};

use crate::error::in_words;
use crate::{Error, OnError, Profiling, Result, Source, SourceConfig, profile};

/// What reading data against a schema gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Validated {
    /// What the rows are like that could be read.
    pub profile: Profile,
    /// Values that are not of their column's type, and text that is not UTF-8: the first of each column.
    pub anomalies: Vec<Anomaly>,
    /// Rows that could not be read.
    pub skipped: u64,
}

/// Profiles data as the types of `schema` say.
///
/// A value that is not of its column's type does not end the work: the column is read as the wider type that has this value, in
/// a further pass. Columns that the schema does not know have the types that are found.
///
/// # Errors
///
/// When the files cannot be read, have no rows, or rows with another number of fields.
pub fn profile_against(
    schema: &DataSchema,
    config: &SourceConfig,
    how: &Profiling,
    progress: &dyn Fn(u64),
) -> Result<Validated> {
    let names: BTreeSet<String> = Source::open_all(config)?.schema().names().map(str::to_owned).collect();
    let known = schema.columns.iter().filter(|(name, _)| names.contains(*name));
    let mut config = config.clone();
    config.types.extend(known.map(|(name, rule)| (name.clone(), rule.column_type)));
    let mut misread: BTreeMap<String, Anomaly> = BTreeMap::new();
    loop {
        let source = Source::open_all(&config)?;
        match profile(&source, how, progress) {
            Ok((profile, skipped)) => {
                let anomalies = misread.into_values().filter(|anomaly| is_known(schema, anomaly)).collect();
                return Ok(Validated { profile, anomalies, skipped });
            }
            Err(error) => {
                let (column, anomaly) = widen(&mut config, &source, error)?;
                misread.entry(column).or_insert(anomaly);
            }
        }
    }
}

/// Changes how the column of a bad value is read, so that the next pass gets further; gives other errors back.
fn widen(config: &mut SourceConfig, source: &Source, error: Error) -> Result<(String, Anomaly)> {
    let Error::Value { path, place, column, text, .. } = &error else { return Err(error) };
    let Some(found) = source.schema().get(column).map(|field| field.column_type) else { return Err(error) };
    let evidence = format!("`{text}` at {place} of `{path}`");
    let kind = if found == ColumnType::Text { AnomalyKind::InvalidUtf8 } else { AnomalyKind::TypeMismatch };
    let anomaly = kind.of(Some(column), in_words(found), evidence);
    let wider = match found {
        ColumnType::Int if text.parse::<f64>().is_ok() => Some(ColumnType::Float),
        ColumnType::Text => None,
        _ => Some(ColumnType::Text),
    };
    match wider {
        Some(wider) => config.types.extend([(column.clone(), wider)]),
        // There is nothing wider than text.
        None if config.on_error == OnError::Skip => return Err(error),
        None => config.on_error = OnError::Skip,
    }
    Ok((column.clone(), anomaly))
}

fn is_known(schema: &DataSchema, anomaly: &Anomaly) -> bool {
    let column = anomaly.column.as_ref();
    anomaly.kind == AnomalyKind::InvalidUtf8 || column.is_some_and(|column| schema.columns.contains_key(column))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(data: &[u8], schema: &str, expected: &[(AnomalyKind, &str)]) -> Profile {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        std::fs::write(&path, data).unwrap();
        let config = SourceConfig { path: path.as_path().into(), ..SourceConfig::default() };
        let schema = DataSchema::from_toml(schema).unwrap();
        let validated = profile_against(&schema, &config, &Profiling::default(), &|_| {}).unwrap();
        assert_eq!(validated.anomalies.len(), expected.len(), "{:?}", validated.anomalies);
        for (anomaly, (kind, part)) in validated.anomalies.iter().zip(expected) {
            assert!(anomaly.kind == *kind && anomaly.found.contains(part), "{anomaly:?}");
        }
        validated.profile
    }

    #[test]
    fn a_value_of_another_type_is_told_and_its_column_read_wider() {
        let schema = "[columns.a]\ntype = \"int\"\n[columns.b]\ntype = \"bool\"";
        let expected =
            [(AnomalyKind::TypeMismatch, "`2.5` at line 3"), (AnomalyKind::TypeMismatch, "`maybe` at line 4")];
        let profile = check(b"a,b,c\n1,true,x\n2.5,false,y\n3,maybe,z\n", schema, &expected);
        assert_eq!(profile.get("a").unwrap().column_type, ColumnType::Float);
        assert_eq!((profile.rows, profile.get("b").unwrap().column_type), (3, ColumnType::Text));
    }

    #[test]
    fn a_column_that_the_schema_does_not_know_is_read_as_what_it_is() {
        let rows: String = (0..20_000).map(|i| format!("{i},{i}\n")).collect();
        let data = format!("a,b\n{rows}1,late\n");
        let profile = check(data.as_bytes(), "[columns.a]\ntype = \"int\"", &[]);
        assert_eq!((profile.rows, profile.get("b").unwrap().column_type), (20_001, ColumnType::Text));
    }

    #[test]
    fn text_that_is_not_utf8_is_told_and_its_rows_left_out() {
        let schema = "[columns.a]\ntype = \"text\"";
        let profile = check(b"a\nx\n\xff\xfe\ny\n", schema, &[(AnomalyKind::InvalidUtf8, "line 3")]);
        assert_eq!(profile.rows, 2);
    }
}
