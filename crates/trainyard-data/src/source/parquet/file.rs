//! One open Parquet file.

use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use arrow::datatypes::Schema;
use arrow::record_batch::RecordBatch;
use datafusion::parquet::arrow::ProjectionMask;
use datafusion::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use datafusion::parquet::basic::{ConvertedType, Encoding};
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};

use super::chunks::Chunks;
use crate::error::{Error, Result};
use crate::source::columns::{RawColumn, position, raw_columns};
use crate::source::files::Files;
use crate::source::location::{Location, Object, Stores};
use crate::source::plan::{BATCH_ROWS, Plan, coded_type};

/// Bytes of a batch with coded texts, as they stand in the file.
const CODED_BYTES: u64 = 16 << 20;

/// The columns of a file that are of use, after a check that it has those of `needed`.
pub(in crate::source) fn columns(files: &Files, location: &Location, needed: &[&str]) -> Result<Vec<RawColumn>> {
    let file = ParquetFile::open(&files.stores, location)?;
    raw_columns(file.metadata.schema(), needed, location)
}

/// The bytes of each row group of a file.
pub(in crate::source) fn group_bytes(files: &Files, location: &Location) -> Result<Vec<u64>> {
    let metadata = ParquetFile::open(&files.stores, location)?.metadata;
    // Only damage makes a size negative, and is told when the rows are read.
    let bytes = |group: &RowGroupMetaData| u64::try_from(group.compressed_size()).unwrap_or(0);
    Ok(metadata.metadata().row_groups().iter().map(bytes).collect())
}

/// A file whose metadata has been read and found possible.
#[derive(Debug)]
pub(super) struct ParquetFile {
    location: Location,
    place: Place,
    metadata: ArrowReaderMetadata,
}

/// Where the bytes come from.
#[derive(Debug)]
enum Place {
    Local(Arc<File>, u64),
    Remote(Stores, Arc<Object>),
}

impl ParquetFile {
    /// Opens a file and reads its metadata.
    pub(super) fn open(stores: &Stores, location: &Location) -> Result<ParquetFile> {
        let place = match location {
            Location::Local(path) => {
                let file = File::open(path).map_err(Error::io("open", path))?;
                let size = file.metadata().map_err(Error::io("look at", path))?.len();
                Place::Local(Arc::new(file), size)
            }
            Location::Remote(url) => Place::Remote(stores.clone(), Arc::new(stores.object(url)?)),
        };
        let chunks = place.chunks(Vec::new())?;
        let metadata = ArrowReaderMetadata::load(&chunks, ArrowReaderOptions::new());
        let metadata = metadata.map_err(failure(location, None))?;
        Ok(ParquetFile { location: location.clone(), place, metadata })
    }

    /// How many row groups it has.
    pub(super) fn groups(&self) -> usize {
        self.metadata.metadata().num_row_groups()
    }

    /// How many rows stand before a row group.
    pub(super) fn rows_before(&self, group: usize) -> u64 {
        let groups = self.metadata.metadata().row_groups().iter().take(group);
        groups.map(|group| u64::try_from(group.num_rows()).unwrap_or(0)).sum()
    }

    /// Starts to read the columns of a plan from a row group; they come in the order of the plan.
    pub(super) fn group(&self, group: usize, plan: &Plan) -> Result<Group> {
        let failed = failure(&self.location, Some(group));
        let names: Vec<String> = self.metadata.schema().fields().iter().map(|field| field.name().clone()).collect();
        let roots = plan.schema.names().map(|name| position(&names, name, &self.location));
        let roots = roots.collect::<Result<Vec<_>>>()?;
        let mask = ProjectionMask::roots(self.metadata.parquet_schema(), roots.iter().copied());
        let chunks = self.place.chunks(self.ranges(group, &mask).map_err(&failed)?)?;
        let coded = (roots.iter().enumerate()).filter(|(i, root)| plan.is_coded(*i) && self.is_coded(group, **root));
        let coded: Vec<usize> = coded.map(|(_, root)| *root).collect();
        let rows = plan.coded.filter(|_| !coded.is_empty()).map_or(BATCH_ROWS, |most| self.coded_rows(group, most));
        let metadata = self.coded(&coded).map_err(&failed)?;
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(chunks, metadata);
        let builder = builder.with_row_groups(vec![group]).with_projection(mask).with_batch_size(rows);
        let reader = builder.build().map_err(&failed)?;
        // The reader gives the columns in the order of the file.
        let mut sorted = roots.clone();
        sorted.sort_unstable();
        let order = roots.iter().filter_map(|root| sorted.binary_search(root).ok()).collect();
        Ok(Group { location: self.location.clone(), group, order, reader })
    }

