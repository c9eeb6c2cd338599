//! Sines and cosines that tell positions apart.

use super::{Op, Operation};
use crate::device::Call;
use crate::{Graph, NodeId, Result, Shape};
use serde::{Deserialize, Serialize};

/// `sin(p / 10000^(2i/dim))` in column `2i` of row `p`, and the cosine of it in column `2i + 1`.
///
/// Source: Vaswani and others, *Attention Is All You Need* (2017), section 3.5.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SinusoidalPositions {
    /// Number of positions.
    pub length: usize,
    /// Numbers for each.
    pub dim: usize,
}

/// What the wavelengths grow to, in units of 2π.
const LONGEST: f64 = 10_000.0;

impl Graph {
    /// Adds a table of sines and cosines, one row for each position, of shape `[length, dim]`.
    ///
    /// # Errors
    ///
    /// When a size is 0 or both are too large.
    pub fn sinusoidal_positions(&mut self, length: usize, dim: usize) -> Result<NodeId> {
        self.apply(Op::SinusoidalPositions(SinusoidalPositions { length, dim }), &[])
    }
}

impl Operation for SinusoidalPositions {
    fn name(&self) -> &'static str {
        "sinusoidal_positions"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        match (inputs, self.length, self.dim) {
            ([], 1.., 1..) => Ok(Shape::fixed(&[self.length, self.dim])),
            _ => Err(format!("a length and a dim above 0, not {} and {}", self.length, self.dim)),
        }
    }

    fn gradient(&self, _graph: &mut Graph, _node: NodeId, _upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        Ok(Vec::new())
    }

    /// Each position is the one before it, turned: a multiplication instead of a sine for every number.
    fn run(&self, call: &mut Call<'_>) {
        for i in (0..self.dim).step_by(2) {
            let (step_sin, step_cos) = LONGEST.powf(-(i as f64) / self.dim as f64).sin_cos();
            let (mut sin, mut cos) = (0.0, 1.0);
            for row in call.output.chunks_exact_mut(self.dim) {
                let pair = &mut row[i..(i + 2).min(self.dim)];
                pair.iter_mut().zip([sin, cos]).for_each(|(y, x)| *y = x as f32);
                (sin, cos) = (sin * step_cos + cos * step_sin, cos * step_cos - sin * step_sin);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::check::{self, Case};
    use crate::{Dim, Graph};

    #[test]
    fn rows_are_sines_and_cosines_of_ever_longer_waves() {
        let (length, dim) = (5000, 7);
        let case = Case::new(&[(&[Dim::Fixed(1)], &[0.0])], |g, x| {
            let positions = g.sinusoidal_positions(length, dim)?;
            g.add(positions, x[0])
        });
        let number = |place: usize| {
            let (p, column) = (place / dim, place % dim);
            let angle = p as f64 / 10_000_f64.powf((column - column % 2) as f64 / dim as f64);
            (if column % 2 == 0 { angle.sin() } else { angle.cos() }) as f32
        };
        check::close(&case.values(), &(0..length * dim).map(number).collect::<Vec<_>>(), 1e-6);
    }

    #[test]
    fn sizes_that_are_no_sizes_are_refused() {
        let mut graph = Graph::new();
        for (length, dim) in [(0, 1), (1, 0), (usize::MAX, usize::MAX)] {
            assert!(graph.sinusoidal_positions(length, dim).is_err());
        }
    }
}
