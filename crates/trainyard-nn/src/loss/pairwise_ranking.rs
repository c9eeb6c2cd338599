//! Pairwise ranking loss.

use super::pairs::misfit;
use crate::Result;
use trainyard_graph::{Dim, Graph, NodeId};

/// Mean of `ln(1 + exp(-(sᵢ - sⱼ)))` over the pairs of items of one list of which `i` is more relevant than `j`: the
/// cross-entropy of the order that their scores `s` give. A list without such a pair costs 0.
///
/// A list is one example, so that all of its pairs are in one micro-batch; its mean, not its sum, keeps long lists, whose
/// pairs grow with the square, from ruling over short ones. A relevance below 0 says that there is no item, which fills
/// short lists up. Of `[batch, 2]` with the labels 1 and 0 it is the loss of pairs.
///
/// # Shapes
/// - scores, labels: `[batch, items]`; labels are relevances, of which only the order counts
/// - returns: `[batch]`
///
/// # Errors
///
/// [`Error::Shape`](crate::Error::Shape) when the shapes do not fit.
///
/// Source: Burges and others, *Learning to Rank Using Gradient Descent* (2005), equation 3 (RankNet).
pub fn pairwise_ranking(graph: &mut Graph, scores: NodeId, labels: NodeId) -> Result<NodeId> {
    let items = match (graph.shape(scores).dims(), graph.shape(labels).dims()) {
        (&[Dim::Batch, Dim::Fixed(n)], &[Dim::Batch, Dim::Fixed(m)]) if n == m => n,
        _ => return Err(misfit(graph, "pairwise_ranking", [scores, labels], "both as [batch, items]")),
    };
    let counted = is_pair(graph, labels, items)?;
    let behind = differences(graph, scores, items, -1.0)?;
    let each = graph.softplus(behind)?;
    let counted_losses = graph.mul(each, counted)?;
    let (sum, pairs) = (sum_of_pairs(graph, counted_losses, items)?, sum_of_pairs(graph, counted, items)?);
    // The number of pairs, or 1 without any.
    let has_pairs = is_above_zero(graph, pairs)?;
    let beyond_one = graph.sub(pairs, has_pairs)?;
    let divisor = graph.affine(beyond_one, 1.0, 1.0)?;
    Ok(graph.div(sum, divisor)?)
}

/// 1 where item `i` is more relevant than item `j`, which exists, else 0: `[batch, items, items]`.
fn is_pair(graph: &mut Graph, labels: NodeId, items: usize) -> Result<NodeId> {
    let gaps = differences(graph, labels, items, 1.0)?;
    let is_more = is_above_zero(graph, gaps)?;
    // Far below any relevance but 0, and far above the bound of `is_above_zero`.
    let lifted = graph.affine(labels, 1.0, 1e-20)?;
    let exists = is_above_zero(graph, lifted)?;
    let row = graph.reshape(exists, &[Dim::Batch, Dim::Fixed(1), Dim::Fixed(items)])?;
    Ok(graph.mul(is_more, row)?)
}

/// `factor · (xᵢ - xⱼ)`: `[batch, items]` becomes `[batch, items, items]`.
fn differences(graph: &mut Graph, x: NodeId, items: usize, factor: f32) -> Result<NodeId> {
    let scaled = graph.affine(x, factor, 0.0)?;
    let column = graph.reshape(scaled, &[Dim::Batch, Dim::Fixed(items), Dim::Fixed(1)])?;
    let row = graph.reshape(scaled, &[Dim::Batch, Dim::Fixed(1), Dim::Fixed(items)])?;
    Ok(graph.sub(column, row)?)
}

/// 1 above 0, else 0; NaN of NaN. Numbers up to 1e-22 count for less than 1: the quotient `x / (x + 1e-30)` is 1 only
/// where the sum rounds to `x`.
fn is_above_zero(graph: &mut Graph, x: NodeId) -> Result<NodeId> {
    let positive = graph.relu(x)?;
    let a_little_more = graph.affine(positive, 1.0, 1e-30)?;
    Ok(graph.div(positive, a_little_more)?)
}

/// `[batch, items, items]` becomes `[batch]`.
fn sum_of_pairs(graph: &mut Graph, x: NodeId, items: usize) -> Result<NodeId> {
    let flat = graph.reshape(x, &[Dim::Batch, Dim::Fixed(items * items)])?;
    Ok(graph.sum_last(flat)?)
}

#[cfg(test)]
mod tests {
    use crate::loss::{Loss, testing};
    use std::f32::consts::LN_2;
    use trainyard_graph::{Dim, Graph};

    #[track_caller]
    fn check(items: usize, scores: &[f32], labels: &[f32], expected: &[f32]) {
        testing::check_wide(Loss::PairwiseRanking, items, scores, labels, expected);
    }

    #[test]
    fn no_opinion_costs_the_logarithm_of_two() {
        check(3, &[5.0; 6], &[0.0, 1.0, 2.0, 0.0, 0.0, 1.0], &[LN_2, LN_2]);
    }

    #[test]
    fn the_right_order_costs_nothing_and_the_wrong_one_the_distance() {
        check(2, &[1000.0, 0.0, 1000.0, 0.0], &[1.0, 0.0, 0.0, 1.0], &[0.0, 1000.0]);
    }

    #[test]
    fn every_pair_of_a_list_counts_the_same() {
        // Of the three pairs two are right by far and one is wrong by 300.
        check(3, &[900.0, 300.0, 600.0], &[2.0, 1.0, 0.5], &[100.0]);
    }

    #[test]
    fn a_list_without_an_order_costs_nothing() {
        check(3, &[1.0, 2.0, 3.0], &[1.0; 3], &[0.0]);
        check(1, &[1.0], &[1.0], &[0.0]);
    }

    #[test]
    fn what_fills_a_list_up_is_no_item() {
        check(4, &[1.0, 1.0, 50.0, 60.0], &[1.0, 0.0, -1.0, -1.0], &[LN_2]);
    }

    #[test]
    fn gradients_match_finite_differences() {
        let dims = [Dim::Batch, Dim::Fixed(3)];
        let (scores, labels) = ([0.5, -1.0, 2.0, 1.5, 0.0, -0.5], [2.0, 1.0, 0.0, 1.0, -1.0, 2.0]);
        testing::case(Loss::PairwiseRanking, (&dims, &scores), (&dims, &labels)).check_gradients();
    }

    #[test]
    fn scores_without_a_list_are_refused_by_name() {
        let mut graph = Graph::new();
        let scores = graph.input("scores", &[Dim::Batch, Dim::Fixed(1)]).unwrap();
        let labels = graph.input("labels", &[Dim::Batch]).unwrap();
        let error = Loss::PairwiseRanking.per_example(&mut graph, scores, labels).unwrap_err().to_string();
        let expected = "the loss `pairwise_ranking` cannot take predictions [batch, 1] and labels [batch]; give it both \
                        as [batch, items]";
        assert_eq!(error, expected);
    }
}
