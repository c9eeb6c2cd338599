//! Functions of one number, and of two with broadcasting.

use crate::Sizes;
use crate::places::{at, places};
use crate::trial::{Exact, Trial};
use trainyard_graph::{Activation, Graph, NodeId, Result};

type Function = (&'static str, fn(&mut Graph, NodeId) -> Result<NodeId>, fn(f64) -> Exact);

/// Of any number.
const FUNCTIONS: &[Function] = &[
    ("exp", Graph::exp, |x| Exact::of(x.exp())),
    ("square", Graph::square, |x| Exact::of(x * x)),
    ("abs", Graph::abs, |x| Exact::copy(x.abs())),
    ("neg", Graph::neg, |x| Exact::copy(-x)),
    ("sin", Graph::sin, |x| Exact::of(x.sin())),
    ("cos", Graph::cos, |x| Exact::of(x.cos())),
    ("affine", |g, x| g.affine(x, -1.5, 0.25), |x| Exact::sum([-1.5 * x, 0.25])),
    ("pow", |g, x| g.pow(x, 3.0), |x| Exact::of(x.powi(3))),
    ("clip", |g, x| g.clip(x, -0.5, 1.0), |x| Exact::copy(x.clamp(-0.5, 1.0))),
];

/// Of numbers above 0.
const FUNCTIONS_ABOVE_ZERO: &[Function] = &[
    ("log", Graph::log, |x| Exact::of(x.ln())),
    ("sqrt", Graph::sqrt, |x| Exact::of(x.sqrt())),
    ("reciprocal", Graph::reciprocal, |x| Exact::of(1.0 / x)),
    ("pow of a fraction", |g, x| g.pow(x, 0.5), |x| Exact::of(x.sqrt())),
];

type Pair = (&'static str, fn(&mut Graph, NodeId, NodeId) -> Result<NodeId>, fn(f64, f64) -> Exact);

/// Of two numbers, the second above 0.
const PAIRS: &[Pair] = &[
    ("add", Graph::add, |a, b| Exact::sum([a, b])),
    ("sub", Graph::sub, |a, b| Exact::sum([a, -b])),
    ("mul", Graph::mul, |a, b| Exact::of(a * b)),
    ("div", Graph::div, |a, b| Exact::of(a / b)),
    ("max", Graph::max, |a, b| Exact::copy(a.max(b))),
    ("min", Graph::min, |a, b| Exact::copy(a.min(b))),
    ("at_least", Graph::at_least, |a, b| Exact::copy(if a >= b { 1.0 } else { 0.0 })),
];

pub(crate) const ACTIVATIONS: &[Activation] = &[
    Activation::Linear,
    Activation::Relu,
    Activation::Tanh,
    Activation::Sigmoid,
    Activation::Softplus,
    Activation::Elu,
    Activation::LeakyRelu { slope: 0.125 },
    Activation::Selu,
    Activation::Gelu,
    Activation::GeluTanh,
    Activation::Silu,
];

pub(crate) fn check(sizes: Sizes) {
    FUNCTIONS.iter().for_each(|function| check_function(function, sizes, |x| x));
    FUNCTIONS_ABOVE_ZERO.iter().for_each(|function| check_function(function, sizes, above_zero));
    for &activation in ACTIVATIONS {
        let mut trial = Trial::new(sizes.rows, sizes.seed);
        let x = trial.data(&[sizes.columns]);
        let y = trial.graph.activate(x, activation);
        let exact = |x: f64| activated(activation, Exact::of(x));
        trial.check(&format!("{activation:?}"), y, 1, |given| given[0].iter().map(|&x| exact(x)).collect());
    }
    PAIRS.iter().for_each(|pair| check_pair(pair, sizes));
}

/// Not so near to 0 that third derivatives there would spoil differences.
fn above_zero(x: f32) -> f32 {
    x.abs() + 0.125
}

fn check_function(&(name, build, exact): &Function, sizes: Sizes, given: fn(f32) -> f32) {
    let mut trial = Trial::new(sizes.rows, sizes.seed);
    let x = trial.data_by(&[sizes.columns], given);
    let y = build(&mut trial.graph, x);
    trial.check(name, y, 1, |given| given[0].iter().map(|&x| exact(x)).collect());
}

/// Second values of all forms that are repeated to `[batch, 3, columns]`, and one that the first is repeated to.
fn check_pair(&(name, build, exact): &Pair, Sizes { rows, columns, seed, .. }: Sizes) {
    let whole = [rows, 3, columns];
    for second in [&[columns][..], &[3, 1], &[3, columns], &[1, columns], &[1, 1], &[]] {
        let mut trial = Trial::new(rows, seed);
        let (a, b) = (trial.data(&whole[1..]), trial.param_by(second, above_zero));
        let y = build(&mut trial.graph, a, b);
        trial.check(&format!("{name} of {second:?}"), y, 1, |given| {
            places(&whole).map(|place| exact(at(&given[0], &whole, &place), at(&given[1], second, &place))).collect()
        });
    }
    for (first, second) in
        [(whole, whole), (whole, [rows, 1, columns]), (whole, [rows, 3, 1]), ([rows, 1, columns], whole)]
    {
        let mut trial = Trial::new(rows, seed);
        let (a, b) = (trial.data(&first[1..]), trial.data_by(&second[1..], above_zero));
        let y = build(&mut trial.graph, a, b);
        trial.check(&format!("{name} of {first:?} and {second:?}"), y, 1, |given| {
            places(&whole).map(|place| exact(at(&given[0], &first, &place), at(&given[1], &second, &place))).collect()
        });
    }
}

/// An activation of a sum. No slope is above 1.76 (that of SELU), and what comes before a difference of about equal numbers, as
/// in `exp(x) - 1`, is about as large as 1 and `x`.
pub(crate) fn activated(activation: Activation, x: Exact) -> Exact {
    Exact { value: function(activation, x.value), size: 2.0 * (1.0 + x.size) }
}

fn function(activation: Activation, x: f64) -> f64 {
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    match activation {
        Activation::Linear => x,
        Activation::Relu => x.max(0.0),
        Activation::Tanh => x.tanh(),
        Activation::Sigmoid => sigmoid(x),
        Activation::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
        Activation::Elu => x.max(0.0) + x.min(0.0).exp_m1(),
        Activation::LeakyRelu { slope } => x.max(0.0) + f64::from(slope) * x.min(0.0),
        // Both constants are from the appendix of the paper, with more digits than `f32` has.
        Activation::Selu => 1.050_700_987_355_480_5 * (x.max(0.0) + 1.673_263_242_354_377_2 * x.min(0.0).exp_m1()),
        Activation::Gelu => 0.5 * x * (1.0 + erf(x * std::f64::consts::FRAC_1_SQRT_2)),
        Activation::GeluTanh => {
            let u = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
            0.5 * x * (1.0 + u.tanh())
        }
        Activation::Silu => x * sigmoid(x),
    }
}

/// `2/√π·exp(-x²)·Σ 2ⁿ·x²ⁿ⁺¹ / (1·3·…·(2n + 1))`, whose terms have one sign; beyond 6 it is 1 in `f64`.
fn erf(x: f64) -> f64 {
    if x.abs() > 6.0 {
        return x.signum();
    }
    let mut term = x;
    let mut sum = x;
    for n in 1..200 {
        term *= 2.0 * x * x / f64::from(2 * n + 1);
        sum += term;
    }
    std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp() * sum
}
