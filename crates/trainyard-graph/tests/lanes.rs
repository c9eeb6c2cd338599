//! Results have the same bits for any number of lanes, for batches of any size: every operation, and its gradient.

use proptest::prelude::*;
use std::collections::BTreeSet;
use trainyard_graph::op::BatchNormParams;
use trainyard_graph::{
    Activation, AttentionOptions, Cell, Combiner, ConvPadding, Cpu, Device, Dim, FeedMap, Graph, Mode, NodeId, Op,
    Padding, Ragged, RecurrentLayer, Result, Returns, Windows, gradients, random,
};

/// What an operation may read.
struct Given {
    /// `[batch, 6, channels]`.
    x: NodeId,
    /// The same as `[batch, 2, 3, channels]`.
    image: NodeId,
    /// Rows of `channels` numbers.
    table: NodeId,
    /// Up to 5 of 11 rows of the table.
    ids: NodeId,
    channels: usize,
}

type Builder = fn(&mut Graph, &Given) -> Result<NodeId>;

/// One line an operation: its value of any shape, from what is given and parameters of its own.
const OPERATIONS: &[(&str, Builder)] = &[
    ("exp", |g, given| g.exp(given.x)),
    ("log", |g, given| {
        let above_zero = above_zero(g, given.x)?;
        g.log(above_zero)
    }),
    ("sqrt", |g, given| {
        let above_zero = above_zero(g, given.x)?;
        g.sqrt(above_zero)
    }),
    ("square", |g, given| g.square(given.x)),
    ("abs", |g, given| g.abs(given.x)),
    ("sin", |g, given| g.sin(given.x)),
    ("cos", |g, given| g.cos(given.x)),
    ("affine", |g, given| g.affine(given.x, -1.5, 0.25)),
    ("relu", |g, given| g.relu(given.x)),
    ("tanh", |g, given| g.tanh(given.x)),
    ("sigmoid", |g, given| g.sigmoid(given.x)),
    ("softplus", |g, given| g.softplus(given.x)),
    ("elu", |g, given| g.activate(given.x, Activation::Elu)),
    ("leaky_relu", |g, given| g.activate(given.x, Activation::LeakyRelu { slope: 0.1 })),
    ("selu", |g, given| g.activate(given.x, Activation::Selu)),
    ("gelu", |g, given| g.activate(given.x, Activation::Gelu)),
    ("gelu_tanh", |g, given| g.activate(given.x, Activation::GeluTanh)),
    ("silu", |g, given| g.activate(given.x, Activation::Silu)),
    ("add", |g, given| {
        let bias = g.param("bias", &[6, 1])?;
        g.add(given.x, bias)
    }),
    ("sub", |g, given| {
        let less = g.param("less", &[given.channels])?;
        g.sub(given.x, less)
    }),
    ("mul", |g, given| g.mul(given.x, given.x)),
    ("div", |g, given| {
        let divisor = g.param("positive divisor", &[given.channels])?;
        g.div(given.x, divisor)
    }),
    ("reciprocal", |g, given| {
        let above_zero = above_zero(g, given.x)?;
        g.reciprocal(above_zero)
    }),
    ("max", |g, given| {
        let floor = g.param("floor", &[given.channels])?;
        g.max(given.x, floor)
    }),
    ("min", |g, given| {
        let ceiling = g.param("ceiling", &[6, 1])?;
        g.min(given.x, ceiling)
    }),
    ("at_least", |g, given| {
        let threshold = g.param("threshold", &[given.channels])?;
        let chosen = g.at_least(given.x, threshold)?;
        g.mul(given.x, chosen)
    }),
    ("clip", |g, given| g.clip(given.x, -0.5, 1.0)),
    ("pow", |g, given| g.pow(given.x, 3.0)),
    ("dropout", |g, given| g.dropout(given.x, 0.4)),
    ("softmax", |g, given| g.softmax(given.x)),
    ("sigmoid_cross_entropy", |g, given| {
        let labels = g.input("labels", &[Dim::Batch, Dim::Fixed(6), Dim::Fixed(given.channels)])?;
        g.sigmoid_cross_entropy(given.x, labels)
    }),
    ("softmax_cross_entropy", |g, given| {
        let labels = g.input("class", &[Dim::Batch, Dim::Fixed(6)])?;
        g.softmax_cross_entropy(given.x, labels)
    }),
    ("matmul", |g, given| {
        let w = g.param("w", &[given.channels, 5])?;
        g.matmul(given.x, w)
    }),
    ("dense", |g, given| {
        let (w, bias) = (g.param("w", &[given.channels, 17])?, g.param("bias", &[17])?);
        g.dense(given.x, w, Some(bias), Activation::Relu)
    }),
    ("batch_matmul", |g, given| g.batch_matmul(given.x, given.x, false, true)),
    ("batch_matmul of transposed", |g, given| g.batch_matmul(given.x, given.x, true, false)),
    ("conv1d", |g, given| {
        let w = g.param("w", &[3, given.channels, 5])?;
        let windows = Windows { strides: [2], ..Windows::default() };
        g.conv1d(given.x, w, None, &windows, Activation::Linear)
    }),
    ("conv2d", |g, given| {
        let (w, bias) = (g.param("w", &[2, 2, given.channels, 3])?, g.param("bias", &[3])?);
        let windows = Windows { padding: ConvPadding::Same, ..Windows::default() };
        g.conv2d(given.image, w, Some(bias), &windows, Activation::Tanh)
    }),
    ("conv2d of each channel", |g, given| {
        let w = g.param("w", &[2, 2, 1, given.channels])?;
        g.conv2d(given.image, w, None, &Windows::default(), Activation::Linear)
    }),
    ("recurrent", |g, given| {
        let (gates, units) = (Cell::Gru.gates(), 3);
        let input_weights = g.param("input weights", &[given.channels, gates * units])?;
        let projected = g.matmul(given.x, input_weights)?;
        let (weights, bias) = (g.param("w", &[units, gates * units])?, g.param("bias", &[Cell::Gru.biases() * units])?);
        let mask = g.sequence_mask(given.ids, 6)?;
        let layer = RecurrentLayer { cell: Cell::Gru, reversed: false, returns: Returns::AllStates };
        g.recurrent(layer, projected, weights, bias, Some(mask))
    }),
    ("attention", |g, given| {
        let mask = g.sequence_mask(given.ids, 6)?;
        let options = AttentionOptions { dropout: 0.2, ..AttentionOptions::default() };
        g.attention([given.x; 3], Some(mask), options)
    }),
    ("sinusoidal_positions", |g, given| {
        let positions = g.sinusoidal_positions(6, given.channels)?;
        g.mul(given.x, positions)
    }),
    ("sum_last", |g, given| g.sum_last(given.x)),
    ("sum_axes", |g, given| g.sum_axes(given.image, &[1], true)),
    ("mean_axes", |g, given| g.mean_axes(given.image, &[0, 1], false)),
    ("max_axes", |g, given| g.max_axes(given.x, &[0], false)),
    ("min_axes over channels", |g, given| g.min_axes(given.x, &[1], false)),
    ("transpose", |g, given| g.transpose(given.image, &[2, 0, 1])),
    ("broadcast_to", |g, given| {
        let row = g.param("row", &[given.channels])?;
        let repeated = g.broadcast_to(row, g.shape(given.x).clone())?;
        g.mul(given.x, repeated)
    }),
    ("pad", |g, given| g.pad(given.x, 2, 1)),
    ("pad_axis", |g, given| g.pad_axis(given.x, 0, 1, 3)),
    ("gather", |g, given| g.gather(given.x, 0, &[5, 0, 5])),
    ("slice", |g, given| {
        let padded = g.pad(given.x, 2, 0)?;
        g.slice(padded, 1, given.channels)
    }),
    ("slice_axis", |g, given| g.slice_axis(given.x, 0, 2, 3)),
    ("stack", |g, given| {
        let doubled = g.affine(given.x, 2.0, 0.0)?;
        g.stack(&[given.x, doubled], 1)
    }),
    ("max_pool_1d", |g, given| g.max_pool_1d(given.x, 3, 2, Padding::Same)),
    ("max_pool_2d", |g, given| g.max_pool_2d(given.image, [2, 2], [1, 1], Padding::Valid)),
    ("average_pool_1d", |g, given| g.average_pool_1d(given.x, 3, 2, Padding::Same)),
    ("average_pool_2d", |g, given| g.average_pool_2d(given.image, [2, 2], [1, 1], Padding::Valid)),
    ("layer_norm", |g, given| {
        let (scale, shift) = (g.param("scale", &[given.channels])?, g.param("shift", &[given.channels])?);
        g.layer_norm(given.x, scale, shift, 1e-5)
    }),
    ("batch_norm", |g, given| {
        let mut param = |name| g.param(name, &[given.channels]);
        let (scale, shift) = (param("scale")?, param("shift")?);
        let (moving_mean, moving_variance) = (param("mean")?, param("positive variance")?);
        g.batch_norm(given.x, BatchNormParams { scale, shift, moving_mean, moving_variance }, 1e-3)
    }),
    ("embedding_bag of sums", |g, given| g.embedding_bag(given.table, given.ids, Combiner::Sum)),
    ("embedding_bag of means", |g, given| g.embedding_bag(given.table, given.ids, Combiner::Mean)),
    ("embedding_bag", |g, given| g.embedding_bag_within(given.table, given.ids, Combiner::Sqrtn, Some(1.0))),
    ("embedding_sequence", |g, given| g.embedding_sequence(given.table, given.ids, 4, Some(1.0))),
    ("masked sequence", |g, given| {
        let sequence = g.embedding_sequence(given.table, given.ids, 3, None)?;
        let mask = g.sequence_mask(given.ids, 3)?;
        let mask = g.reshape(mask, &[Dim::Batch, Dim::Fixed(3), Dim::Fixed(1)])?;
        g.mul(sequence, mask)
    }),
];

