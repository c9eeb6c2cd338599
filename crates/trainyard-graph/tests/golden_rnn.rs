//! Recurrent layers against PyTorch; `golden/make_rnn_golden.py` makes the numbers and names the versions.

use serde::Deserialize;
use trainyard_graph::{
    Cell, Cpu, Device, Dim, FeedMap, Graph, Mode, NodeId, RecurrentLayer, Result, Returns, check, gradients,
};

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    cell: Cell,
    reversed: bool,
    rows: usize,
    steps: usize,
    inputs: usize,
    units: usize,
    /// Of the sequences, when they are padded.
    lengths: Option<Vec<usize>>,
    x: Vec<f32>,
    /// Weights of the input and of the state, each transposed, and the bias of each.
    params: [Vec<f32>; 4],
    states: Vec<f32>,
    last: Vec<f32>,
    for_states: Vec<f32>,
    for_last: Vec<f32>,
    /// For the input and the four parameters.
    gradients_of_states: [Vec<f32>; 5],
    gradients_of_last: [Vec<f32>; 5],
}

#[test]
fn values_and_gradients_match_pytorch() {
    let golden: Golden = serde_json::from_str(include_str!("golden/rnn.json")).expect("a golden file");
    for case in golden.cases {
        case.check(Returns::AllStates, &case.states, &case.for_states, &case.gradients_of_states).unwrap();
        case.check(Returns::LastState, &case.last, &case.for_last, &case.gradients_of_last).unwrap();
    }
}

impl Case {
    fn check(&self, returns: Returns, states: &[f32], upstream: &[f32], slopes: &[Vec<f32>; 5]) -> Result<()> {
        let mut graph = Graph::new();
        let (steps, gates) = (Dim::Fixed(self.steps), self.cell.gates() * self.units);
        let x = graph.input("x", &[Dim::Batch, steps, Dim::Fixed(self.inputs)])?;
        let mask = graph.input("mask", &[Dim::Batch, steps])?;
        let (v, w) = (graph.param("v", &[self.inputs, gates])?, graph.param("w", &[self.units, gates])?);
        let bias = graph.param("bias", &[self.cell.biases() * self.units])?;
        let projected = graph.matmul(x, v)?;
        let layer = RecurrentLayer { cell: self.cell, reversed: self.reversed, returns };
        let y = graph.recurrent(layer, projected, w, bias, self.lengths.is_some().then_some(mask))?;
        let outputs = [vec![y], self.gradients(&mut graph, y, &[x, v, w, bias])?].concat();
        let mut program = Cpu::new(2).with_micro_batch(2).compile(&graph, &outputs)?;
        let feeds = FeedMap::new(&graph, self.rows)
            .floats(x, &self.x)
            .floats(mask, &self.mask())
            .floats(v, &transposed(&self.params[0], gates))
            .floats(w, &transposed(&self.params[1], gates))
            .floats(bias, &self.bias())
            .floats(graph.inputs()[5], upstream);
        program.run(&feeds, Mode::Inference)?;
        let [for_x, for_v, for_w, for_bias, for_bias_2] = slopes;
        check::close(&self.without_padding(returns, program.output(0)), states, 2e-6);
        check::close(program.output(1), for_x, 1e-5);
        check::close(program.output(2), &transposed(for_v, gates), 1e-5);
        check::close(program.output(3), &transposed(for_w, gates), 1e-5);
        let inner = if self.cell == Cell::Gru { &for_bias_2[2 * self.units..] } else { &[] };
        check::close(program.output(4), &[for_bias, inner].concat(), 1e-5);
        Ok(())
    }

    fn gradients(&self, graph: &mut Graph, y: NodeId, wrt: &[NodeId]) -> Result<Vec<NodeId>> {
        let dims = graph.shape(y).dims().to_vec();
        let upstream = graph.input("upstream", &dims)?;
        let product = graph.mul(y, upstream)?;
        let loss = graph.sum_all(product)?;
        gradients(graph, loss, wrt)
    }

    /// PyTorch's two biases are one, but for the candidate of a GRU.
    fn bias(&self) -> Vec<f32> {
        let [_, _, first, second] = &self.params;
        let sum: Vec<f32> = first.iter().zip(second).map(|(a, b)| a + b).collect();
        match self.cell {
            Cell::Gru => [&sum[..2 * self.units], &first[2 * self.units..], &second[2 * self.units..]].concat(),
            Cell::Simple | Cell::Lstm => sum,
        }
    }

    fn mask(&self) -> Vec<f32> {
        let length = |row: usize| self.lengths.as_ref().map_or(self.steps, |lengths| lengths[row]);
        (0..self.rows * self.steps).map(|i| f32::from(i % self.steps < length(i / self.steps))).collect()
    }

    /// The states with zeros behind the end of a sequence, as PyTorch gives them.
    fn without_padding(&self, returns: Returns, states: &[f32]) -> Vec<f32> {
        let mask = self.mask();
        let is_state = |i: usize| returns == Returns::LastState || mask[i / self.units] == 1.0;
        states.iter().enumerate().map(|(i, &h)| if is_state(i) { h } else { 0.0 }).collect()
    }
}

/// PyTorch has weights as `[outputs, inputs]`.
fn transposed(weights: &[f32], outputs: usize) -> Vec<f32> {
    let inputs = weights.len() / outputs;
    (0..weights.len()).map(|i| weights[i % outputs * inputs + i / outputs]).collect()
}
