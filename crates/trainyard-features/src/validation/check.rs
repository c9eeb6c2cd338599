//! A profile against a schema.

use super::anomaly::{Anomaly, AnomalyKind};
use super::schema::{ColumnRule, DataSchema, Role};
use crate::error::suggestion;
use crate::profile::{ColumnProfile, NumberProfile, Profile};

/// Values below which equal or distinct ones mean nothing.
const ROWS: u64 = 20;

/// Unexpected values that are named.
const NAMED: usize = 5;

/// Compares data with its schema: the data as a whole first, then by column.
pub fn validate(schema: &DataSchema, profile: &Profile) -> Vec<Anomaly> {
    let mut anomalies: Vec<Anomaly> = rows(schema, profile).into_iter().collect();
    let missing = schema.columns.iter().filter(|(name, rule)| profile.get(name).is_none() && rule.presence > 0.0);
    anomalies.extend(missing.map(|(name, _)| missing_column(name, profile)));
    for column in &profile.columns {
        match schema.columns.get(&column.name) {
            Some(rule) => anomalies.extend(check(rule, column)),
            None => anomalies.push(new_column(column, schema)),
        }
    }
    anomalies
}

fn rows(schema: &DataSchema, profile: &Profile) -> Option<Anomaly> {
    let found = format!("{} rows", profile.rows);
    match (schema.rows.min, schema.rows.max) {
        (Some(min), _) if profile.rows < min => {
            Some(AnomalyKind::RowsLow.of(None, format!("at least {min} rows"), found))
        }
        (_, Some(max)) if profile.rows > max => {
            Some(AnomalyKind::RowsHigh.of(None, format!("at most {max} rows"), found))
        }
        _ => None,
    }
}

fn missing_column(name: &str, profile: &Profile) -> Anomaly {
    let hint = suggestion(name, profile.columns.iter().map(|column| column.name.as_str()));
    AnomalyKind::MissingColumn.of(Some(name), "a column of this name", format!("none{hint}"))
}

fn new_column(column: &ColumnProfile, schema: &DataSchema) -> Anomaly {
    let hint = suggestion(&column.name, schema.columns.keys().map(String::as_str));
    let found = format!("a column of type `{}`{hint}", column.column_type);
    AnomalyKind::NewColumn.of(Some(&column.name), "no column of this name; add it to the schema", found)
}

fn check(rule: &ColumnRule, column: &ColumnProfile) -> Vec<Anomaly> {
    // What is of another type has been told when it was read.
    let numbers = column.numbers.as_ref().filter(|_| rule.column_type == column.column_type);
    let found = [
        presence(rule, column),
        valency(rule, column),
        numbers.and_then(|numbers| range(rule, column, numbers)),
        values(rule, column),
        numbers.and_then(|numbers| nan(rule, column, numbers)),
        numbers.and_then(|numbers| infinite(rule, column, numbers)),
        constant(rule, column),
        unique(rule, column),
    ];
    found.into_iter().flatten().collect()
}

fn presence(rule: &ColumnRule, column: &ColumnProfile) -> Option<Anomaly> {
    let share = column.presence();
    let expected = format!("a value in at least {} of rows", percent(rule.presence));
    let found = format!("in {}: {} rows have none", percent(share), column.missing);
    (share < rule.presence).then(|| AnomalyKind::LowPresence.of(Some(&column.name), expected, found))
}

fn valency(rule: &ColumnRule, column: &ColumnProfile) -> Option<Anomaly> {
    let (least, greatest) = rule.valency?;
    let (min, max) = match (&column.lists, column.count) {
        (Some(lists), _) => (lists.min, lists.max),
        (None, 0) => return None,
        (None, _) => (1, 1),
    };
    let (expected, found) = (format!("{least} to {greatest} values a row"), format!("{min} to {max}"));
    (column.count > 0 && (min < least || max > greatest))
        .then(|| AnomalyKind::Valency.of(Some(&column.name), expected, found))
}

fn range(rule: &ColumnRule, column: &ColumnProfile, numbers: &NumberProfile) -> Option<Anomaly> {
    let (low, high) = rule.range?;
    let is_outside = numbers.count > 0 && (numbers.min < low || numbers.max > high);
    let (expected, found) = (format!("{low} to {high}"), format!("{} to {}", numbers.min, numbers.max));
    is_outside.then(|| AnomalyKind::OutOfRange.of(Some(&column.name), expected, found))
}

fn values(rule: &ColumnRule, column: &ColumnProfile) -> Option<Anomaly> {
    let (known, values) = (rule.values.as_ref()?, column.values.as_ref()?);
    let others: Vec<_> = values.top.iter().filter(|value| !known.contains(&value.value)).collect();
    let expected_rows: u64 =
        values.top.iter().filter(|value| known.contains(&value.value)).map(|value| value.count).sum();
    let unexpected = values.count.saturating_sub(expected_rows);
    if values.count == 0 || unexpected as f64 / values.count as f64 <= rule.unexpected || unexpected == 0 {
        return None;
    }
    let named = others.iter().take(NAMED).map(|value| format!("`{}` ({})", value.value, value.count));
    let mut named = named.collect::<Vec<_>>().join(", ");
    if others.len() > NAMED || named.is_empty() {
        named += ", ..";
    }
    let share = percent(unexpected as f64 / values.count as f64);
    let expected = match rule.unexpected {
        0.0 => format!("{} known values", known.len()),
        allowed => format!("{} known values but for {}", known.len(), percent(allowed)),
    };
    Some(AnomalyKind::UnexpectedValues.of(Some(&column.name), expected, format!("others in {share}: {named}")))
}

fn nan(rule: &ColumnRule, column: &ColumnProfile, numbers: &NumberProfile) -> Option<Anomaly> {
    let found = format!("NaN in {} rows", numbers.nan);
    (numbers.nan > 0 && !rule.nan).then(|| AnomalyKind::HasNan.of(Some(&column.name), "numbers", found))
}

fn infinite(rule: &ColumnRule, column: &ColumnProfile, numbers: &NumberProfile) -> Option<Anomaly> {
    let found = format!("infinite in {} rows", numbers.infinite());
    let is_wrong = numbers.infinite() > 0 && !rule.infinite;
    is_wrong.then(|| AnomalyKind::HasInf.of(Some(&column.name), "finite numbers", found))
}

fn constant(rule: &ColumnRule, column: &ColumnProfile) -> Option<Anomaly> {
    let matters = matches!(rule.role, Role::Feature | Role::Label) && column.count >= ROWS;
    let is_constant = matters && column.is_constant();
    is_constant.then(|| AnomalyKind::AllConstant.of(Some(&column.name), "different values", "the same in all rows"))
}

fn unique(rule: &ColumnRule, column: &ColumnProfile) -> Option<Anomaly> {
    let is_name = rule.role == Role::Feature && column.count >= ROWS && column.is_unique();
    let expected = "values that come again, or `role = \"id\"`";
    is_name.then(|| AnomalyKind::HighUnique.of(Some(&column.name), expected, "another value in each row"))
}

fn percent(share: f64) -> String {
    format!("{} %", (share * 1e4).floor() / 1e2)
}
