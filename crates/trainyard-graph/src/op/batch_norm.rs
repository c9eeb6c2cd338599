//! Normalisation of each channel over a batch.

use super::{Op, Operation};
use crate::device::Call;
use crate::{Graph, NodeId, Result, Shape, simd};
use serde::{Deserialize, Serialize};

/// `(x - μ) / √(σ² + ε)·scale + shift`, with a mean `μ` and a variance `σ²` for each channel, the last axis.
///
/// In training they are those of the micro-batch, over all axes but the last; elsewhere the moving ones, inputs 3 and 4.
///
/// Why those of the micro-batch and not of the batch? No lane waits for another, and results have the same bits for any number
/// of lanes. It is known as ghost batch normalisation, and generalises better from large batches (Hoffer, Hubara and Soudry,
/// *Train longer, generalize better*, 2017). How many rows a micro-batch has, from 8 to 128, follows from the graph, unless
/// [`Cpu::with_micro_batch`](crate::Cpu::with_micro_batch) sets it. A batch that leaves a single row for its last micro-batch
/// normalises that row to the shift where there are no other axes: batches of a power of two of rows leave none.
///
/// Source: Ioffe and Szegedy, *Batch Normalization* (2015). The variance is the biased one, as in Keras.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BatchNorm {
    /// Last axis.
    pub channels: usize,
    /// Added to the variance.
    pub epsilon: f32,
}

/// The gradient for `x`, from that for the value (input 0), `x`, the scale, and the moving mean and variance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BatchNormGrad {
    /// What was computed.
    pub norm: BatchNorm,
}

/// The gradient for the scale, from that for the value (input 0), `x`, and the moving mean and variance: `Σ upstream·x̂` with
/// the normalised `x̂`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BatchNormScaleGrad {
    /// What was computed.
    pub norm: BatchNorm,
}

/// What moves a moving statistic, from `x` (input 0) and the statistic (input 1): in training the statistic less that of the
/// micro-batch, times the micro-batch's share of the batch's rows; 0 elsewhere.
///
/// It stands where others have a gradient of the loss, but does not depend on the loss. Over the micro-batches of a step it
/// sums up to the statistic less its mean in the batch, so that gradient descent at the rate `1 - momentum` makes it the
/// exponential moving average.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StatisticShift {
    /// Last axis.
    pub channels: usize,
    /// Which statistic.
    pub statistic: Statistic,
}

/// A statistic of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Statistic {
    /// The mean.
    Mean,
    /// The biased variance.
    Variance,
}

/// What [`Graph::batch_norm`] reads beside its value, each of shape `[channels]`.
#[derive(Debug, Clone, Copy)]
pub struct BatchNormParams {
    /// What the normalised value is multiplied with.
    pub scale: NodeId,
    /// What is then added.
    pub shift: NodeId,
    /// Moving average of the means.
    pub moving_mean: NodeId,
    /// Moving average of the variances.
    pub moving_variance: NodeId,
}

impl Graph {
    /// Normalises each channel, the last axis, then scales and shifts it; see [`BatchNorm`].
    ///
    /// What [`gradients`](crate::gradients) gives for the moving statistics is a [`StatisticShift`]. Used twice with the same
    /// ones, both shifts add up.
    ///
    /// # Shapes
    /// - x: `[batch, .., channels]`
    /// - returns: the same
    ///
    /// # Errors
    ///
    /// When the shapes do not fit, or `epsilon` is not positive.
    pub fn batch_norm(&mut self, x: NodeId, params: BatchNormParams, epsilon: f32) -> Result<NodeId> {
        let BatchNormParams { scale, shift, moving_mean, moving_variance } = params;
        let norm = BatchNorm { channels: self.shape(x).last().unwrap_or(0), epsilon };
        self.apply(Op::BatchNorm(norm), &[x, scale, shift, moving_mean, moving_variance])
    }
}

/// Rows that are added up by themselves: a sum of many rows then loses no more digits than one of few.
const BLOCK: usize = 64;

/// `Σ f(x, at)` for each channel, over the rows of `x`.
#[inline(always)]
fn sum_columns(sums: &mut [f32], part: &mut [f32], x: &[f32], at: &[f32], f: impl Fn(f32, f32) -> f32) {
    let channels = sums.len();
    sums.fill(0.0);
    for block in x.chunks(BLOCK * channels) {
        part.fill(0.0);
        for row in block.chunks_exact(channels) {
            part.iter_mut().zip(row).zip(at).for_each(|((sum, &x), &at)| *sum += f(x, at));
        }
        sums.iter_mut().zip(&*part).for_each(|(sum, part)| *sum += part);
    }
}

