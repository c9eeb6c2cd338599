//! Finite differences: what a gradient is held against in tests, here and in other crates.

use crate::op::InputKind;
use crate::{Cpu, Device, Dim, FeedMap, Graph, Mode, NodeId, Ragged, Result, Shape, gradients, random};

/// A function of some values, built as a graph.
///
/// ```
/// use trainyard_graph::check::Case;
///
/// Case::unary(&[0.5, 2.0], |graph, x| graph.square(x)).check_gradients();
/// ```
pub struct Case {
    graph: Graph,
    value: NodeId,
    wrt: Vec<(NodeId, Vec<f32>)>,
    feeds: FeedMap,
    mode: Mode,
}

/// Shape and numbers of an input.
pub type Given<'a> = (&'a [Dim], &'a [f32]);

impl Case {
    /// A function of one batch of numbers.
    ///
    /// # Panics
    ///
    /// When `build` fails.
    pub fn unary(x: &[f32], build: impl FnOnce(&mut Graph, NodeId) -> Result<NodeId>) -> Self {
        Self::new(&[(&[Dim::Batch], x)], |graph, inputs| build(graph, inputs[0]))
    }

    /// A function of two values.
    ///
    /// # Panics
    ///
    /// When `build` fails.
    pub fn binary(
        a: Given<'_>,
        b: Given<'_>,
        build: impl FnOnce(&mut Graph, NodeId, NodeId) -> Result<NodeId>,
    ) -> Self {
        Self::new(&[a, b], |graph, inputs| build(graph, inputs[0], inputs[1]))
    }

