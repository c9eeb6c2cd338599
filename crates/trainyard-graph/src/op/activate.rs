//! Activation functions.

use super::{Op, Operation, equal, only};
use crate::device::Call;
use crate::erf::erf;
use crate::{Graph, NodeId, Result, Shape};
use crate::{math, simd};
use serde::{Deserialize, Serialize};

/// An activation function `y = f(x)`, element by element.
///
/// In a file it is its name, and `{ leaky_relu = { slope = 0.2 } }` where it has a setting.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "snake_case", deny_unknown_fields)]
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
    /// `x` above 0, `slope·x` below.
    LeakyRelu {
        /// Slope below 0, above 0 itself; [`Activation::LEAK`] unless said otherwise.
        #[serde(default = "Activation::leak")]
        slope: f32,
    },
    /// `λ·x` above 0, `λ·α·(exp(x) - 1)` below, with `λ = 1.0507` and `α = 1.6733`: keeps mean 0 and variance 1 from layer
    /// to layer (Klambauer and others, *Self-Normalizing Neural Networks*, 2017).
    Selu,
    /// `x·Φ(x)` with the normal distribution's `Φ`, by the error function: `gelu` of PyTorch and Keras (Hendrycks and Gimpel,
    /// *Gaussian Error Linear Units*, 2016).
    Gelu,
    /// Its approximation `x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³)))`: PyTorch's `gelu(approximate="tanh")`, Keras'
    /// `gelu(approximate=True)`. Differs from it by up to 0.0005.
    GeluTanh,
    /// `x·sigmoid(x)`, which others call swish.
    #[serde(alias = "swish")]
    Silu,
}

impl Activation {
    /// Slope of [`LeakyRelu`](Self::LeakyRelu) below 0 unless said otherwise: that of the paper (Maas, Hannun and Ng, 2013)
    /// and of PyTorch; Keras has 0.3 in its layer and 0.2 in its function.
    pub const LEAK: f32 = 0.01;

    fn leak() -> f32 {
        Self::LEAK
    }

    /// Whether the slope is a function of `x` alone. That of the others is one of `y`, so that `x` need not be kept.
    pub(super) fn slope_reads_argument(self) -> bool {
        matches!(self, Self::Gelu | Self::GeluTanh | Self::Silu)
    }

    /// Says what is wrong with the settings. A slope below 0 that is not positive would leave `y` without the sign of `x`.
    pub(super) fn check(self) -> Result<(), String> {
        match self {
            Self::LeakyRelu { slope } if !(slope > 0.0 && slope.is_finite()) => {
                Err(format!("a `slope` of `leaky_relu` above 0, not {slope}"))
            }
            _ => Ok(()),
        }
    }

    /// Replaces each `x` by `f(x)`.
    pub(crate) fn apply(self, values: &mut [f32]) {
        match self {
            Self::Linear => {}
            Self::Relu => values.iter_mut().for_each(|x| *x = if *x > 0.0 { *x } else { *x * 0.0 }),
            Self::Tanh => values.iter_mut().for_each(|x| *x = math::tanh(*x)),
            Self::Sigmoid => values.iter_mut().for_each(|x| *x = math::sigmoid(*x)),
            Self::Softplus => values.iter_mut().for_each(|x| *x = math::softplus(*x)),
            Self::Elu => values.iter_mut().for_each(|x| *x = if *x > 0.0 { *x } else { math::exp(*x) - 1.0 }),
            Self::LeakyRelu { slope } => each(values, |x| if x > 0.0 { x } else { slope * x }),
            Self::Selu => each(values, selu),
            Self::Gelu => each(values, gelu),
            Self::GeluTanh => each(values, gelu_tanh),
            Self::Silu => each(values, |x| x * math::sigmoid(x)),
        }
    }

    /// Multiplies each upstream gradient by the slope, from the `x` of those whose slope reads it and the `y` of the others.
    fn multiply_slope(self, upstream: &mut [f32], values: &[f32]) {
        let mut each = |slope: fn(f32) -> f32| upstream.iter_mut().zip(values).for_each(|(g, &y)| *g *= slope(y));
        match self {
            Self::Linear => {}
            Self::Relu => upstream.iter_mut().zip(values).for_each(|(g, &y)| *g = if y > 0.0 { *g } else { 0.0 }),
            Self::Tanh => each(|y| 1.0 - y * y),
            Self::Sigmoid => each(|y| y * (1.0 - y)),
            Self::Softplus => each(|y| 1.0 - math::exp(-y)),
            Self::Elu => each(|y| if y > 0.0 { 1.0 } else { y + 1.0 }),
            Self::LeakyRelu { slope } => multiply(upstream, values, |y| if y > 0.0 { 1.0 } else { slope }),
            Self::Selu => {
                multiply(upstream, values, |y| if y > 0.0 { SELU_SCALE } else { y + SELU_SCALE * SELU_ALPHA })
            }
            Self::Gelu => multiply(upstream, values, gelu_slope),
            Self::GeluTanh => multiply(upstream, values, gelu_tanh_slope),
            Self::Silu => multiply(upstream, values, silu_slope),
        }
    }
}

/// Replaces each number by its function value.
fn each(values: &mut [f32], f: impl Fn(f32) -> f32) {
    simd::vectorize(
        #[inline(always)]
        || values.iter_mut().for_each(|x| *x = f(*x)),
    );
}