/// The mean of each channel. `x` has at least one row.
#[inline(always)]
fn means(mean: &mut [f32], part: &mut [f32], x: &[f32]) {
    let channels = mean.len();
    let (first, n) = (&x[..channels], (x.len() / channels) as f32);
    sum_columns(mean, part, x, first, |x, first| x - first);
    mean.iter_mut().zip(first).for_each(|(mean, first)| *mean = first + *mean / n);
}

/// The biased variance of each channel. `x` has at least one row.
#[inline(always)]
fn variances(variance: &mut [f32], part: &mut [f32], x: &[f32], mean: &[f32]) {
    let n = (x.len() / mean.len()) as f32;
    sum_columns(variance, part, x, mean, |x, mean| (x - mean) * (x - mean));
    variance.iter_mut().for_each(|variance| *variance /= n);
}

impl BatchNorm {
    fn check(&self, rows: &[&Shape], columns: &[&Shape]) -> Result<(), String> {
        let [x, ..] = rows else { return Err("a value".to_owned()) };
        let rows_fit = x.has_batch() && x.last() == Some(self.channels) && rows.iter().all(|other| other == x);
        if rows_fit && columns.iter().all(|column| **column == Shape::fixed(&[self.channels])) && self.epsilon > 0.0 {
            return Ok(());
        }
        Err("[batch, .., channels], [channels] for each parameter, and an `epsilon` above 0".to_owned())
    }

    /// Mean and reciprocal deviation of each channel: the batch's in training, the moving ones elsewhere.
    #[inline(always)]
    fn statistics(
        &self,
        mean: &mut [f32],
        factor: &mut [f32],
        part: &mut [f32],
        x: &[f32],
        moving: Option<[&[f32]; 2]>,
    ) {
        match moving {
            None => {
                means(mean, part, x);
                variances(factor, part, x, mean);
            }
            Some([moving_mean, moving_variance]) => {
                mean.copy_from_slice(moving_mean);
                factor.copy_from_slice(moving_variance);
            }
        }
        factor.iter_mut().for_each(|variance| *variance = 1.0 / (*variance + self.epsilon).sqrt());
    }
}

/// The moving statistics, inputs `i` and `i + 1`, where they count.
fn moving<'a>(call: &Call<'a>, i: usize) -> Option<[&'a [f32]; 2]> {
    call.training().is_none().then(|| [call.input(i), call.input(i + 1)])
}

/// Cuts working memory into pieces of one number a channel.
fn pieces<const N: usize>(scratch: &mut [f32], channels: usize) -> [&mut [f32]; N] {
    let mut rest = scratch.chunks_exact_mut(channels);
    std::array::from_fn(|_| rest.next().unwrap_or_default())
}

impl Operation for BatchNorm {
    fn name(&self) -> &'static str {
        "batch_norm"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        let [x, params @ ..] = inputs else { return Err("a value".to_owned()) };
        self.check(&[x], params)?;
        if params.len() == 4 { Ok((*x).clone()) } else { Err("a value and four parameters".to_owned()) }
    }

    fn gradient(&self, graph: &mut Graph, node: NodeId, upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        let inputs = graph.node(node).inputs.clone();
        let [x, scale, _, mean, variance] = inputs[..] else { return Ok(Vec::new()) };
        let for_x =
            graph.apply(Op::BatchNormGrad(BatchNormGrad { norm: *self }), &[upstream, x, scale, mean, variance])?;
        let op = BatchNormScaleGrad { norm: *self };
        let for_scale = graph.apply(Op::BatchNormScaleGrad(op), &[upstream, x, mean, variance])?;
        let for_shift = graph.sum_to(upstream, Shape::fixed(&[self.channels]))?;
        let shift = |statistic| Op::StatisticShift(StatisticShift { channels: self.channels, statistic });
        let for_mean = graph.apply(shift(Statistic::Mean), &[x, mean])?;
        let for_variance = graph.apply(shift(Statistic::Variance), &[x, variance])?;
        Ok([for_x, for_scale, for_shift, for_mean, for_variance].map(Some).to_vec())
    }

    fn scratch_len(&self) -> usize {
        3 * self.channels
    }

    fn scratch_is_per_row(&self) -> bool {
        false
    }

    fn run(&self, call: &mut Call<'_>) {
        let (x, scale, shift, moving) = (call.input(0), call.input(1), call.input(2), moving(call, 3));
        if x.is_empty() {
            return;
        }
        let [mean, factor, part] = pieces(call.scratch, self.channels);
        let rows = call.output.chunks_exact_mut(self.channels).zip(x.chunks_exact(self.channels));
        simd::vectorize(
            #[inline(always)]
            || {
                self.statistics(mean, factor, part, x, moving);
                factor.iter_mut().zip(scale).for_each(|(factor, scale)| *factor *= scale);
                for (y, x) in rows {
                    let channels = x.iter().zip(&*mean).zip(&*factor).zip(shift);
                    let normalised = channels.map(|(((x, mean), factor), shift)| (x - mean) * factor + shift);
                    y.iter_mut().zip(normalised).for_each(|(y, value)| *y = value);
                }
            },
        );
    }
}

