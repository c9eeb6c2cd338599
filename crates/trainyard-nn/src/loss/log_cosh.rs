//! Logarithm of the hyperbolic cosine.

use super::pairs::compare;
use crate::Result;
use std::f32::consts::LN_2;
use trainyard_graph::{Graph, NodeId};

/// `ln(cosh(p - y))`: near `e² / 2` for small errors and `|e| - ln 2` for large ones, smooth everywhere.
///
/// Computed as `|e| + ln(1 + exp(-2·|e|)) - ln 2`, which cannot overflow.
///
/// # Shapes
/// - predictions, labels: `[batch]`, or both `[batch, n]`
/// - returns: `[batch]`; the mean over `n`
///
/// # Errors
///
/// [`Error::Shape`](crate::Error::Shape) when the shapes do not fit.
pub fn log_cosh(graph: &mut Graph, predictions: NodeId, labels: NodeId) -> Result<NodeId> {
    compare(graph, "log_cosh", [predictions, labels], |graph, predictions, labels| {
        let error = graph.sub(predictions, labels)?;
        let size = graph.abs(error)?;
        let twice = graph.affine(size, -2.0, 0.0)?;
        let rest = graph.softplus(twice)?;
        let sum = graph.add(size, rest)?;
        Ok(graph.affine(sum, 1.0, -LN_2)?)
    })
}

#[cfg(test)]
mod tests {
    use crate::loss::{Loss, testing};
    use std::f32::consts::LN_2;

    #[test]
    fn large_errors_count_in_a_line() {
        testing::check(Loss::LogCosh, &[0.0, 100.0, -1e6], &[0.0; 3], &[0.0, 100.0 - LN_2, 1e6 - LN_2], 1e-6);
    }

    #[test]
    fn matches_numpy() {
        // numpy 2.4.6: np.log(np.cosh(p - y))
        testing::check(
            Loss::LogCosh,
            &[0.7, -1.3, 2.5],
            &[1.0, 1.0, 0.25],
            &[0.044_340_77, 1.616_854_5, 1.567_900_6],
            1e-6,
        );
    }

    #[test]
    fn gradients_match_finite_differences() {
        testing::check_gradients(Loss::LogCosh, &[1.5, -2.5, 4.0], &[1.0, 0.0, -3.0]);
    }
}
