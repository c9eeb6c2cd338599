//! Rows as they lie in the file, read by index.

use std::ops::Range;

use arrow::array::{Array, ArrayRef, FixedSizeListArray, ListArray};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{ArrowPrimitiveType, Float32Type, UInt16Type, UInt32Type, UInt64Type};
use arrow::record_batch::RecordBatch;
use trainyard_features::Batch;
use trainyard_graph::Ragged;

use super::layout::{IdType, IdsLayout, Layout, numbers};
use crate::Result;
use crate::ordered::internal;

/// A block of rows in the memory it was read into.
#[derive(Debug)]
pub(crate) struct Block {
    rows: usize,
    numeric_width: usize,
    numeric: ScalarBuffer<f32>,
    ids: Vec<Ids>,
    labels: ScalarBuffer<f32>,
    weights: ScalarBuffer<f32>,
}

/// The ids of one feature.
#[derive(Debug)]
struct Ids {
    values: Values,
    /// Where the rows start; without it each row has its own place in `values`.
    offsets: Option<OffsetBuffer<i32>>,
    /// Which of these places hold an id, if not all do.
    present: Option<NullBuffer>,
    weights: Option<ScalarBuffer<f32>>,
}

#[derive(Debug)]
enum Values {
    U16(ScalarBuffer<u16>),
    U32(ScalarBuffer<u32>),
    U64(ScalarBuffer<u64>),
}

impl Block {
    /// Looks into a record batch of this layout.
    pub(super) fn new(layout: &Layout, batch: &RecordBatch) -> Result<Self> {
        let mut columns = batch.columns().iter();
        let mut next = || columns.next().ok_or_else(|| internal("a cache has fewer columns than its layout says"));
        let numeric = if layout.numeric_width > 0 { fixed_list(next()?)? } else { Vec::new().into() };
        let mut ids = Vec::new();
        for layout in &layout.ids {
            let column = next()?;
            let weights = if layout.weighted { Some(next()?) } else { None };
            ids.push(Ids::new(layout, column, weights)?);
        }
        let mut plain = |present| if present { floats(next()?) } else { Ok(Vec::new().into()) };
        let (labels, weights) = (plain(layout.labels)?, plain(layout.weights)?);
        Ok(Self { rows: batch.num_rows(), numeric_width: layout.numeric_width, numeric, ids, labels, weights })
    }

    /// Number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Number of categorical features.
    pub(crate) fn n_ids(&self) -> usize {
        self.ids.len()
    }

    /// Numbers per row.
    pub(crate) fn numeric_width(&self) -> usize {
        self.numeric_width
    }

    /// The numbers of all rows.
    pub(crate) fn numbers(&self) -> &[f32] {
        &self.numeric
    }

    /// The labels of all rows; empty when they have none.
    pub(crate) fn labels(&self) -> &[f32] {
        &self.labels
    }

    /// The weights of all rows; empty when they have none.
    pub(crate) fn weights(&self) -> &[f32] {
        &self.weights
    }

    /// Whether a feature has one id at most in each row, of 32 bits at most.
    pub(crate) fn is_single(&self, feature: usize) -> bool {
        let Ids { values, offsets, .. } = &self.ids[feature];
        offsets.is_none() && !matches!(values, Values::U64(_))
    }

    /// Which rows have an id of such a feature, if not all do.
    pub(crate) fn present(&self, feature: usize) -> Option<&NullBuffer> {
        self.ids[feature].present.as_ref()
    }

