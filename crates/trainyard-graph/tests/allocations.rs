//! A step allocates nothing: once a program has seen its largest batch, its runs take no memory from the heap.
#![expect(unsafe_code, reason = "an allocator that counts is one")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use trainyard_graph::op::BatchNormParams;
use trainyard_graph::{
    Activation, Combiner, ConvPadding, Cpu, Device, Dim, FeedMap, Graph, Mode, Padding, Program, Ragged, Result,
    Windows, gradients,
};

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: every call goes to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: passed on from the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: passed on from the caller.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of 20 steps after the first ones.
fn allocations(program: &mut dyn Program, feeds: &FeedMap) -> Result<usize> {
    let mut run = |step| program.run(feeds, Mode::Training { seed: 1, step });
    (0..20).try_for_each(&mut run)?;
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    (20..40).try_for_each(&mut run)?;
    Ok(ALLOCATIONS.load(Ordering::Relaxed) - before)
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
    let mut program = Cpu::new(lanes).compile(&graph, &[vec![loss], gradients].concat())?;
    let feeds = FeedMap::new(&graph, 512)
        .floats(x, &[0.5; 512 * 13])
        .floats(table, &[0.1; 100 * 16])
        .ids(ids, Ragged::from_single((0..512).map(|i| i % 100).collect()))
        .floats(filters, &[0.1; 6])
        .floats(v, &[0.01; 55 * 29])
        .floats(c, &[0.0; 29])
        .floats(w, &[0.01; 29])
        .floats(b, &[0.0]);
    allocations(&mut *program, &feeds)
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
    let mut program = Cpu::new(lanes).compile(&graph, &[vec![loss], gradients].concat())?;
    let mut named = Ragged::new();
    (0..512_u64).for_each(|i| named.push_row(&[i % 100, i % 7, 3][..(i % 4) as usize]));
    let feeds = FeedMap::new(&graph, 512).floats(table, &[0.1; 100 * 8]).ids(ids, named);
    let feeds = wrt[1..].iter().fold(feeds, |feeds, &param| feeds.floats(param, &[0.5; 8]));
    allocations(&mut *program, &feeds)
}

/// One test and no others in this file: the allocator counts for the whole process.
#[test]
fn a_step_allocates_nothing() {
    for lanes in [1, 2] {
        assert_eq!(network(lanes), Ok(0), "{lanes} lanes");
        assert_eq!(sequences(lanes), Ok(0), "{lanes} lanes");
    }
}
