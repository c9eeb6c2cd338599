//! Sums and extremes along axes, and what moves numbers without changing them.

use crate::Sizes;
use crate::places::{at, places};
use crate::trial::{Exact, Trial};
use trainyard_graph::{Dim, Graph, NodeId, Padding, Result, Shape};

pub(crate) fn check(sizes: Sizes) {
    check_sums(sizes);
    check_extremes(sizes);
    check_moves(sizes);
    check_joins(sizes);
    for padding in [Padding::Valid, Padding::Same] {
        for strides in [[1, 1], [2, 3]] {
            check_pools(sizes, padding, strides);
        }
    }
}

type Builder = fn(&mut Graph, NodeId) -> Result<NodeId>;

/// For each axis of `[batch, 3, 4, columns]`, whether it stays.
fn check_sums(Sizes { rows, columns, seed, .. }: Sizes) {
    let sizes = [rows, 3, 4, columns];
    let sums: &[(&str, Builder, [bool; 4])] = &[
        ("sum_last", |g, x| g.sum_last(x), [true, true, true, false]),
        ("sum_axes 0", |g, x| g.sum_axes(x, &[0], false), [true, false, true, true]),
        ("sum_axes 1", |g, x| g.sum_axes(x, &[1], true), [true, true, false, true]),
        ("sum_axes 0 2", |g, x| g.sum_axes(x, &[0, 2], false), [true, false, true, false]),
        (
            "sum_to the columns",
            |g, x| g.sum_to(x, Shape::fixed(&[g.shape(x).last().unwrap_or(0)])),
            [false, false, false, true],
        ),
        ("sum_to rows of 3", |g, x| g.sum_to(x, Shape::fixed(&[3, 1, 1])), [false, true, false, false]),
        (
            "sum_to all but the batch and the columns",
            |g, x| {
                let width = g.shape(x).last().unwrap_or(0);
                g.sum_to(x, Shape::new([Dim::Batch, Dim::Fixed(1), Dim::Fixed(1), Dim::Fixed(width)]))
            },
            [true, false, false, true],
        ),
        (
            "sum_to the batch and an inner axis",
            |g, x| g.sum_to(x, Shape::new([Dim::Batch, Dim::Fixed(1), Dim::Fixed(4), Dim::Fixed(1)])),
            [true, false, true, false],
        ),
        ("sum_all", |g, x| g.sum_all(x), [false; 4]),
    ];
    let means: &[(&str, Builder, [bool; 4])] = &[
        ("mean_last", |g, x| g.mean_last(x), [true, true, true, false]),
        ("mean_axes 0 1", |g, x| g.mean_axes(x, &[0, 1], false), [true, false, false, true]),
    ];
    let check = |&(name, build, stays): &(&str, Builder, [bool; 4]), is_mean: bool| {
        let mut trial = Trial::new(rows, seed);
        let x = trial.data(&sizes[1..]);
        let y = build(&mut trial.graph, x);
        let groups = Groups::new(sizes, stays);
        let factor = if is_mean { 1.0 / groups.terms as f64 } else { 1.0 };
        let sum = |group: Vec<f64>| Exact::sum(group.into_iter().map(|x| factor * x));
        trial.check(name, y, groups.terms, |given| groups.gather(&given[0]).into_iter().map(sum).collect());
    };
    sums.iter().for_each(|sum| check(sum, false));
    means.iter().for_each(|mean| check(mean, true));
}

/// Chooses one of two numbers.
type Pick = fn(f64, f64) -> f64;

