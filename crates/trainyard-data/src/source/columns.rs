//! The columns of files: which ones there are, and of which types.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use trainyard_features::ColumnType;

use super::convert::raw_type;
use super::location::Location;
use crate::error::{Error, Result, listed};

/// A column of a file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RawColumn {
    pub name: String,
    /// Its type; `None` when the file does not tell it, or when all its values are missing.
    pub column_type: Option<ColumnType>,
    /// Whether a row holds a list of texts.
    pub is_list: bool,
}

impl RawColumn {
    /// A column of which only the name is known.
    pub(super) fn untyped(name: String) -> Self {
        Self { name, column_type: None, is_list: false }
    }
}

/// The Arrow type of a raw column of lists.
pub(super) fn list_type() -> DataType {
    DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true)))
}

/// What tells a time of ours from those of other files, which are text unless they are declared to be times.
const MARK: (&str, &str) = ("trainyard", "time");

/// A column of times of a file that keeps them as such.
pub(crate) fn time_field(name: &str) -> Field {
    let millis = DataType::Timestamp(TimeUnit::Millisecond, None);
    Field::new(name, millis, true).with_metadata([(MARK.0.to_owned(), MARK.1.to_owned())].into())
}

fn is_time(field: &Field) -> bool {
    field.metadata().get(MARK.0).is_some_and(|mark| mark == MARK.1)
}

/// The columns of an Arrow schema that are of use, after a check that it has those of `needed`.
pub(super) fn raw_columns(schema: &Schema, needed: &[&str], location: &Location) -> Result<Vec<RawColumn>> {
    let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
    needed.iter().try_for_each(|name| position(&names, name, location).map(drop))?;
    let mut columns = Vec::new();
    for (field, name) in schema.fields().iter().zip(names) {
        match raw_type(field.data_type()) {
            Ok((Some(_), false)) if is_time(field) => {
                columns.push(RawColumn { name, column_type: Some(ColumnType::Time), is_list: false });
            }
            Ok((column_type, is_list)) => columns.push(RawColumn { name, column_type, is_list }),
            Err(data_type) if needed.contains(&name.as_str()) => {
                return Err(Error::UnsupportedType { path: location.clone(), column: name, data_type });
            }
            Err(_) => {}
        }
    }
    Ok(columns)
}

/// Takes the columns of a further file into account: what the first ones left open, it tells.
///
/// # Errors
///
/// When a column that `decides` on its type is of one type there and of another here, since the rows of both are read alike.
/// Where numbers are `written`, some have no fraction and others do.
pub(super) fn merge(
    known: &mut [RawColumn],
    first: &Location,
    (location, columns): (&Location, Vec<RawColumn>),
    written: bool,
    decides: impl Fn(&str) -> bool,
) -> Result<()> {
    for column in columns {
        let Some(known) = known.iter_mut().find(|known| known.name == column.name) else { continue };
        match (kind(known), kind(&column)) {
            (None, _) => *known = column,
            (Some("`int`" | "`float`"), Some("`int`" | "`float`")) if written => {
                let is_float = [&*known, &column].iter().any(|column| column.column_type == Some(ColumnType::Float));
                known.column_type = Some(if is_float { ColumnType::Float } else { ColumnType::Int });
            }
            (Some(a), Some(b)) if a != b && decides(&column.name) => {
                let (first, path) = (first.clone(), location.clone());
                return Err(Error::MixedTypes { column: column.name, first, first_type: a, path, other_type: b });
            }
            _ => {}
        }
    }
    Ok(())
}

fn kind(column: &RawColumn) -> Option<&'static str> {
    Some(match column.column_type? {
        _ if column.is_list => "a list",
        ColumnType::Float => "`float`",
        ColumnType::Int => "`int`",
        ColumnType::Text => "`text`",
        ColumnType::Bool => "`bool`",
        ColumnType::Time => "`time`",
    })
}

/// Where the column `wanted` stands among the columns of a file.
pub(super) fn position(names: &[String], wanted: &str, path: &Location) -> Result<usize> {
    names.iter().position(|name| name == wanted).ok_or_else(|| Error::MissingColumn {
        path: path.clone(),
        column: wanted.to_owned(),
        columns: listed(names.iter().map(String::as_str)),
        suggestion: nearest(names, wanted).map_or(String::new(), |name| format!("; did you mean `{name}`?")),
    })
}

/// The name that differs least from `wanted`, if a third of it or less does.
pub(crate) fn nearest<'a>(names: &'a [String], wanted: &str) -> Option<&'a str> {
    let wanted = wanted.to_lowercase();
    let distance = |name: &String| strsim::damerau_levenshtein(&name.to_lowercase(), &wanted);
    let nearest = names.iter().min_by_key(|name| distance(name))?;
    (3 * distance(nearest) <= wanted.chars().count()).then_some(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(names: &[&str], wanted: &str, expected: &str) {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let error = position(&names, wanted, &"t.csv".into()).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn a_missing_column_is_named_with_those_that_are_there() {
        check(&["age", "city"], "income", "`t.csv` has no column `income` (columns: age, city)");
    }

    #[test]
    fn the_nearest_name_is_suggested() {
        check(&["Age", "city"], "agee", "`t.csv` has no column `agee`; did you mean `Age`? (columns: Age, city)");
    }
}
