//! From raw rows to answers: the same transform, encode and forward code that training runs.

use crate::binding::{BatchFeeds, BatchKeys, Binding};
use crate::{Bundle, Error, Output, Result};
use arrow::array::RecordBatchOptions;
use arrow::datatypes::{Schema as ArrowSchema, SchemaRef};
use arrow::record_batch::RecordBatch;
use hashbrown::HashMap;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use trainyard_features::{Batch, FittedFeatures, Schema};
use trainyard_graph::{Aligned, Cpu, Device, Lanes, Mode, Program};
use trainyard_nn::{ParamShape, ParamSpec};
use trainyard_store::TableState;

/// Answers raw rows. It is shared by any number of threads, each of which computes on its own; a row's answer does not depend
/// on the rows asked with it.
pub struct Predictor {
    name: String,
    step: u64,
    metrics: BTreeMap<String, f64>,
    keys: Vec<String>,
    features: FittedFeatures,
    binding: Binding,
    width: usize,
    outputs: Vec<Output>,
    schema: SchemaRef,
    dense: Vec<Aligned>,
    tables: Vec<Table>,
    /// Memory of threads that are not predicting now.
    idle: Mutex<Vec<Memory>>,
    program: Mutex<Box<dyn Program>>,
    /// The calling thread alone: callers are many.
    lane: Lanes,
}

impl std::fmt::Debug for Predictor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Predictor").field("name", &self.name).field("step", &self.step).finish_non_exhaustive()
    }
}

/// What one thread computes in.
struct Memory {
    program: Box<dyn Program>,
    keys: BatchKeys,
    rows: Vec<Vec<f32>>,
}

/// A table that does not change any more.
struct Table {
    spec: ParamSpec,
    stream: u64,
    dim: usize,
    places: HashMap<u64, usize>,
    weights: Vec<f32>,
}

impl Predictor {
    /// Loads an exported directory.
    ///
    /// # Errors
    ///
    /// As [`Bundle::read`].
    pub fn load(dir: &Path) -> Result<Self> {
        Self::new(Bundle::read(dir)?).map_err(|error| match error {
            // The manifest is the only source of a graph here, so what is wrong with it is wrong with the file.
            Error::Graph(_) | Error::Config { .. } => {
                Error::Damaged { path: dir.to_owned(), problem: error.to_string() }
            }
            other => other,
        })
    }

    /// Makes a predictor of a bundle.
    ///
    /// # Errors
    ///
    /// When its parts do not fit each other.
    pub fn new(bundle: Bundle<'_>) -> Result<Self> {
        let Bundle { manifest, dense, tables, features } = bundle;
        let (graph, specs, predictions) = (manifest.graph, manifest.params, manifest.predictions);
        let binding = Binding::new(&graph, &specs, features.encoding())?;
        let program = Cpu::default().compile(&graph, &[predictions])?;
        let fields: Vec<_> = manifest.outputs.iter().map(Output::field).collect();
        Ok(Self {
            name: manifest.name,
            step: manifest.step,
            metrics: manifest.metrics,
            keys: manifest.keys,
            binding,
            width: graph.shape(predictions).row_len(),
            outputs: manifest.outputs,
            schema: Arc::new(ArrowSchema::new(fields)),
            dense: dense.iter().map(|state| Aligned::from(&state.weights[..])).collect(),
            tables: frozen(tables.into_owned(), &specs, manifest.seed),
            idle: Mutex::new(Vec::new()),
            program: Mutex::new(program),
            lane: Lanes::new(1),
            features,
        })
    }

    /// The model's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The step of training at which the model was exported.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Metrics on the evaluation data when it was exported.
    pub fn metrics(&self) -> &BTreeMap<String, f64> {
        &self.metrics
    }

    /// The fitted features.
    pub fn features(&self) -> &FittedFeatures {
        &self.features
    }

    /// The columns that name a row, by the spec. They are not needed for an answer.
    pub fn keys(&self) -> &[String] {
        &self.keys
    }

    /// The raw columns that a row needs.
    pub fn inputs(&self) -> &Schema {
        self.features.inputs()
    }

    /// The columns of an answer.
    pub fn outputs(&self) -> &[Output] {
        &self.outputs
    }

    /// Predictions per row, before they are made outputs.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Answers raw rows: one column per output.
    ///
    /// # Errors
    ///
    /// When a column is missing or a value cannot be transformed.
    pub fn predict(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        Ok(self.predict_with_features(rows)?.0)
    }

    /// Answers raw rows, and gives what the model has read of them.
    ///
    /// # Errors
    ///
    /// As [`predict`](Self::predict).
    pub fn predict_with_features(&self, rows: &RecordBatch) -> Result<(RecordBatch, Batch)> {
        let batch = self.features.transform(rows)?;
        let predictions = self.predict_batch(&batch)?;
        let columns = self.outputs.iter().map(|output| output.decode(&predictions, self.width));
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        let answers =
            RecordBatch::try_new_with_options(self.schema.clone(), columns.collect::<Result<_>>()?, &options)?;
        Ok((answers, batch))
    }

    /// The predictions for encoded rows, `[rows, width]`.
    ///
    /// # Errors
    ///
    /// When the batch is not of this model's features.
    pub fn predict_batch(&self, batch: &Batch) -> Result<Vec<f32>> {
        self.binding.check(batch)?;
        let mut memory = self.memory();
        self.binding.keys(batch, &mut memory.keys, &self.lane);
        memory.rows.resize_with(self.tables.len(), Vec::new);
        for ((table, ids), rows) in self.tables.iter().zip(&memory.keys.keys.tables).zip(&mut memory.rows) {
            table.read(ids, rows);
        }
        let Memory { program, keys, rows } = &mut memory;
        let feeds = BatchFeeds { binding: &self.binding, batch, keys, dense: &self.dense, rows, scale: 1.0 };
        program.run(&feeds, Mode::Inference).map_err(|error| self.binding.explain(batch, error))?;
        let predictions = program.output(0).to_vec();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
        Ok(predictions)
    }

    /// Memory that no other thread uses.
    fn memory(&self) -> Memory {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.unwrap_or_else(|| {
            let program = self.program.lock().unwrap_or_else(PoisonError::into_inner).fork();
            Memory { program, keys: BatchKeys::default(), rows: Vec::new() }
        })
    }
}

fn frozen(tables: Vec<TableState>, specs: &[ParamSpec], seed: u64) -> Vec<Table> {
    let table_specs = specs.iter().filter(|spec| matches!(spec.shape, ParamShape::Table { .. }));
    let freeze = |(state, spec): (TableState, &ParamSpec)| Table {
        stream: spec.stream(seed),
        dim: state.dim,
        places: state.ids.iter().enumerate().map(|(place, &id)| (id, place)).collect(),
        weights: state.weights,
        spec: spec.clone(),
    };
    tables.into_iter().zip(table_specs).map(freeze).collect()
}

impl Table {
    /// Reads rows as the store does: one that was never trained has its initial value.
    fn read(&self, ids: &[u64], rows: &mut Vec<f32>) {
        rows.resize(ids.len() * self.dim, 0.0);
        for (row, id) in rows.chunks_exact_mut(self.dim).zip(ids) {
            match self.places.get(id) {
                Some(place) => row.copy_from_slice(&self.weights[place * self.dim..(place + 1) * self.dim]),
                None => self.spec.fill_row(self.stream, *id, row),
            }
        }
    }
}
