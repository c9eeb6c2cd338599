//! Absolute error.

use super::pairs::compare;
use crate::Result;
use trainyard_graph::{Graph, NodeId};

/// `|p - y|`. Predicts the median. The gradient at 0 is 0.
///
/// # Shapes
/// - predictions, labels: `[batch]`, or both `[batch, n]`
/// - returns: `[batch]`; the mean over `n`
///
/// # Errors
///
/// [`Error::Shape`](crate::Error::Shape) when the shapes do not fit.
pub fn absolute_error(graph: &mut Graph, predictions: NodeId, labels: NodeId) -> Result<NodeId> {
    compare(graph, "absolute_error", [predictions, labels], |graph, predictions, labels| {
        let error = graph.sub(predictions, labels)?;
        Ok(graph.abs(error)?)
    })
}

#[cfg(test)]
mod tests {
    use crate::loss::{Loss, testing};

    #[test]
    fn both_directions_count() {
        testing::check(Loss::AbsoluteError, &[1.0, -2.0, 3.0], &[1.0, 1.0, 1.0], &[0.0, 3.0, 2.0], 0.0);
    }

    #[test]
    fn gradients_match_finite_differences() {
        testing::check_gradients(Loss::AbsoluteError, &[1.5, -2.0, 0.25], &[1.0, 0.0, -3.0]);
    }
}
