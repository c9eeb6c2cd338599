//! The evidence for a role, as the comment beside it.

use super::column::{ColumnSurvey, FEW};
use super::text::{count, number, percent, shown};

/// For a column that is the same everywhere.
pub(super) fn constant(column: &ColumnSurvey, rows: u64) -> String {
    let value = column.distinct.few(FEW).and_then(|few| few.first().map(|(value, _)| shown(value)));
    match value {
        None => "no value in any row".to_owned(),
        Some(value) if column.missing == 0 => format!("{value} in every row"),
        Some(value) => format!("{value} in every row that has a value ({} missing)", percent(column.missing, rows)),
    }
}

/// For amounts.
pub(super) fn numbers(column: &ColumnSurvey, rows: u64) -> String {
    let numbers = &column.numbers;
    let [min, max, mean, skewness] = [numbers.min(), numbers.max(), numbers.mean(), numbers.skewness()].map(number);
    let about = format!("{}, {min} to {max}, mean {mean}, skewness {skewness}", different(column, "numbers"));
    with_missing(column, rows, about)
}

/// For kinds.
pub(super) fn values(column: &ColumnSurvey, rows: u64) -> String {
    let few = column.distinct.few(FEW).unwrap_or_default();
    let shares: Vec<_> =
        few.iter().take(3).map(|(value, n)| format!("{} {}", shown(value), percent(*n, column.present))).collect();
    let most = if shares.is_empty() { String::new() } else { format!(": {}", shares.join(", ")) };
    let more = if few.len() > shares.len() { ", .." } else { "" };
    let about = format!("{}{most}{more}", different(column, "values"));
    with_odd(column, with_missing(column, rows, about))
}

/// For times.
pub(super) fn times(column: &ColumnSurvey, rows: u64) -> String {
    let about = if column.times.count > 0 { "times as text" } else { "seconds since 1970" };
    with_missing(column, rows, format!("{about}, {}", different(column, "values")))
}

/// For texts of which most come once.
pub(super) fn too_various(column: &ColumnSurvey, rows: u64) -> String {
    let (kind, hint) = if column.is_prose() { ("prose: ", "") } else { ("", " (to try: `hash`)") };
    let (texts, rows_with) = (different(column, "texts"), count(column.present));
    let about = format!("{kind}{texts} in {rows_with} rows, too few rows of each{hint}");
    with_odd(column, with_missing(column, rows, about))
}

fn different(column: &ColumnSurvey, what: &str) -> String {
    let about = if column.distinct.is_exact() { "" } else { "about " };
    format!("{about}{} different {what}", count(column.distinct.count()))
}

fn with_missing(column: &ColumnSurvey, rows: u64, about: String) -> String {
    if column.missing == 0 { about } else { format!("{about}; {} missing", percent(column.missing, rows)) }
}

/// Tells of a text that stands among numbers.
fn with_odd(column: &ColumnSurvey, about: String) -> String {
    let is_odd = column.numeric() < column.present && 10 * column.numeric() > 9 * column.present;
    match column.odd.as_ref().filter(|_| is_odd) {
        None => about,
        Some(odd) => {
            let numeric = percent(column.numeric(), column.present);
            format!("{about}; {numeric} are numbers: does {} belong to `missing`?", shown(odd))
        }
    }
}
