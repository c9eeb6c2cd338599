//! One loaded version of a model, with all that requests need prepared.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use trainyard_features::ColumnType;
use trainyard_model::{Output, OutputType};

use super::feature_log::{FeatureLog, Served};
use super::servable::Servable;
use crate::error::{Error, Result};

/// A version that answers requests.
pub(crate) struct Version {
    pub number: i64,
    pub servable: Arc<dyn Servable>,
    pub inputs: Inputs,
}

/// The inputs of a model, ready to read requests against.
pub(crate) struct Inputs {
    pub schema: SchemaRef,
    /// The inputs, then the keys that are none.
    pub columns: Vec<Input>,
    /// How many of the columns are inputs.
    pub required: usize,
    by_name: HashMap<String, usize>,
}

/// One raw column.
pub(crate) struct Input {
    pub name: String,
    pub column_type: ColumnType,
}

impl Version {
    /// # Errors
    /// [`Error::InvalidArgument`] for a model without inputs or outputs.
    pub fn new(number: i64, servable: Arc<dyn Servable>) -> Result<Self> {
        let inputs = Inputs::new(servable.inputs(), servable.keys());
        if inputs.required == 0 || servable.outputs().is_empty() {
            return Err(Error::invalid("the model has no inputs or no outputs, so there is nothing to serve"));
        }
        Ok(Self { number, servable, inputs })
    }

    /// Predictions for `rows`, which are put into the log if there is one and it wants them.
    pub fn predict_logged(self: &Arc<Self>, rows: &RecordBatch, log: Option<&FeatureLog>) -> Result<RecordBatch> {
        let Some(log) = log.filter(|log| rows.num_rows() > 0 && log.wants_next()) else { return self.predict(rows) };
        let (predictions, features) = self.servable.predict_with_features(rows)?;
        if let Some(features) = features {
            log.put(Served { version: Arc::clone(self), rows: rows.clone(), features });
        }
        Ok(predictions)
    }

    /// Predictions for `rows`. A model is not asked about no rows at all.
    pub fn predict(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        if rows.num_rows() > 0 {
            return self.servable.predict(rows);
        }
        let fields: Vec<Field> = self.servable.outputs().iter().map(empty_field).collect();
        Ok(RecordBatch::new_empty(Arc::new(Schema::new(fields))))
    }
}

impl Inputs {
    pub fn new(schema: &trainyard_features::Schema, keys: &[String]) -> Self {
        let inputs =
            schema.fields.iter().map(|field| Input { name: field.name.clone(), column_type: field.column_type });
        let keys = keys.iter().filter(|key| schema.get(key).is_none());
        let keys = keys.map(|key| Input { name: key.clone(), column_type: ColumnType::Text });
        let columns: Vec<Input> = inputs.chain(keys).collect();
        let fields: Vec<Field> =
            columns.iter().map(|input| Field::new(&input.name, input.column_type.arrow(), true)).collect();
        let by_name = columns.iter().enumerate().map(|(idx, input)| (input.name.clone(), idx)).collect();
        Self { schema: Arc::new(Schema::new(fields)), columns, required: schema.fields.len(), by_name }
    }

    /// The place of the column called `name`. Clients send the columns of each row in one order, so the place after
    /// the last one, `guess`, is looked at first.
    pub fn position(&self, name: &str, guess: usize) -> Option<usize> {
        match self.columns.get(guess) {
            Some(input) if input.name == name => Some(guess),
            _ => self.by_name.get(name).copied(),
        }
    }

    /// The raw columns that a row must have.
    pub fn inputs(&self) -> &[Input] {
        &self.columns[..self.required]
    }

    /// The names of the inputs in alphabetical order, `a,b`.
    pub fn names(&self) -> String {
        let mut names: Vec<&str> = self.inputs().iter().map(|input| input.name.as_str()).collect();
        names.sort_unstable();
        names.join(",")
    }
}

/// An output as it is without rows, where a list and a number look the same.
fn empty_field(output: &Output) -> Field {
    let data_type = match output.output_type {
        OutputType::Float => DataType::Float32,
        OutputType::Int => DataType::Int64,
        OutputType::Text => DataType::Utf8,
    };
    Field::new(&output.name, data_type, true)
}
