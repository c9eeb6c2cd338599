//! Attention against PyTorch; `golden/make_attention_golden.py` makes the numbers and names the version.

use serde::Deserialize;
use trainyard_graph::{AttentionOptions, Cpu, Device, Dim, FeedMap, Graph, Mode, NodeId, Result, gradients, random};

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    /// Queries and keys.
    sizes: (usize, usize),
    heads: usize,
    /// Last axes of queries and keys, and of values.
    widths: (usize, usize),
    causal: bool,
    inputs: [Vec<f32>; 3],
    mask: Option<Vec<f32>>,
    /// Weights of the sum that the gradients are taken of.
    weights: Vec<f32>,
    value: Vec<f32>,
    gradients: [Vec<f32>; 3],
}

/// The value, and the gradients of a weighted sum of it.
struct Built {
    graph: Graph,
    inputs: Vec<NodeId>,
    outputs: Vec<NodeId>,
}

fn build((n, m): (usize, usize), widths: (usize, usize), masked: bool, options: AttentionOptions) -> Result<Built> {
    let mut graph = Graph::new();
    let dims = |rows, width| [Dim::Batch, Dim::Fixed(rows), Dim::Fixed(width)];
    let q = graph.input("q", &dims(n, widths.0))?;
    let k = graph.input("k", &dims(m, widths.0))?;
    let v = graph.input("v", &dims(m, widths.1))?;
    let weights = graph.input("weights", &dims(n, widths.1))?;
    let mask = masked.then(|| graph.input("mask", &[Dim::Batch, Dim::Fixed(m)])).transpose()?;
    let value = graph.attention([q, k, v], mask, options)?;
    let weighted = graph.mul(value, weights)?;
    let sum = graph.sum_all(weighted)?;
    let gradients = gradients(&mut graph, sum, &[q, k, v])?;
    let inputs = [q, k, v, weights].into_iter().chain(mask).collect();
    Ok(Built { graph, inputs, outputs: [vec![value], gradients].concat() })
}

fn run(built: &Built, device: &Cpu, rows: usize, inputs: &[&[f32]], mode: Mode) -> Result<Vec<Vec<f32>>> {
    let mut program = device.compile(&built.graph, &built.outputs)?;
    let feeds = built
        .inputs
        .iter()
        .zip(inputs)
        .fold(FeedMap::new(&built.graph, rows), |feeds, (node, values)| feeds.floats(*node, values));
    program.run(&feeds, mode)?;
    Ok((0..built.outputs.len()).map(|i| program.output(i).to_vec()).collect())
}

#[track_caller]
fn check(what: &str, values: &[f32], expected: &[f32]) {
    assert_eq!(values.len(), expected.len(), "{what}");
    for (value, expected) in values.iter().zip(expected) {
        assert!((value - expected).abs() <= 4e-6 * expected.abs().max(1.0), "{what}: {value} is not {expected}");
    }
}

#[test]
fn values_and_gradients_match_pytorch() -> Result<()> {
    let golden: Golden = serde_json::from_str(include_str!("golden/attention.json")).expect("a golden file");
    for case in golden.cases {
        let options = AttentionOptions { heads: case.heads, causal: case.causal, dropout: 0.0 };
        let built = build(case.sizes, case.widths, case.mask.is_some(), options)?;
        let [q, k, v] = &case.inputs;
        let inputs: Vec<&[f32]> = [q, k, v, &case.weights].into_iter().chain(&case.mask).map(Vec::as_slice).collect();
        let rows = q.len() / (case.sizes.0 * case.widths.0);
        for device in [Cpu::default(), Cpu::default().with_micro_batch(2)] {
            let outputs = run(&built, &device, rows, &inputs, Mode::Training { seed: 1, step: 1 })?;

            check(&case.name, &outputs[0], &case.value);
            outputs[1..].iter().zip(&case.gradients).for_each(|(grads, expected)| check(&case.name, grads, expected));
        }
    }
    Ok(())
}

fn numbers(name: &str, n: usize) -> Vec<f32> {
    let stream = random::stream(3, name);
    (0..n as u64).map(|i| random::normal(stream, i)).collect()
}

#[test]
fn results_have_the_same_bits_for_any_number_of_lanes_and_any_neighbours() -> Result<()> {
    let options = AttentionOptions { heads: 3, causal: false, dropout: 0.2 };
    let built = build((9, 11), (21, 15), true, options)?;
    let sizes = [9 * 21, 11 * 21, 11 * 15, 9 * 15, 11];
    for rows in [0, 1, 2, 13] {
        let inputs: Vec<Vec<f32>> =
            ["q", "k", "v", "w", "m"].iter().zip(sizes).map(|(name, n)| numbers(name, rows * n)).collect();
        let inputs: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
        let mode = Mode::Training { seed: 1, step: 5 };
        let one = run(&built, &Cpu::new(1), rows, &inputs, mode)?;
        for lanes in [1, 2, 3, 8] {
            assert_eq!(run(&built, &Cpu::new(lanes).with_micro_batch(2), rows, &inputs, mode)?, one, "{rows} rows");
        }
        if rows > 1 {
            let first: Vec<&[f32]> = inputs.iter().zip(sizes).map(|(values, n)| &values[..n]).collect();
            for (alone, all) in run(&built, &Cpu::new(1), 1, &first, mode)?.iter().zip(&one) {
                assert_eq!(alone[..], all[..alone.len()]);
            }
        }
    }
    Ok(())
}
