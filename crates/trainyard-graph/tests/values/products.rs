//! Products of matrices, and convolutions.

use crate::Sizes;
use crate::element_wise::{ACTIVATIONS, activated};
use crate::trial::{Exact, Trial};
use trainyard_graph::{Activation, ConvPadding, Windows};

pub(crate) fn check(sizes: Sizes) {
    check_matmul(sizes);
    for (transpose_a, transpose_b) in [(false, false), (true, false), (false, true), (true, true)] {
        check_batch_matmul(sizes, transpose_a, transpose_b);
    }
    ACTIVATIONS.iter().for_each(|&activation| check_dense(sizes, activation));
    for (groups, padding) in [(1, [(0, 0), (0, 0)]), (1, [(1, 0), (0, 2)]), (sizes.columns, [(0, 0), (1, 1)])] {
        check_conv2d(sizes, groups, padding);
    }
    check_conv1d(sizes);
}

/// The sum of products of a row and a column.
fn product<'a>(row: impl Iterator<Item = &'a f64>, column: impl Iterator<Item = &'a f64>) -> Exact {
    Exact::sum(row.zip(column).map(|(a, b)| a * b))
}

/// A of rows of `k` numbers, B of rows of `n`.
fn matmul(a: &[f64], b: &[f64], k: usize, n: usize) -> Vec<Exact> {
    a.chunks_exact(k).flat_map(|row| (0..n).map(move |j| product(row.iter(), b[j..].iter().step_by(n)))).collect()
}

fn transpose(x: &[f64], rows: usize, columns: usize) -> Vec<f64> {
    (0..columns).flat_map(|j| (0..rows).map(move |i| x[i * columns + j])).collect()
}

fn check_matmul(Sizes { rows, columns, others, seed }: Sizes) {
    for (k, n) in [(columns, others), (others, columns), (columns, 1)] {
        let mut trial = Trial::new(rows, seed);
        let (a, b) = (trial.data(&[k]), trial.param(&[k, n]));
        let y = trial.graph.matmul(a, b);
        trial.check("matmul", y, k, |given| matmul(&given[0], &given[1], k, n));
    }
}

fn check_batch_matmul(Sizes { rows, columns, others, seed }: Sizes, transpose_a: bool, transpose_b: bool) {
    let (m, k, n) = (3, others, columns);
    let mut trial = Trial::new(rows, seed);
    let a = if transpose_a { trial.data(&[2, k, m]) } else { trial.data(&[2, m, k]) };
    let b = if transpose_b { trial.data(&[2, n, k]) } else { trial.data(&[2, k, n]) };
    let y = trial.graph.batch_matmul(a, b, transpose_a, transpose_b);
    trial.check("batch_matmul", y, k, |given| {
        let pairs = given[0].chunks_exact(m * k).zip(given[1].chunks_exact(k * n));
        let products = pairs.flat_map(|(a, b)| {
            let a = if transpose_a { transpose(a, k, m) } else { a.to_vec() };
            let b = if transpose_b { transpose(b, n, k) } else { b.to_vec() };
            matmul(&a, &b, k, n)
        });
        products.collect()
    });
}

fn check_dense(Sizes { rows, columns, others, seed }: Sizes, activation: Activation) {
    let name = format!("dense of {activation:?}");
    for biased in [true, false] {
        let mut trial = Trial::new(rows, seed);
        let (x, w) = (trial.data(&[columns]), trial.param(&[columns, others]));
        let bias = biased.then(|| trial.param(&[others]));
        let y = trial.graph.dense(x, w, bias, activation);
        trial.check(&name, y, columns, |given| {
            let products = matmul(&given[0], &given[1], columns, others);
            let biases = given.get(2).cloned().unwrap_or_else(|| vec![0.0; others]);
            let sums = products.iter().zip(biases.iter().cycle());
            let sums = sums.map(|(sum, &bias)| Exact { value: sum.value + bias, size: sum.size + bias.abs() });
            sums.map(|sum| activated(activation, sum)).collect()
        });
    }
}

/// Where a convolution reads images of `height` by 5.
struct Convolution {
    height: usize,
    window: [usize; 2],
    strides: [usize; 2],
    dilations: [usize; 2],
    padding: [(usize, usize); 2],
    channels: usize,
    filters: usize,
    groups: usize,
}

