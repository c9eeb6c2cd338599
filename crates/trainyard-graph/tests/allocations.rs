//! A step allocates nothing: once a program has seen its largest batch, its runs take no memory from the heap.
#![expect(unsafe_code, reason = "an allocator that counts is one")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use trainyard_graph::{
    Activation, Combiner, ConvPadding, Cpu, Device, Dim, FeedMap, Graph, Mode, Ragged, Result, Windows, gradients,
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

/// A network on embeddings and numbers, with all gradients; allocations of 20 steps after the first ones.
fn allocations(lanes: usize) -> Result<usize> {
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
    let mut run = |step| program.run(&feeds, Mode::Training { seed: 1, step });
    (0..20).try_for_each(&mut run)?;
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    (20..40).try_for_each(&mut run)?;
    Ok(ALLOCATIONS.load(Ordering::Relaxed) - before)
}

/// One test and no others in this file: the allocator counts for the whole process.
#[test]
fn a_step_allocates_nothing() {
    for lanes in [1, 2] {
        assert_eq!(allocations(lanes), Ok(0), "{lanes} lanes");
    }
}
