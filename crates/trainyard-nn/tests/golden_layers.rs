//! Layers against PyTorch's; `golden/make_layers_golden.py` makes the numbers and names the version.

use serde::Deserialize;
use std::collections::BTreeMap;
use trainyard_graph::{
    Activation, Combiner, Cpu, Device, Dim, FeedMap, Graph, Mode, NodeId, Ragged, Returns, check, gradients,
};
use trainyard_nn::layers::{
    Cross, Dense, FactorizationMachine, GlobalAveragePool, GlobalMaxPool, Gru, Linear, Lstm, Mlp, PositionalEmbedding,
    RmsNorm, SimpleRnn,
};
use trainyard_nn::{Network, Result};

/// Of single precision against PyTorch's double, relative where a number is above 1.
const TOLERANCE: f32 = 2e-6;

#[derive(Deserialize)]
struct Golden {
    /// Of the batch.
    rows: usize,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    layer: Layer,
    inputs: Vec<Input>,
    mask: Option<Vec<f32>>,
    /// Ids of categorical features.
    bags: BTreeMap<String, Vec<Vec<u64>>>,
    params: BTreeMap<String, Param>,
    /// What the value is multiplied with, number by number, before it is summed up and differentiated.
    weight: Vec<f32>,
    values: Vec<f32>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Layer {
    Dense { units: usize, activation: Activation, bias: bool },
    Mlp { units: Vec<usize>, activation: Activation },
    Linear { units: usize, combiner: Combiner },
    Cross { layers: usize },
    FactorizationMachine,
    RmsNorm { epsilon: f32 },
    LearnedPositions,
    SinusoidalPositions,
    GlobalMaxPool,
    GlobalAveragePool,
    SimpleRnn { units: usize, returns: Returns, bidirectional: bool, layers: usize },
    Lstm { units: usize, returns: Returns, bidirectional: bool, layers: usize },
    Gru { units: usize, returns: Returns, bidirectional: bool, layers: usize },
}

#[derive(Deserialize)]
struct Input {
    /// Of the axes behind the batch.
    sizes: Vec<usize>,
    values: Vec<f32>,
    gradient: Vec<f32>,
}

#[derive(Deserialize)]
struct Param {
    values: Vec<f32>,
    gradient: Vec<f32>,
}

/// The nodes that a layer reads.
struct Nodes<'a> {
    x: Vec<NodeId>,
    mask: Option<NodeId>,
    ids: Vec<(&'a str, NodeId)>,
}

impl Layer {
    fn apply(&self, network: &mut Network, Nodes { x, mask, ids }: &Nodes<'_>) -> Result<NodeId> {
        let (name, mask) = ("layer", *mask);
        match self.clone() {
            Self::Dense { units, activation, bias } => {
                Dense { bias, ..Dense::new(units) }.with_activation(activation).apply(network, name, x[0])
            }
            Self::Mlp { units, activation } => Mlp { activation, ..Mlp::new(units) }.apply(network, name, x[0]),
            Self::Linear { units, combiner } => {
                Linear { units, combiner }.apply(network, name, x.first().copied(), ids)
            }
            Self::Cross { layers } => Cross::new(layers).apply(network, name, x[0]),
            Self::FactorizationMachine => FactorizationMachine.apply(network, name, x),
            Self::RmsNorm { epsilon } => RmsNorm { epsilon }.apply(network, name, x[0]),
            Self::LearnedPositions => PositionalEmbedding::Learned.apply(network, name, x[0]),
            Self::SinusoidalPositions => PositionalEmbedding::Sinusoidal.apply(network, name, x[0]),
            Self::GlobalMaxPool => match mask {
                Some(mask) => GlobalMaxPool.apply_masked(network, name, x[0], mask),
                None => GlobalMaxPool.apply(network, name, x[0]),
            },
            Self::GlobalAveragePool => match mask {
                Some(mask) => GlobalAveragePool.apply_masked(network, name, x[0], mask),
                None => GlobalAveragePool.apply(network, name, x[0]),
            },
            Self::SimpleRnn { units, returns, bidirectional, layers } => {
                SimpleRnn { units, returns, bidirectional, layers }.apply(network, name, x[0], mask)
            }
            Self::Lstm { units, returns, bidirectional, layers } => {
                Lstm { units, returns, bidirectional, layers }.apply(network, name, x[0], mask)
            }
            Self::Gru { units, returns, bidirectional, layers } => {
                Gru { units, returns, bidirectional, layers }.apply(network, name, x[0], mask)
            }
        }
    }
}

impl Case {
    fn check(&self, rows: usize) -> Result<()> {
        let mut network = Network::new();
        let nodes = self.add_inputs(&mut network.graph)?;
        let output = self.layer.apply(&mut network, &nodes)?;
        let value = without_padding(&mut network.graph, output, nodes.mask)?;
        let dims = network.graph.shape(value).dims().to_vec();
        let weight = network.graph.input("weight", &dims)?;
        let weighted = network.graph.mul(value, weight)?;
        let loss = network.graph.sum_all(weighted)?;
        let wrt = [&nodes.x, network.param_nodes()].concat();
        let outputs = [vec![value], gradients(&mut network.graph, loss, &wrt)?].concat();

        let feeds = self.feeds(&network, &nodes, rows).floats(weight, &self.weight);
        let mut program = Cpu::new(2).with_micro_batch(2).compile(&network.graph, &outputs)?;
        program.run(&feeds, Mode::Training { seed: 1, step: 1 })?;
        for (i, (name, expected)) in self.expected(&network).into_iter().enumerate() {
            check::close_in(&format!("{:?}, {name}", self.layer), program.output(i), expected, TOLERANCE);
        }
        Ok(())
    }

