//! A dense layer: product, bias and activation in one.

use super::activate::activation_gradient;
use super::{Activation, Op, Operation, Weights};
use crate::device::Call;
use crate::device::gemm::{self, Matrix};
use crate::{Graph, NodeId, Result, Shape, simd};
use serde::{Deserialize, Serialize};

/// `activation(x·w + b)`: the activation is applied while the rows are in cache. It is one whose slope is a function of its
/// value, as its argument is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Dense {
    /// Applied at the end.
    pub activation: Activation,
    /// Last axis of the input.
    pub inputs: usize,
    /// Last axis of the value.
    pub units: usize,
}

impl Graph {
    /// `activation(x·w + bias)`.
    ///
    /// # Shapes
    /// - x: `[.., inputs]`
    /// - w: `[inputs, units]`
    /// - bias: `[units]`
    /// - returns: `[.., units]`
    ///
    /// # Errors
    ///
    /// When the shapes do not fit.
    pub fn dense(&mut self, x: NodeId, w: NodeId, bias: Option<NodeId>, activation: Activation) -> Result<NodeId> {
        let Some(bias) = bias else {
            let product = self.matmul(x, w)?;
            return if activation == Activation::Linear { Ok(product) } else { self.activate(product, activation) };
        };
        if activation.slope_reads_argument() {
            let sum = self.dense(x, w, Some(bias), Activation::Linear)?;
            return self.activate(sum, activation);
        }
        let (inputs, units) = (self.shape(x).last().unwrap_or(0), self.shape(w).last().unwrap_or(0));
        self.apply(Op::Dense(Dense { activation, inputs, units }), &[x, w, bias])
    }
}

impl Operation for Dense {
    fn name(&self) -> &'static str {
        "dense"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        self.activation.check_fused()?;
        match inputs {
            [x, w, bias]
                if x.last() == Some(self.inputs)
                    && x.table().is_none()
                    && **w == Shape::fixed(&[self.inputs, self.units])
                    && **bias == Shape::fixed(&[self.units]) =>
            {
                Ok(x.with_last(self.units))
            }
            _ => Err("[.., inputs], [inputs, units] and [units]".to_owned()),
        }
    }

    fn gradient(&self, graph: &mut Graph, node: NodeId, upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        let (x, w, bias) = (graph.node(node).inputs[0], graph.node(node).inputs[1], graph.node(node).inputs[2]);
        let inner = activation_gradient(graph, self.activation, node, upstream)?;
        let for_x = graph.matmul_transposed(inner, w, false, true)?;
        let for_w = match graph.shape(x).rank() {
            1 => outer(graph, x, inner)?,
            _ => graph.matmul_transposed(x, inner, true, false)?,
        };
        let for_bias = graph.sum_to(inner, graph.shape(bias).clone())?;
        Ok(vec![Some(for_x), Some(for_w), Some(for_bias)])
    }

    fn weights(&self) -> Option<Weights> {
        Some(Weights::new(1, self.units))
    }

    fn run(&self, call: &mut Call<'_>) {
        let (x, w) = (Matrix::new(call.input(0), self.inputs), call.weights(Weights::new(1, self.units)));
        let bias = call.input(2);
        gemm::multiply(x, w, call.output);
        simd::vectorize(
            #[inline(always)]
            || {
                for row in call.output.chunks_exact_mut(self.units) {
                    row.iter_mut().zip(bias).for_each(|(y, b)| *y += b);
                }
            },
        );
        self.activation.apply(call.output);
    }
}

/// The product of a column and a row: `[k]` and `[n]` give `[k, n]`.
fn outer(graph: &mut Graph, x: NodeId, y: NodeId) -> Result<NodeId> {
    let (k, n) = (graph.shape(x).row_len(), graph.shape(y).row_len());
    let column = graph.reshape(x, Shape::fixed(&[k, 1]).dims())?;
    let row = graph.reshape(y, Shape::fixed(&[1, n]).dims())?;
    graph.mul(column, row)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dim;
    use crate::check::{self, Case};

    fn case(activation: Activation) -> Case {
        let x = (&[Dim::Batch, Dim::Fixed(2)][..], &[1.0, 2.0, -3.0, 0.5][..]);
        let w = (&[Dim::Fixed(2), Dim::Fixed(2)][..], &[0.5, -1.0, 0.25, 1.5][..]);
        let b = (&[Dim::Fixed(2)][..], &[0.1, -0.2][..]);
        Case::new(&[x, w, b], move |g, x| g.dense(x[0], x[1], Some(x[2]), activation))
    }

    #[test]
    fn a_linear_layer_is_product_plus_bias() {
        check::close(&case(Activation::Linear).values(), &[1.1, 1.8, -1.275, 3.55], 1e-6);
    }

    #[test]
    fn relu_is_applied_to_the_sum() {
        check::close(&case(Activation::Relu).values(), &[1.1, 1.8, 0.0, 3.55], 1e-6);
    }

    #[test]
    fn gradients_match_finite_differences() {
        case(Activation::Linear).check_gradients();
        case(Activation::Relu).check_gradients();
        case(Activation::Tanh).check_gradients();
    }

    #[test]
    fn an_activation_whose_slope_needs_its_argument_is_applied_apart() {
        let sums = case(Activation::Linear).values();
        let expected = Case::unary(&sums, |g, x| g.activate(x, Activation::Gelu)).values();
        check::close(&case(Activation::Gelu).values(), &expected, 0.0);
        case(Activation::Gelu).check_gradients();
    }

    #[test]
    fn a_bias_of_another_size_is_refused() {
        let mut graph = Graph::new();
        let x = graph.input("x", &[Dim::Batch, Dim::Fixed(2)]).unwrap();
        let (w, b) = (graph.param("w", &[2, 3]).unwrap(), graph.param("b", &[2]).unwrap());
        assert!(graph.dense(x, w, Some(b), Activation::Relu).is_err());
    }
}
