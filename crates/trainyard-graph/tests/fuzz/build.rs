//! Arbitrary calls of the methods that build a graph.

use super::choices::Choices;
use trainyard_graph::op::BatchNormParams;
use trainyard_graph::{
    Activation, AttentionOptions, Cell, Combiner, ConvPadding, Dim, Graph, NodeId, Padding, RecurrentLayer, Result,
    Returns, Shape, Windows,
};

const ACTIVATIONS: [Activation; 12] = [
    Activation::Linear,
    Activation::Relu,
    Activation::Tanh,
    Activation::Sigmoid,
    Activation::Softplus,
    Activation::Elu,
    Activation::LeakyRelu { slope: 0.1 },
    Activation::LeakyRelu { slope: f32::NAN },
    Activation::Selu,
    Activation::Gelu,
    Activation::GeluTanh,
    Activation::Silu,
];

/// A graph under construction, and the nodes that calls choose from.
pub(crate) struct Builder {
    graph: Graph,
    nodes: Vec<NodeId>,
}

impl Builder {
    /// A graph with an input of each kind, so that few calls are needed until one fits.
    pub(crate) fn new() -> Self {
        let mut graph = Graph::new();
        let shapes: [&[usize]; 4] = [&[], &[4], &[3, 4], &[4, 4, 2]];
        let batched = shapes.map(|sizes| [&[Dim::Batch], Shape::fixed(sizes).dims()].concat());
        let inputs = batched.iter().enumerate().map(|(i, dims)| graph.input(&format!("x{i}"), dims));
        let mut nodes: Vec<NodeId> = inputs.collect::<Result<_>>().expect("inputs");
        nodes.extend(graph.param("w", &[4, 4]));
        nodes.extend(graph.param("b", &[4]));
        nodes.extend(graph.table("t", 4));
        nodes.extend(graph.ids("i"));
        Self { graph, nodes }
    }

    pub(crate) fn finish(self) -> (Graph, Vec<NodeId>) {
        (self.graph, self.nodes)
    }

    /// Calls an arbitrary method with arbitrary arguments.
    pub(crate) fn call(&mut self, choices: &mut Choices<'_>) {
        let x = choices.node(&self.nodes);
        let kinds = [
            Self::feed,
            Self::function,
            Self::pair,
            Self::reduction,
            Self::form,
            Self::axes,
            Self::layer,
            Self::look_up,
            Self::convolution,
            Self::pool,
            Self::sequence,
            Self::loss,
        ];
        let called = kinds[choices.below(kinds.len())](self, x, choices);
        self.nodes.extend(called);
    }

    /// A parameter that may fit, or seldom any node.
    fn param(&mut self, sizes: &[usize], choices: &mut Choices<'_>) -> NodeId {
        let name = format!("p{}", self.graph.nodes().len());
        let made = if choices.seldom() { None } else { self.graph.param(&name, sizes).ok() };
        self.nodes.extend(made);
        made.unwrap_or_else(|| choices.node(&self.nodes))
    }

    fn last(&self, x: NodeId) -> usize {
        self.graph.shape(x).last().unwrap_or(1)
    }

    fn feed(&mut self, _: NodeId, choices: &mut Choices<'_>) -> Result<NodeId> {
        let name = format!("f{}", choices.below(40));
        match choices.below(5) {
            0 => self.graph.input(&name, &choices.dims()),
            1 => self.graph.param(&name, &choices.sizes(5)),
            2 => self.graph.table(&name, choices.size()),
            3 => self.graph.ids(&name),
            _ => self.graph.constant(choices.setting()),
        }
    }

    fn function(&mut self, x: NodeId, choices: &mut Choices<'_>) -> Result<NodeId> {
        let functions = [
            Graph::exp,
            Graph::log,
            Graph::sqrt,
            Graph::square,
            Graph::abs,
            Graph::sin,
            Graph::cos,
            Graph::neg,
            Graph::relu,
            Graph::tanh,
            Graph::sigmoid,
            Graph::softplus,
            Graph::reciprocal,
            Graph::softmax,
        ];
        match choices.below(functions.len() + 4) {
            0 => self.graph.affine(x, choices.setting(), choices.setting()),
            1 => self.graph.activate(x, ACTIVATIONS[choices.below(12)]),
            2 => self.graph.pow(x, choices.setting()),
            3 => self.graph.dropout(x, choices.setting()),
            i => functions[i - 4](&mut self.graph, x),
        }
    }

