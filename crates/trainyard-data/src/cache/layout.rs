//! Which columns hold a batch, and how.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, FixedSizeListArray, Float32Array, ListArray, PrimitiveArray, UInt64Array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, Schema, UInt16Type, UInt32Type};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use serde::{Deserialize, Serialize};
use trainyard_features::{Batch, Encoding};
use trainyard_graph::Ragged;

use crate::Result;
use crate::ordered::internal;

/// How the rows of a file are stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Layout {
    /// Numbers per row.
    pub numeric_width: usize,
    /// Categorical features, in the order of the encoding.
    pub ids: Vec<IdsLayout>,
    /// Whether rows have labels.
    pub labels: bool,
    /// Whether rows have weights.
    pub weights: bool,
}

/// How the ids of a categorical feature are stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct IdsLayout {
    /// Name of the feature.
    pub name: String,
    /// What an id takes.
    pub id_type: IdType,
    /// Any number of ids per row, else none or one.
    pub many: bool,
    /// A weight per id; then `many` is set, too.
    pub weighted: bool,
}

/// The type of the numbers that ids are stored as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum IdType {
    U16,
    U32,
    U64,
}

impl Layout {
    /// The tightest layout for rows of this encoding of which `batch` is one batch.
    pub(super) fn new(encoding: &Encoding, batch: &Batch) -> Self {
        let ids = encoding.categorical.iter().map(|feature| IdsLayout {
            name: feature.name.clone(),
            id_type: IdType::of(feature.buckets),
            many: false,
            weighted: false,
        });
        let tight = Self {
            numeric_width: encoding.numeric_width(),
            ids: ids.collect(),
            labels: !batch.labels.is_empty(),
            weights: !batch.weights.is_empty(),
        };
        tight.widened(batch).unwrap_or(tight)
    }

    /// A layout that holds all that this one does and `batch`; `None` when this one does.
    pub(super) fn widened(&self, batch: &Batch) -> Option<Self> {
        let mut wider = self.clone();
        for (layout, ids) in wider.ids.iter_mut().zip(&batch.ids) {
            layout.weighted |= ids.weights.is_some();
            layout.many |= layout.weighted || most_of_a_row(ids) > 1;
            if layout.many {
                // What rows take in memory is told by their bytes in the file, and how many ids they have is not known there.
                layout.id_type = layout.id_type.max(IdType::U32);
            }
        }
        wider.weights |= !batch.weights.is_empty();
        (wider != *self).then_some(wider)
    }

    /// Bytes that a row takes in memory besides those that it takes in the file: ids of 16 bits are read as 32.
    pub(super) fn bytes_besides(&self) -> u64 {
        2 * self.ids.iter().filter(|ids| ids.id_type == IdType::U16).count() as u64
    }

    /// Stores a batch, or gives the layout that it takes.
    ///
    /// # Errors
    ///
    /// As [`Layout::encode`].
    pub(crate) fn encode_or_widen(&self, batch: Batch) -> Result<Result<RecordBatch, Layout>> {
        match self.widened(&batch) {
            Some(wider) => Ok(Err(wider)),
            None => self.encode(batch).map(Ok),
        }
    }

    /// The columns. `metadata` goes into the schema.
    pub(super) fn schema(&self, metadata: HashMap<String, String>) -> Schema {
        let mut fields = Vec::new();
        if self.numeric_width > 0 {
            let list = DataType::FixedSizeList(item(DataType::Float32), self.numeric_width as i32);
            fields.push(Field::new("numeric", list, false));
        }
        for ids in &self.ids {
            let id = ids.id_type.arrow();
            let column = if ids.many { DataType::List(item(id)) } else { id };
            fields.push(Field::new(format!("ids.{}", ids.name), column, !ids.many));
            if ids.weighted {
                fields.push(Field::new(
                    format!("weights.{}", ids.name),
                    DataType::List(item(DataType::Float32)),
                    false,
                ));
            }
        }
        for (name, present) in [("label", self.labels), ("weight", self.weights)] {
            if present {
                fields.push(Field::new(name, DataType::Float32, false));
            }
        }
        Schema::new_with_metadata(fields, metadata)
    }