    /// Rows of a batch with coded texts: at most so many, and fewer when the rows of the group are long.
    fn coded_rows(&self, group: usize, most: usize) -> usize {
        let group = self.metadata.metadata().row_group(group);
        let row_bytes = u64::try_from(group.total_byte_size() / group.num_rows().max(1)).unwrap_or(0);
        most.min((CODED_BYTES / row_bytes.max(1)) as usize).max(BATCH_ROWS)
    }

    /// Whether a column holds texts, of which a row group has nothing but places in a dictionary, and enough rows for that to serve.
    fn is_coded(&self, group: usize, root: usize) -> bool {
        let (parquet, metadata) = (self.metadata.parquet_schema(), self.metadata.metadata().row_group(group));
        let is_coded = |leaf: usize| {
            let encodings = metadata.column(leaf).page_encoding_stats_mask();
            let dictionaries = [Encoding::RLE_DICTIONARY, Encoding::PLAIN_DICTIONARY];
            // Texts that the file does not call so, the reader would take for other bytes.
            parquet.column(leaf).converted_type() == ConvertedType::UTF8
                && encodings
                    .is_some_and(|encodings| dictionaries.into_iter().any(|encoding| encodings.is_only(encoding)))
        };
        let mut leaves = (0..parquet.num_columns()).filter(|&leaf| parquet.get_column_root_idx(leaf) == root);
        let is_large = metadata.num_rows() >= BATCH_ROWS as i64;
        is_large && self.metadata.schema().field(root).data_type().is_string() && leaves.all(is_coded)
    }

    /// What a reader needs to know to give the texts of some columns by their places in the dictionary.
    fn coded(&self, roots: &[usize]) -> Result<ArrowReaderMetadata, ParquetError> {
        if roots.is_empty() {
            return Ok(self.metadata.clone());
        }
        let fields = self.metadata.schema().fields().iter().enumerate().map(|(root, field)| {
            let is_coded = roots.contains(&root);
            if is_coded { Arc::new(field.as_ref().clone().with_data_type(coded_type())) } else { Arc::clone(field) }
        });
        let schema = Schema::new_with_metadata(fields.collect::<Vec<_>>(), self.metadata.schema().metadata().clone());
        let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
        ArrowReaderMetadata::try_new(Arc::clone(self.metadata.metadata()), options)
    }

    /// Where the bytes of the columns lie.
    fn ranges(&self, group: usize, mask: &ProjectionMask) -> Result<Vec<Range<u64>>, ParquetError> {
        let columns = self.metadata.metadata().row_group(group).columns().iter().enumerate();
        columns.filter(|(leaf, _)| mask.leaf_included(*leaf)).map(|(_, column)| range(column)).collect()
    }
}

/// Where the bytes of a column chunk lie. The reader takes for granted that these numbers are not negative.
fn range(column: &ColumnChunkMetaData) -> Result<Range<u64>, ParquetError> {
    let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
    let (start, length) = (u64::try_from(start), u64::try_from(column.compressed_size()));
    match (start, length) {
        (Ok(start), Ok(length)) if start.checked_add(length).is_some() => Ok(start..start + length),
        _ => Err(ParquetError::General(format!("column `{}` has an impossible place", column.column_path()))),
    }
}

impl Place {
    /// The bytes, those in `ranges` soon.
    fn chunks(&self, ranges: Vec<Range<u64>>) -> Result<Chunks> {
        match self {
            Place::Local(file, size) => Ok(Chunks::Local(Arc::clone(file), *size)),
            Place::Remote(stores, object) => Chunks::remote(stores, object, ranges),
        }
    }
}

fn failure(location: &Location, group: Option<usize>) -> impl Fn(ParquetError) -> Error {
    let path = location.clone();
    move |source| Error::Parquet { path: path.clone(), group, source: Box::new(source) }
}

/// The rows of a row group.
pub(super) struct Group {
    location: Location,
    group: usize,
    order: Vec<usize>,
    reader: ParquetRecordBatchReader,
}

impl Iterator for Group {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.reader.next()?.and_then(|batch| batch.project(&self.order));
        Some(batch.map_err(|error| failure(&self.location, Some(self.group))(error.into())))
    }
}
