//! Changing settings of a spec by their path: `--set train.epochs=5`.

use super::{Spec, text};
use crate::{Error, Result};
use toml::{Table, Value};

/// Reads a spec from text and changes settings of it.
pub(super) fn parse_with(spec: &str, location: &str, settings: &[String]) -> Result<Spec> {
    // Read once as it stands, so that an error in the file is told with its line.
    text::parse(spec, location)?;
    let mut table: Table =
        spec.parse().map_err(|error: toml::de::Error| text::spec_error(&error.to_string(), location))?;
    for setting in settings {
        apply(&mut table, setting)?;
    }
    let changed = toml::to_string(&table).map_err(|error| Error::Internal(error.to_string()))?;
    text::parse(&changed, &format!("{location} with {}", settings.join(", ")))
}

fn apply(table: &mut Table, setting: &str) -> Result<()> {
    let (path, value) = setting.split_once('=').ok_or_else(|| {
        Error::config(format!("`{setting}` does not say what to set"), "write `key=value`, such as `train.epochs=5`")
    })?;
    let mut parts: Vec<&str> = path.trim().split('.').collect();
    let last = parts.pop().unwrap_or_default();
    let mut place = table;
    for part in parts {
        let inner = place.entry(part).or_insert_with(|| Value::Table(Table::new()));
        place = inner.as_table_mut().ok_or_else(|| {
            Error::config(format!("`{path}` cannot be set: `{part}` is not a table"), "name a setting of the spec")
        })?;
    }
    place.insert(last.to_owned(), value_of(value.trim()));
    Ok(())
}

/// A TOML value, or text where it is none: `name=other` needs no quotes.
fn value_of(text: &str) -> Value {
    let parsed = format!("value = {text}").parse::<Table>().ok();
    parsed.and_then(|mut table| table.remove("value")).unwrap_or_else(|| Value::String(text.to_owned()))
}
