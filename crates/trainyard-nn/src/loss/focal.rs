//! Focal loss.

use super::pairs::{compare, margin};
use crate::{Result, error::Settings};
use trainyard_graph::{Graph, NodeId};

/// `a·(1 - p)^gamma · -ln(p)`, where `p` is the probability given to the label and `a` is `alpha` for the label 1 and
/// `1 - alpha` for the label 0: cross-entropy that turns to the examples that are still wrong, for rare positives.
///
/// With `s` for the label's side, 1 or -1, that is `a · exp(-gamma·softplus(s·z)) · softplus(-s·z)`, which cannot
/// overflow.
///
/// `gamma` is not negative, `alpha` in `(0, 1)`.
///
/// # Shapes
/// - logits, labels: `[batch]`, or both `[batch, n]`; labels are 0 or 1
/// - returns: `[batch]`; the mean over `n`
///
/// # Errors
///
/// [`Error::Setting`](crate::Error::Setting) when a setting is out of range, [`Error::Shape`](crate::Error::Shape) when
/// the shapes do not fit.
///
/// Source: Lin and others, *Focal Loss for Dense Object Detection* (2017), equation 5.
pub fn focal(graph: &mut Graph, logits: NodeId, labels: NodeId, gamma: f32, alpha: f32) -> Result<NodeId> {
    let settings = Settings("the loss `focal`");
    settings.not_negative("gamma", gamma)?;
    settings.require(alpha > 0.0 && alpha < 1.0, "alpha", alpha, "a number above 0 and below 1")?;
    compare(graph, "focal", [logits, labels], |graph, logits, labels| {
        let margin = margin(graph, logits, labels)?;
        let opposite = graph.affine(margin, -1.0, 0.0)?;
        let (of_wrong, cross_entropy) = (graph.softplus(margin)?, graph.softplus(opposite)?);
        let exponent = graph.affine(of_wrong, -gamma, 0.0)?;
        let focus = graph.exp(exponent)?;
        let balance = graph.affine(labels, 2.0 * alpha - 1.0, 1.0 - alpha)?;
        let weight = graph.mul(balance, focus)?;
        Ok(graph.mul(weight, cross_entropy)?)
    })
}

#[cfg(test)]
mod tests {
    use crate::loss::{Loss, testing};
    use std::f32::consts::LN_2;

    const FOCAL: Loss = Loss::Focal { gamma: 2.0, alpha: 0.25 };

    #[test]
    fn no_opinion_counts_a_quarter() {
        testing::check(FOCAL, &[0.0, 0.0], &[1.0, 0.0], &[0.0625 * LN_2, 0.1875 * LN_2], 1e-6);
    }

    #[test]
    fn certain_costs_nothing_or_the_logit() {
        testing::check(FOCAL, &[1000.0, 1000.0], &[1.0, 0.0], &[0.0, 750.0], 0.0);
    }

    #[test]
    fn without_focus_it_is_half_the_cross_entropy() {
        let even = Loss::Focal { gamma: 0.0, alpha: 0.5 };
        testing::check(even, &[0.7, -1.3], &[1.0, 1.0], &[0.201_593_02, 0.770_504_2], 1e-6);
    }

    #[test]
    fn matches_numpy() {
        // numpy 2.4.6: p = 1 / (1 + np.exp(-z)); p, a = np.where(y > 0, [p, 0.25 + 0 * z], [1 - p, 0.75 + 0 * z])
        // -a * (1 - p) ** 2 * np.log(p)
        testing::check(FOCAL, &[0.7, -1.3, 2.5], &[1.0, 1.0, 0.0], &[0.011_097_63, 0.237_907_29, 1.651_852_6], 1e-6);
    }

    #[test]
    fn gradients_match_finite_differences() {
        testing::check_gradients(FOCAL, &[0.5, -2.0, 0.25], &[1.0, 1.0, 0.0]);
    }

    #[test]
    fn a_negative_focus_is_refused() {
        let message = "`gamma` of the loss `focal` is -1.0; set it to 0 or a number above it";
        testing::check_refused(Loss::Focal { gamma: -1.0, alpha: 0.5 }, message);
    }
}
