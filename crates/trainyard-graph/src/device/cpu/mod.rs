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
    micro_batch: Option<usize>,
}

impl Cpu {
    /// The processor with `lanes` threads, at least 1, the calling one among them.
    pub fn new(lanes: usize) -> Self {
        Self::on(Arc::new(Lanes::new(lanes)))
    }

    /// The processor with lanes that others use too, in turn.
    pub fn on(lanes: Arc<Lanes>) -> Self {
        Self { lanes, micro_batch: None }
    }

    /// The same with micro-batches of `rows` rows, at least 1, instead of as many as suit the graph. Results depend on this
    /// number, within rounding.
    #[must_use]
    pub fn with_micro_batch(self, rows: usize) -> Self {
        Self { micro_batch: Some(rows.max(1)), ..self }
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
            Some(rows) => Plan::new(graph, outputs, rows)?,
            None => Plan::suited(graph, outputs)?,
        };
        Ok(Box::new(CpuProgram::new(Arc::new(plan), self.lanes.clone())))
    }
}
