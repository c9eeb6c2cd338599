//! Cross-entropy of two classes, from logits.

use super::{Op, Operation, equal};
use crate::device::Call;
use crate::math;
use crate::{Graph, NodeId, Result, Shape};
use serde::{Deserialize, Serialize};

/// Cross-entropy between a logit `z` (input 0) and a label `y` in `[0, 1]` (input 1), in nats:
/// `max(z, 0) - z·y + ln(1 + exp(-|z|))`, which cannot overflow. Labels get no gradient.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SigmoidCrossEntropy;

impl Graph {
    /// Cross-entropy of two classes, element by element.
    ///
    /// # Errors
    ///
    /// When the shapes differ.
    pub fn sigmoid_cross_entropy(&mut self, logits: NodeId, labels: NodeId) -> Result<NodeId> {
        self.apply(Op::SigmoidCrossEntropy(SigmoidCrossEntropy), &[logits, labels])
    }
}

impl Operation for SigmoidCrossEntropy {
    fn name(&self) -> &'static str {
        "sigmoid_cross_entropy"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        equal(inputs).cloned()
    }

    fn gradient(&self, graph: &mut Graph, node: NodeId, upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        let (logits, labels) = (graph.node(node).inputs[0], graph.node(node).inputs[1]);
        let probabilities = graph.sigmoid(logits)?;
        let error = graph.sub(probabilities, labels)?;
        Ok(vec![Some(graph.mul(error, upstream)?), None])
    }

    fn in_place(&self) -> bool {
        true
    }

    fn run(&self, call: &mut Call<'_>) {
        let labels = call.input(1);
        for (z, &y) in call.output.iter_mut().zip(labels) {
            *z = if *z > 0.0 { *z } else { *z * 0.0 } - *z * y + math::softplus(-z.abs());
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Dim;
    use crate::check::{self, Case};

    fn case(logits: &[f32], labels: &'static [f32]) -> Case {
        Case::with_fixed(&[(&[Dim::Batch], logits)], &[(&[Dim::Batch], labels)], |g, x, y| {
            g.sigmoid_cross_entropy(x[0], y[0])
        })
    }

    #[test]
    fn certain_and_right_costs_nothing() {
        check::close(&case(&[100.0, -100.0], &[1.0, 0.0]).values(), &[0.0, 0.0], 1e-40);
    }

    #[test]
    fn certain_and_wrong_costs_the_logit() {
        check::close(&case(&[100.0, -100.0], &[0.0, 1.0]).values(), &[100.0, 100.0], 0.0);
    }

    #[test]
    fn matches_scipy() {
        // scipy 1.14: -(y * log_expit(z) + (1 - y) * log_expit(-z))
        check::close(&case(&[0.5, -2.0, 1.0], &[1.0, 0.3, 0.5]).values(), &[0.474_077, 0.726_928, 0.813_261_7], 1e-6);
    }

    #[test]
    fn gradients_match_finite_differences() {
        case(&[0.5, -2.0, 3.0], &[1.0, 0.3, 0.0]).check_gradients();
    }

    #[test]
    fn an_infinite_logit_on_the_wrong_side_is_not_hidden() {
        assert!(!case(&[f32::NAN], &[1.0]).values()[0].is_finite());
    }
}
