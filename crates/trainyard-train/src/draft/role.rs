//! What a column is good for.

use super::column::{ColumnSurvey, FEW};
use super::evidence;
use super::name;
use super::text::count;
use trainyard_features::ColumnType;

/// Rows from which on values that all differ are taken for names of the rows.
const KEY_ROWS: u64 = 20;

/// Whole numbers beyond this do not all fit an `f32`: neighbours would become one.
const EXACT_FLOAT: f64 = 16_777_216.0;

/// Skewness of an exponential distribution; beyond it the tail is long.
const LONG_TAIL: f64 = 2.0;

/// Seconds since 1970 of the years 1973 to 2099.
const TIME_RANGE: std::ops::Range<f64> = 1e8..4.1e9;

/// What a column is good for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Role {
    /// An amount; whether its logarithm is taken first.
    Number { log: bool },
    /// One of several kinds.
    Category { min_count: Option<u64> },
    /// One of very many kinds.
    Hash { buckets: u64 },
    /// A time; whether it has a time of day, and several months.
    Time { clock: bool, months: bool },
    /// The name of the row.
    Key,
    /// Nothing.
    LeftOut,
}

/// A role and the evidence for it.
#[derive(Debug)]
pub(super) struct Assigned {
    pub role: Role,
    pub why: String,
}

impl Assigned {
    fn new(role: Role, why: impl Into<String>) -> Self {
        Self { role, why: why.into() }
    }

    fn is_feature(&self) -> bool {
        !matches!(self.role, Role::Key | Role::LeftOut)
    }
}

/// The roles of columns. If none is a feature, those that were left out for good reasons are used for want of better ones.
pub(super) fn assign(columns: &[&ColumnSurvey], rows: u64) -> Vec<Assigned> {
    let roles: Vec<Assigned> = columns.iter().map(|column| of(column, rows)).collect();
    if roles.iter().any(Assigned::is_feature) {
        return roles;
    }
    columns.iter().zip(roles).map(|(column, assigned)| last_resort(column, assigned)).collect()
}

fn last_resort(column: &ColumnSurvey, assigned: Assigned) -> Assigned {
    if is_constant(column) {
        return assigned;
    }
    let role = match column.column_type() {
        ColumnType::Int | ColumnType::Float | ColumnType::Time => number(column),
        ColumnType::Text | ColumnType::Bool => hash(column),
    };
    Assigned::new(role, format!("{}; used for want of better columns, expect little of it", assigned.why))
}

fn of(column: &ColumnSurvey, rows: u64) -> Assigned {
    if is_constant(column) {
        return Assigned::new(Role::LeftOut, evidence::constant(column, rows));
    }
    if let Some(time) = time(column) {
        return Assigned::new(time, evidence::times(column, rows));
    }
    if let Some(why) = key(column) {
        return Assigned::new(Role::Key, why);
    }
    match column.column_type() {
        ColumnType::Float => Assigned::new(number(column), evidence::numbers(column, rows)),
        ColumnType::Bool => Assigned::new(category(column), evidence::values(column, rows)),
        ColumnType::Int => int(column, rows),
        ColumnType::Text | ColumnType::Time => text(column, rows),
    }
}

fn is_constant(column: &ColumnSurvey) -> bool {
    column.distinct.count() < 2
}

fn time(column: &ColumnSurvey) -> Option<Role> {
    let numbers = &column.numbers;
    let in_range = TIME_RANGE.contains(&numbers.min()) && TIME_RANGE.contains(&numbers.max());
    match column.column_type() {
        ColumnType::Text | ColumnType::Time if column.times.count == column.present => {
            Some(Role::Time { clock: column.times.has_clock, months: column.times.several_months() })
        }
        ColumnType::Int if in_range && name::is_time(&column.name) => {
            Some(Role::Time { clock: true, months: numbers.max() - numbers.min() > 31.0 * 86_400.0 })
        }
        _ => None,
    }
}

/// Why the column names rows, if it does.
fn key(column: &ColumnSurvey) -> Option<String> {
    let may_name = matches!(column.column_type(), ColumnType::Int | ColumnType::Text);
    if !may_name || is_place(column) {
        return None;
    }
    if name::is_key(&column.name) && column.distinct.count() > FEW as u64 {
        return Some(format!("by its name; {} different values", count(column.distinct.count())));
    }
    let is_named = column.is_unique() && column.present >= KEY_ROWS && !column.is_prose();
    is_named.then(|| "another value in every row".to_owned())
}

fn int(column: &ColumnSurvey, rows: u64) -> Assigned {
    let distinct = &column.distinct;
    let is_few = distinct.count() == 2 || (distinct.count() <= FEW as u64 && column.present >= 10 * distinct.count());
    let numbers = &column.numbers;
    let is_large = numbers.max().max(-numbers.min()) > EXACT_FLOAT;
    let stands_for = (is_large || name::is_category(&column.name)) && distinct.share() <= 0.5;
    match (is_few || stands_for, distinct.is_exact()) {
        (true, true) => Assigned::new(category(column), evidence::values(column, rows)),
        (true, false) => Assigned::new(hash(column), evidence::values(column, rows)),
        (false, _) => Assigned::new(number(column), evidence::numbers(column, rows)),
    }
}

fn text(column: &ColumnSurvey, rows: u64) -> Assigned {
    let distinct = &column.distinct;
    if distinct.share() > 0.5 && column.present >= KEY_ROWS {
        return Assigned::new(Role::LeftOut, evidence::too_various(column, rows));
    }
    let role = if distinct.is_exact() { category(column) } else { hash(column) };
    Assigned::new(role, evidence::values(column, rows))
}

fn number(column: &ColumnSurvey) -> Role {
    let numbers = &column.numbers;
    // Below 10 the logarithm is nearly straight and shortens no tail.
    let has_tail = numbers.min() >= 0.0 && numbers.max() > 10.0 && numbers.skewness() > LONG_TAIL;
    Role::Number { log: has_tail && !is_place(column) }
}

fn is_place(column: &ColumnSurvey) -> bool {
    name::is_latitude(&column.name) || name::is_longitude(&column.name)
}

fn category(column: &ColumnSurvey) -> Role {
    let distinct = column.distinct.count();
    let has_rare = distinct > 100 && column.present < 100 * distinct;
    Role::Category { min_count: has_rare.then_some(3) }
}

/// As many buckets as values, within reason, so that few share one.
fn hash(column: &ColumnSurvey) -> Role {
    Role::Hash { buckets: (2 * column.distinct.count()).next_power_of_two().clamp(16, 1 << 18) }
}
