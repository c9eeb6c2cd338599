//! The step of training, and its time.

use crate::Result;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;
use trainyard_features::{Batch, Encoding};
use trainyard_graph::{Cpu, Device, Lanes, Mode, Program};
use trainyard_model::{BatchFeeds, BatchKeys, Binding, TrainingArchitecture};
use trainyard_nn::ParamShape;
use trainyard_store::{Gradients, MemoryStore, ParamStore, Params, StoreConfig};

/// A model in training.
pub struct Stepper {
    binding: Binding,
    program: Box<dyn Program>,
    store: MemoryStore,
    is_table: Vec<bool>,
    keys: BatchKeys,
    params: Params,
    gradients: Gradients,
    lanes: Arc<Lanes>,
}

impl Stepper {
    pub fn new(model: &TrainingArchitecture, encoding: &Encoding, store: StoreConfig, lanes: usize) -> Result<Self> {
        let cpu = Cpu::new(lanes);
        let store = MemoryStore::new(store)?.with_lanes(cpu.lanes().clone());
        store.create(&model.base.specs)?;
        let outputs = [vec![model.loss], model.gradients.clone()].concat();
        Ok(Self {
            binding: Binding::new(&model.base.graph, &model.base.specs, encoding)?,
            program: cpu.compile(&model.base.graph, &outputs)?,
            store,
            is_table: model.base.specs.iter().map(|spec| matches!(spec.shape, ParamShape::Table { .. })).collect(),
            keys: BatchKeys::default(),
            params: Params::default(),
            gradients: Gradients::default(),
            lanes: cpu.lanes().clone(),
        })
    }

    pub fn step(&mut self, batch: &Batch) -> Result<()> {
        let Self { binding, program, store, is_table, keys, params, gradients, lanes } = self;
        binding.keys(batch, keys, lanes);
        store.pull(&keys.keys, params)?;
        let (dense, rows) = (&params.dense, &params.rows);
        let feeds = BatchFeeds { binding, batch, keys, dense, rows, scale: 1.0 / batch.rows as f32 };
        program.run(&feeds, Mode::Training { seed: 0, step: store.step()? + 1 })?;
        gradients.take(program.as_mut(), 1, is_table);
        Ok(store.push(&keys.keys, gradients)?)
    }

    /// Prints the rows per second of `steps` steps over `batches` in turn, after some to warm up.
    pub fn measure(&mut self, work: &str, batches: &[Batch], steps: usize) -> Result<()> {
        for batch in batches.iter().cycle().take(steps / 4) {
            self.step(batch)?;
        }
        let start = Instant::now();
        for batch in batches.iter().cycle().take(steps) {
            self.step(batch)?;
        }
        report(work, batches[0].rows, self.lanes.len(), steps, start);
        black_box(&self.params);
        Ok(())
    }
}

/// Prints a line of the form that `bench/compare` reads.
#[expect(clippy::print_stdout, reason = "a program")]
pub fn report(work: &str, batch: usize, lanes: usize, steps: usize, start: Instant) {
    let rate = (batch * steps) as f64 / start.elapsed().as_secs_f64();
    let unit = if work == "linear" { "rows/s" } else { "samples/s" };
    println!("trainyard {work} batch={batch} lanes={lanes}: {rate:.0} {unit}");
}
