//! Where a graph runs: compiled once, then fed batch by batch.

pub(crate) mod broadcast;
mod call;
mod cpu;
mod feeds;
pub(crate) mod gemm;

pub use cpu::Cpu;
pub use feeds::{Bag, Bags, FeedMap, Feeds};

pub(crate) use call::Call;

use crate::{Graph, NodeId, Result};

/// What runs graphs.
pub trait Device: Send + Sync {
    /// Compiles what `outputs` need of a graph.
    ///
    /// # Errors
    ///
    /// When the graph holds something that the device cannot run.
    fn compile(&self, graph: &Graph, outputs: &[NodeId]) -> Result<Box<dyn Program>>;
}

/// A compiled graph with its memory.
///
/// An output with a batch axis has a row for each row of the batch. One without is summed over the batch, which a device
/// may take in parts: a loss is therefore a sum over examples, divided by a number that is fed.
pub trait Program: Send {
    /// Computes the outputs for one batch.
    ///
    /// # Errors
    ///
    /// When a value fed is missing, of the wrong size, or an id is out of range.
    fn run(&mut self, feeds: &dyn Feeds, mode: Mode) -> Result<()>;

    /// The value of output `i` after the last run, row by row; no numbers before the first run, and of an output that the
    /// program has not.
    fn output(&self, i: usize) -> &[f32];

    /// Puts the value of output `i` after the last run into `values`, without a copy where it can: the memory of `values` then
    /// takes the value of the next run, and until then the output is undefined. No numbers as for [`output`](Self::output).
    fn swap_output(&mut self, i: usize, values: &mut Vec<f32>);

    /// The same program with memory of its own, for another thread.
    fn fork(&self) -> Box<dyn Program>;
}

/// What a run is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Random operations act, as a function of these two.
    Training {
        /// Seed of the run.
        seed: u64,
        /// Number of the step.
        step: u64,
    },
    /// Random operations pass values on.
    Inference,
}
