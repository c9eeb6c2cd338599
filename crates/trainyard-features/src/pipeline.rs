//! Raw columns in, columns and features out: what fitting and transforming share.

use crate::column::{Column, row_hashes};
use crate::op::{Args, Kernel};
use crate::plan::{Plan, Source};
use crate::schema::Field;
use crate::{Error, Result};
use arrow::record_batch::RecordBatch;
use std::collections::HashMap;
use std::sync::Arc;

/// The columns to read and the kernels to apply, in order. What each gives gets the next slot.
#[derive(Debug, Clone)]
pub(crate) struct Pipeline {
    columns: Vec<Field>,
    steps: Vec<Step>,
    /// How many columns, the first ones, are hashed in training; 0 when nothing asks for it.
    hashed: usize,
}

/// What rows are transformed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pass {
    /// They are those of the training data, to be fitted or learnt from.
    Training,
    /// They may be any rows.
    Serving,
}

/// What a pipeline makes of a batch.
#[derive(Debug)]
pub(crate) struct Made {
    /// What each slot holds.
    pub columns: Vec<Column>,
    /// Hashes of the rows in training, where something asks for them; else empty.
    pub row_hashes: Vec<u64>,
}

#[derive(Debug, Clone)]
struct Step {
    feature: String,
    kernel: Arc<Kernel>,
    inputs: Vec<usize>,
}

impl Pipeline {
    /// The pipeline that makes what is wanted and nothing else, and the slot of each thing wanted.
    pub fn new(
        plan: &Plan,
        kernels: &[Option<Arc<Kernel>>],
        wanted: &[Source],
        hashes_wanted: bool,
    ) -> Result<(Self, Vec<usize>)> {
        let mut live: HashMap<Source, usize> = wanted.iter().map(|&source| (source, 0)).collect();
        for (i, node) in plan.nodes.iter().enumerate().rev() {
            if live.contains_key(&Source::Feature(i)) {
                live.extend(node.sources.iter().map(|&source| (source, 0)));
            }
        }
        let is_out_of_fold = |i: usize| kernels[i].as_ref().is_some_and(|kernel| kernel.is_out_of_fold);
        let is_hashed =
            hashes_wanted || (0..plan.nodes.len()).any(|i| live.contains_key(&Source::Feature(i)) && is_out_of_fold(i));
        let hashed = if is_hashed { plan.n_inputs } else { 0 };
        live.extend((0..hashed).map(|column| (Source::Column(column), 0)));
        let mut pipeline = Self { columns: Vec::new(), steps: Vec::new(), hashed };
        for (i, field) in plan.columns.iter().enumerate() {
            if let Some(slot) = live.get_mut(&Source::Column(i)) {
                *slot = pipeline.columns.len();
                pipeline.columns.push(field.clone());
            }
        }
        for (i, node) in plan.nodes.iter().enumerate() {
            if !live.contains_key(&Source::Feature(i)) {
                continue;
            }
            let kernel = kernels[i].clone();
            let kernel = kernel.ok_or_else(|| Error::Internal(format!("feature `{}` is not fitted", node.name)))?;
            let inputs = node.sources.iter().map(|source| live[source]).collect();
            live.insert(Source::Feature(i), pipeline.columns.len() + pipeline.steps.len());
            pipeline.steps.push(Step { feature: node.name.clone(), kernel, inputs });
        }
        let slots = wanted.iter().map(|source| live[source]).collect();
        Ok((pipeline, slots))
    }

    /// The names of the raw columns that are read.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|field| field.name.as_str())
    }

    /// What each slot holds for the rows of a batch.
    pub fn run(&self, batch: &RecordBatch, pass: Pass) -> Result<Made> {
        let mut columns = Vec::with_capacity(self.columns.len() + self.steps.len());
        for (position, field) in self.columns.iter().enumerate() {
            columns.push(Column::read(batch, field, position)?);
        }
        let hashed = if pass == Pass::Training { &columns[..self.hashed] } else { &[] };
        let row_hashes = row_hashes(hashed, batch.num_rows());
        for step in &self.steps {
            let rows = batch.num_rows();
            let args = Args { columns: &columns, inputs: &step.inputs, rows, row_hashes: &row_hashes };
            let column = step.kernel.apply(args).map_err(|problem| Error::feature(&step.feature, problem))?;
            columns.push(column);
        }
        Ok(Made { columns, row_hashes })
    }
}