    fn pair(&mut self, x: NodeId, choices: &mut Choices<'_>) -> Result<NodeId> {
        let functions =
            [Graph::add, Graph::sub, Graph::mul, Graph::div, Graph::max, Graph::min, Graph::at_least, Graph::matmul];
        let y = if choices.flag() { x } else { choices.node(&self.nodes) };
        match choices.below(functions.len() + 2) {
            0 => self.graph.clip(x, choices.setting(), choices.setting()),
            1 => self.graph.batch_matmul(x, y, choices.flag(), choices.flag()),
            i => functions[i - 2](&mut self.graph, x, y),
        }
    }

    fn reduction(&mut self, x: NodeId, choices: &mut Choices<'_>) -> Result<NodeId> {
        let functions = [Graph::sum_axes, Graph::mean_axes, Graph::max_axes, Graph::min_axes];
        match choices.below(8) {
            0 => self.graph.sum_all(x),
            1 => self.graph.sum_last(x),
            2 => self.graph.mean_last(x),
            3 => self.graph.sum_to(x, Shape::new(choices.dims())),
            i => {
                let axes: Vec<usize> = (0..choices.below(4)).map(|_| choices.axis()).collect();
                functions[i - 4](&mut self.graph, x, &axes, choices.flag())
            }
        }
    }

    fn form(&mut self, x: NodeId, choices: &mut Choices<'_>) -> Result<NodeId> {
        let others = [x, if choices.flag() { x } else { choices.node(&self.nodes) }, x];
        let parts = &others[..choices.below(4)];
        match choices.below(8) {
            0 => self.graph.reshape(x, &choices.dims()),
            1 => {
                let shape = self.graph.shape(x);
                let lead = shape.has_batch().then_some(Dim::Batch);
                let flat: Vec<Dim> = lead.into_iter().chain([Dim::Fixed(shape.row_len())]).collect();
                self.graph.reshape(x, &flat)
            }
            2 => self.graph.broadcast_to(x, Shape::new(choices.dims())),
            3 => {
                let dims = [&[Dim::Batch, Dim::Fixed(choices.size())], self.graph.shape(x).dims()].concat();
                self.graph.broadcast_to(x, Shape::new(dims))
            }
            4 => self.graph.concat(parts),
            5 => self.graph.concat_axis(parts, choices.axis()),
            _ => self.graph.stack(parts, choices.axis()),
        }
    }

    fn axes(&mut self, x: NodeId, choices: &mut Choices<'_>) -> Result<NodeId> {
        let (axis, first, second) = (choices.axis(), choices.size(), choices.size());
        let indices: Vec<usize> = (0..choices.below(5)).map(|_| choices.axis()).collect();
        match choices.below(8) {
            0 => self.graph.slice(x, choices.axis(), first),
            1 => self.graph.slice_axis(x, axis, choices.axis(), first),
            2 => self.graph.pad(x, first, second),
            3 => self.graph.pad_axis(x, axis, first, second),
            4 => self.graph.gather(x, axis, &indices),
            5 => self.graph.transpose(x, &indices),
            6 => self.graph.transpose(x, &[1, 0]),
            _ => self.graph.transpose(x, &[2, 0, 1]),
        }
    }

    fn layer(&mut self, x: NodeId, choices: &mut Choices<'_>) -> Result<NodeId> {
        let (width, units) = (self.last(x), choices.size());
        let activation = ACTIVATIONS[choices.below(12)];
        match choices.below(3) {
            0 => {
                let w = self.param(&[width, units], choices);
                let bias = choices.flag().then(|| self.param(&[units], choices));
                self.graph.dense(x, w, bias, activation)
            }
            1 => {
                let (scale, shift) = (self.param(&[width], choices), self.param(&[width], choices));
                self.graph.layer_norm(x, scale, shift, choices.setting())
            }
            _ => {
                let [scale, shift, moving_mean, moving_variance] = [(); 4].map(|()| self.param(&[width], choices));
                let params = BatchNormParams { scale, shift, moving_mean, moving_variance };
                self.graph.batch_norm(x, params, choices.setting())
            }
        }
    }

