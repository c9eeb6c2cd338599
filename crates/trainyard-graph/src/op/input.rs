//! Values that are fed: data, parameters, tables and ids.

use super::Operation;
use crate::device::Call;
use crate::{Dim, Graph, NodeId, Result, Shape};
use serde::{Deserialize, Serialize};

/// What an [`Input`] holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputKind {
    /// Numbers of a batch, or of the run.
    Data,
    /// A trainable parameter.
    Param,
    /// The rows of an embedding table that a batch names.
    Table,
    /// For each row of a batch, rows of a table.
    Ids,
}

/// A value that is fed at each run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// Its name, unique in the graph.
    pub name: String,
    /// What it holds.
    pub kind: InputKind,
    /// Its shape.
    pub shape: Shape,
}

impl Operation for Input {
    fn name(&self) -> &'static str {
        "input"
    }

    fn shape(&self, _inputs: &[&Shape]) -> Result<Shape, String> {
        let dims = self.shape.dims();
        let inner = dims.get(1..).unwrap_or_default();
        let first_fits = match dims.first() {
            Some(Dim::Fixed(size)) => *size > 0,
            Some(Dim::Rows(_)) => self.kind == InputKind::Table,
            Some(Dim::Batch) | None => true,
        };
        if first_fits && inner.iter().all(|dim| matches!(dim, Dim::Fixed(1..))) {
            return Ok(self.shape.clone());
        }
        Err(format!(
            "`{}` has shape {}; only the first axis may be the batch, and sizes are at least 1",
            self.name, self.shape
        ))
    }

    fn gradient(&self, _graph: &mut Graph, _node: NodeId, _upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        Ok(Vec::new())
    }

    fn run(&self, _call: &mut Call<'_>) {}
}
