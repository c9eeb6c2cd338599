//! A schema from data, with what was seen beside it.

use super::schema::{ColumnRule, DataSchema, Role, Thresholds};
use crate::profile::{ColumnProfile, Profile};
use crate::schema::ColumnType;
use crate::{Error, Result};
use std::collections::BTreeMap;

/// Distinct texts up to which they are taken for all that there are, as `max_string_domain_size` of TensorFlow Data Validation.
const VALUES: u64 = 100;

/// Share of rows by which a column that has missing values may get worse.
const SLACK: f64 = 0.05;

/// A difference that is seen with the naked eye in a picture of both distributions.
const THRESHOLD: f64 = 0.1;

/// Rows below which an id is not told from other columns.
const ROWS: u64 = 20;

/// Writes a schema that the data of a profile fulfils, with comments; to be edited.
///
/// # Errors
///
/// None; a bug otherwise.
pub fn infer(profile: &Profile) -> Result<String> {
    let thresholds = Thresholds { l_infinity: Some(THRESHOLD), jensen_shannon: Some(THRESHOLD) };
    let head = DataSchema { drift: thresholds, skew: thresholds, ..DataSchema::default() };
    let mut text = format!(
        "# What this data must be like, written after a look at {} rows: `trainyard validate DATA --schema FILE` compares.\n\
         # Change what you know better. A line that begins with `#` is a suggestion.\n\n\
         [rows]\n# min = {}\n# max = {}\n\n\
         # How far a column may move from earlier data (`--previous`), and differ in served data (`--serving`): from 0, equal, to 1.\n\
         # A column may have its own, as `drift = {{ jensen_shannon = 0.2 }}`.\n[drift]\n{}\n[skew]\n{}",
        profile.rows,
        profile.rows / 2,
        profile.rows.saturating_mul(2),
        toml_of(&head.drift)?,
        toml_of(&head.skew)?,
    );
    for column in &profile.columns {
        let is_label = profile.label.as_ref() == Some(&column.name);
        text += &section(column, is_label)?;
    }
    Ok(text)
}

fn section(column: &ColumnProfile, is_label: bool) -> Result<String> {
    let rule = rule(column, is_label);
    let table = BTreeMap::from([("columns", BTreeMap::from([(column.name.as_str(), &rule)]))]);
    Ok(format!("\n# {}\n{}{}", seen(column), toml_of(&table)?, suggestions(column)))
}

fn rule(column: &ColumnProfile, is_label: bool) -> ColumnRule {
    let numbers = column.numbers.as_ref();
    let role = match is_label {
        true => Role::Label,
        false if column.count >= ROWS && column.is_unique() => Role::Id,
        false => Role::Feature,
    };
    let presence =
        if column.missing == 0 { 1.0 } else { ((column.presence() - SLACK).max(0.0) * 100.0).floor() / 100.0 };
    ColumnRule {
        role,
        presence,
        values: known_values(column, role),
        nan: numbers.is_some_and(|numbers| numbers.nan > 0),
        infinite: numbers.is_some_and(|numbers| numbers.infinite() > 0),
        ..ColumnRule::new(column.column_type)
    }
}

fn known_values(column: &ColumnProfile, role: Role) -> Option<Vec<String>> {
    let values =
        column.values.as_ref().filter(|values| values.exact && values.unique <= VALUES && values.unique > 0)?;
    let mut known: Vec<String> = values.top.iter().map(|value| value.value.clone()).collect();
    known.sort();
    (column.column_type == ColumnType::Text && role != Role::Id).then_some(known)
}

/// What was seen, in a line.
fn seen(column: &ColumnProfile) -> String {
    let missing = if column.missing == 0 { "none missing".to_owned() } else { format!("{} missing", column.missing) };
    let numbers = column.numbers.as_ref().filter(|numbers| numbers.count > 0);
    let numbers = numbers.map(|numbers| match column.time(numbers.mean) {
        None => format!(", {} to {}, mean {:.4e}", numbers.min, numbers.max, numbers.mean),
        Some(mean) => {
            let [min, max] = [numbers.min, numbers.max].map(|value| column.time(value).unwrap_or_default());
            format!(", {min} to {max}, mean {mean}")
        }
    });
    let about = |exact| if exact { "" } else { "about " };
    let values =
        column.values.as_ref().map(|values| format!(", {}{} different values", about(values.exact), values.unique));
    let lists = column.lists.map(|lists| format!(", {} to {} a row", lists.min, lists.max));
    format!("{missing}{}{}{}", numbers.unwrap_or_default(), values.unwrap_or_default(), lists.unwrap_or_default())
}

fn suggestions(column: &ColumnProfile) -> String {
    let numbers = column.numbers.as_ref().filter(|numbers| numbers.count > 0);
    let range = numbers.map(|numbers| match column.column_type {
        ColumnType::Int | ColumnType::Time => format!("# range = [{:.0}, {:.0}]\n", numbers.min, numbers.max),
        _ => format!("# range = [{:?}, {:?}]\n", numbers.min, numbers.max),
    });
    let valency = column.lists.map(|lists| format!("# valency = [{}, {}]\n", lists.min, lists.max));
    format!("{}{}", range.unwrap_or_default(), valency.unwrap_or_default())
}

fn toml_of(value: &impl serde::Serialize) -> Result<String> {
    toml::to_string(value).map_err(|error| Error::Internal(format!("a schema cannot be written: {error}")))
}