fn check_extremes(Sizes { rows, columns, seed, .. }: Sizes) {
    let sizes = [rows, 3, 4, columns];
    let extremes: &[(&str, Builder, [bool; 4], Pick)] = &[
        ("max_axes 2", |g, x| g.max_axes(x, &[2], false), [true, true, true, false], f64::max),
        ("max_axes 1", |g, x| g.max_axes(x, &[1], false), [true, true, false, true], f64::max),
        ("min_axes 0", |g, x| g.min_axes(x, &[0], true), [true, false, true, true], f64::min),
        ("min_axes 1 2", |g, x| g.min_axes(x, &[1, 2], false), [true, true, false, false], f64::min),
    ];
    for &(name, build, stays, pick) in extremes {
        let mut trial = Trial::new(rows, seed);
        let x = trial.data(&sizes[1..]);
        let y = build(&mut trial.graph, x);
        trial.check(name, y, 1, |given| {
            let groups = Groups::new(sizes, stays).gather(&given[0]);
            groups.into_iter().map(|group| Exact::copy(group.into_iter().reduce(pick).unwrap_or(f64::NAN))).collect()
        });
    }
}

/// The numbers of a value that come together in one.
struct Groups {
    sizes: [usize; 4],
    /// Sizes with 1 for those axes that do not stay.
    kept: [usize; 4],
    /// Numbers of a group.
    terms: usize,
}

impl Groups {
    fn new(sizes: [usize; 4], stays: [bool; 4]) -> Self {
        let kept = std::array::from_fn(|i| if stays[i] { sizes[i] } else { 1 });
        let terms = (0..4).filter(|&i| !stays[i]).map(|i| sizes[i]).product();
        Self { sizes, kept, terms }
    }

    fn gather(&self, x: &[f64]) -> Vec<Vec<f64>> {
        let numbers: Vec<f64> = (0..self.kept.iter().product::<usize>()).map(|i| i as f64).collect();
        let mut groups = vec![Vec::new(); numbers.len()];
        for (place, &x) in places(&self.sizes).zip(x) {
            groups[at(&numbers, &self.kept, &place) as usize].push(x);
        }
        groups
    }
}

