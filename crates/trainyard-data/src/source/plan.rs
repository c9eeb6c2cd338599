//! What a scan needs to know.

use std::path::Path;
use std::sync::Arc;

use arrow::array::BooleanArray;
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use trainyard_features::{ColumnType, Schema};
use trainyard_graph::random;

use super::config::SourceConfig;
use super::files::Files;
use super::split::KeyRange;
use crate::error::{Error, Result, listed};

/// Rows of a full batch.
pub(crate) const BATCH_ROWS: usize = 8192;

/// The files of one input, the columns to read from them, and their types.
#[derive(Debug)]
pub(super) struct Plan {
    pub config: SourceConfig,
    pub files: Files,
    pub schema: Schema,
    pub arrow: SchemaRef,
    pub part: Part,
}

/// Which of the rows a scan gives. Whether a row is held out is a function of its place among the rows alone, or of its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    All,
    /// Those that are not held out, where one in so many is.
    Learnt(u64),
    /// Those that are held out, one in so many.
    HeldOut(u64),
    /// Those whose keys hash into a range.
    Keyed(KeyRange),
}

impl Part {
    /// The rows of a batch that belong to the part; the first row of the batch stands at place `first`.
    pub(super) fn of(&self, batch: RecordBatch, first: u64) -> Result<RecordBatch> {
        let is_held_out = |row, one_in| random::below(random::stream(0, "held out"), row, one_in) == 0;
        let places = first..first + batch.num_rows() as u64;
        let mask: BooleanArray = match self {
            Part::All => return Ok(batch),
            Part::Learnt(one_in) => places.map(|row| Some(!is_held_out(row, *one_in))).collect(),
            Part::HeldOut(one_in) => places.map(|row| Some(is_held_out(row, *one_in))).collect(),
            Part::Keyed(range) => range.mask(&batch)?,
        };
        Ok(filter_record_batch(&batch, &mask)?)
    }

    /// The columns that tell which rows belong to the part.
    pub(super) fn columns(&self) -> &[String] {
        match self {
            Part::Keyed(range) => &range.by,
            _ => &[],
        }
    }
}

impl Plan {
    /// A plan to read the columns of `schema` of a part of the rows.
    pub(super) fn new(config: SourceConfig, files: Files, schema: Schema, part: Part) -> Self {
        let arrow = Arc::new(arrow_schema(&schema));
        Self { config, files, schema, arrow, part }
    }
}

/// The Arrow type of a raw column.
pub(super) fn arrow_type(column_type: ColumnType) -> DataType {
    match column_type {
        ColumnType::Float => DataType::Float64,
        ColumnType::Int => DataType::Int64,
        ColumnType::Text => DataType::Utf8,
        ColumnType::Bool => DataType::Boolean,
    }
}

/// The Arrow schema of raw columns.
pub(crate) fn arrow_schema(schema: &Schema) -> arrow::datatypes::Schema {
    let field = |field: &trainyard_features::Field| {
        arrow::datatypes::Field::new(&field.name, arrow_type(field.column_type), true)
    };
    arrow::datatypes::Schema::new(schema.fields.iter().map(field).collect::<Vec<_>>())
}

/// Where the column `wanted` stands among the columns of a file.
pub(super) fn position(names: &[String], wanted: &str, path: &Path) -> Result<usize> {
    names.iter().position(|name| name == wanted).ok_or_else(|| Error::MissingColumn {
        path: path.to_owned(),
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
        let error = position(&names, wanted, Path::new("t.csv")).unwrap_err();
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
