//! What a scan needs to know.

use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use trainyard_features::{Field, Schema};
use trainyard_graph::random;

use super::config::SourceConfig;
use super::files::Files;

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
}

/// Which of the rows a scan gives. Whether a row is held out is a function of its place among the rows alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    All,
    /// Those that are not held out, where one in so many is.
    Learnt(u64),
    /// Those that are held out, one in so many.
    HeldOut(u64),
}

impl Part {
    /// Whether the row at this place belongs to the part.
    pub(super) fn holds(self, row: u64) -> bool {
        let is_held_out = |one_in| random::below(random::stream(0, "held out"), row, one_in) == 0;
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
        Self { config, files, schema, arrow, part: Part::All }
    }

    /// The same for a part of the rows.
    pub(super) fn of_part(&self, part: Part) -> Self {
        let (config, files) = (self.config.clone(), self.files.clone());
        Self { config, files, schema: self.schema.clone(), arrow: Arc::clone(&self.arrow), part }
    }

    /// The same for the columns at these places.
    pub(super) fn of_columns(&self, places: &[usize]) -> Self {
        let field = |&place: &usize| (self.schema.fields[place].clone(), self.arrow.field(place).data_type().clone());
        let fields = places.iter().map(field).collect();
        Self { part: self.part, ..Self::new(self.config.clone(), self.files.clone(), fields) }
    }
}
