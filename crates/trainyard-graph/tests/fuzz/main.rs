//! Whatever is asked of a graph, and whatever a program is fed, is answered by a value or an error: nothing panics, overflows, hangs
//! or takes memory without bound.
//!
//! A case is a list of numbers, the choices of whoever builds the graph: a failing one is shortened by leaving choices out.

mod build;
mod choices;
mod damage;

use build::Builder;
use choices::Choices;
use proptest::prelude::*;
use trainyard_graph::{Cpu, Device, FeedMap, Graph, Mode, NodeId, Ragged, gradients};

/// Memory of a program: enough for small sizes, and too little for the large ones among those that are tried.
const MEMORY_BYTES: usize = 1 << 24;

/// Adds the gradients of sums of arbitrary nodes; the nodes that came of it.
fn differentiate(graph: &mut Graph, nodes: &[NodeId], choices: &mut Choices<'_>) -> Vec<NodeId> {
    let mut added = Vec::new();
    for _ in 0..6 {
        let of = choices.node(nodes);
        let loss = if choices.seldom() { of } else { graph.sum_all(of).unwrap_or(of) };
        let inputs = graph.inputs().to_vec();
        let mut wrt = vec![choices.node(nodes)];
        wrt.extend((0..choices.below(4)).map(|_| choices.node(&inputs)));
        added.extend(gradients(graph, loss, &wrt).unwrap_or_default());
    }
    added
}

/// Arbitrary feeds for all inputs, of the right sizes mostly.
fn feeds(graph: &Graph, rows: usize, choices: &mut Choices<'_>) -> FeedMap {
    let map = FeedMap::new(graph, rows);
    graph.inputs().iter().fold(map, |map, &input| {
        let shape = graph.shape(input);
        let rows = if shape.has_batch() || shape.table().is_some() { rows.min(40) } else { 1 };
        let len = (shape.row_len().saturating_mul(rows) + usize::from(choices.seldom())).min(1 << 16);
        let is_data = graph.input_of(input).is_some_and(|input| input.kind == trainyard_graph::op::InputKind::Data);
        let odd = !is_data || choices.seldom();
        let numbers: Vec<f32> = (0..len).map(|i| choices.number(i, odd)).collect();
        map.floats(input, &numbers).ids(input, ids(rows, choices))
    })
}

fn ids(rows: usize, choices: &mut Choices<'_>) -> Ragged {
    let mut ragged = Ragged::new();
    for _ in 0..rows {
        let bag: Vec<u64> = (0..choices.below(4)).map(|_| choices.below(rows.max(1)) as u64).collect();
        ragged.push_row(&bag);
    }
    if choices.seldom() {
        ragged.weights = Some(vec![choices.number(0, true); ragged.ids.len()]);
    }
    if choices.seldom() {
        let (place, value) = (choices.below(ragged.offsets.len()), choices.size() as u32);
        ragged.offsets[place] = value;
    }
    if choices.seldom() {
        ragged.ids.push(u64::MAX);
    }
    ragged
}

/// Compiles arbitrary outputs and runs them on some batches; how many runs succeeded.
fn compile_and_run(graph: &Graph, nodes: &[NodeId], choices: &mut Choices<'_>) -> usize {
    let outputs: Vec<NodeId> = (0..choices.below(5)).map(|_| choices.node(nodes)).collect();
    let cpu = Cpu::new(1 + choices.below(3)).with_memory(MEMORY_BYTES);
    let cpu = if choices.flag() { cpu.with_micro_batch(choices.size()) } else { cpu };
    let Ok(program) = cpu.compile(graph, &outputs) else { return 0 };
    let mut program = program.fork();
    let mut succeeded = 0;
    for rows in [choices.below(20), choices.size()] {
        let feeds = feeds(graph, rows, choices);
        let mode = if choices.flag() { Mode::Inference } else { Mode::Training { seed: 1, step: rows as u64 } };
        succeeded += usize::from(program.run(&feeds, mode).is_ok());
        // What a run that failed, or an output that was taken, has left may be asked for, and an output too many.
        let mut taken = vec![0.0; choices.below(20)];
        for i in 0..=outputs.len() {
            assert!(program.output(i).len() <= MEMORY_BYTES);
            if choices.flag() {
                program.swap_output(i, &mut taken);
            }
            assert!(program.output(i).len() <= MEMORY_BYTES);
        }
    }
    succeeded
}

/// A graph of arbitrary calls, and its nodes, with gradients and nodes of another graph among them.
fn build(choices: &mut Choices<'_>, calls: usize) -> (Graph, Vec<NodeId>) {
    let mut builder = Builder::new();
    (0..calls).for_each(|_| builder.call(choices));
    let (mut graph, mut nodes) = builder.finish();
    nodes.extend(differentiate(&mut graph, &nodes, choices));
    (graph, nodes)
}

fn all_nodes(graph: &Graph) -> Vec<NodeId> {
    graph.nodes().map(|(id, _)| id).collect()
}

/// As many choices as a case makes at most; behind the last one all are 0.
fn arbitrary_choices() -> impl Strategy<Value = Vec<u16>> {
    proptest::collection::vec(any::<u16>(), 0..600)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_graph_of_arbitrary_calls_is_built_and_run_or_refused(choices in arbitrary_choices()) {
        let mut choices = Choices::new(&choices);
        let calls = choices.below(30);
        let (graph, nodes) = build(&mut choices, calls);
        compile_and_run(&graph, &nodes, &mut choices);
    }

    #[test]
    fn a_damaged_file_gives_a_graph_that_runs_or_is_refused(choices in arbitrary_choices()) {
        let mut choices = Choices::new(&choices);
        let calls = choices.below(12);
        let (graph, _) = build(&mut choices, calls);
        let mut json = serde_json::to_value(&graph).expect("a graph is written");
        damage::damage(&mut json, &mut choices);
        if let Ok(mut graph) = serde_json::from_value::<Graph>(json) {
            let nodes = all_nodes(&graph);
            differentiate(&mut graph, &nodes, &mut choices);
            compile_and_run(&graph, &all_nodes(&graph), &mut choices);
        }
    }
}

/// The tests above would pass too if all calls were refused.
#[test]
fn many_arbitrary_graphs_run_and_hold_every_operation() {
    let mut names = std::collections::BTreeSet::new();
    let mut succeeded = 0;
    for case in 0..400 {
        let stream = trainyard_graph::random::stream(case, "choices");
        let numbers: Vec<u16> = (0..600).map(|i| trainyard_graph::random::below(stream, i, 1 << 16) as u16).collect();
        let mut choices = Choices::new(&numbers);
        let (graph, nodes) = build(&mut choices, 20);
        if compile_and_run(&graph, &nodes, &mut choices) > 0 {
            succeeded += 1;
        }
        let name = |op| format!("{op:?}").split('(').next().map(str::to_owned);
        names.extend(graph.nodes().filter_map(|(_, node)| name(&node.op)));
    }
    assert!(succeeded > 80, "{succeeded} graphs ran");
    assert_eq!(names.len(), 53, "not every variant of `Op` is reached: {names:?}");
}