    fn look_up(&mut self, x: NodeId, choices: &mut Choices<'_>) -> Result<NodeId> {
        let (own_table, own_ids) = (self.nodes[6], self.nodes[7]);
        let table = if choices.seldom() { x } else { own_table };
        let ids = if choices.seldom() { x } else { own_ids };
        let max_norm = choices.flag().then(|| choices.setting());
        let combiner = [Combiner::Sum, Combiner::Mean, Combiner::Sqrtn][choices.below(3)];
        match choices.below(5) {
            0 => self.graph.embedding_bag(table, ids, combiner),
            1 => self.graph.embedding_bag_within(table, ids, combiner, max_norm),
            2 => self.graph.sequence_mask(ids, choices.size()),
            3 => self.graph.sinusoidal_positions(choices.size(), choices.size()),
            _ => self.graph.embedding_sequence(table, ids, choices.size(), max_norm),
        }
    }

    fn convolution(&mut self, x: NodeId, choices: &mut Choices<'_>) -> Result<NodeId> {
        let x = if choices.flag() { self.nodes[2 + choices.below(2)] } else { x };
        let (channels, filters) = (self.last(x), choices.size());
        let inputs = if choices.flag() { channels } else { choices.size() };
        let bias = choices.flag().then(|| self.param(&[filters], choices));
        let activation = ACTIVATIONS[choices.below(12)];
        if self.graph.shape(x).rank() == 3 {
            let w = self.param(&[choices.size(), inputs, filters], choices);
            return self.graph.conv1d(x, w, bias, &windows(choices), activation);
        }
        let w = self.param(&[choices.size(), choices.size(), inputs, filters], choices);
        self.graph.conv2d(x, w, bias, &windows(choices), activation)
    }

    fn pool(&mut self, x: NodeId, choices: &mut Choices<'_>) -> Result<NodeId> {
        let (window, strides) = ([choices.size(), choices.size()], [choices.size(), choices.size()]);
        let padding = if choices.flag() { Padding::Valid } else { Padding::Same };
        let (sequence, image) = if choices.flag() { (x, x) } else { (self.nodes[2], self.nodes[3]) };
        match choices.below(4) {
            0 => self.graph.max_pool_1d(sequence, window[0], strides[0], padding),
            1 => self.graph.average_pool_1d(sequence, window[0], strides[0], padding),
            2 => self.graph.max_pool_2d(image, window, strides, padding),
            _ => self.graph.average_pool_2d(image, window, strides, padding),
        }
    }

    fn sequence(&mut self, x: NodeId, choices: &mut Choices<'_>) -> Result<NodeId> {
        let steps = if choices.flag() { x } else { self.nodes[2] };
        let mask = choices.flag().then(|| choices.node(&self.nodes));
        if choices.flag() {
            let options =
                AttentionOptions { heads: choices.size(), causal: choices.flag(), dropout: choices.setting() };
            return self.graph.attention([steps, steps, if choices.seldom() { x } else { steps }], mask, options);
        }
        let cell = [Cell::Simple, Cell::Lstm, Cell::Gru][choices.below(3)];
        let units = self.last(steps) / cell.gates();
        let weights = self.param(&[units, cell.gates().saturating_mul(units)], choices);
        let bias = self.param(&[cell.biases().saturating_mul(units)], choices);
        let returns = if choices.flag() { Returns::AllStates } else { Returns::LastState };
        let layer = RecurrentLayer { cell, reversed: choices.flag(), returns };
        self.graph.recurrent(layer, steps, weights, bias, mask)
    }

    fn loss(&mut self, x: NodeId, choices: &mut Choices<'_>) -> Result<NodeId> {
        let labels = match choices.below(3) {
            0 => x,
            1 => self.graph.sum_last(x)?,
            _ => choices.node(&self.nodes),
        };
        self.graph.scope("loss", |graph| match choices.below(2) {
            0 => graph.sigmoid_cross_entropy(x, labels),
            _ => graph.softmax_cross_entropy(x, labels),
        })
    }
}

/// Windows along `N` axes, mostly small ones.
fn windows<const N: usize>(choices: &mut Choices<'_>) -> Windows<N> {
    let one_or_more = |choices: &mut Choices<'_>| if choices.flag() { 1 } else { choices.size() };
    let padding = match choices.below(3) {
        0 => ConvPadding::Valid,
        1 => ConvPadding::Same,
        _ => ConvPadding::Explicit([(); N].map(|()| (choices.size(), choices.size()))),
    };
    Windows {
        strides: [(); N].map(|()| one_or_more(choices)),
        dilations: [(); N].map(|()| one_or_more(choices)),
        padding,
    }
}