    /// A function of some values.
    ///
    /// # Panics
    ///
    /// When `build` fails.
    pub fn new(inputs: &[Given<'_>], build: impl FnOnce(&mut Graph, &[NodeId]) -> Result<NodeId>) -> Self {
        Self::with_fixed(inputs, &[], |graph, inputs, _| build(graph, inputs))
    }

    /// A function of some values, and of others, such as labels, for which no gradient is asked.
    ///
    /// # Panics
    ///
    /// When `build` fails.
    pub fn with_fixed(
        inputs: &[Given<'_>],
        fixed: &[Given<'_>],
        build: impl FnOnce(&mut Graph, &[NodeId], &[NodeId]) -> Result<NodeId>,
    ) -> Self {
        let mut graph = Graph::new();
        let mut nodes = Vec::new();
        for (i, (dims, _)) in inputs.iter().chain(fixed).enumerate() {
            // Not data, which must be finite: an operation is also tested on what others make of finite numbers.
            let input = graph.add_input(&format!("input {i}"), InputKind::Param, Shape::new(*dims));
            nodes.push(input.expect("an input"));
        }
        let value = build(&mut graph, &nodes[..inputs.len()], &nodes[inputs.len()..]).expect("a graph");
        let all: Vec<Given<'_>> = inputs.iter().chain(fixed).copied().collect();
        let feeds = nodes
            .iter()
            .zip(&all)
            .fold(FeedMap::new(&graph, batch_rows(&all)), |map, (&node, (_, values))| map.floats(node, values));
        let wrt = nodes.iter().zip(inputs).map(|(&node, (_, values))| (node, values.to_vec())).collect();
        Self { graph, value, wrt, feeds, mode: Mode::Inference }
    }

    /// A function of a table of rows of `dim` numbers, and of ids.
    ///
    /// # Panics
    ///
    /// When `build` fails.
    pub fn table(
        rows: &[f32],
        dim: usize,
        ids: Ragged,
        build: impl FnOnce(&mut Graph, NodeId, NodeId) -> Result<NodeId>,
    ) -> Self {
        let mut graph = Graph::new();
        let (table, ids_node) = (graph.table("table", dim).expect("a table"), graph.ids("ids").expect("ids"));
        let value = build(&mut graph, table, ids_node).expect("a graph");
        let feeds = FeedMap::new(&graph, ids.rows()).floats(table, rows).ids(ids_node, ids);
        Self { graph, value, wrt: vec![(table, rows.to_vec())], feeds, mode: Mode::Inference }
    }

    /// The same function at step 1 of training.
    #[must_use]
    pub fn in_training(self) -> Self {
        Self { mode: Mode::Training { seed: 1, step: 1 }, ..self }
    }

    /// The function's value.
    ///
    /// # Panics
    ///
    /// When the program fails.
    pub fn values(&self) -> Vec<f32> {
        run(&self.graph, &[self.value], &self.feeds, self.mode).remove(0)
    }

    /// The function's value at a step of training.
    ///
    /// # Panics
    ///
    /// When the program fails.
    pub fn values_at_step(&self, step: u64) -> Vec<f32> {
        run(&self.graph, &[self.value], &self.feeds, Mode::Training { seed: 1, step }).remove(0)
    }

    /// The gradient of the sum of the function's values, for each input.
    ///
    /// # Panics
    ///
    /// When the program fails.
    pub fn gradients(&self) -> Vec<Vec<f32>> {
        self.gradients_of_sum(|_| 1.0, self.mode)
    }

    /// The same at a step of training.
    ///
    /// # Panics
    ///
    /// When the program fails.
    pub fn gradients_at_step(&self, step: u64) -> Vec<Vec<f32>> {
        self.gradients_of_sum(|_| 1.0, Mode::Training { seed: 1, step })
    }

    /// Holds the gradients of a weighted sum of the values against differences of that sum, within 1 % or 0.001 of the
    /// largest gradient.
    ///
    /// # Panics
    ///
    /// When they differ.
    pub fn check_gradients(&self) {
        let weight = |i: usize| 0.5 + random::uniform(random::stream(7, "weights"), i as u64);
        let gradients = self.gradients_of_sum(weight, self.mode);
        for ((node, values), gradient) in self.wrt.iter().zip(&gradients) {
            let largest = gradient.iter().fold(1.0_f32, |max, g| max.max(g.abs()));
            for (i, slope) in gradient.iter().enumerate() {
                let difference = self.difference(*node, values, i, weight);
                let bound = (0.01 * slope.abs()).max(1e-3 * largest);
                let fits = (difference - slope).abs() <= bound;
                assert!(fits, "number {i} of {node:?}: gradient {slope} but difference {difference}");
            }
        }
    }

    /// The central difference of the weighted sum for number `i` of an input.
    fn difference(&self, node: NodeId, values: &[f32], i: usize, weight: impl Fn(usize) -> f32) -> f32 {
        let step = 0.01 * values[i].abs().max(0.2);
        let sum_at = |shift: f32| {
            let mut shifted = values.to_vec();
            shifted[i] += shift;
            let feeds = self.feeds.clone().floats(node, &shifted);
            let outputs = run(&self.graph, &[self.value], &feeds, self.mode).remove(0);
            let sum: f64 = outputs.iter().enumerate().map(|(i, &y)| f64::from(weight(i)) * f64::from(y)).sum();
            (sum, f64::from(shifted[i]))
        };
        let (above, below) = (sum_at(step), sum_at(-step));
        ((above.0 - below.0) / (above.1 - below.1)) as f32
    }

    fn gradients_of_sum(&self, weight: impl Fn(usize) -> f32, mode: Mode) -> Vec<Vec<f32>> {
        let mut graph = self.graph.clone();
        let weights: Vec<f32> = (0..self.values().len()).map(weight).collect();
        let dims = graph.shape(self.value).dims().to_vec();
        let factor = graph.input("weights of the sum", &dims).expect("an input");
        let weighted = graph.mul(self.value, factor).expect("a product");
        let sum = graph.sum_all(weighted).expect("a sum");
        let wrt: Vec<NodeId> = self.wrt.iter().map(|(node, _)| *node).collect();
        let outputs = gradients(&mut graph, sum, &wrt).expect("gradients");
        run(&graph, &outputs, &self.feeds.clone().with_graph(&graph).floats(factor, &weights), mode)
    }
}

/// Asserts that numbers are equal within `tolerance`, relative to the expected ones where these are above 1.
///
/// # Panics
///
/// When they are not.
#[track_caller]
pub fn close(values: &[f32], expected: &[f32], tolerance: f32) {
    close_in(&format!("{values:?} but expected {expected:?}"), values, expected, tolerance);
}

/// As [`close`], for numbers of something that a failure names.
///
/// # Panics
///
/// When they are not.
#[track_caller]
pub fn close_in(what: &str, values: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(values.len(), expected.len(), "{what}");
    for (i, (value, expected)) in values.iter().zip(expected).enumerate() {
        let bound = tolerance * expected.abs().max(1.0);
        assert!((value - expected).abs() <= bound, "{what}: number {i} is {value}, not {expected}");
    }
}

fn run(graph: &Graph, outputs: &[NodeId], feeds: &FeedMap, mode: Mode) -> Vec<Vec<f32>> {
    // Micro-batches of 2 rows, so that even small cases are computed in parts.
    let mut program = Cpu::default().with_micro_batch(2).compile(graph, outputs).expect("a program");
    program.run(feeds, mode).expect("a run");
    (0..outputs.len()).map(|i| program.output(i).to_vec()).collect()
}

fn batch_rows(inputs: &[Given<'_>]) -> usize {
    let rows = |(dims, values): &Given<'_>| {
        let row_len: usize = dims.iter().map(|dim| if let Dim::Fixed(size) = dim { *size } else { 1 }).product();
        (dims.first() == Some(&Dim::Batch)).then(|| values.len() / row_len)
    };
    inputs.iter().find_map(rows).unwrap_or(1)
}
