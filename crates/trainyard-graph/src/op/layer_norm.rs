//! Normalisation of each row.

use super::{Op, Operation};
use crate::device::Call;
use crate::{Graph, NodeId, Result, Shape, simd};
use serde::{Deserialize, Serialize};

/// `(x - μ) / √(σ² + ε)·scale + shift` along the last axis, with the mean `μ` and the variance `σ²` of each row.
///
/// Source: Ba, Kiros and Hinton, *Layer Normalization* (2016).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LayerNorm {
    /// Last axis.
    pub width: usize,
    /// Added to the variance.
    pub epsilon: f32,
}

/// The gradient for `x`, from that for the value (input 0), `x` (input 1) and the scale (input 2):
/// `(g - mean(g) - x̂·mean(g·x̂)) / √(σ² + ε)` with `g = upstream·scale` and the normalised `x̂`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LayerNormGrad {
    /// What was computed.
    pub norm: LayerNorm,
}

/// The gradient for the scale, from that for the value (input 0) and `x` (input 1): `Σ upstream·x̂` over all rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LayerNormScaleGrad {
    /// What was computed.
    pub norm: LayerNorm,
}

impl Graph {
    /// Normalises each row of the last axis, then scales and shifts it.
    ///
    /// # Shapes
    /// - x: `[.., width]`
    /// - scale, shift: `[width]`
    /// - returns: `[.., width]`
    ///
    /// # Errors
    ///
    /// When the shapes do not fit, or `epsilon` is not positive.
    pub fn layer_norm(&mut self, x: NodeId, scale: NodeId, shift: NodeId, epsilon: f32) -> Result<NodeId> {
        let width = self.shape(x).last().unwrap_or(0);
        self.apply(Op::LayerNorm(LayerNorm { width, epsilon }), &[x, scale, shift])
    }
}

impl LayerNorm {
    fn check(&self, rows: &[&Shape], columns: &[&Shape]) -> Result<(), String> {
        let [x, ..] = rows else { return Err("a value".to_owned()) };
        let width_fits = x.last() == Some(self.width) && x.table().is_none() && rows.iter().all(|other| other == x);
        if width_fits && columns.iter().all(|column| **column == Shape::fixed(&[self.width])) && self.epsilon > 0.0 {
            return Ok(());
        }
        Err("[.., width], [width] and [width], and an `epsilon` above 0".to_owned())
    }

    /// Mean and reciprocal deviation of a row.
    #[inline(always)]
    fn moments(&self, row: &[f32]) -> (f32, f32) {
        let n = self.width as f32;
        let mean = simd::sum(row, |x| x) / n;
        let variance = simd::sum(row, |x| (x - mean) * (x - mean)) / n;
        (mean, 1.0 / (variance + self.epsilon).sqrt())
    }

    #[inline(always)]
    fn normalise(&self, y: &mut [f32], x: &[f32], scale: &[f32], shift: &[f32]) {
        let (mean, factor) = self.moments(x);
        for (((y, x), scale), shift) in y.iter_mut().zip(x).zip(scale).zip(shift) {
            *y = (x - mean) * factor * scale + shift;
        }
    }
}

impl Operation for LayerNorm {
    fn name(&self) -> &'static str {
        "layer_norm"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        let [x, scale, shift] = inputs else { return Err("a value, a scale and a shift".to_owned()) };
        self.check(&[x], &[scale, shift])?;
        Ok((*x).clone())
    }

    fn gradient(&self, graph: &mut Graph, node: NodeId, upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        let (x, scale) = (graph.node(node).inputs[0], graph.node(node).inputs[1]);
        let for_x = graph.apply(Op::LayerNormGrad(LayerNormGrad { norm: *self }), &[upstream, x, scale])?;
        let for_scale = graph.apply(Op::LayerNormScaleGrad(LayerNormScaleGrad { norm: *self }), &[upstream, x])?;
        let for_shift = graph.sum_to(upstream, Shape::fixed(&[self.width]))?;
        Ok(vec![Some(for_x), Some(for_scale), Some(for_shift)])
    }

    fn run(&self, call: &mut Call<'_>) {
        let (x, scale, shift) = (call.input(0), call.input(1), call.input(2));
        let rows = call.output.chunks_exact_mut(self.width).zip(x.chunks_exact(self.width));
        simd::vectorize(
            #[inline(always)]
            || rows.for_each(|(y, x)| self.normalise(y, x, scale, shift)),
        );
    }
}