/// `x² + 0.1`, for functions of numbers above 0.
fn above_zero(g: &mut Graph, x: NodeId) -> Result<NodeId> {
    let square = g.square(x)?;
    g.affine(square, 1.0, 0.1)
}

/// The operation, and the gradients of the sum of its squares for everything that it reads.
fn graph(channels: usize, build: Builder) -> Result<(Graph, Vec<NodeId>)> {
    let mut g = Graph::new();
    let x = g.input("x", &[Dim::Batch, Dim::Fixed(6), Dim::Fixed(channels)])?;
    let (table, ids) = (g.table("table", channels)?, g.ids("ids")?);
    let image = g.reshape(x, &[Dim::Batch, Dim::Fixed(2), Dim::Fixed(3), Dim::Fixed(channels)])?;
    let value = build(&mut g, &Given { x, image, table, ids, channels })?;
    let squares = g.square(value)?;
    let loss = g.sum_all(squares)?;
    let reads_table = g.nodes().any(|(_, node)| node.op.looks_up());
    let wrt: Vec<NodeId> =
        g.inputs().iter().copied().filter(|&input| input != ids && (input != table || reads_table)).collect();
    let gradients = gradients(&mut g, loss, &wrt)?;
    Ok((g, [vec![value, loss], gradients].concat()))
}

