//! Gamma loss.

use super::pairs::compare;
use crate::Result;
use trainyard_graph::{Graph, NodeId};

/// `y·exp(-z) + z`: the negative logarithm of the density of a gamma distribution with mean `exp(z)` at the amount `y`,
/// per shape parameter and less what does not depend on `z`. For positive amounts whose deviation grows with their
/// mean, such as costs. The prediction is `exp(z)`.
///
/// # Shapes
/// - logits, labels: `[batch]`, or both `[batch, n]`; labels are positive
/// - returns: `[batch]`; the mean over `n`
///
/// # Errors
///
/// [`Error::Shape`](crate::Error::Shape) when the shapes do not fit.
///
/// Source: McCullagh and Nelder, *Generalized Linear Models* (1989), chapter 8.
pub fn gamma(graph: &mut Graph, logits: NodeId, labels: NodeId) -> Result<NodeId> {
    compare(graph, "gamma", [logits, labels], |graph, logits, labels| {
        let opposite = graph.affine(logits, -1.0, 0.0)?;
        let inverse = graph.exp(opposite)?;
        let ratio = graph.mul(labels, inverse)?;
        Ok(graph.add(ratio, logits)?)
    })
}

#[cfg(test)]
mod tests {
    use crate::loss::{Loss, testing};

    #[test]
    fn a_mean_of_one_costs_the_amount() {
        testing::check(Loss::Gamma, &[0.0, 0.0], &[1.0, 5.0], &[1.0, 5.0], 0.0);
    }

    #[test]
    fn matches_scipy() {
        // scipy 1.17.1: -stats.gamma.logpdf(y, 1, scale=np.exp(z))
        testing::check(
            Loss::Gamma,
            &[0.7, -1.3, 1.5],
            &[1.0, 0.5, 4.0],
            &[1.196_585_3, 0.534_648_3, 2.392_520_6],
            1e-6,
        );
    }

    #[test]
    fn predictions_are_positive() {
        testing::check_predictions(Loss::Gamma, &[0.0, 1.0], &[1.0, std::f32::consts::E]);
    }

    #[test]
    fn gradients_match_finite_differences() {
        testing::check_gradients(Loss::Gamma, &[0.7, -1.3, 1.5], &[1.0, 0.5, 4.0]);
    }
}
