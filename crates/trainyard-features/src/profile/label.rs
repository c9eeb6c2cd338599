//! The label of rows, as other columns are compared with it.

use crate::column::Column;
use crate::hash::farm_fingerprint64;
use crate::schema::ColumnType;

/// Values of a label that are told apart as classes.
pub(super) const CLASSES: usize = 32;

/// The labels of a batch.
#[derive(Debug)]
pub(super) struct Labels {
    /// One number per row, missing as NaN; `None` of text.
    pub numbers: Option<Vec<f64>>,
    /// What names the class of each row; `None` of floats.
    pub classes: Option<Vec<Option<u64>>>,
}

impl Labels {
    /// Reads them of a column; `numbers` are those of floats in full precision.
    pub fn of(column: &Column, numbers: Option<Vec<f64>>) -> Self {
        let classes = match column {
            Column::Int(array) => Some(array.iter().map(|value| value.map(|value| value as u64)).collect()),
            Column::Bool(array) => Some(array.iter().map(|value| value.map(u64::from)).collect()),
            Column::Text(texts) => {
                Some(texts.iter().map(|text| text.map(|text| farm_fingerprint64(text.as_bytes()))).collect())
            }
            _ => None,
        };
        Self { numbers: numbers.or_else(|| column.as_f64()), classes }
    }
}

/// What a label of a type can be compared as.
#[derive(Debug, Clone, Copy)]
pub(super) struct LabelKind {
    pub numbers: bool,
    pub classes: bool,
}

impl From<ColumnType> for LabelKind {
    fn from(column_type: ColumnType) -> Self {
        Self { numbers: column_type != ColumnType::Text, classes: column_type != ColumnType::Float }
    }
}