fn feeds(graph: &Graph, rows: usize, seed: u64) -> FeedMap {
    let mut ids = Ragged::new();
    let stream = random::stream(seed, "ids");
    for row in 0..rows as u64 {
        let named: Vec<u64> =
            (0..random::below(stream, 7 * row, 6)).map(|i| random::below(stream, 7 * row + i + 1, 11)).collect();
        ids.push_row(&named);
    }
    // Every other seed weighs the ids.
    let weights = (0..ids.ids.len() as u64).map(|i| 0.5 + random::uniform(random::stream(seed, "weights"), i));
    ids.weights = (seed % 2 == 1).then(|| weights.collect());
    graph.inputs().iter().fold(FeedMap::new(graph, rows), |feeds, &node| {
        let (shape, name) = (graph.shape(node), graph.input_of(node).map_or("", |input| &input.name));
        let len = shape.row_len() * if shape.has_batch() { rows } else { shape.table().map_or(1, |_| 11) };
        let stream = random::stream(seed, name);
        let number = |i| match name {
            "class" => 0.0,
            _ if name.starts_with("positive") => random::normal(stream, i).abs() + 0.1,
            _ => random::normal(stream, i),
        };
        let numbers: Vec<f32> = (0..len as u64).map(number).collect();
        if name == "ids" { feeds.ids(node, ids.clone()) } else { feeds.floats(node, &numbers) }
    })
}

