//! Probabilities from logits.

use super::{Op, Operation, only_with_last, row};
use crate::device::Call;
use crate::math;
use crate::simd::vectorize;
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

/// Replaces a row of logits by its probabilities.
#[inline(always)]
pub(super) fn softmax_row(row: &mut [f32]) {
    let max = row::max(row);
    row.iter_mut().for_each(|z| *z = math::exp(*z - max));
    let sum = row::sum(row);
    row.iter_mut().for_each(|z| *z /= sum);
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
            || call.output.chunks_exact_mut(self.classes).for_each(softmax_row),
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