    fn add_inputs(&self, graph: &mut Graph) -> Result<Nodes<'_>> {
        let mut x = Vec::new();
        for (i, input) in self.inputs.iter().enumerate() {
            let sizes = input.sizes.iter().map(|&size| Dim::Fixed(size));
            let dims: Vec<Dim> = [Dim::Batch].into_iter().chain(sizes).collect();
            x.push(graph.input(&format!("input {i}"), &dims)?);
        }
        let mask = match self.mask {
            Some(_) => Some(graph.input("mask", &[Dim::Batch, Dim::Fixed(self.inputs[0].sizes[0])])?),
            None => None,
        };
        let mut ids = Vec::new();
        for feature in self.bags.keys() {
            ids.push((feature.as_str(), graph.ids(feature)?));
        }
        Ok(Nodes { x, mask, ids })
    }

    fn feeds(&self, network: &Network, nodes: &Nodes<'_>, rows: usize) -> FeedMap {
        let mut feeds = FeedMap::new(&network.graph, rows);
        for (&node, input) in nodes.x.iter().zip(&self.inputs) {
            feeds = feeds.floats(node, &input.values);
        }
        for (node, mask) in nodes.mask.into_iter().zip(&self.mask) {
            feeds = feeds.floats(node, mask);
        }
        for (&(_, node), bags) in nodes.ids.iter().zip(self.bags.values()) {
            let mut ids = Ragged::new();
            bags.iter().for_each(|bag| ids.push_row(bag));
            feeds = feeds.ids(node, ids);
        }
        for (&node, spec) in network.param_nodes().iter().zip(&network.params) {
            feeds = feeds.floats(node, &self.params[&spec.name].values);
        }
        feeds
    }

    /// The value and the gradients for inputs and parameters, in the order of the program's outputs.
    fn expected<'a>(&'a self, network: &'a Network) -> Vec<(&'a str, &'a [f32])> {
        assert_eq!(network.params.len(), self.params.len(), "parameters of {:?}", self.layer);
        let of_inputs = self.inputs.iter().map(|input| ("gradient for an input", &input.gradient[..]));
        let of_params = network.params.iter().map(|spec| (&spec.name[..], &self.params[&spec.name].gradient[..]));
        [("value", &self.values[..])].into_iter().chain(of_inputs).chain(of_params).collect()
    }
}

/// States with zeros behind the end of a sequence, as PyTorch gives them; what is not a sequence, as it is.
fn without_padding(graph: &mut Graph, value: NodeId, mask: Option<NodeId>) -> Result<NodeId> {
    match (mask, graph.shape(value).dims()) {
        (Some(mask), &[batch, steps, _]) => {
            let column = graph.reshape(mask, &[batch, steps, Dim::Fixed(1)])?;
            Ok(graph.mul(value, column)?)
        }
        _ => Ok(value),
    }
}

#[test]
fn values_and_gradients_match_pytorch() {
    let golden: Golden = serde_json::from_str(include_str!("golden/layers.json")).expect("a golden file");
    for case in golden.cases {
        case.check(golden.rows).unwrap_or_else(|error| panic!("{:?}: {error}", case.layer));
    }
}