impl Operation for LayerNormGrad {
    fn name(&self) -> &'static str {
        "layer_norm_grad"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        let [upstream, x, scale] = inputs else { return Err("a gradient, a value and a scale".to_owned()) };
        self.norm.check(&[upstream, x], &[scale])?;
        Ok((*x).clone())
    }

    fn gradient(&self, _graph: &mut Graph, _node: NodeId, _upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        Err(super::no_gradient(self.name()))
    }

    fn in_place(&self) -> bool {
        true
    }

    fn run(&self, call: &mut Call<'_>) {
        let (x, scale, width) = (call.input(1), call.input(2), self.norm.width);
        let rows = call.output.chunks_exact_mut(width).zip(x.chunks_exact(width));
        simd::vectorize(
            #[inline(always)]
            || rows.for_each(|(gradient, x)| self.differentiate(gradient, x, scale)),
        );
    }
}

impl LayerNormGrad {
    /// Replaces the upstream gradient of a row by that for `x`.
    #[inline(always)]
    fn differentiate(&self, gradient: &mut [f32], x: &[f32], scale: &[f32]) {
        let (mean, factor) = self.norm.moments(x);
        gradient.iter_mut().zip(scale).for_each(|(g, scale)| *g *= scale);
        let n = self.norm.width as f32;
        let mean_g = simd::sum(gradient, |g| g) / n;
        let mean_product = simd::sum_products(gradient, x, |g, x| g * ((x - mean) * factor)) / n;
        for (g, x) in gradient.iter_mut().zip(x) {
            *g = (*g - mean_g - (x - mean) * factor * mean_product) * factor;
        }
    }
}

impl Operation for LayerNormScaleGrad {
    fn name(&self) -> &'static str {
        "layer_norm_scale_grad"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        self.norm.check(inputs, &[])?;
        Ok(Shape::fixed(&[self.norm.width]))
    }

    fn gradient(&self, _graph: &mut Graph, _node: NodeId, _upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        Err(super::no_gradient(self.name()))
    }

    fn run(&self, call: &mut Call<'_>) {
        let (upstream, x, width) = (call.input(0), call.input(1), self.norm.width);
        call.output.fill(0.0);
        let rows = upstream.chunks_exact(width).zip(x.chunks_exact(width));
        simd::vectorize(
            #[inline(always)]
            || {
                for (upstream, x) in rows {
                    let (mean, factor) = self.norm.moments(x);
                    for ((sum, g), x) in call.output.iter_mut().zip(upstream).zip(x) {
                        *sum += g * ((x - mean) * factor);
                    }
                }
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dim;
    use crate::check::{self, Case};

    fn case(x: &[f32], width: usize) -> Case {
        let scale: Vec<f32> = (0..width).map(|i| 0.5 + 0.25 * i as f32).collect();
        let shift: Vec<f32> = (0..width).map(|i| 0.1 * i as f32).collect();
        let inputs: [(&[Dim], &[f32]); 3] =
            [(&[Dim::Batch, Dim::Fixed(width)], x), (&[Dim::Fixed(width)], &scale), (&[Dim::Fixed(width)], &shift)];
        Case::new(&inputs, |g, x| g.layer_norm(x[0], x[1], x[2], 1e-5))
    }

    #[test]
    fn each_row_is_normalised_then_scaled_and_shifted() {
        // The row [1, 2, 3] has mean 2 and variance 2/3; as does the other one at another place and ten times the size.
        let unit = 1.5_f32.sqrt();
        let expected = [-0.5 * unit, 0.1, unit + 0.2];
        check::close(&case(&[1.0, 2.0, 3.0, 10.0, 20.0, 30.0], 3).values(), &[expected, expected].concat(), 1e-5);
    }

    #[test]
    fn a_level_row_gives_the_shift() {
        check::close(&case(&[7.0, 7.0, 7.0], 3).values(), &[0.0, 0.1, 0.2], 0.0);
    }

    #[test]
    fn a_row_far_from_zero_keeps_its_form() {
        check::close(&case(&[4001.0, 4002.0, 4003.0], 3).values(), &case(&[1.0, 2.0, 3.0], 3).values(), 1e-6);
    }

    #[test]
    fn gradients_match_finite_differences() {
        case(&[1.0, -2.0, 3.0, 0.5, 0.7, -0.1], 3).check_gradients();
        let long: Vec<f32> = (0..3 * 37).map(|i| ((i * 31 + 5) % 23) as f32 / 6.0 - 2.0).collect();
        case(&long, 37).check_gradients();
    }

    #[test]
    fn a_scale_of_another_size_and_an_epsilon_of_zero_are_refused() {
        let mut graph = Graph::new();
        let x = graph.input("x", &[Dim::Batch, Dim::Fixed(3)]).unwrap();
        let (good, bad) = (graph.param("good", &[3]).unwrap(), graph.param("bad", &[2]).unwrap());
        assert!(graph.layer_norm(x, bad, good, 1e-5).is_err() && graph.layer_norm(x, good, bad, 1e-5).is_err());
        assert!(graph.layer_norm(x, good, good, 0.0).is_err() && graph.layer_norm(x, good, good, f32::NAN).is_err());
    }
}
