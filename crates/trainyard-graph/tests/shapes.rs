//! Shapes that do not fit are errors when the graph is built, which name the operation, the shapes and the layer.

mod sources;

use trainyard_graph::op::BatchNormParams;
use trainyard_graph::{
    Activation, AttentionOptions, Cell, Combiner, Dim, Graph, NodeId, Padding, RecurrentLayer, Result, Returns, Shape,
    Windows, gradients,
};

/// Values of which no two fit each other.
struct Given {
    /// `[batch, 3]`.
    x: NodeId,
    /// `[batch, 2, 5]`.
    steps: NodeId,
    /// `[batch]`.
    column: NodeId,
    /// `[4, 2]`.
    w: NodeId,
    /// `[7]`.
    bias: NodeId,
    /// `[rows, 6]`.
    table: NodeId,
    /// Ids of `[batch]`.
    ids: NodeId,
}

impl Given {
    fn new(graph: &mut Graph) -> Result<Self> {
        Ok(Self {
            x: graph.input("x", &[Dim::Batch, Dim::Fixed(3)])?,
            steps: graph.input("steps", &[Dim::Batch, Dim::Fixed(2), Dim::Fixed(5)])?,
            column: graph.input("column", &[Dim::Batch])?,
            w: graph.param("w", &[4, 2])?,
            bias: graph.param("bias", &[7])?,
            table: graph.table("table", 6)?,
            ids: graph.ids("ids")?,
        })
    }
}

/// A method; the operation that its error names, which is another one where the method is short for that; the shapes that
/// the error names; and the call.
type Misuse = (&'static str, &'static str, &'static [&'static str], fn(&mut Graph, &Given) -> Result<NodeId>);

const X: &str = "[batch, 3]";
const STEPS: &str = "[batch, 2, 5]";
const COLUMN: &str = "take [batch]:";
const W: &str = "[4, 2]";
const BIAS: &str = "[7]";
const TABLE: &str = "[rows, 6]";
const IDS: &str = "ids [batch]";
const LINEAR: Activation = Activation::Linear;

/// Two values or more that do not fit each other.
const COMBINATIONS: &[Misuse] = &[
    ("add", "add", &[X, W], |g, given| g.add(given.x, given.w)),
    ("sub", "sub", &[X, W], |g, given| g.sub(given.x, given.w)),
    ("mul", "mul", &[STEPS, BIAS], |g, given| g.mul(given.steps, given.bias)),
    ("div", "div", &[W, X], |g, given| g.div(given.w, given.x)),
    ("max", "max", &[X, STEPS], |g, given| g.max(given.x, given.steps)),
    ("min", "min", &[X, BIAS], |g, given| g.min(given.x, given.bias)),
    ("at_least", "at_least", &[X, BIAS], |g, given| g.at_least(given.x, given.bias)),
    ("attention", "attention", &[STEPS, X, W], |g, given| {
        g.attention([given.steps, given.x, given.w], None, AttentionOptions::default())
    }),
    ("batch_matmul", "batch_matmul", &[STEPS, W], |g, given| g.batch_matmul(given.steps, given.w, false, false)),
    ("batch_norm", "batch_norm", &[X, BIAS], |g, given| {
        let bias = given.bias;
        let params = BatchNormParams { scale: bias, shift: bias, moving_mean: bias, moving_variance: bias };
        g.batch_norm(given.x, params, 1e-3)
    }),
    ("concat", "concat", &[X, STEPS], |g, given| g.concat(&[given.x, given.steps])),
    ("concat", "concat", &["what it was given"], |g, _| g.concat(&[])),
    ("concat_axis", "concat_axis", &[X, STEPS], |g, given| g.concat_axis(&[given.x, given.steps], 0)),
    ("concat_axis", "concat_axis", &[X, "an axis 1"], |g, given| g.concat_axis(&[given.x, given.x], 1)),
    ("stack", "stack", &[X, STEPS], |g, given| g.stack(&[given.x, given.steps], 0)),
    ("stack", "stack", &[X, "2 axes"], |g, given| g.stack(&[given.x], 2)),
    ("stack", "stack", &[IDS, "not ids"], |g, given| g.stack(&[given.ids, given.ids], 0)),
    ("conv1d", "conv1d", &[STEPS, W], |g, given| g.conv1d(given.steps, given.w, None, &Windows::default(), LINEAR)),
    ("conv1d", "conv1d", &[STEPS, W, BIAS], |g, given| {
        g.conv1d(given.steps, given.w, Some(given.bias), &Windows::default(), LINEAR)
    }),
    ("conv2d", "conv2d", &[STEPS, W], |g, given| g.conv2d(given.steps, given.w, None, &Windows::default(), LINEAR)),
    ("dense", "dense", &[X, W, BIAS], |g, given| g.dense(given.x, given.w, Some(given.bias), LINEAR)),
    ("dense", "dense", &[X, W, BIAS], |g, given| g.dense(given.x, given.w, Some(given.bias), Activation::Gelu)),
    ("dense", "matmul", &[X, W], |g, given| g.dense(given.x, given.w, None, LINEAR)),
    ("embedding_bag", "embedding_bag", &[W, IDS], |g, given| g.embedding_bag(given.w, given.ids, Combiner::Sum)),
    ("embedding_bag", "embedding_bag", &[TABLE, X, "ids as input 1"], |g, given| {
        g.embedding_bag(given.table, given.x, Combiner::Sum)
    }),
    ("embedding_bag_within", "embedding_bag", &[X, IDS], |g, given| {
        g.embedding_bag_within(given.x, given.ids, Combiner::Sum, Some(1.0))
    }),
    ("embedding_sequence", "embedding_sequence", &[W, IDS], |g, given| {
        g.embedding_sequence(given.w, given.ids, 3, None)
    }),
    ("layer_norm", "layer_norm", &[X, BIAS], |g, given| g.layer_norm(given.x, given.bias, given.bias, 1e-3)),
    ("matmul", "matmul", &[X, W], |g, given| g.matmul(given.x, given.w)),
    ("matmul", "matmul", &[IDS, W, "not ids"], |g, given| g.matmul(given.ids, given.w)),
    ("recurrent", "recurrent", &[STEPS, W, BIAS, X], |g, given| {
        let layer = RecurrentLayer { cell: Cell::Gru, reversed: false, returns: Returns::LastState };
        g.recurrent(layer, given.steps, given.w, given.bias, Some(given.x))
    }),
    ("sigmoid_cross_entropy", "sigmoid_cross_entropy", &[X, STEPS], |g, given| {
        g.sigmoid_cross_entropy(given.x, given.steps)
    }),
    ("softmax_cross_entropy", "softmax_cross_entropy", &[X, STEPS], |g, given| {
        g.softmax_cross_entropy(given.x, given.steps)
    }),
];

