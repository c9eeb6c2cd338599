//! What a scan needs to know.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::BooleanArray;
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use serde::{Deserialize, Serialize};
use trainyard_features::{Field, Schema};
use trainyard_graph::random;

use super::config::SourceConfig;
use super::files::Files;
use super::piece::Piece;
use super::split::KeyRange;
use crate::Result;

/// Rows of a full batch.
pub(crate) const BATCH_ROWS: usize = 8192;

/// The files of one input, and the columns to read from them.
#[derive(Debug)]
pub(super) struct Plan {
    pub config: SourceConfig,
    pub files: Files,
    pub schema: Schema,
    pub arrow: SchemaRef,
    pub part: Part,
    /// The row groups to read, of a single file of Parquet; otherwise all.
    pub groups: Option<Range<usize>>,
    /// Rows of a batch that has texts as [`coded_type`]; `None` when there are to be no such texts.
    pub coded: Option<usize>,
}

/// The Arrow type of texts by their places in a dictionary.
pub(super) fn coded_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// Which of the rows a scan gives. Whether a row is held out is a function of its place alone: the number of its piece, and
/// of the row in it; or of its keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The rows that belong to the part, of some whose first one stands at the place `first` of a piece.
    pub(super) fn of(&self, rows: RecordBatch, piece: u64, first: u64) -> Result<RecordBatch> {
        let is_held_out = |row, one_in| random::below(random::stream(piece, "held out"), row, one_in) == 0;
        let places = first..first + rows.num_rows() as u64;
        let mask: BooleanArray = match self {
            Part::All => return Ok(rows),
            Part::Learnt(one_in) => places.map(|row| Some(!is_held_out(row, *one_in))).collect(),
            Part::HeldOut(one_in) => places.map(|row| Some(is_held_out(row, *one_in))).collect(),
            Part::Keyed(range) => range.mask(&rows)?,
        };
        Ok(filter_record_batch(&rows, &mask)?)
    }

    /// The columns that tell which rows belong to the part.
    pub(super) fn columns(&self) -> &[String] {
        match self {
            Part::Keyed(range) => &range.by,
            _ => &[],
        }
    }
}

/// The Arrow schema of columns.
pub(super) fn arrow_schema(fields: &[(Field, DataType)]) -> SchemaRef {
    let fields =
        fields.iter().map(|(field, data_type)| arrow::datatypes::Field::new(&field.name, data_type.clone(), true));
    Arc::new(arrow::datatypes::Schema::new(fields.collect::<Vec<_>>()))
}

impl Plan {
    /// A plan to read columns of all rows.
    pub(super) fn new(config: SourceConfig, files: Files, fields: Vec<(Field, DataType)>) -> Self {
        let arrow = arrow_schema(&fields);
        let schema = Schema { fields: fields.into_iter().map(|(field, _)| field).collect() };
        Self { config, files, schema, arrow, part: Part::All, groups: None, coded: None }
    }

    /// Whether a column may come as [`coded_type`]: its texts are what the file has, and nothing looks at them here.
    pub(super) fn is_coded(&self, field: usize) -> bool {
        let is_kept = !self.config.trim && self.config.missing.is_empty();
        let is_key = self.part.columns().contains(&self.schema.fields[field].name);
        self.coded.is_some() && is_kept && !is_key && *self.arrow.field(field).data_type() == DataType::Utf8
    }

    /// The same for a part of the rows.
    pub(super) fn of_part(&self, part: Part) -> Self {
        let (config, files) = (self.config.clone(), self.files.clone());
        let (schema, arrow) = (self.schema.clone(), Arc::clone(&self.arrow));
        Self { config, files, schema, arrow, part, groups: None, coded: self.coded }
    }

    /// The same with texts that may come by their places in a dictionary, in batches of so many rows.
    pub(super) fn of_coded(&self, rows: usize) -> Self {
        Self { coded: Some(rows), ..self.of_part(self.part.clone()) }
    }

    /// The same for a piece of the files.
    pub(super) fn of_piece(&self, piece: &Piece) -> Self {
        let locations = self.files.locations[piece.files.clone()].to_vec();
        let files = Files::new(self.files.format, locations, self.files.stores.clone());
        Self { files, groups: piece.groups.clone(), ..self.of_part(self.part.clone()) }
    }

    /// The same for the columns at these places.
    pub(super) fn of_columns(&self, places: &[usize]) -> Self {
        let field = |&place: &usize| (self.schema.fields[place].clone(), self.arrow.field(place).data_type().clone());
        let fields = places.iter().map(field).collect();
        Self {
            part: self.part.clone(),
            coded: self.coded,
            ..Self::new(self.config.clone(), self.files.clone(), fields)
        }
    }
}
