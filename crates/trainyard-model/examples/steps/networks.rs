//! Networks on text, images and sequences, made of layers. Their inputs stand for embeddings, so they get gradients too.

use crate::Result;
use crate::data::Draws;
use crate::stepper::report;
use std::collections::BTreeMap;
use std::time::Instant;
use trainyard_graph::{Activation, Cpu, Device, Dim, Feeds, Mode, NodeId, Program, Returns, gradients};
use trainyard_nn::layers::{
    Conv1d, Conv2d, Dense, GlobalAveragePool, GlobalMaxPool, Lstm, MaxPool2d, TransformerEncoder,
};
use trainyard_nn::optim::{AdagradConfig, AdamConfig};
use trainyard_nn::{Loss, MAIN_GROUP, Network, OptimizerConfig};
use trainyard_store::{Gradients, Keys, MemoryStore, ParamStore, Params, StoreConfig};

/// 3 × 100 filters over 3, 4 and 5 of 64 words of 128 numbers, the largest of each, one logit; Adagrad.
pub fn text_cnn(lanes: usize) -> Result<()> {
    let work = Work { name: "text_cnn", batch: 64, steps: 40, input: &[64, 128], classes: 1, input_gradient: true };
    work.measure(adagrad(), lanes, |network, words| {
        let pooled = [3, 4, 5].map(|window| {
            let conv = Conv1d { activation: Activation::Relu, ..Conv1d::new(100, window) };
            let filtered = conv.apply(network, &format!("conv_{window}"), words)?;
            GlobalMaxPool.apply(network, "pool", filtered)
        });
        let pooled = pooled.into_iter().collect::<trainyard_nn::Result<Vec<_>>>()?;
        Ok(network.graph.concat(&pooled)?)
    })
}

/// An LSTM of 128 units over 64 steps of 128 numbers, one logit of the last state; Adagrad.
pub fn lstm(lanes: usize) -> Result<()> {
    let work = Work { name: "lstm", batch: 64, steps: 40, input: &[64, 128], classes: 1, input_gradient: true };
    work.measure(adagrad(), lanes, |network, words| {
        Ok(Lstm { returns: Returns::LastState, ..Lstm::new(128) }.apply(network, "lstm", words, None)?)
    })
}

/// 32 and 64 filters of 3 × 3 with pooling on images of 28 × 28, a layer of 128, ten classes; Adam.
pub fn cnn_2d(lanes: usize) -> Result<()> {
    let work = Work { name: "cnn_2d", batch: 128, steps: 40, input: &[28, 28, 1], classes: 10, input_gradient: false };
    work.measure(adam(), lanes, |network, images| {
        let mut x = images;
        for (name, filters) in [("first", 32), ("second", 64)] {
            let conv = Conv2d { activation: Activation::Relu, ..Conv2d::new(filters, 3) };
            let filtered = conv.apply(network, name, x)?;
            x = MaxPool2d::new(2).apply(network, "pool", filtered)?;
        }
        let flat = network.graph.reshape(x, &[Dim::Batch, Dim::Fixed(5 * 5 * 64)])?;
        Ok(Dense { activation: Activation::Relu, ..Dense::new(128) }.apply(network, "hidden", flat)?)
    })
}

/// Two blocks of a transformer's encoder, 4 heads, 512 hidden units, over 64 places of 128 numbers, ten classes; Adam.
pub fn transformer(lanes: usize) -> Result<()> {
    let work = Work { name: "transformer", batch: 32, steps: 20, input: &[64, 128], classes: 10, input_gradient: true };
    work.measure(adam(), lanes, |network, words| {
        let encoder = TransformerEncoder { dropout: 0.0, ..TransformerEncoder::new(4, 512) };
        let first = encoder.apply(network, "block_1", words, None)?;
        let second = encoder.apply(network, "block_2", first, None)?;
        Ok(GlobalAveragePool.apply(network, "mean", second)?)
    })
}

fn adagrad() -> OptimizerConfig {
    OptimizerConfig::Adagrad(AdagradConfig { learning_rate: 0.01, ..AdagradConfig::default() })
}

fn adam() -> OptimizerConfig {
    OptimizerConfig::Adam(AdamConfig::default())
}