/// One value whose axes do not fit what is asked of it.
const AXES: &[Misuse] = &[
    ("average_pool_1d", "average_pool_1d", &[X], |g, given| g.average_pool_1d(given.x, 2, 1, Padding::Valid)),
    ("average_pool_2d", "average_pool_2d", &[STEPS], |g, given| {
        g.average_pool_2d(given.steps, [2, 2], [1, 1], Padding::Valid)
    }),
    ("broadcast_to", "broadcast_to", &[X, W], |g, given| g.broadcast_to(given.x, Shape::fixed(&[4, 2]))),
    ("gather", "gather", &[X, "an axis 1"], |g, given| g.gather(given.x, 1, &[0])),
    ("gather", "gather", &[X], |g, given| g.gather(given.x, 0, &[3])),
    ("max_axes", "max_axes", &[X, "[1]"], |g, given| g.max_axes(given.x, &[1], true)),
    ("max_pool_1d", "max_pool_1d", &[X], |g, given| g.max_pool_1d(given.x, 2, 1, Padding::Valid)),
    ("max_pool_2d", "max_pool_2d", &[STEPS], |g, given| g.max_pool_2d(given.steps, [2, 2], [1, 1], Padding::Valid)),
    ("mean_axes", "mean_axes", &[STEPS, "[0, 2]"], |g, given| g.mean_axes(given.steps, &[0, 2], false)),
    ("mean_last", "mean_last", &[COLUMN], |g, given| g.mean_last(given.column)),
    ("min_axes", "min_axes", &[X, "[0, 0]"], |g, given| g.min_axes(given.x, &[0, 0], false)),
    ("pad", "pad", &[COLUMN], |g, given| g.pad(given.column, 1, 1)),
    ("pad_axis", "pad_axis", &[X, "an axis 1"], |g, given| g.pad_axis(given.x, 1, 1, 1)),
    ("reshape", "reshape", &[X, "[batch, 4]"], |g, given| g.reshape(given.x, &[Dim::Batch, Dim::Fixed(4)])),
    ("slice", "slice", &[X, "2 elements from 2"], |g, given| g.slice(given.x, 2, 2)),
    ("slice", "slice", &[COLUMN], |g, given| g.slice(given.column, 0, 0)),
    ("slice_axis", "slice_axis", &[STEPS, "an axis 2"], |g, given| g.slice_axis(given.steps, 2, 0, 1)),
    ("slice_axis", "slice_axis", &[STEPS, "2 elements from 1"], |g, given| g.slice_axis(given.steps, 0, 1, 2)),
    ("softmax", "softmax", &[COLUMN], |g, given| g.softmax(given.column)),
    ("sum_axes", "sum_axes", &[X, "[1]"], |g, given| g.sum_axes(given.x, &[1], true)),
    ("sum_last", "sum_last", &[COLUMN], |g, given| g.sum_last(given.column)),
    ("sum_to", "sum_to", &[X, W], |g, given| g.sum_to(given.x, Shape::fixed(&[4, 2]))),
    ("transpose", "transpose", &[STEPS], |g, given| g.transpose(given.steps, &[0, 0])),
    ("gradients", "gradients", &[X], |g, given| gradients(g, given.x, &[given.w]).map(|of| of[0])),
];

