//! Convolutions against PyTorch; `golden/make_conv_golden.py` makes the numbers and names the versions.

use serde::Deserialize;
use trainyard_graph::check::{self, Case};
use trainyard_graph::{Activation, ConvPadding, Dim, Graph, NodeId, Result, Windows};

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Convolution>,
}

/// Shapes are without the batch.
#[derive(Deserialize)]
struct Convolution {
    x_shape: Vec<usize>,
    w_shape: Vec<usize>,
    value_shape: Vec<usize>,
    strides: Vec<usize>,
    dilations: Vec<usize>,
    padding: Zeros,
    x: Vec<f32>,
    w: Vec<f32>,
    bias: Option<Vec<f32>>,
    upstream: Vec<f32>,
    value: Vec<f32>,
    x_gradient: Vec<f32>,
    w_gradient: Vec<f32>,
    bias_gradient: Option<Vec<f32>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Zeros {
    Named(String),
    Explicit(Vec<(usize, usize)>),
}

impl Convolution {
    fn windows<const N: usize>(&self) -> Windows<N> {
        let padding = match &self.padding {
            Zeros::Named(name) if name == "same" => ConvPadding::Same,
            Zeros::Named(_) => ConvPadding::Valid,
            Zeros::Explicit(zeros) => ConvPadding::Explicit(std::array::from_fn(|axis| zeros[axis])),
        };
        let axes = |numbers: &[usize]| std::array::from_fn(|axis| numbers[axis]);
        Windows { strides: axes(&self.strides), dilations: axes(&self.dilations), padding }
    }

    fn build(&self, graph: &mut Graph, inputs: &[NodeId]) -> Result<NodeId> {
        let (x, w, bias) = (inputs[0], inputs[1], inputs.get(2).copied());
        match self.strides.len() {
            1 => graph.conv1d(x, w, bias, &self.windows(), Activation::Linear),
            _ => graph.conv2d(x, w, bias, &self.windows(), Activation::Linear),
        }
    }

    fn check(&self) {
        let batched = |sizes: &[usize]| [vec![Dim::Batch], fixed(sizes)].concat();
        let (x, w, value) = (batched(&self.x_shape), fixed(&self.w_shape), batched(&self.value_shape));
        let bias = self.bias.as_ref().map(|bias| (fixed(&[bias.len()]), bias));
        let bias = bias.as_ref().map(|(dims, bias)| (&dims[..], &bias[..]));
        let inputs: Vec<_> = [(&x[..], &self.x[..]), (&w, &self.w)].into_iter().chain(bias).collect();
        let values = Case::new(&inputs, |graph, inputs| self.build(graph, inputs)).values();
        check::close(&values, &self.value, 1e-5);
        let weighted = Case::with_fixed(&inputs, &[(&value, &self.upstream)], |graph, inputs, upstream| {
            let value = self.build(graph, inputs)?;
            graph.mul(value, upstream[0])
        });
        let expected = [Some(&self.x_gradient), Some(&self.w_gradient), self.bias_gradient.as_ref()];
        for (gradient, expected) in weighted.gradients().iter().zip(expected.into_iter().flatten()) {
            check::close(gradient, expected, 1e-5);
        }
    }
}

fn fixed(sizes: &[usize]) -> Vec<Dim> {
    sizes.iter().map(|&size| Dim::Fixed(size)).collect()
}

#[test]
fn convolutions_match_pytorch() {
    let golden: Golden = serde_json::from_str(include_str!("golden/conv.json")).expect("a golden file");
    golden.cases.iter().for_each(Convolution::check);
}
