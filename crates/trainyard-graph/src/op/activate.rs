//! Activation functions whose slope is a function of their value.

use super::{Op, Operation, equal, only};
use crate::device::Call;
use crate::math;
use crate::{Graph, NodeId, Result, Shape, simd};
use serde::{Deserialize, Serialize};

/// An activation function `y = f(x)`, element by element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `x`.
    Linear,
    /// `max(x, 0)`, with slope 0 at 0.
    #[default]
    Relu,
    /// `tanh(x)`.
    Tanh,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// `ln(1 + exp(x))`.
    Softplus,
    /// `x` above 0, `exp(x) - 1` below.
    Elu,
}

impl Activation {
    /// Replaces each `x` by `f(x)`.
    pub(crate) fn apply(self, values: &mut [f32]) {
        match self {
            Self::Linear => {}
            Self::Relu => simd::map(values, relu),
            Self::Tanh => simd::map(values, math::tanh),
            Self::Sigmoid => simd::map(values, math::sigmoid),
            Self::Softplus => simd::map(values, math::softplus),
            Self::Elu => simd::map(values, elu),
        }
    }

    /// Multiplies each upstream gradient by the slope, which all of these functions give as a function of `y`.
    fn multiply_slope(self, upstream: &mut [f32], values: &[f32]) {
        match self {
            Self::Linear => {}
            Self::Relu => simd::zip(
                upstream,
                values,
                #[inline(always)]
                |g, y| if y > 0.0 { g } else { 0.0 },
            ),
            Self::Tanh => simd::zip(
                upstream,
                values,
                #[inline(always)]
                |g, y| g * (1.0 - y * y),
            ),
            Self::Sigmoid => simd::zip(
                upstream,
                values,
                #[inline(always)]
                |g, y| g * (y * (1.0 - y)),
            ),
            Self::Softplus => simd::zip(
                upstream,
                values,
                #[inline(always)]
                |g, y| g * (1.0 - math::exp(-y)),
            ),
            Self::Elu => simd::zip(
                upstream,
                values,
                #[inline(always)]
                |g, y| if y > 0.0 { g } else { g * (y + 1.0) },
            ),
        }
    }
}

/// `max(x, 0)`, NaN for NaN.
#[inline(always)]
fn relu(x: f32) -> f32 {
    if x > 0.0 { x } else { x * 0.0 }
}

#[inline(always)]
fn elu(x: f32) -> f32 {
    if x > 0.0 { x } else { math::exp(x) - 1.0 }
}

/// `y = f(x)`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Activate {
    /// Which function.
    pub activation: Activation,
}

/// The gradient for `x`, from that for `y` (input 0) and `y` (input 1).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ActivateGrad {
    /// Which function.
    pub activation: Activation,
}

impl Graph {
    /// Applies an activation function.
    ///
    /// # Errors
    ///
    /// When `x` is ids.
    pub fn activate(&mut self, x: NodeId, activation: Activation) -> Result<NodeId> {
        self.apply(Op::Activate(Activate { activation }), &[x])
    }

    /// `max(x, 0)`.
    ///
    /// # Errors
    ///
    /// When `x` is ids.
    pub fn relu(&mut self, x: NodeId) -> Result<NodeId> {
        self.activate(x, Activation::Relu)
    }

    /// `tanh(x)`.
    ///
    /// # Errors
    ///
    /// When `x` is ids.
    pub fn tanh(&mut self, x: NodeId) -> Result<NodeId> {
        self.activate(x, Activation::Tanh)
    }

    /// `1 / (1 + exp(-x))`.
    ///
    /// # Errors
    ///
    /// When `x` is ids.
    pub fn sigmoid(&mut self, x: NodeId) -> Result<NodeId> {
        self.activate(x, Activation::Sigmoid)
    }

    /// `ln(1 + exp(x))`.
    ///
    /// # Errors
    ///
    /// When `x` is ids.
    pub fn softplus(&mut self, x: NodeId) -> Result<NodeId> {
        self.activate(x, Activation::Softplus)
    }
}

impl Operation for Activate {
    fn name(&self) -> &'static str {
        "activate"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        only(inputs).cloned()
    }

    fn gradient(&self, graph: &mut Graph, node: NodeId, upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        Ok(vec![Some(activation_gradient(graph, self.activation, node, upstream)?)])
    }

    fn in_place(&self) -> bool {
        true
    }

    fn run(&self, call: &mut Call<'_>) {
        self.activation.apply(call.output);
    }
}

/// The gradient in front of an activation whose value is `node`.
pub(super) fn activation_gradient(
    graph: &mut Graph,
    activation: Activation,
    node: NodeId,
    upstream: NodeId,
) -> Result<NodeId> {
    if activation == Activation::Linear {
        return Ok(upstream);
    }
    graph.apply(Op::ActivateGrad(ActivateGrad { activation }), &[upstream, node])
}

impl Operation for ActivateGrad {
    fn name(&self) -> &'static str {
        "activate_grad"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        equal(inputs).cloned()
    }

    fn gradient(&self, _graph: &mut Graph, _node: NodeId, _upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        Err(super::no_gradient(self.name()))
    }

    fn in_place(&self) -> bool {
        true
    }

    fn run(&self, call: &mut Call<'_>) {
        self.activation.multiply_slope(call.output, call.input(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{self, Case};

    const ALL: [Activation; 6] = [
        Activation::Linear,
        Activation::Relu,
        Activation::Tanh,
        Activation::Sigmoid,
        Activation::Softplus,
        Activation::Elu,
    ];

    #[track_caller]
    fn check(activation: Activation, x: f32, expected: f32) {
        let case = Case::unary(&[x], |g, x| g.activate(x, activation));
        check::close(&case.values(), &[expected], 1e-6);
    }

    #[test]
    fn relu_cuts_below_zero_and_passes_nan() {
        check(Activation::Relu, -1.5, 0.0);
        check(Activation::Relu, 1.5, 1.5);
        assert!(Case::unary(&[f32::NAN], |g, x| g.relu(x)).values()[0].is_nan());
    }

    #[test]
    fn values_are_those_of_numpy() {
        // numpy 2.0: np.tanh(.5), 1/(1+np.exp(-.5)), np.log1p(np.exp(.5)), np.expm1(-.5)
        check(Activation::Tanh, 0.5, 0.462_117_16);
        check(Activation::Sigmoid, 0.5, 0.622_459_35);
        check(Activation::Softplus, 0.5, 0.974_077);
        check(Activation::Elu, -0.5, -0.393_469_34);
    }

    #[test]
    fn large_arguments_saturate() {
        for (activation, low, high) in
            [(Activation::Tanh, -1.0, 1.0), (Activation::Sigmoid, 0.0, 1.0), (Activation::Softplus, 0.0, 200.0)]
        {
            check(activation, -200.0, low);
            check(activation, 200.0, high);
        }
    }

    #[test]
    fn gradients_match_finite_differences() {
        for activation in ALL {
            Case::unary(&[-2.0, -0.3, 0.4, 3.0], |g, x| g.activate(x, activation)).check_gradients();
        }
    }
}
