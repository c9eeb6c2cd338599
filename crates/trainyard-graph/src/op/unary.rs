//! Functions of one number whose slope needs their argument.

use super::{Op, Operation, only};
use crate::device::Call;
use crate::math;
use crate::{Graph, NodeId, Result, Shape};
use serde::{Deserialize, Serialize};

/// Which function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnaryKind {
    /// `exp(x)`.
    Exp,
    /// `ln(x)`: NaN below 0, -∞ at 0.
    Log,
    /// `√x`: NaN below 0.
    Sqrt,
    /// `x²`.
    Square,
    /// `|x|`, with slope 0 at 0.
    Abs,
    /// `sin(x)`, of an angle in radians.
    Sin,
    /// `cos(x)`, of an angle in radians.
    Cos,
    /// -1, 0 or 1: the slope of `|x|`. Its own slope is taken as 0.
    Sign,
}

/// A function of one number, element by element.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Unary {
    /// Which function.
    pub kind: UnaryKind,
}

impl Graph {
    /// `exp(x)`.
    ///
    /// # Errors
    ///
    /// When `x` is ids.
    pub fn exp(&mut self, x: NodeId) -> Result<NodeId> {
        self.unary(UnaryKind::Exp, x)
    }

    /// `ln(x)`.
    ///
    /// # Errors
    ///
    /// When `x` is ids.
    pub fn log(&mut self, x: NodeId) -> Result<NodeId> {
        self.unary(UnaryKind::Log, x)
    }

    /// `√x`.
    ///
    /// # Errors
    ///
    /// When `x` is ids.
    pub fn sqrt(&mut self, x: NodeId) -> Result<NodeId> {
        self.unary(UnaryKind::Sqrt, x)
    }

    /// `x²`.
    ///
    /// # Errors
    ///
    /// When `x` is ids.
    pub fn square(&mut self, x: NodeId) -> Result<NodeId> {
        self.unary(UnaryKind::Square, x)
    }

    /// `|x|`.
    ///
    /// # Errors
    ///
    /// When `x` is ids.
    pub fn abs(&mut self, x: NodeId) -> Result<NodeId> {
        self.unary(UnaryKind::Abs, x)
    }

    /// `sin(x)`, of an angle in radians.
    ///
    /// # Errors
    ///
    /// When `x` is ids.
    pub fn sin(&mut self, x: NodeId) -> Result<NodeId> {
        self.unary(UnaryKind::Sin, x)
    }

    /// `cos(x)`, of an angle in radians.
    ///
    /// # Errors
    ///
    /// When `x` is ids.
    pub fn cos(&mut self, x: NodeId) -> Result<NodeId> {
        self.unary(UnaryKind::Cos, x)
    }

    fn unary(&mut self, kind: UnaryKind, x: NodeId) -> Result<NodeId> {
        self.apply(Op::Unary(Unary { kind }), &[x])
    }
}

impl Operation for Unary {
    fn name(&self) -> &'static str {
        match self.kind {
            UnaryKind::Exp => "exp",
            UnaryKind::Log => "log",
            UnaryKind::Sqrt => "sqrt",
            UnaryKind::Square => "square",
            UnaryKind::Abs => "abs",
            UnaryKind::Sin => "sin",
            UnaryKind::Cos => "cos",
            UnaryKind::Sign => "sign",
        }
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        only(inputs).cloned()
    }

    fn gradient(&self, graph: &mut Graph, node: NodeId, upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        let x = graph.node(node).inputs[0];
        let gradient = match self.kind {
            UnaryKind::Exp => graph.mul(upstream, node)?,
            UnaryKind::Log => graph.div(upstream, x)?,
            UnaryKind::Sqrt => {
                let half = graph.affine(upstream, 0.5, 0.0)?;
                graph.div(half, node)?
            }
            UnaryKind::Square => {
                let twice = graph.affine(upstream, 2.0, 0.0)?;
                graph.mul(twice, x)?
            }
            UnaryKind::Abs => {
                let sign = graph.unary(UnaryKind::Sign, x)?;
                graph.mul(upstream, sign)?
            }
            UnaryKind::Sin => {
                let slope = graph.cos(x)?;
                graph.mul(upstream, slope)?
            }
            UnaryKind::Cos => {
                let (sine, opposite) = (graph.sin(x)?, graph.neg(upstream)?);
                graph.mul(opposite, sine)?
            }
            UnaryKind::Sign => return Ok(vec![None]),
        };
        Ok(vec![Some(gradient)])
    }

    fn in_place(&self) -> bool {
        true
    }

    fn run(&self, call: &mut Call<'_>) {
        let mut each = |f: fn(f32) -> f32| call.output.iter_mut().for_each(|x| *x = f(*x));
        match self.kind {
            UnaryKind::Exp => each(math::exp),
            UnaryKind::Log => each(f32::ln),
            UnaryKind::Sqrt => each(f32::sqrt),
            UnaryKind::Square => each(|x| x * x),
            UnaryKind::Abs => each(f32::abs),
            UnaryKind::Sin => each(f32::sin),
            UnaryKind::Cos => each(f32::cos),
            UnaryKind::Sign => each(|x| if x == 0.0 { 0.0 } else { x.signum() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{self, Case};

    #[track_caller]
    fn check(f: fn(&mut Graph, NodeId) -> Result<NodeId>, x: f32, expected: f32) {
        check::close(&Case::unary(&[x], f).values(), &[expected], 2e-7);
        Case::unary(&[x, x + 0.7], f).check_gradients();
    }

    #[test]
    fn exp_grows() {
        check(Graph::exp, 1.0, std::f32::consts::E);
    }

    #[test]
    fn log_undoes_exp() {
        check(Graph::log, std::f32::consts::E, 1.0);
    }

    #[test]
    fn sqrt_of_nine_is_three() {
        check(Graph::sqrt, 9.0, 3.0);
    }

    #[test]
    fn square_of_minus_three_is_nine() {
        check(Graph::square, -3.0, 9.0);
    }

    #[test]
    fn abs_drops_the_sign() {
        check(Graph::abs, -3.5, 3.5);
        assert_eq!(Case::unary(&[0.0], Graph::abs).gradients(), vec![vec![0.0]]);
    }

    #[test]
    fn sine_and_cosine_take_radians() {
        check(Graph::sin, std::f32::consts::FRAC_PI_6, 0.5);
        check(Graph::cos, std::f32::consts::FRAC_PI_3, 0.5);
    }

    #[test]
    fn log_of_zero_is_minus_infinity_and_below_it_nan() {
        let values = Case::unary(&[0.0, -1.0], Graph::log).values();
        assert!(values[0] == f32::NEG_INFINITY && values[1].is_nan());
    }
}
