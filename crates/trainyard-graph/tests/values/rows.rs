//! Functions of whole rows: probabilities, losses, normalisation, and rows of a table.

use crate::Sizes;
use crate::trial::{Exact, Trial};
use trainyard_graph::Combiner;

pub(crate) fn check(sizes: Sizes) {
    check_softmax(sizes);
    check_losses(sizes);
    check_layer_norm(sizes);
    for combiner in [Combiner::Sum, Combiner::Mean, Combiner::Sqrtn] {
        for weighted in [false, true] {
            for max_norm in [None, Some(2.0)] {
                check_bags(sizes, Bags { combiner, weighted, max_norm });
            }
        }
    }
    check_sequence(sizes);
}

fn largest(row: &[f64]) -> f64 {
    row.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

fn check_softmax(Sizes { rows, columns, seed, .. }: Sizes) {
    let mut trial = Trial::new(rows, seed);
    let x = trial.data(&[2, columns]);
    let y = trial.graph.softmax(x);
    // An exponent is as wrong as it is large, and so, relative to it, is the exponential.
    trial.check("softmax", y, columns, |given| {
        let probabilities = given[0].chunks_exact(columns).flat_map(|row| {
            let (max, sum) = (largest(row), row.iter().map(|z| (z - largest(row)).exp()).sum::<f64>());
            row.iter().map(move |z| (z - max, (z - max).exp() / sum))
        });
        probabilities.map(|(exponent, value)| Exact { value, size: value * (1.0 + exponent.abs()) }).collect()
    });
}

fn check_losses(Sizes { rows, columns, seed, .. }: Sizes) {
    let mut trial = Trial::new(rows, seed);
    let (logits, labels) = (trial.data(&[columns]), trial.labels(&[columns], |x| 1.0 / (1.0 + x * x)));
    let y = trial.graph.sigmoid_cross_entropy(logits, labels);
    trial.check("sigmoid_cross_entropy", y, 1, |given| {
        let loss = |z: f64, y: f64| Exact::sum([z.max(0.0), -z * y, (-z.abs()).exp().ln_1p()]);
        given[0].iter().zip(&given[1]).map(|(&z, &y)| loss(z, y)).collect()
    });
    let mut trial = Trial::new(rows, seed);
    let class = |x: f32| (x.abs() * 40.0).floor() % columns as f32;
    let (logits, labels) = (trial.data(&[columns]), trial.labels(&[], class));
    let y = trial.graph.softmax_cross_entropy(logits, labels);
    trial.check("softmax_cross_entropy", y, columns, |given| {
        let loss = |(row, &label): (&[f64], &f64)| {
            let max = largest(row);
            let sum: f64 = row.iter().map(|z| (z - max).exp()).sum();
            // A sum that is wrong by a part of it makes its logarithm wrong by that part of 1.
            let Exact { value, size } = Exact::sum([max, -row[label as usize], sum.ln()]);
            Exact { value, size: 1.0 + size }
        };
        given[0].chunks_exact(columns).zip(&given[1]).map(loss).collect()
    });
}

fn check_layer_norm(Sizes { rows, columns, seed, .. }: Sizes) {
    let epsilon = 0.0078125_f32;
    let mut trial = Trial::new(rows, seed);
    let (x, scale, shift) = (trial.data(&[2, columns]), trial.param(&[columns]), trial.param(&[columns]));
    let y = trial.graph.layer_norm(x, scale, shift, epsilon);
    trial.check("layer_norm", y, columns, |given| {
        let normalised = given[0].chunks_exact(columns).flat_map(|row| {
            let mean_of = |f: &dyn Fn(f64) -> f64| row.iter().map(|&x| f(x)).sum::<f64>() / columns as f64;
            let (mean, mean_size) = (mean_of(&|x| x), mean_of(&f64::abs));
            let deviation = (mean_of(&|x| (x - mean) * (x - mean)) + f64::from(epsilon)).sqrt();
            row.iter().map(move |x| ((x - mean) / deviation, (x.abs() + mean_size) / deviation))
        });
        let params = given[1].iter().zip(&given[2]).cycle();
        let scaled = normalised.zip(params);
        let exact = scaled.map(|((value, size), (scale, shift))| Exact {
            value: value * scale + shift,
            size: size * scale.abs() + shift.abs(),
        });
        exact.collect()
    });
}

/// How rows of a table become one.
#[derive(Debug, Clone, Copy)]
struct Bags {
    combiner: Combiner,
    weighted: bool,
    max_norm: Option<f32>,
}

impl Bags {
    fn factor(&self, weights: &[f64]) -> f64 {
        match self.combiner {
            Combiner::Sum => 1.0,
            Combiner::Mean => 1.0 / weights.iter().sum::<f64>(),
            Combiner::Sqrtn => 1.0 / weights.iter().map(|w| w * w).sum::<f64>().sqrt(),
        }
    }
}

/// A row, no longer than a bound.
fn bounded(row: &[f64], max_norm: Option<f32>) -> Vec<f64> {
    let norm = row.iter().map(|x| x * x).sum::<f64>().sqrt();
    let factor = max_norm.map_or(1.0, |bound| (f64::from(bound) / norm).min(1.0));
    row.iter().map(|x| factor * x).collect()
}

fn check_bags(Sizes { rows, columns, seed, .. }: Sizes, bags: Bags) {
    let mut trial = Trial::new(rows, seed);
    let (table, ids) = (trial.table(11, columns), trial.ids(11, bags.weighted));
    let y = trial.graph.embedding_bag_within(table, ids, bags.combiner, bags.max_norm);
    let given_ids = trial.bags();
    trial.check(&format!("{bags:?}"), y, 5 + columns, |given| {
        let table: Vec<Vec<f64>> = given[0].chunks_exact(columns).map(|row| bounded(row, bags.max_norm)).collect();
        let pooled = (0..rows).flat_map(|i| {
            let range = given_ids.offsets[i] as usize..given_ids.offsets[i + 1] as usize;
            let weights: Vec<f64> = match &given_ids.weights {
                Some(weights) => weights[range].iter().map(|&w| f64::from(w)).collect(),
                None => vec![1.0; range.len()],
            };
            let (factor, named) = (bags.factor(&weights), given_ids.row(i));
            let column =
                |j: usize| Exact::sum(named.iter().zip(&weights).map(|(&id, w)| factor * w * table[id as usize][j]));
            (0..columns).map(column).collect::<Vec<_>>()
        });
        pooled.collect()
    });
}

/// Three places for up to five ids.
fn check_sequence(Sizes { rows, columns, seed, .. }: Sizes) {
    let mut trial = Trial::new(rows, seed);
    let (table, ids) = (trial.table(11, columns), trial.ids(11, false));
    let y = trial.graph.embedding_sequence(table, ids, 3, None);
    let given_ids = trial.bags();
    trial.check("embedding_sequence", y, 1, |given| {
        let places = (0..rows).flat_map(|i| (0..3).map(move |place| (i, place)));
        let numbers = places.flat_map(|(i, place)| match given_ids.row(i).get(place) {
            Some(&id) => given[0][id as usize * columns..][..columns].to_vec(),
            None => vec![0.0; columns],
        });
        numbers.map(Exact::copy).collect()
    });
}