impl Operation for BatchNormGrad {
    fn name(&self) -> &'static str {
        "batch_norm_grad"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        let [upstream, x, scale, mean, variance] = inputs else { return Err("five values".to_owned()) };
        self.norm.check(&[upstream, x], &[scale, mean, variance])?;
        Ok((*x).clone())
    }

    fn gradient(&self, _graph: &mut Graph, _node: NodeId, _upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        Err(super::no_gradient(self.name()))
    }

    fn in_place(&self) -> bool {
        true
    }

    fn scratch_len(&self) -> usize {
        5 * self.norm.channels
    }

    fn scratch_is_per_row(&self) -> bool {
        false
    }

    /// `(g - mean(g) - x̂·mean(g·x̂))·scale / √(σ² + ε)` in training, where the statistics depend on `x`; without the means
    /// elsewhere.
    fn run(&self, call: &mut Call<'_>) {
        let (x, scale, moving) = (call.input(1), call.input(2), moving(call, 3));
        let channels = self.norm.channels;
        if x.is_empty() {
            return;
        }
        let [mean, factor, part, centre, slope] = pieces(call.scratch, channels);
        let gradient = &mut *call.output;
        simd::vectorize(
            #[inline(always)]
            || {
                self.norm.statistics(mean, factor, part, x, moving);
                centre.fill(0.0);
                slope.fill(0.0);
                if moving.is_none() {
                    let n = (x.len() / channels) as f32;
                    sum_columns(centre, part, gradient, mean, |g, _| g / n);
                    sum_products(slope, part, gradient, x, mean);
                    slope.iter_mut().zip(&*factor).for_each(|(slope, factor)| *slope *= factor * factor / n);
                }
                factor.iter_mut().zip(scale).for_each(|(factor, scale)| *factor *= scale);
                for (g, x) in gradient.chunks_exact_mut(channels).zip(x.chunks_exact(channels)) {
                    let columns = x.iter().zip(&*mean).zip(&*centre).zip(&*slope).zip(&*factor);
                    for (g, ((((x, mean), centre), slope), factor)) in g.iter_mut().zip(columns) {
                        *g = (*g - centre - (x - mean) * slope) * factor;
                    }
                }
            },
        );
    }
}

/// `Σ g·(x - mean)` for each channel.
#[inline(always)]
fn sum_products(sums: &mut [f32], part: &mut [f32], g: &[f32], x: &[f32], mean: &[f32]) {
    let channels = sums.len();
    sums.fill(0.0);
    for (g, x) in g.chunks(BLOCK * channels).zip(x.chunks(BLOCK * channels)) {
        part.fill(0.0);
        for (g, x) in g.chunks_exact(channels).zip(x.chunks_exact(channels)) {
            let columns = g.iter().zip(x).zip(mean);
            part.iter_mut().zip(columns).for_each(|(sum, ((g, x), mean))| *sum += g * (x - mean));
        }
        sums.iter_mut().zip(&*part).for_each(|(sum, part)| *sum += part);
    }
}