    /// Stores a batch that fits the layout.
    ///
    /// # Errors
    ///
    /// `Internal` when the batch does not have the shape of the encoding.
    pub(super) fn encode(&self, batch: Batch) -> Result<RecordBatch> {
        self.check(&batch)?;
        let rows = batch.rows;
        let mut columns: Vec<ArrayRef> = Vec::new();
        if self.numeric_width > 0 {
            let values = Arc::new(Float32Array::from(batch.numeric));
            let list = FixedSizeListArray::try_new(item(DataType::Float32), self.numeric_width as i32, values, None)?;
            columns.push(Arc::new(list));
        }
        for (layout, ids) in self.ids.iter().zip(batch.ids) {
            layout.encode(ids, &mut columns)?;
        }
        if self.labels {
            columns.push(Arc::new(Float32Array::from(batch.labels)));
        }
        if self.weights {
            let weights = if batch.weights.is_empty() { vec![1.0; rows] } else { batch.weights };
            columns.push(Arc::new(Float32Array::from(weights)));
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let schema = Arc::new(self.schema(HashMap::new()));
        Ok(RecordBatch::try_new_with_options(schema, columns, &options)?)
    }

    fn check(&self, batch: &Batch) -> Result<()> {
        let rows = batch.rows;
        let fits = batch.numeric.len() == rows * self.numeric_width
            && batch.ids.len() == self.ids.len()
            && batch.ids.iter().all(|ids| ids.rows() == rows)
            && batch.labels.len() == if self.labels { rows } else { 0 }
            && (batch.weights.is_empty() || batch.weights.len() == rows);
        if fits { Ok(()) } else { Err(internal("a batch does not have the shape of its encoding")) }
    }
}

impl IdType {
    /// The smallest that holds so many ids, which count from 0.
    fn of(buckets: u64) -> Self {
        match buckets.saturating_sub(1) {
            ..=0xffff => Self::U16,
            0x1_0000..=0xffff_ffff => Self::U32,
            _ => Self::U64,
        }
    }

    fn arrow(self) -> DataType {
        match self {
            Self::U16 => DataType::UInt16,
            Self::U32 => DataType::UInt32,
            Self::U64 => DataType::UInt64,
        }
    }

