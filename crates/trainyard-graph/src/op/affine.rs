//! `scale·x + shift`.

use super::{Op, Operation, only};
use crate::device::Call;
use crate::{Graph, NodeId, Result, Shape};
use serde::{Deserialize, Serialize};

/// `scale·x + shift`, element by element.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Affine {
    /// Factor.
    pub scale: f32,
    /// Added after it.
    pub shift: f32,
}

impl Graph {
    /// `scale·x + shift`.
    ///
    /// # Errors
    ///
    /// When `x` is ids.
    pub fn affine(&mut self, x: NodeId, scale: f32, shift: f32) -> Result<NodeId> {
        self.apply(Op::Affine(Affine { scale, shift }), &[x])
    }

    /// `-x`.
    ///
    /// # Errors
    ///
    /// When `x` is ids.
    pub fn neg(&mut self, x: NodeId) -> Result<NodeId> {
        self.affine(x, -1.0, 0.0)
    }
}

impl Operation for Affine {
    fn name(&self) -> &'static str {
        "affine"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        only(inputs).cloned()
    }

    fn gradient(&self, graph: &mut Graph, _node: NodeId, upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        Ok(vec![Some(graph.affine(upstream, self.scale, 0.0)?)])
    }

    fn in_place(&self) -> bool {
        true
    }

    fn is_linear_in(&self, _i: usize) -> bool {
        self.shift == 0.0
    }

    fn run(&self, call: &mut Call<'_>) {
        call.output.iter_mut().for_each(|x| *x = self.scale * *x + self.shift);
    }
}

#[cfg(test)]
mod tests {
    use crate::check::{self, Case};

    #[test]
    fn scales_then_shifts() {
        check::close(&Case::unary(&[1.0, -2.0], |g, x| g.affine(x, 3.0, 0.5)).values(), &[3.5, -5.5], 0.0);
    }

    #[test]
    fn gradients_match_finite_differences() {
        Case::unary(&[1.0, -2.0], |g, x| g.affine(x, -3.0, 0.5)).check_gradients();
    }
}
