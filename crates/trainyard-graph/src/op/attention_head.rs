//! One head of attention on one example: blocks of queries against all keys.

use super::attention::Attention;
use super::softmax::max;
use crate::device::gemm::{self, Axis, Matrix, Target};
use crate::simd::{self, vectorize};
use crate::{math, random};
use std::ops::Range;

/// Queries whose scores are in memory at once: for 64 keys they fill half of a core's first cache, and for more keys the
/// second one.
pub(super) const BLOCK: usize = 64;

/// The columns of one head in rows that hold those of all heads.
#[derive(Clone, Copy)]
pub(super) struct Columns<'a> {
    values: &'a [f32],
    dim: usize,
    stride: usize,
}

impl<'a> Columns<'a> {
    /// The columns of head `head` of `heads` in rows of `dim` numbers a head.
    pub(super) fn new(values: &'a [f32], head: usize, heads: usize, dim: usize) -> Self {
        Self { values: &values[head * dim..], dim, stride: heads * dim }
    }

    fn rows(&self, rows: Range<usize>) -> Matrix<'a> {
        let values = &self.values[rows.start * self.stride..];
        Matrix::view(values, Axis::new(rows.len(), self.stride), Axis::new(self.dim, 1))
    }

    /// Copies the first `n` rows to `out` as columns.
    fn transpose(&self, n: usize, out: &mut [f32]) {
        self.rows(0..n).transposed_if(true).copy_to(out);
    }
}

/// The same, to be written.
pub(super) struct ColumnsMut<'a> {
    values: &'a mut [f32],
    dim: usize,
    stride: usize,
}

impl<'a> ColumnsMut<'a> {
    /// As [`Columns::new`].
    pub(super) fn new(values: &'a mut [f32], head: usize, heads: usize, dim: usize) -> Self {
        Self { values: &mut values[head * dim..], dim, stride: heads * dim }
    }

    fn rows(&mut self, rows: Range<usize>, adds: bool) -> Target<'_> {
        let values = &mut self.values[rows.start * self.stride..];
        Target::view(values, Axis::new(rows.len(), self.stride), self.dim, adds)
    }
}

/// Which probabilities are dropped: a function of their place.
#[derive(Clone, Copy)]
pub(super) struct Drops {
    /// Of the run, the step and the operation.
    pub(super) stream: u64,
    /// The place of the head's first probability in the batch.
    pub(super) first: u64,
}

/// What one head of one example reads.
pub(super) struct Head<'a> {
    pub(super) op: &'a Attention,
    pub(super) queries: Columns<'a>,
    pub(super) keys: Columns<'a>,
    pub(super) values: Columns<'a>,
    pub(super) mask: Option<&'a [f32]>,
    pub(super) drops: Option<Drops>,
}

/// The gradients of one head of one example.
pub(super) struct HeadGrads<'a> {
    pub(super) queries: ColumnsMut<'a>,
    pub(super) keys: ColumnsMut<'a>,
    pub(super) values: ColumnsMut<'a>,
}