    /// Writes the ids that rows have of such a feature, whatever where they have none.
    pub(crate) fn copy_ids<'a>(&self, feature: usize, rows: Range<usize>, words: impl Iterator<Item = &'a mut u32>) {
        match &self.ids[feature].values {
            Values::U16(values) => words.zip(&values[rows]).for_each(|(word, &id)| *word = id.into()),
            Values::U32(values) => words.zip(&values[rows]).for_each(|(word, &id)| *word = id),
            Values::U64(_) => {}
        }
    }

    /// Adds the ids that a row has of a feature to `ragged`.
    pub(crate) fn push_ids(&self, feature: usize, row: usize, ragged: &mut Ragged) {
        let ids = &self.ids[feature];
        let places = ids.places(row);
        ids.values.push(places.clone(), ragged);
        if let Some(weights) = &ids.weights {
            ragged.weights.get_or_insert_default().extend_from_slice(&weights[places]);
        }
        ragged.offsets.push(ragged.ids.len() as u32);
    }

    /// All rows without their features.
    pub(super) fn to_labels(&self) -> Batch {
        Batch { rows: self.rows, labels: self.labels.to_vec(), weights: self.weights.to_vec(), ..Batch::default() }
    }

    /// All rows.
    pub(super) fn to_batch(&self) -> Batch {
        let mut batch = Batch::default();
        self.push_rows(0..self.rows, &mut batch);
        batch
    }

    /// Adds some rows to the end of a batch.
    pub(crate) fn push_rows(&self, rows: Range<usize>, batch: &mut Batch) {
        let numbers = rows.start * self.numeric_width..rows.end * self.numeric_width;
        batch.numeric.extend_from_slice(&self.numeric[numbers]);
        batch.labels.extend_from_slice(self.labels.get(rows.clone()).unwrap_or_default());
        batch.weights.extend_from_slice(self.weights.get(rows.clone()).unwrap_or_default());
        batch.ids.resize_with(self.ids.len(), Ragged::new);
        for (feature, ragged) in batch.ids.iter_mut().enumerate() {
            match &self.ids[feature] {
                Ids { values, offsets: None, present: None, .. } => values.push_rows(rows.clone(), ragged),
                _ => rows.clone().for_each(|row| self.push_ids(feature, row, ragged)),
            }
        }
        batch.rows += rows.len();
    }
}

impl Ids {
    fn new(layout: &IdsLayout, column: &ArrayRef, weights: Option<&ArrayRef>) -> Result<Self> {
        if !layout.many {
            let values = Values::new(layout, column)?;
            return Ok(Self { values, offsets: None, present: column.nulls().cloned(), weights: None });
        }
        let column = list(column)?;
        let weights = weights.map(|weights| floats(list(weights)?.values())).transpose()?;
        let values = Values::new(layout, column.values())?;
        Ok(Self { values, offsets: Some(column.offsets().clone()), present: None, weights })
    }

    /// Where the ids of a row are.
    fn places(&self, row: usize) -> Range<usize> {
        match (&self.offsets, &self.present) {
            (Some(offsets), _) => offsets[row] as usize..offsets[row + 1] as usize,
            (None, Some(present)) if present.is_null(row) => row..row,
            (None, _) => row..row + 1,
        }
    }
}

impl Values {
    fn new(layout: &IdsLayout, column: &dyn Array) -> Result<Self> {
        Ok(match layout.id_type {
            IdType::U16 => Self::U16(values::<UInt16Type>(column)?),
            IdType::U32 => Self::U32(values::<UInt32Type>(column)?),
            IdType::U64 => Self::U64(values::<UInt64Type>(column)?),
        })
    }

    /// Adds the ids at some places, which belong to rows that are not told yet.
    fn push(&self, places: Range<usize>, ragged: &mut Ragged) {
        match self {
            Values::U16(values) => ragged.ids.extend(values[places].iter().map(|&id| u64::from(id))),
            Values::U32(values) => ragged.ids.extend(values[places].iter().map(|&id| u64::from(id))),
            Values::U64(values) => ragged.ids.extend_from_slice(&values[places]),
        }
    }

    /// Adds rows of one id each.
    fn push_rows(&self, rows: Range<usize>, ragged: &mut Ragged) {
        let start = ragged.ids.len() as u32;
        self.push(rows, ragged);
        ragged.offsets.extend(start + 1..=ragged.ids.len() as u32);
    }
}

fn values<T: ArrowPrimitiveType>(column: &dyn Array) -> Result<ScalarBuffer<T::Native>> {
    Ok(numbers::<T>(column)?.values().clone())
}

fn floats(column: &ArrayRef) -> Result<ScalarBuffer<f32>> {
    values::<Float32Type>(column)
}

fn fixed_list(column: &ArrayRef) -> Result<ScalarBuffer<f32>> {
    let column = column.as_any().downcast_ref::<FixedSizeListArray>();
    floats(column.ok_or_else(|| internal("the numbers of a cache are no list"))?.values())
}

fn list(column: &ArrayRef) -> Result<&ListArray> {
    column.as_any().downcast_ref().ok_or_else(|| internal("ids of a cache are no list"))
}