    fn array(self, ids: Vec<u64>, nulls: Option<NullBuffer>) -> Result<ArrayRef> {
        match self {
            Self::U16 => narrow::<UInt16Type>(&ids, nulls, (u16::MAX.into(), |id| id as u16)),
            Self::U32 => narrow::<UInt32Type>(&ids, nulls, (u32::MAX.into(), |id| id as u32)),
            Self::U64 => Ok(Arc::new(UInt64Array::new(ids.into(), nulls))),
        }
    }
}

impl IdsLayout {
    fn encode(&self, ids: Ragged, columns: &mut Vec<ArrayRef>) -> Result<()> {
        let nulls = if self.many { None } else { present(&ids) };
        // In a column without offsets a row without an id has a place, too.
        let values = if nulls.is_some() { spread(&ids) } else { ids.ids };
        let values = self.id_type.array(values, nulls)?;
        if !self.many {
            columns.push(values);
            return Ok(());
        }
        let offsets = OffsetBuffer::new(ids.offsets.iter().map(|&offset| offset as i32).collect::<ScalarBuffer<i32>>());
        let n = values.len();
        columns.push(Arc::new(ListArray::try_new(item(values.data_type().clone()), offsets.clone(), values, None)?));
        if self.weighted {
            let weights = Arc::new(Float32Array::from(ids.weights.unwrap_or_else(|| vec![1.0; n])));
            columns.push(Arc::new(ListArray::try_new(item(DataType::Float32), offsets, weights, None)?));
        }
        Ok(())
    }
}

/// Ids of the row that has most of them.
fn most_of_a_row(ids: &Ragged) -> u32 {
    ids.offsets.windows(2).map(|ends| ends[1] - ends[0]).fold(0, u32::max)
}

/// The items of a list. They have a name by convention only.
fn item(data_type: DataType) -> Arc<Field> {
    Arc::new(Field::new("item", data_type, false))
}

/// Which rows have an id, if not all do; of ids with at most one per row.
fn present(ids: &Ragged) -> Option<NullBuffer> {
    (ids.ids.len() < ids.rows()).then(|| ids.offsets.windows(2).map(|ends| ends[1] > ends[0]).collect())
}

/// One id per row, 0 where there is none.
fn spread(ids: &Ragged) -> Vec<u64> {
    (0..ids.rows()).map(|row| ids.row(row).first().copied().unwrap_or(0)).collect()
}

/// Numbers of a type that holds up to `most`, which is one less than a power of two.
fn narrow<T: ArrowPrimitiveType>(
    ids: &[u64],
    nulls: Option<NullBuffer>,
    (most, cast): (u64, impl Fn(u64) -> T::Native),
) -> Result<ArrayRef> {
    // All are looked at first, so that neither loop has a way out and both work on many ids at a time.
    if ids.iter().fold(0, |bits, id| bits | id) > most {
        return Err(internal("an id is beyond the buckets of its feature"));
    }
    let ids: Vec<T::Native> = ids.iter().map(|&id| cast(id)).collect();
    Ok(Arc::new(PrimitiveArray::<T>::new(ids.into(), nulls)))
}

/// The values of a column of numbers.
pub(super) fn numbers<T: ArrowPrimitiveType>(array: &dyn Array) -> Result<&PrimitiveArray<T>> {
    array.as_any().downcast_ref().ok_or_else(|| internal("a column of a cache is of another type than its layout says"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use trainyard_features::{CategoricalFeature, NumericFeature};

    use super::*;
    use crate::cache::block::Block;

    fn encoding(width: usize, buckets: &[u64]) -> Encoding {
        let categorical = |(i, &buckets): (usize, &u64)| CategoricalFeature::new(format!("c{i}"), buckets);
        Encoding {
            numeric: vec![NumericFeature { name: "n".into(), width, offset: 0 }],
            categorical: buckets.iter().enumerate().map(categorical).collect(),
        }
    }

    /// Rows with up to `most` ids in each of two features, the second with large ids and, perhaps, weights.
    fn batches(width: usize, most: usize) -> impl Strategy<Value = Batch> {
        let row = prop::collection::vec(0u64..1000, 0..=most);
        (prop::collection::vec((row.clone(), row), 0..20), any::<[bool; 3]>()).prop_map(
            move |(rows, [labels, weights, weighted])| {
                let n = rows.len();
                let mut ids = vec![Ragged::new(), Ragged::new()];
                for (a, b) in &rows {
                    ids[0].push_row(a);
                    ids[1].push_row(&b.iter().map(|id| id << 40).collect::<Vec<_>>());
                }
                let count = ids[1].ids.len();
                ids[1].weights = weighted.then(|| (0..count).map(|i| i as f32).collect());
                Batch {
                    rows: n,
                    numeric: (0..n * width).map(|i| i as f32).collect(),
                    ids,
                    labels: if labels { (0..n).map(|i| i as f32).collect() } else { Vec::new() },
                    weights: if weights { vec![0.5; n] } else { Vec::new() },
                }
            },
        )
    }

    fn check(encoding: &Encoding, batch: Batch) {
        let layout = Layout::new(encoding, &batch);
        assert_eq!(layout.widened(&batch), None);
        let encoded = layout.encode(batch.clone()).unwrap();
        assert_eq!(Block::new(&layout, &encoded).unwrap().to_batch(), batch);
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_read(batch in (0usize..3, 0usize..4).prop_flat_map(|(w, most)| batches(w, most))) {
            prop_assume!(batch.rows > 0);
            let width = batch.numeric.len() / batch.rows;
            check(&encoding(width, &[1 << 20, 1000 << 40]), batch.clone());
            check(&encoding(width, &[1000, 1000 << 40]), batch);
        }
    }

    #[test]
    fn one_id_a_row_takes_one_number_of_the_smallest_type() {
        for (buckets, id_type) in [
            (0, DataType::UInt16),
            (1 << 16, DataType::UInt16),
            ((1 << 16) + 1, DataType::UInt32),
            (1 << 32, DataType::UInt32),
            ((1 << 32) + 1, DataType::UInt64),
        ] {
            let ids = vec![Ragged::from_single(vec![0, buckets.max(1) - 1])];
            let batch = Batch { rows: 2, ids, ..Batch::default() };
            let layout = Layout::new(&encoding(0, &[buckets]), &batch);
            let encoded = layout.encode(batch.clone()).unwrap();
            assert_eq!(encoded.schema().fields()[0].data_type(), &id_type);
            assert_eq!(encoded.num_columns(), 1);
            assert_eq!(Block::new(&layout, &encoded).unwrap().to_batch(), batch);
        }
    }

    #[test]
    fn rows_in_memory_are_those_of_the_file_with_ids_of_32_bits() {
        let batch = |n: u64| {
            let (single, mut many) = (Ragged::from_single((0..n).collect()), Ragged::new());
            (0..n).for_each(|row| many.push_row(&[row, row]));
            Batch { rows: n as usize, ids: vec![single, many], ..Batch::default() }
        };
        let of = |buckets: u64| Layout::new(&encoding(0, &[buckets, buckets]), &batch(1));
        let bytes = |layout: &Layout| {
            let encoded = layout.encode(batch(64_000)).unwrap();
            encoded.get_array_memory_size() as u64 / 64_000 + layout.bytes_besides()
        };
        assert_eq!((of(1 << 16).bytes_besides(), of(1 << 32).bytes_besides()), (2, 0));
        assert_eq!(bytes(&of(1 << 16)), bytes(&of(1 << 32)));
    }

    #[test]
    fn an_id_beyond_the_buckets_is_refused() {
        for buckets in [1 << 16, 1 << 32] {
            let batch = Batch { rows: 1, ids: vec![Ragged::from_single(vec![buckets])], ..Batch::default() };
            assert!(Layout::new(&encoding(0, &[buckets]), &batch).encode(batch).is_err());
        }
    }

    #[test]
    fn a_batch_of_another_shape_is_refused() {
        let layout = Layout::new(&encoding(1, &[]), &Batch::default());
        assert!(layout.encode(Batch { rows: 2, numeric: vec![0.0], ..Batch::default() }).is_err());
    }
}
