//! A number.

use super::{Op, Operation};
use crate::device::Call;
use crate::{Graph, NodeId, Result, Shape};
use serde::{Deserialize, Serialize};

/// A number that is part of the graph, of shape `[]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Constant {
    /// Its value.
    pub value: f32,
}

impl Graph {
    /// Adds a number, of shape `[]`.
    ///
    /// # Errors
    ///
    /// None at present.
    pub fn constant(&mut self, value: f32) -> Result<NodeId> {
        self.apply(Op::Constant(Constant { value }), &[])
    }
}

impl Operation for Constant {
    fn name(&self) -> &'static str {
        "constant"
    }

    fn shape(&self, _inputs: &[&Shape]) -> Result<Shape, String> {
        Ok(Shape::default())
    }

    fn gradient(&self, _graph: &mut Graph, _node: NodeId, _upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        Ok(Vec::new())
    }

    fn run(&self, call: &mut Call<'_>) {
        call.output.fill(self.value);
    }
}
