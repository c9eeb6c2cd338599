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

mod buffer;
mod frame;
mod linear;
mod plan;
mod program;

pub(crate) use frame::Frame;
pub(crate) use plan::Value;

use super::{Device, Program};
use crate::{Graph, Lanes, NodeId, Result};
use plan::Plan;
use program::CpuProgram;
use std::sync::Arc;

/// The processor, with a number of lanes.
#[derive(Debug, Clone)]
pub struct Cpu {
    lanes: Arc<Lanes>,
    micro_batch: MicroBatch,
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

    /// The processor with `lanes` threads, at least 1, the calling one among them.
    pub fn new(lanes: usize) -> Self {
        Self::on(Arc::new(Lanes::new(lanes)))
    }

    /// The processor with lanes that others use too, in turn.
    pub fn on(lanes: Arc<Lanes>) -> Self {
        Self { lanes, micro_batch: MicroBatch::AtMost(Self::MICRO_BATCH_MAX) }
    }

    /// The same with micro-batches of `rows` rows, at least 1, instead of as many as suit the graph. Results depend on this
    /// number, within rounding.
    #[must_use]
    pub fn with_micro_batch(self, rows: usize) -> Self {
        Self { micro_batch: MicroBatch::Exactly(rows.max(1)), ..self }
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
        Ok(Box::new(CpuProgram::new(Arc::new(plan), self.lanes.clone())))
    }
}
