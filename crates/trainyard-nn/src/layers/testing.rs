//! What the tests of all layers share: a built layer with values for its inputs and parameters.

use crate::{Network, ParamShape, Result};
use trainyard_graph::{Cpu, Device, Dim, FeedMap, Graph, Mode, NodeId, Ragged, check, gradients, random};

/// A layer in a network, with what it is fed.
pub(super) struct Built {
    network: Network,
    output: NodeId,
    rows: usize,
    inputs: Vec<(NodeId, Vec<f32>)>,
    ids: Option<(NodeId, Ragged)>,
    params: Vec<Vec<f32>>,
}

/// Rows of each table; a test's ids are below.
const TABLE_ROWS: usize = 3;

impl Built {
    /// A layer on `[batch, width]`.
    pub(super) fn dense(x: &[f32], width: usize, build: impl FnOnce(&mut Network, NodeId) -> Result<NodeId>) -> Self {
        let mut network = Network::new();
        let input = network.graph.input("x", &[Dim::Batch, Dim::Fixed(width)]).unwrap();
        let output = build(&mut network, input).unwrap();
        Self::of(network, output, x.len() / width, vec![(input, x.to_vec())], None)
    }

    /// A layer on `[batch, ..]` with these other axes.
    pub(super) fn axes(x: &[f32], sizes: &[usize], build: impl FnOnce(&mut Network, NodeId) -> Result<NodeId>) -> Self {
        let mut network = Network::new();
        let dims: Vec<Dim> = [Dim::Batch].into_iter().chain(sizes.iter().map(|&size| Dim::Fixed(size))).collect();
        let input = network.graph.input("x", &dims).unwrap();
        let output = build(&mut network, input).unwrap();
        Self::of(network, output, x.len() / sizes.iter().product::<usize>(), vec![(input, x.to_vec())], None)
    }

    /// A layer on ids.
    pub(super) fn ids(rows: &[&[u64]], build: impl FnOnce(&mut Network, NodeId) -> Result<NodeId>) -> Self {
        let mut network = Network::new();
        let input = network.graph.ids("ids").unwrap();
        let output = build(&mut network, input).unwrap();
        Self::of(network, output, rows.len(), Vec::new(), Some((input, ragged(rows))))
    }

    /// A layer on `[batch, width]` and ids.
    pub(super) fn both(
        x: &[f32],
        width: usize,
        rows: &[&[u64]],
        build: impl FnOnce(&mut Network, NodeId, NodeId) -> Result<NodeId>,
    ) -> Self {
        let mut network = Network::new();
        let input = network.graph.input("x", &[Dim::Batch, Dim::Fixed(width)]).unwrap();
        let ids = network.graph.ids("ids").unwrap();
        let output = build(&mut network, input, ids).unwrap();
        Self::of(network, output, rows.len(), vec![(input, x.to_vec())], Some((ids, ragged(rows))))
    }

    fn of(
        mut network: Network,
        output: NodeId,
        rows: usize,
        inputs: Vec<(NodeId, Vec<f32>)>,
        ids: Option<(NodeId, Ragged)>,
    ) -> Self {
        // A program's output is computed, and some layers pass their input as it is.
        let output = network.graph.affine(output, 1.0, 0.0).unwrap();
        let params = network.params.iter().map(|spec| {
            let mut values = vec![0.0; spec.shape.len() * if is_table(&spec.shape) { TABLE_ROWS } else { 1 }];
            spec.fill(spec.stream(1), &mut values);
            values
        });
        Self { params: params.collect(), network, output, rows, inputs, ids }
    }

    /// The same with these values for a parameter.
    pub(super) fn set(mut self, name: &str, values: &[f32]) -> Self {
        let place = self.names().iter().position(|other| *other == name).unwrap();
        self.params[place] = values.to_vec();
        self
    }

    pub(super) fn names(&self) -> Vec<&str> {
        self.network.params.iter().map(|spec| spec.name.as_str()).collect()
    }

    pub(super) fn values(&self) -> Vec<f32> {
        self.run(Mode::Inference)
    }

    pub(super) fn values_in_training(&self) -> Vec<f32> {
        self.run(Mode::Training { seed: 1, step: 1 })
    }

