//! Tweedie loss.

use super::pairs::compare;
use crate::{Result, error::Settings};
use trainyard_graph::{Graph, NodeId};

/// `exp((2 - p)·z) / (2 - p) - y·exp((1 - p)·z) / (1 - p)` for the `power` `p` in `(1, 2)`: for amounts that are often
/// exactly 0 and else positive, such as claims. The variance is that power of the mean. The prediction is `exp(z)`.
///
/// # Shapes
/// - logits, labels: `[batch]`, or both `[batch, n]`; labels are not negative
/// - returns: `[batch]`; the mean over `n`
///
/// # Errors
///
/// [`Error::Setting`](crate::Error::Setting) when the power is out of range, [`Error::Shape`](crate::Error::Shape) when
/// the shapes do not fit.
///
/// Source: Jørgensen, *Exponential Dispersion Models* (1987): half the deviance, less what does not depend on `z`.
pub fn tweedie(graph: &mut Graph, logits: NodeId, labels: NodeId, power: f32) -> Result<NodeId> {
    let within = power > 1.0 && power < 2.0;
    Settings("the loss `tweedie`").require(within, "power", power, "a number above 1 and below 2")?;
    compare(graph, "tweedie", [logits, labels], |graph, logits, labels| {
        let (one, two) = (1.0 - power, 2.0 - power);
        let (z_one, z_two) = (graph.affine(logits, one, 0.0)?, graph.affine(logits, two, 0.0)?);
        let (exp_one, exp_two) = (graph.exp(z_one)?, graph.exp(z_two)?);
        let gain = graph.mul(labels, exp_one)?;
        let (gain, cost) = (graph.affine(gain, 1.0 / one, 0.0)?, graph.affine(exp_two, 1.0 / two, 0.0)?);
        Ok(graph.sub(cost, gain)?)
    })
}

#[cfg(test)]
mod tests {
    use crate::loss::{Loss, testing};

    const TWEEDIE: Loss = Loss::Tweedie { power: 1.5 };

    #[test]
    fn an_amount_of_zero_costs_the_mean_part_alone() {
        testing::check(TWEEDIE, &[0.0, 0.0], &[0.0, 3.0], &[2.0, 8.0], 1e-6);
    }

    #[test]
    fn matches_scikit_learn_up_to_a_constant() {
        // scikit-learn 1.9.1: mean_tweedie_deviance([y], [exp(z)], power=1.5) / 2 less the same for z = 0, plus the
        // loss there
        testing::check(TWEEDIE, &[0.7, -1.3, 1.5], &[1.0, 0.0, 4.0], &[4.247_511_3, 1.044_091_6, 8.012_933], 2e-6);
    }

    #[test]
    fn predictions_are_positive() {
        testing::check_predictions(TWEEDIE, &[0.0, 1.0], &[1.0, std::f32::consts::E]);
    }

    #[test]
    fn gradients_match_finite_differences() {
        testing::check_gradients(TWEEDIE, &[0.7, -1.3, 1.5], &[1.0, 0.0, 4.0]);
    }

    #[test]
    fn a_power_of_two_is_refused() {
        let message = "`power` of the loss `tweedie` is 2.0; set it to a number above 1 and below 2";
        testing::check_refused(Loss::Tweedie { power: 2.0 }, message);
    }
}
