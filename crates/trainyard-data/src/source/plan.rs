//! What a scan needs to know.

use std::ops::Range;
use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use serde::{Deserialize, Serialize};
use trainyard_features::{Field, Schema};
use trainyard_graph::random;

use super::config::SourceConfig;
use super::files::Files;
use super::piece::Piece;

/// Rows of a full batch.
pub(crate) const BATCH_ROWS: usize = 8192;

/// The files, and the columns to read from them.
#[derive(Debug)]
pub(super) struct Plan {
    pub config: SourceConfig,
    pub files: Files,
    pub schema: Schema,
    pub arrow: SchemaRef,
    pub part: Part,
    /// The row groups to read, of a single file of Parquet; otherwise all.
    pub groups: Option<Range<usize>>,
}

/// Which of the rows a scan gives. Whether a row is held out is a function of its place alone: the number of its piece, and
/// of the row in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Part {
    All,
    /// Those that are not held out, where one in so many is.
    Learnt(u64),
    /// Those that are held out, one in so many.
    HeldOut(u64),
}

impl Part {
    /// Whether the row at this place belongs to the part.
    pub(super) fn holds(self, piece: u64, row: u64) -> bool {
        let is_held_out = |one_in| random::below(random::stream(piece, "held out"), row, one_in) == 0;
        match self {
            Part::All => true,
            Part::Learnt(one_in) => !is_held_out(one_in),
            Part::HeldOut(one_in) => is_held_out(one_in),
        }
    }
}

impl Plan {
    /// A plan to read columns of all rows.
    pub(super) fn new(config: SourceConfig, files: Files, fields: Vec<(Field, DataType)>) -> Self {
        let arrow =
            fields.iter().map(|(field, data_type)| arrow::datatypes::Field::new(&field.name, data_type.clone(), true));
        let arrow = Arc::new(arrow::datatypes::Schema::new(arrow.collect::<Vec<_>>()));
        let schema = Schema { fields: fields.into_iter().map(|(field, _)| field).collect() };
        Self { config, files, schema, arrow, part: Part::All, groups: None }
    }

    /// The same for a part of the rows.
    pub(super) fn of_part(&self, part: Part) -> Self {
        let (config, files) = (self.config.clone(), self.files.clone());
        Self { config, files, schema: self.schema.clone(), arrow: Arc::clone(&self.arrow), part, groups: None }
    }

    /// The same for a piece of the files.
    pub(super) fn of_piece(&self, piece: &Piece) -> Self {
        let locations = self.files.locations[piece.files.clone()].to_vec();
        let files = Files::new(self.files.format, locations, self.files.stores.clone());
        Self { files, groups: piece.groups.clone(), ..self.of_part(self.part) }
    }

    /// The same for the columns at these places.
    pub(super) fn of_columns(&self, places: &[usize]) -> Self {
        let field = |&place: &usize| (self.schema.fields[place].clone(), self.arrow.field(place).data_type().clone());
        let fields = places.iter().map(field).collect();
        Self { part: self.part, ..Self::new(self.config.clone(), self.files.clone(), fields) }
    }
}