impl Convolution {
    const WIDTH: usize = 5;

    fn size(&self, axis: usize) -> usize {
        [self.height, Self::WIDTH][axis]
    }

    /// Number of windows along an axis.
    fn windows(&self, axis: usize) -> usize {
        let padded = self.size(axis) + self.padding[axis].0 + self.padding[axis].1;
        (padded - (self.window[axis] - 1) * self.dilations[axis] - 1) / self.strides[axis] + 1
    }

    /// Which place of the input number `k` of window `i` is, if it is not padding.
    fn place(&self, axis: usize, i: usize, k: usize) -> Option<usize> {
        let at = (i * self.strides[axis] + k * self.dilations[axis]).checked_sub(self.padding[axis].0)?;
        (at < self.size(axis)).then_some(at)
    }

    /// The sum of a filter over a window of one example.
    fn sum(&self, x: &[f64], w: &[f64], at: [usize; 2], filter: usize) -> Exact {
        let inputs = self.channels / self.groups;
        let first = filter / (self.filters / self.groups) * inputs;
        let mut terms = Vec::new();
        for ky in 0..self.window[0] {
            for kx in 0..self.window[1] {
                let (Some(row), Some(column)) = (self.place(0, at[0], ky), self.place(1, at[1], kx)) else { continue };
                for c in 0..inputs {
                    let weight = w[((ky * self.window[1] + kx) * inputs + c) * self.filters + filter];
                    terms.push(x[(row * Self::WIDTH + column) * self.channels + first + c] * weight);
                }
            }
        }
        Exact::sum(terms)
    }

    fn values(&self, x: &[f64], w: &[f64], bias: &[f64]) -> Vec<Exact> {
        let mut values = Vec::new();
        for example in x.chunks_exact(self.height * Self::WIDTH * self.channels) {
            for down in 0..self.windows(0) {
                for right in 0..self.windows(1) {
                    for (filter, &bias) in bias.iter().enumerate() {
                        let sum = self.sum(example, w, [down, right], filter);
                        values.push(Exact { value: sum.value + bias, size: sum.size + bias.abs() });
                    }
                }
            }
        }
        values
    }

    fn terms(&self) -> usize {
        self.window[0] * self.window[1] * self.channels / self.groups
    }
}

/// A convolution of all channels, or of each one on its own.
fn check_conv2d(Sizes { rows, columns, others, seed }: Sizes, groups: usize, padding: [(usize, usize); 2]) {
    let filters = if groups == 1 { others.min(20) } else { 2 * columns };
    let strides = if seed.is_multiple_of(2) { [1, 1] } else { [2, 1] };
    let (window, dilations) = ([2, 3], [2, 1]);
    let convolution =
        Convolution { height: 4, window, strides, dilations, padding, channels: columns, filters, groups };
    let mut trial = Trial::new(rows, seed);
    let x = trial.data(&[4, Convolution::WIDTH, columns]);
    let (w, bias) = (trial.param(&[2, 3, columns / groups, filters]), trial.param(&[filters]));
    let windows = Windows { strides, dilations, padding: ConvPadding::Explicit(padding) };
    let y = trial.graph.conv2d(x, w, Some(bias), &windows, Activation::Linear);
    trial.check("conv2d", y, convolution.terms(), |given| convolution.values(&given[0], &given[1], &given[2]));
}

fn check_conv1d(Sizes { rows, columns, others, seed }: Sizes) {
    let (window, padding, filters) = ([1, 3], [(0, 0), (1, 1)], others.min(20));
    let (strides, dilations) = ([1, 2], [1, 1]);
    let convolution =
        Convolution { height: 1, window, strides, dilations, padding, channels: columns, filters, groups: 1 };
    let mut trial = Trial::new(rows, seed);
    let x = trial.data(&[Convolution::WIDTH, columns]);
    let (w, bias) = (trial.param(&[3, columns, filters]), trial.param(&[filters]));
    let windows = Windows { strides: [2], padding: ConvPadding::Same, ..Windows::default() };
    let y = trial.graph.conv1d(x, w, Some(bias), &windows, Activation::Linear);
    trial.check("conv1d", y, convolution.terms(), |given| convolution.values(&given[0], &given[1], &given[2]));
}