/// Each number of the value is one of the input or, in front and behind, 0.
fn check_moves(Sizes { rows, columns, others, seed }: Sizes) {
    let from = [rows, 3, others, columns];
    let moves = |name: &str,
                 to: [usize; 4],
                 build: &dyn Fn(&mut Graph, NodeId) -> Result<NodeId>,
                 source: &dyn Fn(&[usize]) -> Option<[usize; 4]>| {
        let mut trial = Trial::new(rows, seed);
        let x = trial.data(&from[1..]);
        let y = build(&mut trial.graph, x);
        trial.check(name, y, 1, |given| {
            let number = |place: Vec<usize>| source(&place).map_or(0.0, |source| at(&given[0], &from, &source));
            places(&to).map(|place| Exact::copy(number(place))).collect()
        });
    };
    let all_orders = [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    for axes in all_orders {
        let to = [rows, from[1 + axes[0]], from[1 + axes[1]], from[1 + axes[2]]];
        moves("transpose", to, &|g, x| g.transpose(x, &axes), &|place| {
            let mut source = [place[0]; 4];
            (0..3).for_each(|i| source[1 + axes[i]] = place[1 + i]);
            Some(source)
        });
    }
    let (start, len) = (columns / 3, columns - columns / 3 - columns / 4);
    if len < columns {
        moves("slice", [rows, 3, others, len], &|g, x| g.slice(x, start, len), &|p| {
            Some([p[0], p[1], p[2], start + p[3]])
        });
    }
    moves("slice_axis", [rows, 2, others, columns], &|g, x| g.slice_axis(x, 0, 1, 2), &|p| {
        Some([p[0], p[1] + 1, p[2], p[3]])
    });
    moves("pad", [rows, 3, others, columns + 5], &|g, x| g.pad(x, 3, 2), &|p| {
        (3..3 + columns).contains(&p[3]).then(|| [p[0], p[1], p[2], p[3] - 3])
    });
    moves("pad_axis", [rows, 3, others + 3, columns], &|g, x| g.pad_axis(x, 1, 1, 2), &|p| {
        (1..=others).contains(&p[2]).then(|| [p[0], p[1], p[2] - 1, p[3]])
    });
    let indices = [columns - 1, 0, columns / 2, 0, columns - 1];
    moves("gather of columns", [rows, 3, others, 5], &|g, x| g.gather(x, 2, &indices), &|p| {
        Some([p[0], p[1], p[2], indices[p[3]]])
    });
    moves("gather of blocks", [rows, 4, others, columns], &|g, x| g.gather(x, 0, &[2, 0, 2, 1]), &|p| {
        Some([p[0], [2, 0, 2, 1][p[1]], p[2], p[3]])
    });
}

/// Two values side by side, along the last axis and along another, and one on top of itself.
fn check_joins(Sizes { rows, columns, others, seed }: Sizes) {
    let mut trial = Trial::new(rows, seed);
    let (a, b) = (trial.data(&[3, columns]), trial.data(&[3, others]));
    let y = trial.graph.concat(&[a, b, a]);
    trial.check("concat", y, 1, |given| {
        let (a, b) = (given[0].chunks_exact(columns), given[1].chunks_exact(others));
        a.zip(b).flat_map(|(a, b)| [a, b, a].concat()).map(Exact::copy).collect()
    });
    let mut trial = Trial::new(rows, seed);
    let (a, b) = (trial.data(&[3, columns]), trial.data(&[others, columns]));
    let y = trial.graph.concat_axis(&[a, b], 0);
    trial.check("concat_axis", y, 1, |given| {
        let (a, b) = (given[0].chunks_exact(3 * columns), given[1].chunks_exact(others * columns));
        a.zip(b).flat_map(|(a, b)| [a, b].concat()).map(Exact::copy).collect()
    });
    let mut trial = Trial::new(rows, seed);
    let (a, b) = (trial.data(&[columns]), trial.data(&[columns]));
    let y = trial.graph.stack(&[a, b], 1);
    trial.check("stack", y, 1, |given| {
        given[0].iter().zip(&given[1]).flat_map(|(&a, &b)| [a, b]).map(Exact::copy).collect()
    });
}

/// Largest numbers and means of windows of 2 by 3 in images of 4 by 5.
fn check_pools(Sizes { rows, columns, seed, .. }: Sizes, padding: Padding, strides: [usize; 2]) {
    let (image, window) = ([rows, 4, 5, columns], [2, 3]);
    let n = |axis: usize| match padding {
        Padding::Valid => (image[1 + axis] - window[axis]) / strides[axis] + 1,
        Padding::Same => image[1 + axis].div_ceil(strides[axis]),
    };
    let (down, right) = (n(0), n(1));
    // The places inside that window `i` covers; of places beyond the ends, the one more is behind.
    let covered = |axis: usize, i: usize| {
        let reach = (n(axis) - 1) * strides[axis] + window[axis];
        let before = reach.saturating_sub(image[1 + axis]) / 2;
        (i * strides[axis]..i * strides[axis] + window[axis])
            .filter_map(move |at| at.checked_sub(before).filter(|&at| at < image[1 + axis]))
    };
    let numbers = |x: &[f64], place: &[usize]| -> Vec<f64> {
        let (batch, channel) = (place[0], place[3]);
        let rows = covered(0, place[1]);
        rows.flat_map(|y| covered(1, place[2]).map(move |x| [batch, y, x, channel]))
            .map(|p| at(x, &image, &p))
            .collect()
    };
    let pooled = [rows, down, right, columns];
    let mut trial = Trial::new(rows, seed);
    let x = trial.data(&image[1..]);
    let y = trial.graph.max_pool_2d(x, window, strides, padding);
    trial.check("max_pool_2d", y, 1, |given| {
        let largest = |numbers: Vec<f64>| numbers.into_iter().fold(f64::NEG_INFINITY, f64::max);
        places(&pooled).map(|place| Exact::copy(largest(numbers(&given[0], &place)))).collect()
    });
    let mut trial = Trial::new(rows, seed);
    let x = trial.data(&image[1..]);
    let y = trial.graph.average_pool_2d(x, window, strides, padding);
    trial.check("average_pool_2d", y, 6, |given| {
        let mean = |numbers: Vec<f64>| Exact::sum(numbers.iter().map(|x| x / numbers.len() as f64));
        places(&pooled).map(|place| mean(numbers(&given[0], &place))).collect()
    });
}
