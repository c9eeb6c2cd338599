//! A step allocates nothing: once a program has seen its largest batch, its runs take no memory from the heap.

mod counting;

use counting::Counting;
use trainyard_graph::op::{AttentionOptions, BatchNormParams, RecurrentLayer};
use trainyard_graph::{
    Activation, Cell, Combiner, ConvPadding, Cpu, Device, Dim, FeedMap, Graph, Mode, NodeId, Padding, Ragged, Result,
    Returns, Windows, gradients, random,
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of steps that compute `outputs`.
fn allocations(graph: &Graph, outputs: &[NodeId], lanes: usize, feeds: &FeedMap) -> Result<usize> {
    let mut program = Cpu::new(lanes).compile(graph, outputs)?;
    counting::allocations(|step| program.run(feeds, Mode::Training { seed: 1, step }))
}

/// A network on embeddings and numbers, with all gradients.
fn network(lanes: usize) -> Result<usize> {
    let mut graph = Graph::new();
    let x = graph.input("x", &[Dim::Batch, Dim::Fixed(13)])?;
    let (table, ids) = (graph.table("table", 16)?, graph.ids("ids")?);
    let pooled = graph.embedding_bag(table, ids, Combiner::Sum)?;
    let (sequence, filters) =
        (graph.reshape(x, &[Dim::Batch, Dim::Fixed(13), Dim::Fixed(1)])?, graph.param("u", &[3, 1, 2])?);
    let same = Windows { padding: ConvPadding::Same, ..Windows::default() };
    let convolved = graph.conv1d(sequence, filters, None, &same, Activation::Relu)?;
    let convolved = graph.reshape(convolved, &[Dim::Batch, Dim::Fixed(26)])?;
    let joined = graph.concat(&[x, pooled, convolved])?;
    let (v, c) = (graph.param("v", &[55, 29])?, graph.param("c", &[29])?);
    let hidden = graph.dense(joined, v, Some(c), Activation::Tanh)?;
    let dropped = graph.dropout(hidden, 0.1)?;
    let (w, b) = (graph.param("w", &[29, 1])?, graph.param("b", &[1])?);
    let product = graph.matmul(dropped, w)?;
    let output = graph.add(product, b)?;
    let squares = graph.square(output)?;
    let loss = graph.sum_all(squares)?;
    let gradients = gradients(&mut graph, loss, &[v, c, w, b, filters, table])?;
    let feeds = FeedMap::new(&graph, 512)
        .floats(x, &[0.5; 512 * 13])
        .floats(table, &[0.1; 100 * 16])
        .ids(ids, Ragged::from_single((0..512).map(|i| i % 100).collect()))
        .floats(filters, &[0.1; 6])
        .floats(v, &[0.01; 55 * 29])
        .floats(c, &[0.0; 29])
        .floats(w, &[0.01; 29])
        .floats(b, &[0.0]);
    allocations(&graph, &[vec![loss], gradients].concat(), lanes, &feeds)
}

/// Windows, reductions, norms and sequences, with all gradients.
fn sequences(lanes: usize) -> Result<usize> {
    let mut graph = Graph::new();
    let (table, ids) = (graph.table("table", 8)?, graph.ids("ids")?);
    let sequence = graph.embedding_sequence(table, ids, 6, Some(0.2))?;
    let mask = graph.sequence_mask(ids, 6)?;
    let mask = graph.reshape(mask, &[Dim::Batch, Dim::Fixed(6), Dim::Fixed(1)])?;
    let masked = graph.mul(sequence, mask)?;
    let params = ["scale", "shift", "mean", "variance"].map(|name| graph.param(name, &[8]));
    let [scale, shift, moving_mean, moving_variance] = params;
    let (scale, shift) = (scale?, shift?);
    let moving = BatchNormParams { scale, shift, moving_mean: moving_mean?, moving_variance: moving_variance? };
    let normal = graph.batch_norm(masked, moving, 1e-3)?;
    let normal = graph.layer_norm(normal, scale, shift, 1e-5)?;
    let active = graph.activate(normal, Activation::Gelu)?;
    let (largest, mean) =
        (graph.max_pool_1d(active, 2, 2, Padding::Same)?, graph.average_pool_1d(active, 2, 2, Padding::Same)?);
    let joined = graph.concat_axis(&[largest, mean], 0)?;
    let chosen = graph.gather(joined, 0, &[0, 3, 5])?;
    let (largest, mean) = (graph.max_axes(chosen, &[0], false)?, graph.mean_axes(chosen, &[0], false)?);
    let clipped = graph.clip(mean, -1.0, 1.0)?;
    let product = graph.mul(largest, clipped)?;
    let loss = graph.sum_all(product)?;
    let wrt = [table, scale, shift, moving.moving_mean, moving.moving_variance];
    let gradients = gradients(&mut graph, loss, &wrt)?;
    let mut named = Ragged::new();
    (0..512_u64).for_each(|i| named.push_row(&[i % 100, i % 7, 3][..(i % 4) as usize]));
    let feeds = FeedMap::new(&graph, 512).floats(table, &[0.1; 100 * 8]).ids(ids, named);
    let feeds = wrt[1..].iter().fold(feeds, |feeds, &param| feeds.floats(param, &[0.5; 8]));
    allocations(&graph, &[vec![loss], gradients].concat(), lanes, &feeds)
}

/// Each kind of recurrent layer in both directions, and attention over their states, with all gradients.
fn attention(lanes: usize) -> Result<usize> {
    let (steps, units) = (6, 8);
    let mut graph = Graph::new();
    let mask = graph.input("mask", &[Dim::Batch, Dim::Fixed(steps)])?;
    let (mut fed, mut wrt, mut states) = (Vec::new(), Vec::new(), Vec::new());
    for cell in [Cell::Simple, Cell::Lstm, Cell::Gru] {
        let (gates, biases) = (cell.gates() * units, cell.biases() * units);
        let projected = graph.input(&format!("{cell:?}"), &[Dim::Batch, Dim::Fixed(steps), Dim::Fixed(gates)])?;
        let weights = graph.param(&format!("{cell:?}/weights"), &[units, gates])?;
        let bias = graph.param(&format!("{cell:?}/bias"), &[biases])?;
        for reversed in [false, true] {
            let layer = RecurrentLayer { cell, reversed, returns: Returns::AllStates };
            states.push(graph.recurrent(layer, projected, weights, bias, Some(mask))?);
        }
        fed.extend([(projected, 512 * steps * gates), (weights, units * gates), (bias, biases)]);
        wrt.extend([projected, weights, bias]);
    }
    let queries = graph.concat(&states)?;
    let options = AttentionOptions { heads: 2, causal: true, dropout: 0.1 };
    let attended = graph.attention([queries, queries, queries], Some(mask), options)?;
    let loss = graph.sum_all(attended)?;
    let gradients = gradients(&mut graph, loss, &wrt)?;
    let stream = random::stream(1, "numbers");
    let numbers = |n: usize| (0..n as u64).map(|i| random::normal(stream, i)).collect::<Vec<_>>();
    let feeds = FeedMap::new(&graph, 512).floats(mask, &[1.0; 512 * 6]);
    let feeds = fed.iter().fold(feeds, |feeds, &(node, len)| feeds.floats(node, &numbers(len)));
    allocations(&graph, &[vec![loss], gradients].concat(), lanes, &feeds)
}

/// One test and no others in this file: the allocator counts for the whole process.
#[test]
fn a_step_allocates_nothing() {
    for lanes in [1, 2] {
        assert_eq!(network(lanes), Ok(0), "{lanes} lanes");
        assert_eq!(sequences(lanes), Ok(0), "{lanes} lanes");
        assert_eq!(attention(lanes), Ok(0), "{lanes} lanes");
    }
}
