//! Rows that are sorted by label train as well as shuffled ones.
//!
//! A logistic regression by plain gradient descent at a constant step size, on 200,000 rows of 20 numbers in 200 blocks: what
//! rows come last shows at once, as nothing averages it out. The rows of the test are others.

use std::path::Path;
use std::sync::Arc;

use trainyard_features::{Batch, Encoding, NumericFeature};
use trainyard_graph::random;

use super::{Loader, LoaderConfig, LoaderState};
use crate::{Cache, Resources};

const WIDTH: usize = 20;
const ROWS: usize = 200_000;
const BLOCK: usize = 1000;
/// The most by which a loss may exceed that of shuffled rows.
const TOLERANCE: f64 = 1.02;

/// Rows of a hidden logistic regression, as numbers and label.
fn rows(name: &str, rows: usize) -> Vec<(Vec<f32>, f32)> {
    let (truth, stream) = (random::stream(1, "truth"), random::stream(2, name));
    let row = |row: usize| {
        let at = |i: usize| (row * (WIDTH + 1) + i) as u64;
        let numbers: Vec<f32> = (0..WIDTH).map(|i| random::normal(stream, at(i))).collect();
        let logit: f32 = numbers.iter().zip(0..).map(|(x, i)| 0.6 * random::normal(truth, i) * x).sum();
        let label = random::uniform(stream, at(WIDTH)) < 1.0 / (1.0 + (-logit).exp());
        (numbers, f32::from(u8::from(label)))
    };
    (0..rows).map(row).collect()
}

fn cache(path: &Path, rows: &[(Vec<f32>, f32)]) -> Arc<Cache> {
    let encoding = Encoding {
        numeric: vec![NumericFeature { name: "x".into(), width: WIDTH, offset: 0 }],
        categorical: Vec::new(),
    };
    let block = |rows: &[(Vec<f32>, f32)]| Batch {
        rows: rows.len(),
        numeric: rows.iter().flat_map(|(numbers, _)| numbers.clone()).collect(),
        labels: rows.iter().map(|(_, label)| *label).collect(),
        ..Batch::default()
    };
    Arc::new(Cache::of_blocks(path, &encoding, rows.chunks(BLOCK).map(block).collect()).unwrap())
}

fn probability(weights: &[f32], numbers: &[f32]) -> f32 {
    let logit: f32 = numbers.iter().zip(weights).map(|(x, weight)| x * weight).sum::<f32>() + weights[WIDTH];
    1.0 / (1.0 + (-logit).exp())
}

/// Three epochs of batches of 256 at a step size of 0.1; the weights and the bias.
fn train(cache: &Arc<Cache>, config: LoaderConfig) -> Vec<f32> {
    let config = LoaderConfig { batch_size: 256, seed: 3, ..config };
    let mut loader = Loader::new(cache.clone(), config, LoaderState::default()).unwrap();
    let mut weights = vec![0.0; WIDTH + 1];
    while loader.state().epoch < 3 {
        let Some(batch) = loader.next_batch().unwrap() else { continue };
        let mut gradient = [0.0; WIDTH + 1];
        for (numbers, label) in batch.numeric.chunks(WIDTH).zip(&batch.labels) {
            let error = probability(&weights, numbers) - label;
            numbers.iter().chain(&[1.0]).zip(&mut gradient).for_each(|(x, sum)| *sum += error * x);
        }
        let step = 0.1 / batch.rows as f32;
        weights.iter_mut().zip(gradient).for_each(|(weight, sum)| *weight -= step * sum);
    }
    weights
}

fn log_loss(weights: &[f32], rows: &[(Vec<f32>, f32)]) -> f64 {
    let loss = |(numbers, label): &(Vec<f32>, f32)| {
        let p = f64::from(probability(weights, numbers)).clamp(1e-7, 1.0 - 1e-7);
        if *label > 0.5 { -p.ln() } else { -(1.0 - p).ln() }
    };
    rows.iter().map(loss).sum::<f64>() / rows.len() as f64
}

#[test]
fn sorted_labels_train_within_2_percent_of_shuffled_ones() {
    let folder = tempfile::tempdir().unwrap();
    let mut learnt = rows("learnt", ROWS);
    let judged = rows("judged", 50_000);
    let mixed = cache(&folder.path().join("mixed.arrow"), &learnt);
    learnt.sort_by(|(_, a), (_, b)| a.total_cmp(b));
    let sorted = cache(&folder.path().join("sorted.arrow"), &learnt);
    assert!(mixed.label_clustering() < 0.01 && sorted.label_clustering() > 0.99);
    let shuffled = Arc::new(sorted.shuffle(&folder.path().join("s.arrow"), 1, Resources::default(), &|_| {}).unwrap());

    let loss = |cache: &Arc<Cache>, config| log_loss(&train(cache, config), &judged);
    let of_group = |rows| LoaderConfig { shuffle_rows: rows, ..LoaderConfig::default() };
    let expected = loss(&mixed, LoaderConfig::default());
    let losses = [
        ("sorted", loss(&sorted, LoaderConfig::default())),
        ("sorted, a tenth of the rows at a time", loss(&sorted, of_group(ROWS / 10))),
        ("sorted, a fortieth of the rows at a time", loss(&sorted, of_group(ROWS / 40))),
        ("shuffled on disk, a hundredth of the rows at a time", loss(&shuffled, of_group(ROWS / 100))),
    ];
    for (name, loss) in losses {
        assert!(loss < TOLERANCE * expected, "{name}: {loss}, of shuffled rows {expected}");
    }
    let unshuffled = loss(&sorted, LoaderConfig { shuffle: false, ..LoaderConfig::default() });
    assert!(unshuffled > 1.5 * expected, "the order does not matter to this model: {unshuffled}, {expected}");
}
