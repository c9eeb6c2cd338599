//! What the tests of recurrent operations share: a layer with numbers to compute with.

use super::{Cell, RecurrentLayer, Returns};
use crate::check::Case;
use crate::{Cpu, Device, Dim, FeedMap, Graph, Mode, NodeId, gradients, random};

pub(super) const CELLS: [Cell; 3] = [Cell::Simple, Cell::Lstm, Cell::Gru];

/// A layer and the sizes of its inputs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub(super) layer: RecurrentLayer,
    pub(super) rows: usize,
    pub(super) steps: usize,
    pub(super) units: usize,
    /// What stands in the projected input in place of numbers where nothing should read it: behind the first step of row 0.
    pub(super) fill: Option<f32>,
}

impl Sizes {
    /// 3 rows of 4 steps and 3 units, from the first step to the last, all states.
    pub(super) fn of(cell: Cell) -> Self {
        let layer = RecurrentLayer { cell, reversed: false, returns: Returns::AllStates };
        Self { layer, rows: 3, steps: 4, units: 3, fill: None }
    }

    pub(super) fn reversed(self) -> Self {
        Self { layer: RecurrentLayer { reversed: true, ..self.layer }, ..self }
    }

    pub(super) fn last(self) -> Self {
        Self { layer: RecurrentLayer { returns: Returns::LastState, ..self.layer }, ..self }
    }

    fn gates(&self) -> usize {
        self.layer.cell.gates() * self.units
    }

    /// Axes and normal numbers of the projected input, the weights and the bias.
    pub(super) fn inputs(&self) -> [(Vec<Dim>, Vec<f32>); 3] {
        let (gates, inner) = (self.gates(), self.layer.cell.biases() * self.units);
        let mut projected = numbers("x", self.rows * self.steps * gates);
        if let Some(fill) = self.fill {
            projected[gates..self.steps * gates].fill(fill);
        }
        [
            (vec![Dim::Batch, Dim::Fixed(self.steps), Dim::Fixed(gates)], projected),
            (vec![Dim::Fixed(self.units), Dim::Fixed(gates)], numbers("w", self.units * gates)),
            (vec![Dim::Fixed(inner)], numbers("b", inner)),
        ]
    }

    /// The layer as a function of its inputs.
    pub(super) fn case(self, mask: Option<&[f32]>) -> Case {
        let inputs = self.inputs();
        let given: Vec<(&[Dim], &[f32])> = inputs.iter().map(|(dims, values)| (&dims[..], &values[..])).collect();
        let dims = [Dim::Batch, Dim::Fixed(self.steps)];
        let fixed: Vec<(&[Dim], &[f32])> = mask.into_iter().map(|mask| (&dims[..], mask)).collect();
        Case::with_fixed(&given, &fixed, |graph, x, mask| {
            graph.recurrent(self.layer, x[0], x[1], x[2], mask.first().copied())
        })
    }

    /// The layer with the gradients of a sum of squares; the states and gradients.
    pub(super) fn graph(&self) -> (Graph, Vec<NodeId>) {
        let mut graph = Graph::new();
        let inputs = self.inputs();
        let nodes: Vec<_> =
            (0..).zip(&inputs).map(|(i, (dims, _))| graph.input(&format!("{i}"), dims).unwrap()).collect();
        let states = graph.recurrent(self.layer, nodes[0], nodes[1], nodes[2], None).unwrap();
        let squares = graph.square(states).unwrap();
        let loss = graph.sum_all(squares).unwrap();
        let outputs = [vec![states], gradients(&mut graph, loss, &nodes).unwrap()].concat();
        (graph, outputs)
    }

    /// Value and gradients on so many lanes.
    pub(super) fn run(&self, lanes: usize) -> Vec<Vec<f32>> {
        let (graph, outputs) = self.graph();
        let mut program = Cpu::new(lanes).with_micro_batch(4).compile(&graph, &outputs).unwrap();
        let inputs = self.inputs();
        let feeds = graph
            .inputs()
            .iter()
            .zip(&inputs)
            .fold(FeedMap::new(&graph, self.rows), |feeds, (&node, (_, values))| feeds.floats(node, values));
        program.run(&feeds, Mode::Inference).unwrap();
        (0..outputs.len()).map(|i| program.output(i).to_vec()).collect()
    }
}

fn numbers(name: &str, n: usize) -> Vec<f32> {
    let stream = random::stream(3, name);
    (0..n as u64).map(|i| random::normal(stream, i) / 2.0).collect()
}
