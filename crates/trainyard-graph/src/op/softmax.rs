//! Probabilities from logits.

use super::{Op, Operation, only_with_last};
use crate::device::Call;
use crate::math;
use crate::simd::{self, vectorize};
use crate::{Graph, NodeId, Result, Shape};
use serde::{Deserialize, Serialize};

/// `exp(zᵢ) / Σⱼ exp(zⱼ)` along the last axis, computed from `z - max z`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Softmax {
    /// Last axis.
    pub classes: usize,
}

impl Graph {
    /// Probabilities from logits, along the last axis.
    ///
    /// # Errors
    ///
    /// When the last axis is not of fixed size.
    pub fn softmax(&mut self, logits: NodeId) -> Result<NodeId> {
        let classes = self.shape(logits).last().unwrap_or(0);
        self.apply(Op::Softmax(Softmax { classes }), &[logits])
    }
}

/// The largest number of a row, `-inf` for none; NaN is passed over. One chain of comparisons would wait for each of them.
#[inline(always)]
pub(super) fn max(row: &[f32]) -> f32 {
    let (vectors, rest) = row.as_chunks::<16>();
    let mut largest = [f32::NEG_INFINITY; 16];
    for vector in vectors {
        for (a, &b) in largest.iter_mut().zip(vector) {
            *a = larger(*a, b);
        }
    }
    for (a, &b) in largest.iter_mut().zip(rest) {
        *a = larger(*a, b);
    }
    let mut all = f32::NEG_INFINITY;
    for x in largest {
        all = larger(all, x);
    }
    all
}

#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}

/// Replaces a row of logits by its probabilities.
#[inline(always)]
pub(super) fn softmax_row(row: &mut [f32]) {
    let max = max(row);
    for z in row.iter_mut() {
        *z = math::exp(*z - max);
    }
    let sum = simd::sum(row, |z| z);
    for z in row {
        *z /= sum;
    }
}

impl Operation for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        match only_with_last(inputs)? {
            (shape, classes) if classes == self.classes => Ok(shape.clone()),
            _ => Err(format!("{} classes", self.classes)),
        }
    }

    fn gradient(&self, graph: &mut Graph, node: NodeId, upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        let kept = graph.shape(node).with_last(1);
        let weighted = graph.mul(upstream, node)?;
        let mean = graph.sum_to(weighted, kept)?;
        let centred = graph.sub(upstream, mean)?;
        Ok(vec![Some(graph.mul(centred, node)?)])
    }

    fn in_place(&self) -> bool {
        true
    }

    fn run(&self, call: &mut Call<'_>) {
        vectorize(
            #[inline(always)]
            || {
                for row in call.output.chunks_exact_mut(self.classes) {
                    softmax_row(row);
                }
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::Dim;
    use crate::check::{self, Case};

    fn case(logits: &[f32]) -> Case {
        Case::new(&[(&[Dim::Batch, Dim::Fixed(3)], logits)], |g, x| g.softmax(x[0]))
    }

    #[test]
    fn matches_scipy() {
        // scipy 1.14: scipy.special.softmax([1, 2, 3])
        check::close(&case(&[1.0, 2.0, 3.0]).values(), &[0.090_030_57, 0.244_728_47, 0.665_240_94], 1e-6);
    }

    #[test]
    fn large_logits_do_not_overflow() {
        check::close(&case(&[1000.0, 1000.0, -1000.0]).values(), &[0.5, 0.5, 0.0], 0.0);
    }

    #[test]
    fn the_largest_number_is_found_in_rows_of_every_length() {
        for n in 0..70 {
            let row: Vec<f32> = (0..n).map(|i| ((i * 37) % 64) as f32 - 70.0).collect();
            assert_eq!(super::max(&row), row.iter().copied().fold(f32::NEG_INFINITY, f32::max), "{n} numbers");
        }
    }

    #[test]
    fn a_row_of_several_vectors_sums_to_one() {
        let logits: Vec<f32> = (0..74).map(|i| (i % 13) as f32 - (i % 7) as f32).collect();
        let values = Case::new(&[(&[Dim::Batch, Dim::Fixed(37)], &logits)], |g, x| g.softmax(x[0])).values();
        for (row, logits) in values.chunks(37).zip(logits.chunks(37)) {
            let sum: f32 = logits.iter().map(|z| z.exp()).sum();
            check::close(row, &logits.iter().map(|z| z.exp() / sum).collect::<Vec<_>>(), 1e-6);
        }
    }

    #[test]
    fn gradients_match_finite_differences() {
        case(&[1.0, 2.0, 3.0, -1.0, 0.0, 0.5]).check_gradients();
    }
}
