//! A power with a constant exponent.

use super::{Op, Operation, only};
use crate::device::Call;
use crate::{Graph, NodeId, Result, Shape};
use serde::{Deserialize, Serialize};

/// `xᵖ`, element by element: NaN below 0 unless `p` is a whole number, and `p·xᵖ⁻¹` as its slope.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Pow {
    /// The exponent `p`.
    pub exponent: f32,
}

impl Graph {
    /// `x` to the power of `exponent`; -0.5 gives `1 / √x`.
    ///
    /// # Errors
    ///
    /// When `x` is ids.
    pub fn pow(&mut self, x: NodeId, exponent: f32) -> Result<NodeId> {
        self.apply(Op::Pow(Pow { exponent }), &[x])
    }
}

impl Operation for Pow {
    fn name(&self) -> &'static str {
        "pow"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        only(inputs).cloned()
    }

    fn gradient(&self, graph: &mut Graph, node: NodeId, upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        if self.exponent == 0.0 {
            return Ok(vec![None]);
        }
        let x = graph.node(node).inputs[0];
        let lower = graph.pow(x, self.exponent - 1.0)?;
        let slope = graph.affine(lower, self.exponent, 0.0)?;
        Ok(vec![Some(graph.mul(upstream, slope)?)])
    }

    fn in_place(&self) -> bool {
        true
    }

    fn run(&self, call: &mut Call<'_>) {
        call.output.iter_mut().for_each(|x| *x = x.powf(self.exponent));
    }
}

#[cfg(test)]
mod tests {
    use crate::check::{self, Case};

    #[track_caller]
    fn check(exponent: f32, x: &[f32], expected: &[f32]) {
        let case = Case::unary(x, |g, x| g.pow(x, exponent));
        check::close(&case.values(), expected, 2e-7);
        case.check_gradients();
    }

    #[test]
    fn whole_exponents_take_negative_numbers() {
        check(3.0, &[-2.0, 1.5], &[-8.0, 3.375]);
    }

    #[test]
    fn a_negative_half_gives_the_reciprocal_root() {
        check(-0.5, &[4.0, 16.0], &[0.5, 0.25]);
    }

    #[test]
    fn to_the_power_of_zero_all_is_one_and_level() {
        check(0.0, &[0.0, -3.0], &[1.0, 1.0]);
    }

    #[test]
    fn the_slope_at_zero_is_that_of_the_formula() {
        let slope = |exponent| Case::unary(&[0.0], |g, x| g.pow(x, exponent)).gradients()[0][0];
        assert_eq!((slope(1.0), slope(2.0), slope(0.5)), (1.0, 0.0, f32::INFINITY));
    }

    #[test]
    fn a_root_of_a_negative_number_is_nan() {
        assert!(Case::unary(&[-1.0], |g, x| g.pow(x, 0.5)).values()[0].is_nan());
    }
}