/// The bits of all outputs.
fn run(graph: &Graph, outputs: &[NodeId], feeds: &FeedMap, cpu: &Cpu, mode: Mode) -> Result<Vec<Vec<u32>>> {
    let mut program = cpu.compile(graph, outputs)?;
    program.run(feeds, mode)?;
    Ok((0..outputs.len()).map(|i| program.output(i).iter().map(|x| x.to_bits()).collect()).collect())
}

fn check(rows: usize, channels: usize, seed: u64) {
    let [one_lane, more @ ..] = [1, 2, 3, 8].map(|lanes| Cpu::new(lanes).with_micro_batch(16));
    for &(name, build) in OPERATIONS {
        let (graph, outputs) = graph(channels, build).unwrap_or_else(|error| panic!("{name}: {error}"));
        let feeds = feeds(&graph, rows, seed);
        for mode in [Mode::Inference, Mode::Training { seed, step: 3 }] {
            let results =
                |cpu: &Cpu| run(&graph, &outputs, &feeds, cpu, mode).unwrap_or_else(|error| panic!("{name}: {error}"));
            let one = results(&one_lane);
            assert!(one.iter().flatten().all(|&bits| f32::from_bits(bits).is_finite()), "{name} is not finite");
            for cpu in &more {
                assert!(results(cpu) == one, "{name} differs on {} lanes", cpu.lanes().len());
            }
        }
    }
}

/// The name of an operation's variant in a file.
fn variant(op: &Op) -> String {
    let written = serde_json::to_value(op).expect("an operation is written");
    written.as_object().and_then(|fields| fields.keys().next().cloned()).expect("an operation has a name")
}

/// The names of all variants, which the error for an unknown one lists, so that a new one is missed here.
fn all_variants() -> BTreeSet<String> {
    let error = serde_json::from_str::<Op>(r#"{"?": null}"#).expect_err("no operation has this name").to_string();
    error.split('`').skip(3).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_operation_is_listed() {
    let graphs =
        OPERATIONS.iter().map(|&(name, build)| graph(4, build).unwrap_or_else(|error| panic!("{name}: {error}")));
    let listed: BTreeSet<String> =
        graphs.flat_map(|(graph, _)| graph.nodes().map(|(_, node)| variant(&node.op)).collect::<Vec<_>>()).collect();
    let missing: Vec<String> = all_variants().difference(&listed).cloned().collect();
    assert!(missing.is_empty(), "{missing:?} are not in the list");
    assert!(listed.is_subset(&all_variants()), "{:?} do not hold {listed:?}", all_variants());
}

#[test]
fn an_empty_batch_and_a_single_row_are_computed() {
    for rows in [0, 1] {
        for channels in [1, 16, 17] {
            check(rows, channels, 1);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn lanes_do_not_change_a_bit(rows in 0_usize..200, channels in 1_usize..40, seed in 0_u64..1000) {
        check(rows, channels, seed);
    }
}
