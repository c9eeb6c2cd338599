//! A sequence model of layers: `cargo run --release --example layers`.
//!
//! Sentences of 6 to 12 words hold the words 0 and 1 once each, and the label says whether 0 comes first: only their order
//! tells. A convolution, an LSTM in both directions and attention read the rows of a table of words.
#![expect(clippy::print_stdout, reason = "an example shows its results")]

use trainyard_graph::{ConvPadding, Cpu, Device, Dim, FeedMap, Mode, NodeId, Ragged, Returns, gradients, random};
use trainyard_nn::layers::{Conv1d, Dense, GlobalMaxPool, Lstm, MultiHeadAttention, SequenceEmbedding};
use trainyard_nn::{Loss, Network, Optimizer, ParamShape, ParamSpec, Result, metrics::Accuracy, optim::AdamConfig};

const WORDS: u64 = 30;

/// Logits `[batch, 1]` for sentences, whose lengths differ: the mask says which of the 12 places hold a word.
fn logits(network: &mut Network, ids: NodeId) -> Result<NodeId> {
    let embedding = SequenceEmbedding::new(12, 8);
    let (x, mask) = (embedding.apply(network, "words", ids)?, embedding.mask(network, "words", ids)?);
    let x = Conv1d { padding: ConvPadding::Same, ..Conv1d::new(16, 3) }.apply(network, "conv", x)?;
    let lstm = Lstm { returns: Returns::AllStates, bidirectional: true, ..Lstm::new(8) };
    let x = lstm.apply(network, "lstm", x, Some(mask))?;
    let x = MultiHeadAttention::new(2).apply(network, "attention", x, Some(mask))?;
    let x = GlobalMaxPool.apply_masked(network, "pool", x, mask)?;
    Dense::new(1).apply(network, "output", x)
}

/// `n` sentences and their labels.
fn sentences(stream: u64, n: u64) -> (Ragged, Vec<f32>) {
    let (mut sentences, mut labels) = (Ragged::new(), Vec::new());
    for row in 0..n {
        let below = |i, bound| random::below(random::bits(stream, row), i, bound);
        let mut words: Vec<u64> = (6..12 + below(0, 7)).map(|i| 2 + below(i, WORDS - 2)).collect();
        let label = below(1, 2);
        (words[below(2, 3) as usize], words[5 - below(3, 3) as usize]) = (1 - label, label);
        sentences.push_row(&words);
        labels.push(label as f32);
    }
    (sentences, labels)
}

/// How a parameter starts; of a table, the rows of all words.
fn start(spec: &ParamSpec) -> Vec<f32> {
    let rows = if matches!(spec.shape, ParamShape::Table { .. }) { WORDS } else { 1 };
    let mut values = vec![0.0; rows as usize * spec.shape.len()];
    spec.initializer.fill(spec.stream(1), 0, spec.fan(), &mut values);
    values
}

fn main() -> Result<()> {
    let mut network = Network::new();
    let (ids, labels) = (network.graph.ids("sentence")?, network.graph.input("labels", &[Dim::Batch])?);
    let logits = logits(&mut network, ids)?;
    let losses = Loss::BINARY_CROSS_ENTROPY.per_example(&mut network.graph, logits, labels)?;
    let loss = network.graph.sum_all(losses)?;
    let params = network.param_nodes().to_vec();
    let slopes = gradients(&mut network.graph, loss, &params)?;

    // The weights, and what the optimizer remembers of each, belong to whoever trains.
    let adam = AdamConfig { learning_rate: 0.01, ..Default::default() }.build()?;
    let mut weights: Vec<Vec<f32>> = network.params.iter().map(start).collect();
    let mut slots: Vec<Vec<f32>> = weights.iter().map(|w| vec![0.0; adam.slots() * w.len()]).collect();
    let feeds = |weights: &[Vec<f32>], words: Ragged, truth: &[f32]| {
        let batch = FeedMap::new(&network.graph, truth.len()).ids(ids, words).floats(labels, truth);
        params.iter().zip(weights).fold(batch, |feeds, (&node, w)| feeds.floats(node, w))
    };
    let mut program = Cpu::new(2).compile(&network.graph, &[slopes, vec![logits]].concat())?;
    for step in 1..=300 {
        let (words, truth) = sentences(step, 64);
        program.run(&feeds(&weights, words, &truth), Mode::Training { seed: 1, step })?;
        (0..).zip(&mut weights).try_for_each(|(i, w)| adam.update(step, w, program.output(i), &mut slots[i]))?;
    }

    let (words, truth) = sentences(0, 1000);
    program.run(&feeds(&weights, words, &truth), Mode::Inference)?;
    let mut accuracy = Accuracy::new(0.0); // the threshold of logits
    accuracy.update(program.output(params.len()), &truth, None)?;
    println!("accuracy {:.3} on 1000 new sentences", accuracy.value());
    assert!(accuracy.value() > 0.95, "the model has not learned");
    Ok(())
}
