//! The processor.
//!
//! A batch is cut into micro-batches that stay in cache. A *lane* is one thread that runs the whole program, forward and
//! backward, on micro-batches of its own; there is no parallelism inside an operation. What is summed over the batch is
//! summed micro-batch by micro-batch in their order, so results have the same bits for any number of lanes.
//!
//! ```text
//! batch ──┬── micro-batch 0 ── lane 0 ──┐
//!         ├── micro-batch 1 ── lane 1 ──┼── sums in the order of micro-batches ── outputs
//!         └── micro-batch 2 ── lane 0 ──┘
//! ```

mod arena;
mod buffer;
mod feed_check;
mod frame;
mod linear;
mod packed;
mod plan;
mod program;

pub(crate) use frame::Frame;
pub(crate) use plan::Step;

use super::{Device, Program};
use crate::{Graph, Lanes, NodeId, Result};
use plan::Plan;
use program::{CpuProgram, ROWS_MAX};
use std::sync::Arc;

/// The processor, with a number of lanes.
#[derive(Debug, Clone)]
pub struct Cpu {
    lanes: Arc<Lanes>,
    micro_batch: MicroBatch,
    memory_bytes: usize,
}

/// How many rows a micro-batch has.
#[derive(Debug, Clone, Copy)]
enum MicroBatch {
    /// As many as suit the graph, and at most this many.
    AtMost(usize),
    Exactly(usize),
}

impl Cpu {
    /// Most rows of a micro-batch unless chosen otherwise: more have nothing to gain.
    const MICRO_BATCH_MAX: usize = 128;

    /// Memory of a program at most unless chosen otherwise: 16 GiB. Models of this crate take some megabytes, so a program that
    /// needs as much is a mistake.
    const MEMORY_BYTES: usize = 16 << 30;

    /// The processor with `lanes` threads, at least 1, the calling one among them.
    pub fn new(lanes: usize) -> Self {
        Self::on(Arc::new(Lanes::new(lanes)))
    }

    /// The processor with lanes that others use too, in turn.
    pub fn on(lanes: Arc<Lanes>) -> Self {
        let micro_batch = MicroBatch::AtMost(Self::MICRO_BATCH_MAX);
        Self { lanes, micro_batch, memory_bytes: Self::MEMORY_BYTES }
    }

    /// The same with micro-batches of `rows` rows, at least 1 and at most as many as a batch may have, instead of as many as suit
    /// the graph. Results depend on this number, within rounding.
    #[must_use]
    pub fn with_micro_batch(self, rows: usize) -> Self {
        Self { micro_batch: MicroBatch::Exactly(rows.clamp(1, ROWS_MAX)), ..self }
    }

    /// The same for programs that take at most `bytes` of memory, instead of 16 GiB, beside what is fed and the gradients of
    /// tables. One that needs more is refused when it is compiled, or, where its batch is too large, when it is run.
    #[must_use]
    pub fn with_memory(self, bytes: usize) -> Self {
        Self { memory_bytes: bytes, ..self }
    }

    /// The same for batches of about `rows` rows: micro-batches are small enough to share such a batch among lanes.
    #[must_use]
    pub fn for_batches_of(self, rows: usize) -> Self {
        Self { micro_batch: MicroBatch::AtMost(rows.div_ceil(4).clamp(32, Self::MICRO_BATCH_MAX)), ..self }
    }

    /// The lanes.
    pub fn lanes(&self) -> &Arc<Lanes> {
        &self.lanes
    }
}

impl Default for Cpu {
    /// One lane.
    fn default() -> Self {
        Self::new(1)
    }
}

impl Device for Cpu {
    fn compile(&self, graph: &Graph, outputs: &[NodeId]) -> Result<Box<dyn Program>> {
        let plan = match self.micro_batch {
            MicroBatch::Exactly(rows) => Plan::new(graph, outputs, rows)?,
            MicroBatch::AtMost(rows) => Plan::suited(graph, outputs, rows)?,
        };
        Ok(Box::new(CpuProgram::new(Arc::new(plan), self.lanes.clone(), self.memory_bytes)?))
    }
}
