//! A network of graph operations alone: `cargo run --release --example raw_graph`.
//!
//! Points of a square belong to one class where both coordinates have one sign, and to the other elsewhere: no line separates
//! them, so a hidden layer is needed. Every product, every slope and every step of gradient descent is written out.
#![expect(clippy::print_stdout, reason = "an example shows its results")]

use trainyard_graph::{Cpu, Device, Dim, FeedMap, Graph, Mode, Result, gradients, random};

const POINTS: usize = 1000;
const HIDDEN: usize = 16;
const STEPS: u64 = 500;
const LEARNING_RATE: f32 = 1.0;

/// Coordinates in `[-1, 1)`, `[points, 2]`, and the class of each point, `[points, 1]`.
fn points(name: &str) -> (Vec<f32>, Vec<f32>) {
    let stream = random::stream(1, name);
    let x: Vec<f32> = (0..2 * POINTS as u64).map(|i| 2.0 * random::uniform(stream, i) - 1.0).collect();
    let y = x.chunks(2).map(|point| f32::from(point[0] * point[1] > 0.0)).collect();
    (x, y)
}

fn main() -> Result<()> {
    // What is fed: a batch of any number of rows, and the parameters.
    let mut graph = Graph::new();
    let x = graph.input("x", &[Dim::Batch, Dim::Fixed(2)])?;
    let y = graph.input("y", &[Dim::Batch, Dim::Fixed(1)])?;
    let sizes = [vec![2, HIDDEN], vec![HIDDEN], vec![HIDDEN, 1], vec![1]];
    let names = ["hidden/weights", "hidden/bias", "output/weights", "output/bias"];
    let mut params = Vec::new();
    for (name, sizes) in names.iter().zip(&sizes) {
        params.push(graph.param(name, sizes)?);
    }

    // logits = tanh(x·w + b)·v + c
    let product = graph.matmul(x, params[0])?;
    let sum = graph.add(product, params[1])?;
    let hidden = graph.tanh(sum)?;
    let product = graph.matmul(hidden, params[2])?;
    let logits = graph.add(product, params[3])?;

    // The mean loss: a sum over the batch, of which only multiples may be taken. Its gradients are further nodes.
    let losses = graph.sigmoid_cross_entropy(logits, y)?;
    let sum = graph.sum_all(losses)?;
    let loss = graph.affine(sum, 1.0 / POINTS as f32, 0.0)?;
    let slopes = gradients(&mut graph, loss, &params)?;

    // Weights start at random, so that hidden units differ; biases start at 0.
    let mut values: Vec<Vec<f32>> = sizes.iter().map(|sizes| vec![0.0; sizes.iter().product()]).collect();
    for i in [0, 2] {
        let stream = random::stream(1, names[i]);
        (0..).zip(&mut values[i]).for_each(|(index, weight)| *weight = 0.5 * random::normal(stream, index));
    }

    // Training: compile once, then feed, run, and move each parameter against its slope.
    let outputs: Vec<_> = [loss].into_iter().chain(slopes).collect();
    let mut program = Cpu::new(2).compile(&graph, &outputs)?;
    let (train_x, train_y) = points("train");
    for step in 1..=STEPS {
        let batch = FeedMap::new(&graph, POINTS).floats(x, &train_x).floats(y, &train_y);
        let feeds = params.iter().zip(&values).fold(batch, |feeds, (&param, value)| feeds.floats(param, value));
        program.run(&feeds, Mode::Training { seed: 1, step })?;
        for (i, value) in values.iter_mut().enumerate() {
            value.iter_mut().zip(program.output(1 + i)).for_each(|(w, slope)| *w -= LEARNING_RATE * slope);
        }
    }
    println!("loss {:.4}", program.output(0)[0]);

    // Answers on points that were not trained on: another program of the same graph, which needs no labels.
    let (test_x, test_y) = points("test");
    let batch = FeedMap::new(&graph, POINTS).floats(x, &test_x);
    let feeds = params.iter().zip(&values).fold(batch, |feeds, (&param, value)| feeds.floats(param, value));
    let mut program = Cpu::default().compile(&graph, &[logits])?;
    program.run(&feeds, Mode::Inference)?;
    let right = program.output(0).iter().zip(&test_y).filter(|&(&z, &y)| (z > 0.0) == (y > 0.5)).count();
    println!("accuracy {:.3}", right as f32 / POINTS as f32);
    assert!(right >= POINTS * 19 / 20, "the network has not learned: {right} of {POINTS} points are right");
    Ok(())
}
