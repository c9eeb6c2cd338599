//! One pass over all rows.

use super::column::ColumnSurvey;
use super::dialect::Dialect;
use crate::{Error, Result};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use arrow::util::display::array_value_to_string;
use trainyard_data::{Source, SourceConfig};
use trainyard_features::ColumnType;

/// Different values of a column that are told apart at most.
const DISTINCT: usize = 100_000;

/// The same over all columns, which bounds memory: some 100 bytes each.
const DISTINCT_ALL: usize = 4_000_000;

/// What all rows are like.
#[derive(Debug)]
pub(super) struct Survey {
    /// Number of rows.
    pub rows: u64,
    /// The columns in the order of the file.
    pub columns: Vec<ColumnSurvey>,
    /// Texts that were found to mean "missing".
    pub missing: Vec<String>,
}

impl Survey {
    /// Looks at all rows, and completes `dialect` by the types of the columns and what means "missing".
    pub(super) fn of(dialect: &mut Dialect, names: &[String]) -> Result<Survey> {
        let source = Source::open_all(&with_text(dialect, names))?;
        let mut survey = Survey { rows: 0, columns: empty(dialect, &source), missing: Vec::new() };
        for batch in source.scan()? {
            let batch = batch?;
            survey.rows += batch.num_rows() as u64;
            for (column, array) in survey.columns.iter_mut().zip(batch.columns()) {
                add(column, array, &dialect.config.missing)?;
            }
        }
        if survey.rows == 0 {
            return Err(Error::config(format!("there are no rows in `{}`", dialect.config.path), "add some"));
        }
        survey.settle();
        dialect.config.missing.extend(survey.missing.iter().cloned());
        dialect.config.types =
            survey.columns.iter().map(|column| (column.name.clone(), column.column_type())).collect();
        Ok(survey)
    }

    /// Decides for all columns together which texts mean "missing", since a spec has one list of them.
    fn settle(&mut self) {
        for column in &self.columns {
            for marker in column.missing_markers() {
                if !self.missing.iter().any(|known| known == marker) {
                    self.missing.push(marker.to_owned());
                }
            }
        }
        for column in &mut self.columns {
            column.settle(&self.missing);
        }
    }
}

/// Reads what is CSV as text, so that all rows tell its types and not the first ones only.
fn with_text(dialect: &Dialect, names: &[String]) -> SourceConfig {
    let mut config = dialect.config.clone();
    if dialect.is_csv {
        for name in names {
            config.types.entry(name.clone()).or_insert(ColumnType::Text);
        }
    }
    config
}

fn empty(dialect: &Dialect, source: &Source) -> Vec<ColumnSurvey> {
    let fields = &source.schema().fields;
    let limit = (DISTINCT_ALL / fields.len().max(1)).clamp(1000, DISTINCT);
    let columns = fields.iter().map(|field| {
        let is_open = dialect.is_csv && !dialect.config.types.contains_key(&field.name);
        ColumnSurvey::new(&field.name, (!is_open).then_some(field.column_type), limit)
    });
    columns.collect()
}

fn add(column: &mut ColumnSurvey, array: &ArrayRef, missing: &[String]) -> Result<()> {
    for row in 0..array.len() {
        if array.is_null(row) {
            column.add_missing();
            continue;
        }
        match array.data_type() {
            DataType::Utf8 => column.add_text(array.as_string::<i32>().value(row), missing),
            DataType::Float64 => column.add_float(array.as_primitive::<Float64Type>().value(row)),
            DataType::Int64 => column.add_displayed(array.as_primitive::<Int64Type>().value(row)),
            DataType::Boolean => column.add_displayed(array.as_boolean().value(row)),
            DataType::Timestamp(..) => column.add_displayed(shown(array, row)?),
            other => return Err(Error::Internal(format!("a raw column of type {other}"))),
        }
    }
    Ok(())
}

fn shown(array: &ArrayRef, row: usize) -> Result<String> {
    array_value_to_string(array, row).map_err(|error| Error::Internal(error.to_string()))
}