/// Multiplies each gradient by the slope at its value.
fn multiply(upstream: &mut [f32], values: &[f32], slope: impl Fn(f32) -> f32) {
    simd::vectorize(
        #[inline(always)]
        || upstream.iter_mut().zip(values).for_each(|(g, &x)| *g *= slope(x)),
    );
}

/// Both from the appendix of the paper.
const SELU_SCALE: f32 = 1.050_701;
const SELU_ALPHA: f32 = 1.673_263_2;

#[inline(always)]
fn selu(x: f32) -> f32 {
    if x > 0.0 { SELU_SCALE * x } else { SELU_SCALE * SELU_ALPHA * (math::exp(x) - 1.0) }
}

/// The normal distribution's `Φ(x)`.
#[inline(always)]
fn normal_cdf(x: f32) -> f32 {
    0.5 + 0.5 * erf(x * std::f32::consts::FRAC_1_SQRT_2)
}

#[inline(always)]
fn gelu(x: f32) -> f32 {
    x * normal_cdf(x)
}

/// `Φ(x) + x·φ(x)`.
#[inline(always)]
fn gelu_slope(x: f32) -> f32 {
    const FRAC_1_SQRT_2PI: f32 = 0.398_942_3;
    normal_cdf(x) + x * FRAC_1_SQRT_2PI * math::exp(-0.5 * x * x)
}

/// `(1 + tanh(u)) / 2` with `u = √(2/π)·(x + 0.044715·x³)`, and `u`'s slope.
#[inline(always)]
fn gelu_tanh_gate(x: f32) -> (f32, f32) {
    const SQRT_2_OVER_PI: f32 = 0.797_884_6;
    const CUBIC: f32 = 0.044_715;
    let u = SQRT_2_OVER_PI * (x + CUBIC * x * x * x);
    (0.5 + 0.5 * math::tanh(u), SQRT_2_OVER_PI * (1.0 + 3.0 * CUBIC * x * x))
}

#[inline(always)]
fn gelu_tanh(x: f32) -> f32 {
    x * gelu_tanh_gate(x).0
}

/// `p + 2·x·p·(1 - p)·u'` with the gate `p`.
#[inline(always)]
fn gelu_tanh_slope(x: f32) -> f32 {
    let (gate, slope) = gelu_tanh_gate(x);
    gate + 2.0 * x * gate * (1.0 - gate) * slope
}

/// `s·(1 + x·(1 - s))` with the sigmoid `s`.
#[inline(always)]
fn silu_slope(x: f32) -> f32 {
    let gate = math::sigmoid(x);
    gate * (1.0 + x * (1.0 - gate))
}

/// `y = f(x)`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Activate {
    /// Which function.
    pub activation: Activation,
}

/// The gradient for `x`, from that for `y` (input 0) and, as input 1, `x` for GELU and SiLU and `y` for the others.
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
    /// When `x` is ids, or a setting of the function is out of range.
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
        self.activation.check()?;
        only(inputs).cloned()
    }

    fn gradient(&self, graph: &mut Graph, node: NodeId, upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        let read = if self.activation.slope_reads_argument() { graph.node(node).inputs[0] } else { node };
        Ok(vec![Some(activation_gradient(graph, self.activation, read, upstream)?)])
    }

    fn in_place(&self) -> bool {
        true
    }

    fn run(&self, call: &mut Call<'_>) {
        self.activation.apply(call.output);
    }
}

/// The gradient in front of an activation, whose slope reads `read`: its argument or its value.
pub(super) fn activation_gradient(
    graph: &mut Graph,
    activation: Activation,
    read: NodeId,
    upstream: NodeId,
) -> Result<NodeId> {
    if activation == Activation::Linear {
        return Ok(upstream);
    }
    graph.apply(Op::ActivateGrad(ActivateGrad { activation }), &[upstream, read])
}

impl Operation for ActivateGrad {
    fn name(&self) -> &'static str {
        "activate_grad"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        self.activation.check()?;
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

    const ALL: [Activation; 11] = [
        Activation::Linear,
        Activation::Relu,
        Activation::Tanh,
        Activation::Sigmoid,
        Activation::Softplus,
        Activation::Elu,
        Activation::LeakyRelu { slope: 0.1 },
        Activation::Selu,
        Activation::Gelu,
        Activation::GeluTanh,
        Activation::Silu,
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
        for (activation, low, high) in [
            (Activation::Tanh, -1.0, 1.0),
            (Activation::Sigmoid, 0.0, 1.0),
            (Activation::Softplus, 0.0, 200.0),
            (Activation::Gelu, 0.0, 200.0),
            (Activation::GeluTanh, 0.0, 200.0),
            (Activation::Silu, 0.0, 200.0),
        ] {
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

    #[test]
    fn a_leak_that_is_not_positive_is_refused() {
        let mut graph = Graph::new();
        let x = graph.param("x", &[1]).unwrap();
        for slope in [0.0, -0.1, f32::NAN, f32::INFINITY] {
            let error = graph.activate(x, Activation::LeakyRelu { slope }).unwrap_err().to_string();
            assert!(error.contains("`slope`"), "{error}");
        }
    }
}
