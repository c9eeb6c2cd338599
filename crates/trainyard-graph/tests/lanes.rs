//! Results have the same bits for any number of lanes, for batches of any size: every operation that is listed here.

use proptest::prelude::*;
use trainyard_graph::op::BatchNormParams;
use trainyard_graph::{
    Activation, Combiner, Cpu, Device, Dim, FeedMap, Graph, Mode, NodeId, Padding, Ragged, Result, gradients, random,
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
    ("leaky_relu", |g, given| g.activate(given.x, Activation::LeakyRelu { slope: 0.1 })),
    ("selu", |g, given| g.activate(given.x, Activation::Selu)),
    ("gelu", |g, given| g.activate(given.x, Activation::Gelu)),
    ("gelu_tanh", |g, given| g.activate(given.x, Activation::GeluTanh)),
    ("silu", |g, given| g.activate(given.x, Activation::Silu)),
    ("max", |g, given| {
        let floor = g.param("floor", &[given.channels])?;
        g.max(given.x, floor)
    }),
    ("clip", |g, given| g.clip(given.x, -0.5, 1.0)),
    ("pow", |g, given| g.pow(given.x, 3.0)),
    ("mean_axes", |g, given| g.mean_axes(given.image, &[0, 1], false)),
    ("max_axes", |g, given| g.max_axes(given.x, &[0], false)),
    ("min_axes over channels", |g, given| g.min_axes(given.x, &[1], false)),
    ("gather", |g, given| g.gather(given.x, 0, &[5, 0, 5])),
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
    ("embedding_bag", |g, given| g.embedding_bag_within(given.table, given.ids, Combiner::Sqrtn, Some(1.0))),
    ("embedding_sequence", |g, given| g.embedding_sequence(given.table, given.ids, 4, Some(1.0))),
    ("masked sequence", |g, given| {
        let sequence = g.embedding_sequence(given.table, given.ids, 3, None)?;
        let mask = g.sequence_mask(given.ids, 3)?;
        let mask = g.reshape(mask, &[Dim::Batch, Dim::Fixed(3), Dim::Fixed(1)])?;
        g.mul(sequence, mask)
    }),
];

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
    graph.inputs().iter().fold(FeedMap::new(graph, rows), |feeds, &node| {
        let (shape, name) = (graph.shape(node), graph.input_of(node).map_or("", |input| &input.name));
        let len = shape.row_len() * if shape.has_batch() { rows } else { shape.table().map_or(1, |_| 11) };
        let stream = random::stream(seed, name);
        let numbers = (0..len as u64).map(|i| random::normal(stream, i));
        let numbers: Vec<f32> = numbers.map(|x| if name.starts_with("positive") { x.abs() + 0.1 } else { x }).collect();
        if name == "ids" { feeds.ids(node, ids.clone()) } else { feeds.floats(node, &numbers) }
    })
}

/// The bits of all outputs.
fn run(graph: &Graph, outputs: &[NodeId], feeds: &FeedMap, lanes: usize, mode: Mode) -> Result<Vec<Vec<u32>>> {
    let mut program = Cpu::new(lanes).with_micro_batch(16).compile(graph, outputs)?;
    program.run(feeds, mode)?;
    Ok((0..outputs.len()).map(|i| program.output(i).iter().map(|x| x.to_bits()).collect()).collect())
}

fn check(rows: usize, channels: usize, seed: u64) {
    for &(name, build) in OPERATIONS {
        let (graph, outputs) = graph(channels, build).unwrap_or_else(|error| panic!("{name}: {error}"));
        let feeds = feeds(&graph, rows, seed);
        for mode in [Mode::Inference, Mode::Training { seed, step: 3 }] {
            let results =
                |lanes| run(&graph, &outputs, &feeds, lanes, mode).unwrap_or_else(|error| panic!("{name}: {error}"));
            let one = results(1);
            assert!(one.iter().flatten().all(|&bits| f32::from_bits(bits).is_finite()), "{name} is not finite");
            for lanes in [2, 3, 8] {
                assert!(results(lanes) == one, "{name} differs on {lanes} lanes");
            }
        }
    }
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
