//! Operations against PyTorch's numbers; `golden/make_golden.py` makes them and names the version.

use serde::Deserialize;
use trainyard_graph::op::BatchNormParams;
use trainyard_graph::{
    Activation, Combiner, Cpu, Device, Dim, FeedMap, Graph, Mode, NodeId, Padding, Ragged, Result, gradients,
};

#[derive(Deserialize)]
struct Golden {
    cases: Vec<GoldenCase>,
}

#[derive(Deserialize)]
struct GoldenCase {
    name: String,
    inputs: Vec<Input>,
    values: Vec<f32>,
    /// What the value is multiplied with, number by number, before it is summed up and differentiated.
    weight: Vec<f32>,
    /// Moving mean and variance.
    #[serde(default)]
    moving: Vec<Vec<f32>>,
}

#[derive(Deserialize)]
struct Input {
    shape: Vec<usize>,
    values: Vec<f32>,
    gradient: Vec<f32>,
}

const TRAINING: Mode = Mode::Training { seed: 1, step: 1 };

impl GoldenCase {
    /// Adds the operation; the first input has the batch, or is a table.
    fn build(&self, graph: &mut Graph, x: &[NodeId], ids: NodeId) -> Result<NodeId> {
        let (a, same, valid) = (x[0], Padding::Same, Padding::Valid);
        match self.name.as_str() {
            "max" => graph.max(a, x[1]),
            "min" => graph.min(a, x[1]),
            "sin" => graph.sin(a),
            "cos" => graph.cos(a),
            "clip" => graph.clip(a, -0.75, 1.25),
            "pow" => graph.pow(a, -1.5),
            "sum_axes" => graph.sum_axes(a, &[0], false),
            "mean_axes" => graph.mean_axes(a, &[0], false),
            "max_axes" => graph.max_axes(a, &[0], false),
            "min_axes" => graph.min_axes(a, &[0], false),
            "gather" => graph.gather(a, 0, &[3, 0, 3]),
            "max_pool_1d" => graph.max_pool_1d(a, 3, 2, valid),
            "average_pool_1d" => graph.average_pool_1d(a, 3, 2, valid),
            "max_pool_2d" => graph.max_pool_2d(a, [3, 2], [2, 1], valid),
            "average_pool_2d" => graph.average_pool_2d(a, [3, 2], [2, 1], valid),
            "max_pool_2d_same" => graph.max_pool_2d(a, [3, 3], [1, 1], same),
            "average_pool_2d_same" => graph.average_pool_2d(a, [3, 3], [1, 1], same),
            "layer_norm" => graph.layer_norm(a, x[1], x[2], 1e-5),
            "batch_norm" | "batch_norm_training" => {
                let channels = self.inputs[1].shape[0];
                let moving_mean = graph.param("moving mean", &[channels])?;
                let moving_variance = graph.param("moving variance", &[channels])?;
                let params = BatchNormParams { scale: x[1], shift: x[2], moving_mean, moving_variance };
                graph.batch_norm(a, params, 1e-3)
            }
            "embedding_sequence" => graph.embedding_sequence(a, ids, 3, None),
            "embedding_sequence_within" => graph.embedding_sequence(a, ids, 3, Some(1.5)),
            "embedding_bag_within" => graph.embedding_bag_within(a, ids, Combiner::Mean, Some(1.5)),
            name => {
                let activation = serde_json::from_str::<Activation>(&format!("{name:?}")).expect("an activation");
                graph.activate(a, activation)
            }
        }
    }

    /// The value and the gradients for all inputs.
    fn run(&self) -> Result<Vec<Vec<f32>>> {
        let mut graph = Graph::new();
        let is_table = self.name.starts_with("embedding");
        let ids = graph.ids("ids")?;
        let mut inputs = Vec::new();
        for (i, Input { shape, .. }) in self.inputs.iter().enumerate() {
            let batched = i == 0 || *shape == self.inputs[0].shape;
            let mut dims: Vec<Dim> = shape.iter().map(|&size| Dim::Fixed(size)).collect();
            dims[0] = if batched { Dim::Batch } else { dims[0] };
            let name = format!("input {i}");
            inputs.push(if is_table { graph.table(&name, shape[1])? } else { graph.input(&name, &dims)? });
        }
        let value = self.build(&mut graph, &inputs, ids)?;
        let dims = graph.shape(value).dims().to_vec();
        let weight = graph.input("weight", &dims)?;
        let weighted = graph.mul(value, weight)?;
        let loss = graph.sum_all(weighted)?;
        let outputs = [vec![value], gradients(&mut graph, loss, &inputs)?].concat();

        let rows = if is_table { 2 } else { self.inputs[0].shape[0] };
        let mut feeds = FeedMap::new(&graph, rows).floats(weight, &self.weight);
        for (&node, input) in inputs.iter().zip(&self.inputs) {
            feeds = feeds.floats(node, &input.values);
        }
        let moving =
            graph.inputs().iter().filter(|&&node| graph.input_of(node).is_some_and(|i| i.name.contains("moving")));
        let unread = vec![vec![1.0; self.inputs.last().map_or(0, |input| input.values.len())]; 2];
        let given = if self.moving.is_empty() { &unread } else { &self.moving };
        for (&node, values) in moving.zip(given) {
            feeds = feeds.floats(node, values);
        }
        let mut named = Ragged::new();
        [[3, 1, 3], [0, 4, 2]].iter().for_each(|row| named.push_row(row));
        let feeds = if is_table { feeds.ids(ids, named) } else { feeds };
        let mut program = Cpu::new(2).compile(&graph, &outputs)?;
        program.run(&feeds, if self.name.ends_with("training") { TRAINING } else { Mode::Inference })?;
        Ok((0..outputs.len()).map(|i| program.output(i).to_vec()).collect())
    }
}

#[track_caller]
fn check(what: &str, values: &[f32], expected: &[f32]) {
    let largest = expected.iter().fold(1.0_f32, |largest, x| largest.max(x.abs()));
    assert_eq!(values.len(), expected.len(), "{what}");
    for (i, (value, expected)) in values.iter().zip(expected).enumerate() {
        assert!((value - expected).abs() <= 2e-6 * largest, "{what}: number {i} is {value}, not {expected}");
    }
}

#[test]
fn operations_match_pytorch() {
    let golden: Golden = serde_json::from_str(include_str!("golden/operations.json")).expect("a golden file");
    assert!(golden.cases.len() > 30);
    for case in golden.cases {
        let outputs = case.run().unwrap_or_else(|error| panic!("{}: {error}", case.name));
        check(&case.name, &outputs[0], &case.values);
        for (i, (input, gradient)) in case.inputs.iter().zip(&outputs[1..]).enumerate() {
            check(&format!("{}, gradient for input {i}", case.name), gradient, &input.gradient);
        }
    }
}
