//! Looking at rows.

use super::column::{ColumnState, numbers};
use super::label::{LabelKind, Labels};
use super::profile::Profile;
use super::sample::Sample;
use crate::column::{Column, row_hashes, single_ids};
use crate::error::{list, suggestion};
use crate::fit::Refinement;
use crate::schema::Schema;
use crate::{Error, Result};
use arrow::array::ArrayRef;
use arrow::record_batch::RecordBatch;
use serde::{Deserialize, Serialize};

/// Values of all columns that are counted one by one; some 400 MB of short ones.
const VALUES_ALL: usize = 4_000_000;

/// The same of one column, at least and at most.
const VALUES: (usize, usize) = (4096, 1 << 17);

/// Whole rows that are told apart; 24 MB.
const ROWS: usize = 1_000_000;

/// Bins that a second scan looks into at a time; at most 128 MB.
const BINS: usize = 256;

/// What is to be found out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProfilerConfig {
    /// The column that all others are compared with.
    pub label: Option<String>,
    /// Whether to tell which rows are the same, in this data and in another.
    pub rows: bool,
}

/// Running statistics of all columns; those of any partition of the rows merge to the same bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profiler {
    rows: u64,
    label: Option<usize>,
    columns: Vec<ColumnState>,
    row_hashes: Option<Sample>,
}

impl Profiler {
    /// Nothing seen yet of these columns.
    ///
    /// # Errors
    ///
    /// [`Error::Column`] when the label is not among the columns.
    pub fn new(schema: &Schema, config: &ProfilerConfig) -> Result<Self> {
        let label = config.label.as_ref().map(|label| position(schema, label)).transpose()?;
        let kind = label.map(|label| LabelKind::from(schema.fields[label].column_type));
        let limit = (VALUES_ALL / schema.fields.len().max(1)).clamp(VALUES.0, VALUES.1);
        let column = |(i, field)| ColumnState::new(field, limit, kind.filter(|_| label != Some(i)));
        let columns = schema.fields.iter().enumerate().map(column).collect();
        Ok(Self { rows: 0, label, columns, row_hashes: config.rows.then(|| Sample::new(ROWS)) })
    }

    /// Adds rows.
    ///
    /// # Errors
    ///
    /// [`Error::Column`] when a column is absent or of another type.
    pub fn update(&mut self, batch: &RecordBatch) -> Result<()> {
        let read = self.columns.iter().enumerate().map(|(i, column)| read(batch, column, i));
        let columns = read.collect::<Result<Vec<_>>>()?;
        let labels = self.label.map(|label| {
            let (column, array) = &columns[label];
            Labels::of(column, numbers(array))
        });
        for (state, (column, array)) in self.columns.iter_mut().zip(&columns) {
            state.update(column, array, labels.as_ref());
        }
        if let Some(hashes) = &mut self.row_hashes {
            let rows = row_hashes(&by_name(&self.columns, columns), batch.num_rows());
            hashes.update(&Column::Ids(single_ids(rows.len(), rows.iter().copied().map(Some))));
        }
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    /// Adds the rows that another with the same columns has seen.
    pub fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        self.columns.iter_mut().zip(&other.columns).for_each(|(mine, theirs)| mine.merge(theirs));
        if let Some((mine, theirs)) = self.row_hashes.as_mut().zip(other.row_hashes.as_ref()) {
            mine.merge(theirs);
        }
    }

    /// The scans that are still to be made for exact quantiles and buckets: none, or one, or several when there are too many
    /// columns of different numbers for the memory of one.
    pub fn refiners(&self) -> Vec<Refiner> {
        let mut refiners: Vec<(usize, Refiner)> = Vec::new();
        for (i, column) in self.columns.iter().enumerate() {
            let bins = column.unresolved();
            if bins.is_empty() {
                continue;
            }
            match refiners.last_mut().filter(|(total, _)| total + bins.len() <= BINS) {
                Some((total, refiner)) => {
                    *total += bins.len();
                    refiner.columns.push((i, column.field.name.clone(), Refinement::new(bins)));
                }
                None => {
                    let total = bins.len();
                    let column = (i, column.field.name.clone(), Refinement::new(bins));
                    refiners.push((total, Refiner { columns: vec![column] }));
                }
            }
        }
        refiners.into_iter().map(|(_, refiner)| refiner).collect()
    }

    /// What was seen, with what the scans of [`refiners`](Self::refiners) have found.
    pub fn finish(&self, refiners: &[Refiner]) -> Profile {
        let refined = |column: usize| {
            let mut all = refiners.iter().flat_map(|refiner| &refiner.columns);
            all.find(|(i, ..)| *i == column).map(|(_, _, refinement)| refinement)
        };
        let columns = self.columns.iter().enumerate().map(|(i, column)| column.profile(refined(i)));
        let label = self.label.map(|label| self.columns[label].field.name.clone());
        Profile::new(self.rows, label, columns.collect(), self.row_hashes.clone())
    }
}

/// A further scan, over the numbers of some columns alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Refiner {
    /// Place and name of the column, and what is found in it.
    columns: Vec<(usize, String, Refinement)>,
}

impl Refiner {
    /// The columns that are read.
    pub fn columns(&self) -> Vec<&str> {
        self.columns.iter().map(|(_, name, _)| name.as_str()).collect()
    }

    /// Adds rows.
    ///
    /// # Errors
    ///
    /// [`Error::Column`] when a column is absent.
    pub fn update(&mut self, batch: &RecordBatch) -> Result<()> {
        for (_, name, refinement) in &mut self.columns {
            let array = batch.column_by_name(name).ok_or_else(|| Error::column(name, "is not in the data any more"))?;
            let finite: Vec<f64> = numbers(array).into_iter().flatten().filter(|value| value.is_finite()).collect();
            refinement.update(&super::numbers::singles(&finite));
        }
        Ok(())
    }

    /// Adds the rows that another has seen.
    pub fn merge(&mut self, other: &Self) {
        self.columns.iter_mut().zip(&other.columns).for_each(|((.., mine), (.., theirs))| mine.merge(theirs));
    }
}

/// The columns in the order of their names, in which rows of files with other orders have the same hashes.
fn by_name(states: &[ColumnState], columns: Vec<(Column, ArrayRef)>) -> Vec<Column> {
    let mut named: Vec<(&str, Column)> =
        states.iter().zip(columns).map(|(state, (column, _))| (state.field.name.as_str(), column)).collect();
    named.sort_by_key(|(name, _)| *name);
    named.into_iter().map(|(_, column)| column).collect()
}

fn read(batch: &RecordBatch, column: &ColumnState, position: usize) -> Result<(Column, ArrayRef)> {
    let field = &column.field;
    let read = Column::read(batch, field, position)?;
    let at_position = batch.schema_ref().fields().get(position).is_some_and(|found| *found.name() == field.name);
    let array = if at_position { Some(batch.column(position)) } else { batch.column_by_name(&field.name) };
    let array = array.ok_or_else(|| Error::Internal(format!("column `{}` was read and is not there", field.name)))?;
    Ok((read, array.clone()))
}

fn position(schema: &Schema, label: &str) -> Result<usize> {
    schema.names().position(|name| name == label).ok_or_else(|| {
        let hint = suggestion(label, schema.names());
        Error::column(label, format!("is not in the data{hint} (columns: {})", list(schema.names())))
    })
}