    /// Checks the values when serving.
    #[track_caller]
    pub(super) fn check(&self, expected: &[f32]) {
        check::close(&self.values(), expected, 1e-6);
    }

    /// Checks the gradient of the sum of squares of the values for every parameter and every number of the inputs by finite
    /// differences, at parameters that are not all 0.
    #[track_caller]
    pub(super) fn check_gradients(&self) {
        self.check_gradients_in(Mode::Inference, &[]);
    }

    /// The same in a mode, for all but the parameters of these names, such as moving statistics, which move by other rules.
    #[track_caller]
    pub(super) fn check_gradients_in(&self, mode: Mode, besides: &[&str]) {
        let stream = random::stream(1, "away from zero");
        let shifted = |values: &Vec<f32>| (0..).zip(values).map(|(i, w)| w + random::normal(stream, i) / 4.0).collect();
        let values = self.floats(&self.params.iter().map(shifted).collect::<Vec<_>>());
        let mut graph = self.network.graph.clone();
        let squares = graph.square(self.output).unwrap();
        let loss = graph.sum_all(squares).unwrap();
        let nodes: Vec<NodeId> = values.iter().map(|(node, _)| *node).collect();
        let wrt = gradients(&mut graph, loss, &nodes).unwrap();
        let slopes = self.run_at(&graph, &wrt, &values, mode);
        assert!(slopes.iter().flatten().any(|slope| *slope != 0.0), "no gradient is there to compare");
        for (n, slopes) in slopes.iter().enumerate().filter(|(n, _)| !besides.contains(&self.name_of(*n))) {
            for (i, &slope) in slopes.iter().enumerate() {
                let (slope, difference) = (f64::from(slope), self.difference((&graph, loss), &values, (n, i), mode));
                let bound = 0.01 * slope.abs().max(1.0);
                assert!((slope - difference).abs() <= bound, "{}[{i}]: {slope} but {difference}", self.name_of(n));
            }
        }
    }

    /// The central difference of the loss for number `place.1` of the values `place.0`.
    fn difference(
        &self,
        (graph, loss): (&Graph, NodeId),
        values: &[(NodeId, Vec<f32>)],
        place: (usize, usize),
        mode: Mode,
    ) -> f64 {
        let at = |shift: f32| {
            let mut moved = values.to_vec();
            moved[place.0].1[place.1] += shift;
            f64::from(self.run_at(graph, &[loss], &moved, mode)[0][0])
        };
        (at(1e-2) - at(-1e-2)) / 2e-2
    }

    /// Whatever numbers are fed: the parameters and then the inputs.
    fn floats(&self, params: &[Vec<f32>]) -> Vec<(NodeId, Vec<f32>)> {
        let params = self.network.param_nodes().iter().copied().zip(params.iter().cloned());
        params.chain(self.inputs.iter().cloned()).collect()
    }

    fn name_of(&self, n: usize) -> &str {
        self.network.params.get(n).map_or("the input", |spec| &spec.name)
    }

    fn run(&self, mode: Mode) -> Vec<f32> {
        self.run_at(&self.network.graph, &[self.output], &self.floats(&self.params), mode).remove(0)
    }

    fn run_at(&self, graph: &Graph, outputs: &[NodeId], values: &[(NodeId, Vec<f32>)], mode: Mode) -> Vec<Vec<f32>> {
        let mut feeds = FeedMap::new(graph, self.rows);
        for (node, values) in values {
            feeds = feeds.floats(*node, values);
        }
        if let Some((node, ids)) = &self.ids {
            feeds = feeds.ids(*node, ids.clone());
        }
        let mut program = Cpu::default().compile(graph, outputs).unwrap();
        program.run(&feeds, mode).unwrap();
        (0..outputs.len()).map(|i| program.output(i).to_vec()).collect()
    }
}

fn is_table(shape: &ParamShape) -> bool {
    matches!(shape, ParamShape::Table { .. })
}

fn ragged(rows: &[&[u64]]) -> Ragged {
    let mut ids = Ragged::new();
    rows.iter().for_each(|row| ids.push_row(row));
    ids
}
