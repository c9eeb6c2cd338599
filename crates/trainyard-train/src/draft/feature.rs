//! Roles to features.

use super::column::ColumnSurvey;
use super::name;
use super::role::{Assigned, Role};
use super::text::{key, list, quoted, shown};
use std::collections::HashSet;

/// Missing values that are rarer than one in so many are not told apart.
const RARELY: u64 = 1000;

/// What a spec says of the columns that are not the label.
#[derive(Debug, Default)]
pub(super) struct Drafted {
    /// Columns that name rows, and why.
    pub keys: Vec<(String, String)>,
    /// Lines of `[features]`, with the evidence above them.
    pub features: Vec<String>,
    /// Columns without use, and why.
    pub left_out: Vec<(String, String)>,
    /// Whether there are categorical features.
    pub has_categories: bool,
    /// A feature to try.
    pub suggestion: Option<String>,
}

impl Drafted {
    /// Makes features of columns by their roles.
    pub(super) fn of(columns: &[&ColumnSurvey], roles: &[Assigned]) -> Drafted {
        let mut names = Names(columns.iter().map(|column| column.name.clone()).collect());
        let mut drafted = Drafted { suggestion: distance(columns), ..Drafted::default() };
        for (column, assigned) in columns.iter().zip(roles) {
            let entry = (column.name.clone(), assigned.why.clone());
            match &assigned.role {
                Role::Key => drafted.keys.push(entry),
                Role::LeftOut => drafted.left_out.push(entry),
                role => {
                    drafted.has_categories |= !matches!(role, Role::Number { .. });
                    drafted.features.push(format!("# {}: {}", shown(&column.name), assigned.why));
                    drafted.features.extend(lines(column, role, &mut names));
                }
            }
        }
        drafted
    }
}

/// The features of a column, one per line.
fn lines(column: &ColumnSurvey, role: &Role, names: &mut Names) -> Vec<String> {
    // What hardly ever happens cannot be learnt from: a few missing values are just the mean, or have no id.
    let has_missing = RARELY * column.missing > column.present;
    match role {
        Role::Number { log } => numbers(&column.name, *log, has_missing, names),
        Role::Category { min_count } => {
            let min_count = min_count.map(|n| format!(", min_count = {n}")).unwrap_or_default();
            let missing = if has_missing { ", missing = \"own_id\"" } else { "" };
            vec![format!("{} = {{ op = \"vocabulary\"{min_count}{missing} }}", key(&column.name))]
        }
        Role::Hash { buckets } => vec![format!("{} = {{ op = \"hash\", buckets = {buckets} }}", key(&column.name))],
        Role::Time { clock, months } => {
            let parts = [("hour", *clock), ("day_of_week", true), ("month", *months)];
            let parts = parts.into_iter().filter(|(_, is_there)| *is_there);
            parts.map(|(part, _)| time_part(&column.name, part, names)).collect()
        }
        Role::Key | Role::LeftOut => Vec::new(),
    }
}

/// Scaling, after the logarithm and before filling up. A missing value is the mean after scaling, that is 0; the second
/// number of `impute` says that it was missing.
fn numbers(column: &str, log: bool, has_missing: bool, names: &mut Names) -> Vec<String> {
    let steps = [
        ("log", "log1p", "", log),
        ("scaled", "z_score", "", true),
        ("filled", "impute", ", value = 0, indicator = true", has_missing),
    ];
    let mut input = column.to_owned();
    let mut lines = Vec::new();
    for (suffix, op, parameters, _) in steps.into_iter().filter(|(_, _, _, is_needed)| *is_needed) {
        let name = names.unused(&format!("{column}_{suffix}"));
        lines.push(format!("{} = {{ op = \"{op}\", input = {}{parameters} }}", key(&name), quoted(&input)));
        input = name;
    }
    lines
}

fn time_part(column: &str, part: &str, names: &mut Names) -> String {
    let name = names.unused(&format!("{column}_{part}"));
    format!("{} = {{ op = \"time_part\", input = {}, part = \"{part}\" }}", key(&name), quoted(column))
}

/// The distance between two places, where the columns have two.
fn distance(columns: &[&ColumnSurvey]) -> Option<String> {
    let named =
        |is_it: fn(&str) -> bool| columns.iter().map(|column| column.name.as_str()).filter(move |name| is_it(name));
    let (latitudes, longitudes): (Vec<_>, Vec<_>) =
        (named(name::is_latitude).collect(), named(name::is_longitude).collect());
    let ([from_y, to_y], [from_x, to_x]) = (latitudes.as_slice(), longitudes.as_slice()) else { return None };
    let inputs = list([from_y, from_x, to_y, to_x]);
    Some(format!("distance_km = {{ op = \"haversine\", inputs = {inputs} }}"))
}

/// Names that are taken: a feature of the name of a column would hide it from other features.
struct Names(HashSet<String>);

impl Names {
    fn unused(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        let mut number = 2;
        while !self.0.insert(name.clone()) {
            name = format!("{wanted}_{number}");
            number += 1;
        }
        name
    }
}