impl Operation for BatchNormScaleGrad {
    fn name(&self) -> &'static str {
        "batch_norm_scale_grad"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        let [upstream, x, mean, variance] = inputs else { return Err("four values".to_owned()) };
        self.norm.check(&[upstream, x], &[mean, variance])?;
        Ok(Shape::fixed(&[self.norm.channels]))
    }

    fn gradient(&self, _graph: &mut Graph, _node: NodeId, _upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        Err(super::no_gradient(self.name()))
    }

    fn scratch_len(&self) -> usize {
        3 * self.norm.channels
    }

    fn scratch_is_per_row(&self) -> bool {
        false
    }

    fn run(&self, call: &mut Call<'_>) {
        let (upstream, x, moving) = (call.input(0), call.input(1), moving(call, 2));
        if x.is_empty() {
            return call.output.fill(0.0);
        }
        let [mean, factor, part] = pieces(call.scratch, self.norm.channels);
        let gradient = &mut *call.output;
        simd::vectorize(
            #[inline(always)]
            || {
                self.norm.statistics(mean, factor, part, x, moving);
                sum_products(gradient, part, upstream, x, mean);
                gradient.iter_mut().zip(&*factor).for_each(|(g, factor)| *g *= factor);
            },
        );
    }
}

impl Operation for StatisticShift {
    fn name(&self) -> &'static str {
        "statistic_shift"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        match inputs {
            [x, moving]
                if x.has_batch() && x.last() == Some(self.channels) && **moving == Shape::fixed(&[self.channels]) =>
            {
                Ok((*moving).clone())
            }
            _ => Err("[batch, .., channels] and [channels]".to_owned()),
        }
    }

    fn gradient(&self, _graph: &mut Graph, _node: NodeId, _upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        Err(super::no_gradient(self.name()))
    }

    fn scratch_len(&self) -> usize {
        3 * self.channels
    }

    fn scratch_is_per_row(&self) -> bool {
        false
    }

    fn run(&self, call: &mut Call<'_>) {
        let (x, moving) = (call.input(0), call.input(1));
        if x.is_empty() || call.training().is_none() {
            return call.output.fill(0.0);
        }
        let share = call.rows() as f32 / call.batch_rows() as f32;
        let [mean, variance, part] = pieces(call.scratch, self.channels);
        simd::vectorize(
            #[inline(always)]
            || {
                means(mean, part, x);
                variances(variance, part, x, mean);
            },
        );
        let statistic = if self.statistic == Statistic::Mean { mean } else { variance };
        let shifts = call.output.iter_mut().zip(moving).zip(statistic);
        shifts.for_each(|((shift, moving), statistic)| *shift = (moving - *statistic) * share);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{self, Case};
    use crate::{Cpu, Device, Dim, FeedMap, Mode, gradients};

    const CHANNELS: &[Dim] = &[Dim::Fixed(2)];
    const X: &[Dim] = &[Dim::Batch, Dim::Fixed(3), Dim::Fixed(2)];
    const TRAINING: Mode = Mode::Training { seed: 1, step: 1 };

    fn numbers(n: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * 31 + 5) % 23) as f32 / 6.0 - 2.0).collect()
    }

    /// Micro-batches of 2 rows, of 6 numbers a channel.
    fn case(rows: usize) -> Case {
        let x = numbers(6 * rows);
        let moving: [(&[Dim], &[f32]); 2] = [(CHANNELS, &[0.5, -1.0]), (CHANNELS, &[4.0, 0.25])];
        Case::with_fixed(&[(X, &x), (CHANNELS, &[2.0, -1.5]), (CHANNELS, &[0.1, 0.2])], &moving, |g, x, moving| {
            let [scale, shift, moving_mean, moving_variance] = [x[1], x[2], moving[0], moving[1]];
            g.batch_norm(x[0], BatchNormParams { scale, shift, moving_mean, moving_variance }, 1e-5)
        })
    }

    #[test]
    fn inference_takes_the_moving_statistics() {
        let x = numbers(6);
        let expected: Vec<f32> = (0..6)
            .map(|i| match i % 2 {
                0 => (x[i] - 0.5) / 2.0 * 2.0 + 0.1,
                _ => (x[i] + 1.0) / 0.5 * -1.5 + 0.2,
            })
            .collect();
        check::close(&case(1).values(), &expected, 1e-4);
    }

    #[test]
    fn training_takes_those_of_each_micro_batch() {
        let values = case(5).in_training().values();
        for micro_batch in values.chunks(12) {
            for (channel, (scale, shift)) in [(2.0, 0.1), (-1.5, 0.2)].into_iter().enumerate() {
                let column: Vec<f32> = micro_batch.iter().skip(channel).step_by(2).copied().collect();
                let mean = column.iter().sum::<f32>() / column.len() as f32;
                let variance = column.iter().map(|y| (y - mean) * (y - mean)).sum::<f32>() / column.len() as f32;
                check::close(&[mean, variance], &[shift, scale * scale], 1e-4);
            }
        }
    }

    #[test]
    fn gradients_match_finite_differences() {
        case(5).check_gradients();
        case(5).in_training().check_gradients();
    }

    /// Gradients for the moving statistics of a batch of rows, in micro-batches of 2, when the loss is `weight` times the sum.
    fn shifts(x: &[f32], moving: [f32; 2], weight: f32, mode: Mode) -> [f32; 2] {
        let mut g = Graph::new();
        let input = g.input("x", &[Dim::Batch, Dim::Fixed(1)]).unwrap();
        let [scale, shift, moving_mean, moving_variance] =
            ["scale", "shift", "mean", "variance"].map(|name| g.param(name, &[1]).unwrap());
        let y = g.batch_norm(input, BatchNormParams { scale, shift, moving_mean, moving_variance }, 1e-5).unwrap();
        let weighted = g.affine(y, weight, 0.0).unwrap();
        let loss = g.sum_all(weighted).unwrap();
        let outputs = gradients(&mut g, loss, &[moving_mean, moving_variance]).unwrap();
        let feeds = FeedMap::new(&g, x.len()).floats(input, x).floats(scale, &[1.0]).floats(shift, &[0.0]);
        let feeds = feeds.floats(moving_mean, &moving[..1]).floats(moving_variance, &moving[1..]);
        let mut program = Cpu::default().with_micro_batch(2).compile(&g, &outputs).unwrap();
        program.run(&feeds, mode).unwrap();
        [program.output(0)[0], program.output(1)[0]]
    }

    #[test]
    fn moving_statistics_shift_towards_the_mean_over_the_rows_whatever_the_loss() {
        // Micro-batches [1, 3], [2, 6] and [5]: means 2, 4 and 5, variances 1, 4 and 0, weighted by 2, 2 and 1 of 5 rows.
        let (mean, variance) = ((2.0 * 2.0 + 2.0 * 4.0 + 5.0) / 5.0, (2.0 * 1.0 + 2.0 * 4.0) / 5.0);
        for weight in [1.0, -100.0] {
            let shifts = shifts(&[1.0, 3.0, 2.0, 6.0, 5.0], [10.0, 1.0], weight, TRAINING);
            check::close(&shifts, &[10.0 - mean, 1.0 - variance], 1e-6);
        }
    }

    #[test]
    fn gradient_descent_at_one_less_the_momentum_is_the_moving_average() {
        let (momentum, mut moving) = (0.9, [0.0, 1.0]);
        for _ in 0..3 {
            let shifts = shifts(&[1.0, 3.0], moving, 1.0, TRAINING);
            moving = std::array::from_fn(|i| moving[i] - (1.0 - momentum) * shifts[i]);
        }
        check::close(&moving, &[2.0 * (1.0 - momentum.powi(3)), 1.0], 1e-6);
    }

    #[test]
    fn without_training_or_rows_statistics_stay() {
        assert_eq!(shifts(&[1.0, 3.0], [10.0, 1.0], 1.0, Mode::Inference), [0.0, 0.0]);
        assert_eq!(shifts(&[], [10.0, 1.0], 1.0, TRAINING), [0.0, 0.0]);
    }

    #[test]
    fn the_mean_of_numbers_far_from_zero_is_exact() {
        let x: Vec<f32> = (0..10_000).map(|i| 8192.0 + (i % 2) as f32).collect();
        let (mut mean, mut variance, mut part) = ([0.0], [0.0], [0.0]);
        means(&mut mean, &mut part, &x);
        variances(&mut variance, &mut part, &x, &mean);
        assert_eq!((mean, variance), ([8192.5], [0.25]));
    }

    #[test]
    fn a_value_without_batch_and_params_of_another_size_are_refused() {
        let mut g = Graph::new();
        let (fixed, x) = (g.param("fixed", &[3, 2]).unwrap(), g.input("x", X).unwrap());
        let [good, bad] = [("good", 2), ("bad", 3)].map(|(name, size)| g.param(name, &[size]).unwrap());
        let params = |scale| BatchNormParams { scale, shift: good, moving_mean: good, moving_variance: good };
        assert!(g.batch_norm(fixed, params(good), 1e-5).is_err());
        assert!(g.batch_norm(x, params(bad), 1e-5).is_err() && g.batch_norm(x, params(good), 0.0).is_err());
    }
}
