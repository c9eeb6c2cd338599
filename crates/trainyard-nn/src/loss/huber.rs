//! Huber loss.

use super::pairs::compare;
use crate::{Result, error::Settings};
use trainyard_graph::{Graph, NodeId};

/// `e² / 2` up to an error `e = |p - y|` of `delta`, and `delta · (e - delta / 2)` beyond: squared error that forgives
/// outliers.
///
/// `delta` is positive, in the label's unit.
///
/// # Shapes
/// - predictions, labels: `[batch]`, or both `[batch, n]`
/// - returns: `[batch]`; the mean over `n`
///
/// # Errors
///
/// [`Error::Setting`](crate::Error::Setting) when `delta` is not positive, [`Error::Shape`](crate::Error::Shape) when
/// the shapes do not fit.
///
/// Source: Huber, *Robust Estimation of a Location Parameter* (1964).
pub fn huber(graph: &mut Graph, predictions: NodeId, labels: NodeId, delta: f32) -> Result<NodeId> {
    Settings("the loss `huber`").positive("delta", delta)?;
    compare(graph, "huber", [predictions, labels], |graph, predictions, labels| {
        let error = graph.sub(predictions, labels)?;
        let size = graph.abs(error)?;
        let above = graph.affine(size, 1.0, -delta)?;
        let beyond = graph.relu(above)?;
        let within = graph.sub(size, beyond)?;
        let square = graph.square(within)?;
        let (curve, line) = (graph.affine(square, 0.5, 0.0)?, graph.affine(beyond, delta, 0.0)?);
        Ok(graph.add(curve, line)?)
    })
}

#[cfg(test)]
mod tests {
    use crate::loss::{Loss, testing};

    const HUBER: Loss = Loss::Huber { delta: 2.0 };

    #[test]
    fn small_errors_are_squared_and_large_ones_are_not() {
        testing::check(HUBER, &[1.0, -2.0, 5.0, -100.0], &[0.0; 4], &[0.5, 2.0, 8.0, 198.0], 0.0);
    }

    #[test]
    fn matches_scipy() {
        // scipy 1.17.1: special.huber(2.0, p - y)
        testing::check(HUBER, &[0.7, -1.3, 2.5], &[1.0, 1.0, 0.25], &[0.045, 2.6, 2.5], 1e-6);
    }

    #[test]
    fn gradients_match_finite_differences() {
        testing::check_gradients(HUBER, &[1.5, -2.5, 4.0], &[1.0, 0.0, -3.0]);
    }

    #[test]
    fn a_bound_of_zero_is_refused() {
        testing::check_refused(
            Loss::Huber { delta: 0.0 },
            "`delta` of the loss `huber` is 0.0; set it to a number above 0",
        );
    }
}
