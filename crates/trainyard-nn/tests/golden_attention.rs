//! Attention layers against PyTorch's; `golden/make_attention_golden.py` makes the numbers and names the version.

use serde::Deserialize;
use std::collections::BTreeMap;
use trainyard_graph::{Activation, Cpu, Device, Dim, FeedMap, Mode, NodeId, gradients};
use trainyard_nn::layers::{MultiHeadAttention, TransformerEncoder};
use trainyard_nn::{Network, Result};

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Layer {
    Attention { heads: usize, causal: bool },
    Block { heads: usize, hidden: usize, activation: Activation, norm_first: bool },
}

#[derive(Deserialize)]
struct Case {
    layer: Layer,
    length: usize,
    dim: usize,
    memory_length: usize,
    x: Vec<f32>,
    memory: Vec<f32>,
    mask: Vec<f32>,
    /// Weights of the sum that the gradients are taken of.
    weights: Vec<f32>,
    params: BTreeMap<String, Vec<f32>>,
    value: Vec<f32>,
    x_gradient: Vec<f32>,
    gradients: BTreeMap<String, Vec<f32>>,
}

impl Layer {
    fn apply(&self, network: &mut Network, x: NodeId, memory: NodeId, mask: NodeId) -> Result<NodeId> {
        match *self {
            Self::Attention { heads, causal } => {
                let layer = MultiHeadAttention { causal, ..MultiHeadAttention::new(heads) };
                layer.apply_to(network, "attention", x, memory, Some(mask))
            }
            Self::Block { heads, hidden, activation, norm_first } => {
                let layer = TransformerEncoder { activation, norm_first, ..TransformerEncoder::new(heads, hidden) };
                layer.apply(network, "block", x, Some(mask))
            }
        }
    }
}

#[track_caller]
fn check(what: &str, values: &[f32], expected: &[f32]) {
    assert_eq!(values.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(1.0_f32, |max, x| max.max(x.abs()));
    for (value, expected) in values.iter().zip(expected) {
        assert!((value - expected).abs() <= 1e-5 * largest, "{what}: {value} is not {expected}");
    }
}

fn check_case(case: &Case) -> Result<()> {
    let mut network = Network::new();
    let dims = |rows| [Dim::Batch, Dim::Fixed(rows), Dim::Fixed(case.dim)];
    let x = network.graph.input("x", &dims(case.length))?;
    let memory = network.graph.input("memory", &dims(case.memory_length))?;
    let mask = network.graph.input("mask", &[Dim::Batch, Dim::Fixed(case.memory_length)])?;
    let weights = network.graph.input("weights", &dims(case.length))?;
    let value = case.layer.apply(&mut network, x, memory, mask)?;
    let weighted = network.graph.mul(value, weights)?;
    let sum = network.graph.sum_all(weighted)?;
    let wrt = [&[x], network.param_nodes()].concat();
    let gradients = gradients(&mut network.graph, sum, &wrt)?;

    let inputs = [(x, &case.x), (memory, &case.memory), (mask, &case.mask), (weights, &case.weights)];
    let params =
        network.param_nodes().iter().zip(&network.params).map(|(&node, spec)| (node, &case.params[&spec.name]));
    let feeds = FeedMap::new(&network.graph, case.x.len() / (case.length * case.dim));
    let feeds = inputs.into_iter().chain(params).fold(feeds, |feeds, (node, values)| feeds.floats(node, values));
    let mut program = Cpu::default().with_micro_batch(2).compile(&network.graph, &[vec![value], gradients].concat())?;
    program.run(&feeds, Mode::Training { seed: 1, step: 1 })?;

    check(&format!("{:?}", case.layer), program.output(0), &case.value);
    check(&format!("{:?}: x", case.layer), program.output(1), &case.x_gradient);
    assert_eq!(network.params.len(), case.gradients.len());
    for (i, spec) in network.params.iter().enumerate() {
        check(&format!("{:?}: {}", case.layer, spec.name), program.output(i + 2), &case.gradients[&spec.name]);
    }
    Ok(())
}

#[test]
fn values_and_gradients_match_pytorch() -> Result<()> {
    let golden: Golden = serde_json::from_str(include_str!("golden/attention.json")).expect("a golden file");
    golden.cases.iter().try_for_each(check_case)
}
