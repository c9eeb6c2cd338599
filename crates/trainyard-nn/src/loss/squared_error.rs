//! Squared error.

use super::pairs::compare;
use crate::Result;
use trainyard_graph::{Graph, NodeId};

/// `(p - y)²`. Predicts the mean. The gradient is `2·(p - y)`.
///
/// # Shapes
/// - predictions, labels: `[batch]`, or both `[batch, n]`
/// - returns: `[batch]`; the mean over `n`
///
/// # Errors
///
/// [`Error::Shape`](crate::Error::Shape) when the shapes do not fit.
pub fn squared_error(graph: &mut Graph, predictions: NodeId, labels: NodeId) -> Result<NodeId> {
    compare(graph, "squared_error", [predictions, labels], |graph, predictions, labels| {
        let error = graph.sub(predictions, labels)?;
        Ok(graph.square(error)?)
    })
}

#[cfg(test)]
mod tests {
    use crate::loss::{Loss, testing};

    #[track_caller]
    fn check(predictions: &[f32], labels: &'static [f32], expected: &[f32]) {
        testing::check(Loss::SquaredError, predictions, labels, expected, 0.0);
    }

    #[test]
    fn errors_are_squared() {
        check(&[1.0, -2.0, 3.0], &[1.0, 1.0, 1.0], &[0.0, 9.0, 4.0]);
    }

    #[test]
    fn several_values_are_averaged() {
        testing::check_wide(Loss::SquaredError, 2, &[1.0, 2.0, 0.0, -1.0], &[0.0, 0.0, 0.0, 3.0], &[2.5, 8.0]);
    }

    #[test]
    fn gradients_match_finite_differences() {
        testing::check_gradients(Loss::SquaredError, &[1.5, -2.0, 0.25], &[1.0, 0.0, -3.0]);
    }
}
