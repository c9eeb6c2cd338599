//! Poisson loss.

use super::pairs::compare;
use crate::Result;
use trainyard_graph::{Graph, NodeId};

/// `exp(z) - y·z`: the negative logarithm of the Poisson probability of the count `y` with mean `exp(z)`, less what
/// depends on `y` alone. The prediction is `exp(z)`.
///
/// # Shapes
/// - logits, labels: `[batch]`, or both `[batch, n]`; labels are not negative
/// - returns: `[batch]`; the mean over `n`
///
/// # Errors
///
/// [`Error::Shape`](crate::Error::Shape) when the shapes do not fit.
///
/// Source: McCullagh and Nelder, *Generalized Linear Models* (1989), chapter 6.
pub fn poisson(graph: &mut Graph, logits: NodeId, labels: NodeId) -> Result<NodeId> {
    compare(graph, "poisson", [logits, labels], |graph, logits, labels| {
        let (mean, product) = (graph.exp(logits)?, graph.mul(labels, logits)?);
        Ok(graph.sub(mean, product)?)
    })
}

#[cfg(test)]
mod tests {
    use crate::loss::{Loss, testing};

    #[test]
    fn a_mean_of_one_costs_one_whatever_the_count() {
        testing::check(Loss::Poisson, &[0.0, 0.0], &[0.0, 5.0], &[1.0, 1.0], 0.0);
    }

    #[test]
    fn matches_scipy() {
        // scipy 1.17.1: -stats.poisson.logpmf(y, np.exp(z)) - special.gammaln(y + 1)
        testing::check(
            Loss::Poisson,
            &[0.7, -1.3, 1.5],
            &[1.0, 0.0, 4.0],
            &[1.313_752_7, 0.272_531_8, -1.518_310_9],
            1e-6,
        );
    }

    #[test]
    fn predictions_are_positive() {
        testing::check_predictions(Loss::Poisson, &[0.0, 1.0], &[1.0, std::f32::consts::E]);
    }

    #[test]
    fn gradients_match_finite_differences() {
        testing::check_gradients(Loss::Poisson, &[0.7, -1.3, 1.5], &[1.0, 0.0, 4.0]);
    }
}