/// Ids where numbers are expected, and the other way round: what takes numbers of any shape refuses nothing else.
const KINDS: &[Misuse] = &[
    ("activate", "activate", &[IDS], |g, given| g.activate(given.ids, Activation::Elu)),
    ("relu", "activate", &[IDS], |g, given| g.relu(given.ids)),
    ("tanh", "activate", &[IDS], |g, given| g.tanh(given.ids)),
    ("sigmoid", "activate", &[IDS], |g, given| g.sigmoid(given.ids)),
    ("softplus", "activate", &[IDS], |g, given| g.softplus(given.ids)),
    ("affine", "affine", &[IDS], |g, given| g.affine(given.ids, 2.0, 0.0)),
    ("neg", "affine", &[IDS], |g, given| g.neg(given.ids)),
    ("clip", "max", &[IDS], |g, given| g.clip(given.ids, 0.0, 1.0)),
    ("reciprocal", "div", &[IDS], |g, given| g.reciprocal(given.ids)),
    ("dropout", "dropout", &[IDS], |g, given| g.dropout(given.ids, 0.5)),
    ("pow", "pow", &[IDS], |g, given| g.pow(given.ids, 2.0)),
    ("sum_all", "sum_to", &[IDS], |g, given| g.sum_all(given.ids)),
    ("exp", "exp", &[IDS], |g, given| g.exp(given.ids)),
    ("log", "log", &[IDS], |g, given| g.log(given.ids)),
    ("sqrt", "sqrt", &[IDS], |g, given| g.sqrt(given.ids)),
    ("square", "square", &[IDS], |g, given| g.square(given.ids)),
    ("abs", "abs", &[IDS], |g, given| g.abs(given.ids)),
    ("sin", "sin", &[IDS], |g, given| g.sin(given.ids)),
    ("cos", "cos", &[IDS], |g, given| g.cos(given.ids)),
    ("sequence_mask", "sequence_mask", &[X], |g, given| g.sequence_mask(given.x, 3)),
];

/// Values that are made of no others.
const SOURCES: &[Misuse] = &[
    ("input", "input", &["[2, batch]"], |g, _| g.input("y", &[Dim::Fixed(2), Dim::Batch])),
    ("param", "input", &["[3, 0]"], |g, _| g.param("v", &[3, 0])),
    ("table", "input", &["[rows, 0]"], |g, _| g.table("rows", 0)),
    ("sinusoidal_positions", "sinusoidal_positions", &["0 and 4"], |g, _| g.sinusoidal_positions(0, 4)),
];

#[track_caller]
fn check(misuses: &[Misuse]) {
    for (method, operation, shapes, build) in misuses {
        let mut graph = Graph::new();
        let given = Given::new(&mut graph).expect("values");
        let built = graph.scope("tower", |graph| graph.scope("dense_1", |graph| build(graph, &given)));
        let error = built.expect_err(method).to_string();
        let start = format!("`{operation}` in layer `tower/dense_1` cannot take ");
        assert!(error.starts_with(&start), "{method}: {error}");
        for shape in *shapes {
            assert!(error.contains(shape), "{method}: {error} lacks {shape}");
        }
    }
}

#[test]
fn values_that_do_not_fit_each_other_are_named() {
    check(COMBINATIONS);
}

#[test]
fn a_value_without_the_axes_that_are_asked_of_it_is_named() {
    check(AXES);
}

#[test]
fn ids_and_numbers_in_place_of_each_other_are_named() {
    check(KINDS);
}

#[test]
fn a_size_of_zero_and_a_batch_inside_are_named() {
    check(SOURCES);
}

#[test]
fn every_method_has_its_misuse_here() {
    // A constant is a number without a shape, so nothing can be wrong with it.
    let tried = [COMBINATIONS, AXES, KINDS, SOURCES].concat();
    let is_tried = |method: &str| method == "constant" || tried.iter().any(|(tried, ..)| *tried == method);
    let methods = sources::methods();
    assert!(methods.iter().any(|method| method == "conv2d"), "{methods:?}");
    let missing: Vec<&String> = methods.iter().filter(|method| !is_tried(method)).collect();
    assert!(missing.is_empty(), "give {missing:?} shapes that do not fit");
}
