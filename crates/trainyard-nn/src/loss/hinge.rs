//! Hinge loss.

use super::pairs::{compare, margin};
use crate::Result;
use trainyard_graph::{Graph, NodeId};

/// `max(0, 1 - s·z)`, where the side `s` is 1 for the label 1 and -1 for the label 0: the loss of support vector
/// machines.
///
/// # Shapes
/// - logits, labels: `[batch]`, or both `[batch, n]`; labels are 0 or 1
/// - returns: `[batch]`; the mean over `n`
///
/// # Errors
///
/// [`Error::Shape`](crate::Error::Shape) when the shapes do not fit.
///
/// Source: Cortes and Vapnik, *Support-Vector Networks* (1995).
pub fn hinge(graph: &mut Graph, logits: NodeId, labels: NodeId) -> Result<NodeId> {
    compare(graph, "hinge", [logits, labels], |graph, logits, labels| {
        let margin = margin(graph, logits, labels)?;
        let lacking = graph.affine(margin, -1.0, 1.0)?;
        Ok(graph.relu(lacking)?)
    })
}

#[cfg(test)]
mod tests {
    use crate::loss::{Loss, testing};

    #[test]
    fn a_margin_of_one_is_enough() {
        testing::check(Loss::Hinge, &[1.0, 0.5, -2.0, -3.0], &[1.0, 1.0, 1.0, 0.0], &[0.0, 0.5, 3.0, 0.0], 0.0);
    }

    #[test]
    fn matches_numpy() {
        // numpy 2.4.6: np.maximum(0, 1 - (2 * y - 1) * z)
        testing::check(Loss::Hinge, &[0.7, -1.3, 0.25], &[1.0, 1.0, 0.0], &[0.3, 2.3, 1.25], 1e-6);
    }

    #[test]
    fn gradients_match_finite_differences() {
        testing::check_gradients(Loss::Hinge, &[0.5, -2.0, 0.25], &[1.0, 0.0, 0.0]);
    }
}
