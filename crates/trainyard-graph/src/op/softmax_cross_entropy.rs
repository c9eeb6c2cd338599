//! Cross-entropy of many classes, from logits.

use super::softmax::{max, softmax_row};
use super::{Op, Operation};
use crate::device::Call;
use crate::math;
use crate::simd::vectorize;
use crate::{Graph, NodeId, Result, Shape};
use serde::{Deserialize, Serialize};

/// `ln Σⱼ exp(zⱼ) - z_y`, in nats, for logits `z` (input 0) and the number `y` of the right class (input 1). NaN when `y`
/// is not a class. Labels get no gradient.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SoftmaxCrossEntropy {
    /// Number of classes.
    pub classes: usize,
}

/// The gradient for the logits, from the logits (input 0), the labels (1) and the upstream gradient (2).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SoftmaxCrossEntropyGrad {
    /// Number of classes.
    pub classes: usize,
}

impl Graph {
    /// Cross-entropy of many classes.
    ///
    /// # Shapes
    /// - logits: `[.., classes]`
    /// - labels: `[..]`, class numbers from 0
    /// - returns: `[..]`
    ///
    /// # Errors
    ///
    /// When the shapes do not fit.
    pub fn softmax_cross_entropy(&mut self, logits: NodeId, labels: NodeId) -> Result<NodeId> {
        let classes = self.shape(logits).last().unwrap_or(0);
        self.apply(Op::SoftmaxCrossEntropy(SoftmaxCrossEntropy { classes }), &[logits, labels])
    }
}

/// The class that a label names.
fn class_of(label: f32, classes: usize) -> Option<usize> {
    let class = label as usize;
    (class as f32 == label && class < classes).then_some(class)
}

impl Operation for SoftmaxCrossEntropy {
    fn name(&self) -> &'static str {
        "softmax_cross_entropy"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        match inputs {
            [logits, labels] if logits.last() == Some(self.classes) && logits.without_last() == **labels => {
                Ok((*labels).clone())
            }
            _ => Err("[.., classes] and [..]".to_owned()),
        }
    }

    fn gradient(&self, graph: &mut Graph, node: NodeId, upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        let (logits, labels) = (graph.node(node).inputs[0], graph.node(node).inputs[1]);
        let op = Op::SoftmaxCrossEntropyGrad(SoftmaxCrossEntropyGrad { classes: self.classes });
        Ok(vec![Some(graph.apply(op, &[logits, labels, upstream])?), None])
    }

    fn run(&self, call: &mut Call<'_>) {
        let rows = call.input(0).chunks_exact(self.classes).zip(call.input(1));
        for (loss, (row, &label)) in call.output.iter_mut().zip(rows) {
            let max = max(row);
            let sum: f32 = row.iter().map(|z| math::exp(z - max)).sum();
            *loss = class_of(label, self.classes).map_or(f32::NAN, |class| max - row[class] + sum.ln());
        }
    }
}

impl Operation for SoftmaxCrossEntropyGrad {
    fn name(&self) -> &'static str {
        "softmax_cross_entropy_grad"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        match inputs {
            [logits, labels, upstream]
                if labels == upstream && logits.last() == Some(self.classes) && logits.without_last() == **labels =>
            {
                Ok((*logits).clone())
            }
            _ => Err("[.., classes], [..] and [..]".to_owned()),
        }
    }

    fn gradient(&self, _graph: &mut Graph, _node: NodeId, _upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        Err(super::no_gradient(self.name()))
    }

    fn in_place(&self) -> bool {
        true
    }

    fn run(&self, call: &mut Call<'_>) {
        let (labels, upstream) = (call.input(1), call.input(2));
        vectorize(
            #[inline(always)]
            || {
                for row in call.output.chunks_exact_mut(self.classes) {
                    softmax_row(row);
                }
            },
        );
        for ((row, &label), &g) in call.output.chunks_exact_mut(self.classes).zip(labels).zip(upstream) {
            if let Some(class) = class_of(label, self.classes) {
                row[class] -= 1.0;
            }
            row.iter_mut().for_each(|x| *x *= g);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Dim;
    use crate::check::{self, Case};

    fn case(logits: &[f32], labels: &'static [f32]) -> Case {
        let dims = [Dim::Batch, Dim::Fixed(3)];
        Case::with_fixed(&[(&dims, logits)], &[(&[Dim::Batch], labels)], |g, x, y| g.softmax_cross_entropy(x[0], y[0]))
    }

    #[test]
    fn matches_scipy() {
        // scipy 1.14: scipy.special.logsumexp([1, 2, 3]) - 3
        check::close(&case(&[1.0, 2.0, 3.0], &[2.0]).values(), &[0.407_605_96], 1e-6);
    }

    #[test]
    fn certain_and_wrong_costs_the_difference() {
        check::close(&case(&[1000.0, 0.0, 0.0], &[1.0]).values(), &[1000.0], 0.0);
    }

    #[test]
    fn a_label_that_is_no_class_is_nan() {
        assert!(case(&[1.0, 2.0, 3.0, 1.0, 2.0, 3.0], &[3.0, 0.5]).values().iter().all(|x| x.is_nan()));
    }

    #[test]
    fn gradients_match_finite_differences() {
        case(&[1.0, 2.0, 3.0, -1.0, 0.0, 0.5], &[2.0, 0.0]).check_gradients();
    }
}
