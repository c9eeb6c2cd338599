//! Quantile loss.

use super::pairs::compare;
use crate::{Result, error::Settings};
use trainyard_graph::{Graph, NodeId};

/// `q·(y - p)` when the label is above the prediction, else `(1 - q)·(p - y)`: predicts the value below which a share
/// `q` of the labels lies. Half the absolute error for `q` 0.5.
///
/// `quantile`, `q`, is in `(0, 1)`.
///
/// # Shapes
/// - predictions, labels: `[batch]`, or both `[batch, n]`
/// - returns: `[batch]`; the mean over `n`
///
/// # Errors
///
/// [`Error::Setting`](crate::Error::Setting) when the quantile is out of range, [`Error::Shape`](crate::Error::Shape)
/// when the shapes do not fit.
///
/// Source: Koenker and Bassett, *Regression Quantiles* (1978).
pub fn quantile(graph: &mut Graph, predictions: NodeId, labels: NodeId, quantile: f32) -> Result<NodeId> {
    let within = quantile > 0.0 && quantile < 1.0;
    Settings("the loss `quantile`").require(within, "quantile", quantile, "a number above 0 and below 1")?;
    compare(graph, "quantile", [predictions, labels], |graph, predictions, labels| {
        let (above, below) = (graph.sub(predictions, labels)?, graph.sub(labels, predictions)?);
        let (too_high, share) = (graph.relu(above)?, graph.affine(below, quantile, 0.0)?);
        Ok(graph.add(too_high, share)?)
    })
}

#[cfg(test)]
mod tests {
    use crate::loss::{Loss, testing};

    const UPPER: Loss = Loss::Quantile { quantile: 0.75 };

    #[test]
    fn predicting_too_low_costs_more_for_an_upper_quantile() {
        testing::check(UPPER, &[0.0, 4.0, 1.0], &[4.0, 0.0, 1.0], &[3.0, 1.0, 0.0], 0.0);
    }

    #[test]
    fn matches_scikit_learn() {
        // scikit-learn 1.9.1: mean_pinball_loss([y], [p], alpha=0.75)
        testing::check(UPPER, &[0.7, -1.3, 2.5], &[1.0, 1.0, 0.25], &[0.225, 1.725, 0.5625], 1e-6);
    }

    #[test]
    fn gradients_match_finite_differences() {
        testing::check_gradients(UPPER, &[1.5, -2.0, 0.25], &[1.0, 0.0, 3.0]);
    }

    #[test]
    fn a_quantile_of_one_is_refused() {
        let message = "`quantile` of the loss `quantile` is 1.0; set it to a number above 0 and below 1";
        testing::check_refused(Loss::Quantile { quantile: 1.0 }, message);
    }
}
