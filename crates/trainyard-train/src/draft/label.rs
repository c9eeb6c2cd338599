//! What kind of answer a label asks for.

use super::column::{ColumnSurvey, FEW};
use super::survey::Survey;
use super::text::{count, number, percent, shown};
use crate::{Error, Result};
use trainyard_features::ColumnType;

/// Different texts beyond which a label is not taken for classes.
const MAX_CLASSES: u64 = 10_000;

/// The label, its task, and why.
#[derive(Debug)]
pub(super) struct Target {
    pub name: String,
    /// The task as a spec writes it.
    pub task: &'static str,
    /// The evidence.
    pub why: String,
}

impl Target {
    /// Guesses the task of a label.
    pub(super) fn of(column: &ColumnSurvey, survey: &Survey) -> Result<Target> {
        check(column, survey)?;
        let task = match (column.distinct.count(), column.column_type()) {
            (2, _) | (_, ColumnType::Bool) => "binary",
            (classes, ColumnType::Text | ColumnType::Time) if classes <= MAX_CLASSES && column.distinct.is_exact() => {
                "multiclass"
            }
            (_, ColumnType::Text | ColumnType::Time) => return Err(too_many(column)),
            (classes, _) if classes <= FEW as u64 && column.is_whole() => "multiclass",
            _ => "regression",
        };
        if task == "regression" && column.has_infinite() {
            return Err(refused(column, "holds infinite values", "remove these rows"));
        }
        Ok(Target { name: column.name.clone(), task, why: why(column, task) })
    }
}

/// Refuses what nothing can be learnt from, or what training would refuse.
fn check(column: &ColumnSurvey, survey: &Survey) -> Result<()> {
    if column.present == 0 {
        return Err(refused(column, "has no value in any row", "choose another column"));
    }
    if column.missing > 0 {
        let (missing, rows) = (count(column.missing), count(survey.rows));
        return Err(refused(
            column,
            &format!("has no value in {missing} of {rows} rows"),
            "remove these rows or fill them",
        ));
    }
    let is_number = column.column_type() != ColumnType::Text && column.numeric() > 0;
    if column.distinct.count() == 1 || (is_number && column.numbers.min() == column.numbers.max()) {
        let value = column.distinct.few(FEW).and_then(|few| few.first().map(|(value, _)| shown(value)));
        let problem = format!("has only the value {}", value.unwrap_or_default());
        return Err(refused(column, &problem, "there is nothing to learn; choose another column"));
    }
    Ok(())
}

fn refused(column: &ColumnSurvey, problem: &str, expected: &str) -> Error {
    Error::config(format!("the label {} {problem}", shown(&column.name)), expected)
}

fn too_many(column: &ColumnSurvey) -> Error {
    let distinct = count(column.distinct.count());
    let odd = match (&column.odd, 2 * column.numeric() > column.present) {
        (Some(odd), true) => format!("; if it holds numbers, add {} to `missing`", shown(odd)),
        _ => String::new(),
    };
    let problem = format!("holds {distinct} or more different texts, too many for classes");
    refused(column, &problem, &format!("choose another column{odd}"))
}

fn why(column: &ColumnSurvey, task: &str) -> String {
    let few = column.distinct.few(FEW).unwrap_or_default();
    let shares: Vec<_> =
        few.iter().take(5).map(|(value, n)| format!("{} {}", shown(value), percent(*n, column.present))).collect();
    match task {
        "binary" => {
            let positive = positive(column, &few);
            format!("two values ({}); the model tells the probability of {}", shares.join(", "), shown(positive))
        }
        "multiclass" if shares.is_empty() => format!("{} different texts", count(column.distinct.count())),
        "multiclass" => {
            let more = few.len().saturating_sub(5);
            let more = if more > 0 { format!(", {more} more") } else { String::new() };
            format!("{} values ({}{more}); `regression` would take them for amounts", few.len(), shares.join(", "))
        }
        _ => {
            let numbers = &column.numbers;
            let [min, max, mean] = [numbers.min(), numbers.max(), numbers.mean()].map(number);
            format!("{} different numbers, {min} to {max}, mean {mean}", count(column.distinct.count()))
        }
    }
}

/// The greater of two values, which is the positive one.
fn positive<'a>(column: &ColumnSurvey, few: &'a [(String, u64)]) -> &'a str {
    let values = few.iter().map(|(value, _)| value.as_str());
    let as_number = |value: &&str| value.parse::<f64>().unwrap_or_default();
    let greatest = match column.column_type() {
        ColumnType::Int | ColumnType::Float => values.max_by(|a, b| as_number(a).total_cmp(&as_number(b))),
        ColumnType::Text | ColumnType::Bool | ColumnType::Time => values.max(),
    };
    greatest.unwrap_or_default()
}
