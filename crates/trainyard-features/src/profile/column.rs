//! What is being found out about one column.

use super::association::AssociationState;
use super::label::{LabelKind, Labels};
use super::numbers::NumberState;
use super::profile::{ColumnProfile, ListProfile};
use super::values::ValueState;
use crate::column::Column;
use crate::fit::{Moments, Refinement};
use crate::schema::{ColumnType, Field};
use arrow::array::{Array, ArrayRef, AsArray, Int64Array};
use arrow::datatypes::{Float64Type, TimestampSecondType};
use serde::{Deserialize, Serialize};

/// Running statistics of one column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ColumnState {
    pub field: Field,
    present: u64,
    missing: u64,
    numbers: Option<NumberState>,
    values: Option<ValueState>,
    lengths: Option<Moments>,
    association: Option<AssociationState>,
}

impl ColumnState {
    /// Nothing seen yet; `limit` bounds how many values are counted, and with `label` the column is compared with it.
    pub fn new(field: &Field, limit: usize, label: Option<LabelKind>) -> Self {
        let column_type = field.column_type;
        let has_numbers = matches!(column_type, ColumnType::Float | ColumnType::Int | ColumnType::Time);
        let has_values = column_type != ColumnType::Float;
        Self {
            field: field.clone(),
            present: 0,
            missing: 0,
            numbers: has_numbers.then(NumberState::default),
            values: has_values.then(|| ValueState::new(limit)),
            lengths: None,
            association: label.map(|label| AssociationState::new(label, has_numbers, has_values)),
        }
    }

    /// Adds rows, given as features see them and as they were read.
    pub fn update(&mut self, column: &Column, array: &ArrayRef, labels: Option<&Labels>) {
        let missing = missing(column, array) as u64;
        self.missing += missing;
        self.present += array.len() as u64 - missing;
        let numbers = numbers(array);
        if let (Some(state), Some(numbers)) = (&mut self.numbers, &numbers) {
            // A number that is missing is NaN in `numbers`, as one that is NaN in the data is.
            state.update(numbers.iter().enumerate().filter(|(row, _)| array.is_valid(*row)).map(|(_, value)| *value));
        }
        if let Some(values) = &mut self.values {
            values.update(column);
        }
        if let Column::Tokens(tokens) = column {
            let lengths = (0..tokens.rows()).map(|row| tokens.len(row)).filter(|length| *length > 0);
            let lengths: Vec<f64> = lengths.map(|length| length as f64).collect();
            self.lengths.get_or_insert_default().update(&lengths);
        }
        if let Some((association, labels)) = self.association.as_mut().zip(labels) {
            association.update(column, numbers.as_deref(), labels);
        }
    }

    pub fn merge(&mut self, other: &Self) {
        self.present += other.present;
        self.missing += other.missing;
        if let Some((mine, theirs)) = self.numbers.as_mut().zip(other.numbers.as_ref()) {
            mine.merge(theirs);
        }
        if let Some((mine, theirs)) = self.values.as_mut().zip(other.values.as_ref()) {
            mine.merge(theirs);
        }
        if let Some(theirs) = &other.lengths {
            self.lengths.get_or_insert_default().merge(theirs);
        }
        if let Some((mine, theirs)) = self.association.as_mut().zip(other.association.as_ref()) {
            mine.merge(theirs);
        }
    }

    /// The bins that a second scan must look into.
    pub fn unresolved(&self) -> Vec<u16> {
        self.numbers.as_ref().map(NumberState::unresolved).unwrap_or_default()
    }

    pub fn profile(&self, refinement: Option<&Refinement>) -> ColumnProfile {
        ColumnProfile {
            name: self.field.name.clone(),
            column_type: self.field.column_type,
            count: self.present,
            missing: self.missing,
            numbers: self.numbers.as_ref().map(|numbers| numbers.profile(refinement)),
            values: self.values.as_ref().map(|values| values.profile(self.field.column_type)),
            lists: self.lengths.as_ref().map(lists),
            associations: self.association.as_ref().map(AssociationState::associations).unwrap_or_default(),
        }
    }
}

/// Rows without a value. NaN is a value here: what it means is for the reader to say.
fn missing(column: &Column, array: &ArrayRef) -> usize {
    match column {
        Column::Text(texts) => texts.missing(),
        Column::Tokens(tokens) => (0..tokens.rows()).filter(|&row| tokens.len(row) == 0).count(),
        _ => array.null_count(),
    }
}

/// The numbers of a column in full precision, missing as NaN; `None` of text.
pub(super) fn numbers(array: &ArrayRef) -> Option<Vec<f64>> {
    let of_ints = |ints: &Int64Array| ints.iter().map(|int| int.map_or(f64::NAN, |int| int as f64)).collect();
    if let Some(floats) = array.as_primitive_opt::<Float64Type>() {
        return Some(floats.iter().map(|float| float.unwrap_or(f64::NAN)).collect());
    }
    if let Some(bools) = array.as_boolean_opt() {
        return Some(bools.iter().map(|bit| bit.map_or(f64::NAN, f64::from)).collect());
    }
    match array.as_primitive_opt::<TimestampSecondType>() {
        Some(times) => Some(of_ints(&times.reinterpret_cast())),
        None => array.as_primitive_opt().map(of_ints),
    }
}

fn lists(lengths: &Moments) -> ListProfile {
    let some = |value: f64| if lengths.count > 0 { value as u64 } else { 0 };
    ListProfile { min: some(lengths.min), max: some(lengths.max), mean: lengths.mean() }
}