/// What to measure.
struct Work<'a> {
    name: &'a str,
    batch: usize,
    steps: usize,
    /// Sizes of an example.
    input: &'a [usize],
    /// Logits; one for two classes.
    classes: usize,
    /// Whether the gradient for the input is computed too.
    input_gradient: bool,
}

impl Work<'_> {
    /// Trains what `body` builds on the input, up to the last hidden layer, and prints the rate.
    fn measure(
        &self,
        optimizer: OptimizerConfig,
        lanes: usize,
        body: impl Fn(&mut Network, NodeId) -> Result<NodeId>,
    ) -> Result<()> {
        let mut network = Network::new();
        let dims: Vec<Dim> =
            std::iter::once(Dim::Batch).chain(self.input.iter().map(|&size| Dim::Fixed(size))).collect();
        let x = network.graph.input("x", &dims)?;
        let hidden = body(&mut network, x)?;
        let logits = Dense::new(self.classes).apply(&mut network, "output", hidden)?;
        let labels = network.graph.input("labels", &[Dim::Batch])?;
        let loss = if self.classes == 1 { Loss::BINARY_CROSS_ENTROPY } else { Loss::CROSS_ENTROPY };
        let losses = loss.per_example(&mut network.graph, logits, labels)?;
        let sum = network.graph.sum_all(losses)?;
        let mean = network.graph.affine(sum, 1.0 / self.batch as f32, 0.0)?;
        let input = Some(x).filter(|_| self.input_gradient);
        let wrt: Vec<NodeId> = network.param_nodes().iter().copied().chain(input).collect();
        let outputs = [vec![mean], gradients(&mut network.graph, mean, &wrt)?].concat();
        let cpu = Cpu::new(lanes).for_batches_of(self.batch);
        let optimizers = BTreeMap::from([(MAIN_GROUP.to_owned(), optimizer)]);
        let store = MemoryStore::new(StoreConfig { optimizers, ..StoreConfig::default() })?;
        let store = store.with_lanes(cpu.lanes().clone());
        store.create(&network.params)?;
        self.run(&network, cpu.compile(&network.graph, &outputs)?, &store, lanes)
    }

    fn run(&self, network: &Network, mut program: Box<dyn Program>, store: &MemoryStore, lanes: usize) -> Result<()> {
        let mut draws = Draws::new(self.name);
        let x = draws.normals(self.batch * self.input.iter().product::<usize>());
        let labels = (0..self.batch).map(|_| (draws.uniform() * self.classes.max(2) as f64) as usize as f32);
        let labels: Vec<f32> = labels.map(|label| label.min(self.classes.max(2) as f32 - 1.0)).collect();
        let is_table = vec![false; network.params.len()];
        let (mut params, mut gradients, keys) = (Params::default(), Gradients::default(), Keys::default());
        let mut start = Instant::now();
        for step in 0..self.steps + self.steps / 4 {
            if step == self.steps / 4 {
                start = Instant::now();
            }
            store.pull(&keys, &mut params)?;
            let inputs = network.graph.inputs();
            let slots = inputs.iter().map(|input| network.param_nodes().iter().position(|param| param == input));
            let feeds = NetworkFeeds { slots: slots.collect(), params: &params.dense, x: &x, labels: &labels };
            program.run(&feeds, Mode::Training { seed: 0, step: step as u64 + 1 })?;
            gradients.take(program.as_mut(), 1, &is_table);
            store.push(&keys, &gradients)?;
        }
        report(self.name, self.batch, lanes, self.steps, start);
        Ok(())
    }
}

/// A batch and parameters.
struct NetworkFeeds<'a> {
    /// By slot of the graph, the number of the parameter if it is one; the first of the others is the input.
    slots: Vec<Option<usize>>,
    params: &'a [Vec<f32>],
    x: &'a [f32],
    labels: &'a [f32],
}

impl Feeds for NetworkFeeds<'_> {
    fn rows(&self) -> usize {
        self.labels.len()
    }

    fn floats(&self, slot: usize) -> &[f32] {
        match self.slots[slot] {
            Some(param) => &self.params[param],
            None if slot == 0 => self.x,
            None => self.labels,
        }
    }

    fn bags(&self, _slot: usize) -> trainyard_graph::Bags<'_> {
        trainyard_graph::Bags::default()
    }
}