impl Head<'_> {
    /// Writes the head's columns of the value.
    pub(super) fn attend(&self, scratch: &mut [f32], mut out: ColumnsMut<'_>) {
        let (keys, scores) = scratch.split_at_mut(self.op.key_dim * self.op.keys);
        self.keys.transpose(self.op.keys, keys);
        for rows in self.blocks() {
            let visible = self.op.visible(rows.end);
            let scores = &mut scores[..rows.len() * visible];
            self.probabilities(&rows, keys, scores);
            self.drop(&rows, scores);
            gemm::multiply_into(Matrix::new(scores, visible), self.values.rows(0..visible), out.rows(rows, false));
        }
    }

    /// Writes the gradient for the queries and adds those for the keys and values, given the `upstream` one.
    pub(super) fn propagate(&self, upstream: Columns<'_>, scratch: &mut [f32], mut grads: HeadGrads<'_>) {
        let Attention { key_dim, value_dim, keys: n, .. } = *self.op;
        let (keys, scratch) = scratch.split_at_mut(key_dim * n);
        let (values, scratch) = scratch.split_at_mut(value_dim * n);
        let (scores, slopes) = scratch.split_at_mut(scratch.len() / 2);
        self.keys.transpose(n, keys);
        self.values.transpose(n, values);
        for rows in self.blocks() {
            let visible = self.op.visible(rows.end);
            let (scores, slopes) = (&mut scores[..rows.len() * visible], &mut slopes[..rows.len() * visible]);
            let above = upstream.rows(rows.clone());
            self.probabilities(&rows, keys, scores);
            let dropped = self.dropped(&rows, scores, slopes);
            let dropped = Matrix::new(dropped, visible).transposed_if(true);
            gemm::multiply_into(dropped, above, grads.values.rows(0..visible, true));
            gemm::multiply(above, leading_columns(values, n, visible), slopes);
            self.drop(&rows, slopes);
            self.to_slopes_of_scores(scores, slopes, visible);
            let slopes = Matrix::new(slopes, visible);
            gemm::multiply_into(slopes, self.keys.rows(0..visible), grads.queries.rows(rows.clone(), false));
            gemm::multiply_into(slopes.transposed_if(true), self.queries.rows(rows), grads.keys.rows(0..visible, true));
        }
    }

    fn blocks(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let n = self.op.queries;
        (0..n).step_by(BLOCK).map(move |start| start..n.min(start + BLOCK))
    }

    /// Fills `out` with the probabilities of some queries, given the keys as columns.
    fn probabilities(&self, rows: &Range<usize>, keys: &[f32], out: &mut [f32]) {
        let visible = self.op.visible(rows.end);
        let (scale, mask) = (self.op.scale(), self.mask);
        gemm::multiply(self.queries.rows(rows.clone()), leading_columns(keys, self.op.keys, visible), out);
        vectorize(
            #[inline(always)]
            || {
                for (row, query) in out.chunks_exact_mut(visible).zip(rows.clone()) {
                    let (seen, hidden) = row.split_at_mut(self.op.visible(query + 1));
                    softmax(seen, scale, mask);
                    hidden.fill(0.0);
                }
            },
        );
    }

    /// Turns the gradient for probabilities into that for the products of queries and keys:
    /// `pⱼ·(gⱼ - Σᵢ pᵢ·gᵢ)·scale`.
    fn to_slopes_of_scores(&self, probabilities: &[f32], slopes: &mut [f32], visible: usize) {
        let scale = self.op.scale();
        vectorize(
            #[inline(always)]
            || {
                for (p, slopes) in probabilities.chunks_exact(visible).zip(slopes.chunks_exact_mut(visible)) {
                    let mean = simd::sum_products(p, slopes, |p, slope| p * slope);
                    for (slope, p) in slopes.iter_mut().zip(p) {
                        *slope = p * (*slope - mean) * scale;
                    }
                }
            },
        );
    }

    /// The probabilities that are left, in `copy` if some are dropped.
    fn dropped<'b>(&self, rows: &Range<usize>, probabilities: &'b [f32], copy: &'b mut [f32]) -> &'b [f32] {
        if self.drops.is_none() {
            return probabilities;
        }
        copy.copy_from_slice(probabilities);
        self.drop(rows, copy);
        copy
    }

    /// In training sets some of the probabilities, or of the gradients for them, to 0 and enlarges the others.
    fn drop(&self, rows: &Range<usize>, values: &mut [f32]) {
        let Some(drops) = self.drops else { return };
        let kept = 1.0 / (1.0 - self.op.dropout);
        let visible = self.op.visible(rows.end);
        vectorize(
            #[inline(always)]
            || {
                for (row, query) in values.chunks_exact_mut(visible).zip(rows.clone()) {
                    let first = drops.first + (query * self.op.keys) as u64;
                    for (i, x) in row.iter_mut().enumerate() {
                        let is_dropped = random::uniform(drops.stream, first + i as u64) < self.op.dropout;
                        *x *= if is_dropped { 0.0 } else { kept };
                    }
                }
            },
        );
    }
}

/// The first `visible` of `n` columns.
fn leading_columns(values: &[f32], n: usize, visible: usize) -> Matrix<'_> {
    Matrix::view(values, Axis::new(values.len() / n, n), Axis::new(visible, 1))
}

/// Replaces scores by the probabilities of their multiples by `scale`; 0 for masked ones, even if all are.
#[inline(always)]
fn softmax(row: &mut [f32], scale: f32, mask: Option<&[f32]>) {
    if let Some(mask) = mask {
        for (z, &kept) in row.iter_mut().zip(mask) {
            *z = if kept == 0.0 { f32::NEG_INFINITY } else { *z };
        }
    }
    let max = max(row);
    if max == f32::NEG_INFINITY {
        // Nothing to attend to, or not a number, which is passed on.
        return row.iter_mut().for_each(|z| *z = if z.is_nan() { *z } else { 0.0 });
    }
    for z in row.iter_mut() {
        *z = math::exp((*z - max) * scale);
    }
    let factor = 1.0 / simd::sum(row, |p| p);
    for z in row {
        *z *= factor;
    }
}
