//! Mean reciprocal rank.

use super::{
    Mean,
    lists::{List, lists},
};
use crate::Result;
use serde::{Deserialize, Serialize};

/// Weighted mean of `1 / rank` of the first relevant item of a list (MRR), or 0 when it is not among the first `k`. 1
/// means that a relevant item always comes first.
///
/// An item is relevant when its relevance is above 0. Irrelevant items of the same score rank before it, so that equal
/// scores for everything earn nothing by chance. A list without a relevant item does not count: no order of it is better
/// than another.
///
/// ```
/// use trainyard_nn::metrics::ReciprocalRank;
///
/// let mut metric = ReciprocalRank::default();
/// metric.update(&[0.9, 0.8, 0.1, 0.2, 0.3, 0.4], &[0.0, 1.0, 1.0, 0.0, 0.0, 1.0], 3, None)?;
/// assert_eq!(metric.value(), 0.75); // rank 2, and rank 1
/// # Ok::<(), trainyard_nn::Error>(())
/// ```
///
/// Source: Voorhees, *The TREC-8 Question Answering Track Report* (1999).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReciprocalRank {
    k: usize,
    mean: Mean,
}

impl ReciprocalRank {
    /// Reciprocal rank among the first `k`; `usize::MAX` for all ranks.
    pub fn new(k: usize) -> Self {
        Self { k, mean: Mean::default() }
    }

    /// Takes in a batch of lists: `scores` and `relevances` are `[batch, items]`, `weights` is `[batch]`. A relevance
    /// below 0 says that there is no item, which fills short lists up.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`](crate::Error::Shape) when there are not as many relevances as scores, no whole lists, or
    /// not as many weights as lists; nothing is taken in then.
    pub fn update(&mut self, scores: &[f32], relevances: &[f32], items: usize, weights: Option<&[f32]>) -> Result<()> {
        for list in lists(scores, relevances, items, weights)? {
            if !list.is_known() {
                self.mean.add(f64::NAN, list.weight);
            } else if list.has_relevant() {
                let rank = first_rank(&list);
                self.mean.add(if rank <= self.k { 1.0 / rank as f64 } else { 0.0 }, list.weight);
            }
        }
        Ok(())
    }

    /// Takes in what another has counted.
    pub fn merge(&mut self, other: &Self) {
        self.mean.merge(&other.mean);
    }

    /// The mean reciprocal rank, in `[0, 1]`; NaN without lists that count.
    pub fn value(&self) -> f64 {
        self.mean.value()
    }
}

/// Rank of the first relevant item of a list that has one.
fn first_rank(list: &List) -> usize {
    let relevant = list.items.iter().filter(|item| item.relevance > 0.0);
    let best = relevant.map(|item| item.score).fold(f32::NEG_INFINITY, f32::max);
    1 + list.items.iter().filter(|item| item.relevance == 0.0 && item.score >= best).count()
}

/// All ranks.
impl Default for ReciprocalRank {
    fn default() -> Self {
        Self::new(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract;

    #[track_caller]
    fn check(k: usize, scores: &[f32], relevances: &[f32], items: usize, expected: f64) {
        let mut metric = ReciprocalRank::new(k);
        metric.update(scores, relevances, items, None).unwrap();
        assert_eq!(metric.value().to_bits(), expected.to_bits(), "{}", metric.value());
    }

    #[test]
    fn the_first_relevant_item_counts() {
        check(9, &[4.0, 3.0, 2.0, 1.0], &[0.0, 0.0, 1.0, 5.0], 4, 1.0 / 3.0);
    }

    #[test]
    fn a_rank_beyond_the_last_is_worth_nothing() {
        check(2, &[4.0, 3.0, 2.0, 1.0], &[0.0, 0.0, 1.0, 1.0], 4, 0.0);
        check(3, &[4.0, 3.0, 2.0, 1.0], &[0.0, 0.0, 1.0, 1.0], 4, 1.0 / 3.0);
    }

    #[test]
    fn equal_scores_earn_nothing_by_chance() {
        check(9, &[1.0; 4], &[1.0, 0.0, 0.0, 1.0], 4, 1.0 / 3.0);
    }

    #[test]
    fn lists_are_averaged_and_those_without_relevant_items_left_out() {
        check(9, &[2.0, 1.0, 1.0, 2.0, 2.0, 1.0], &[1.0, 0.0, 1.0, 0.0, 0.0, 0.0], 2, 0.75);
        check(9, &[2.0, 1.0], &[0.0, 0.0], 2, ReciprocalRank::default().value());
    }

    #[test]
    fn what_fills_a_list_up_is_no_item() {
        check(9, &[2.0, 1.0, 9.0], &[1.0, 0.0, -1.0], 3, 1.0);
    }

    #[test]
    fn a_broken_relevance_leaves_no_number() {
        check(9, &[2.0, 1.0], &[1.0, f32::NAN], 2, f64::NAN);
    }

    #[test]
    fn it_does_not_depend_on_order_or_partition() {
        let update = |metric: &mut ReciprocalRank, p: &[f32], y: &[f32], w: Option<&[f32]>| {
            let scores: Vec<f32> = p.iter().flat_map(|&p| [p, 0.25, 1.0 - p]).collect();
            let relevances: Vec<f32> = y.iter().flat_map(|&y| [y, 0.0, 1.0 - y]).collect();
            metric.update(&scores, &relevances, 3, w)
        };
        contract::metric(ReciprocalRank::default, update, ReciprocalRank::merge, |m| vec![m.value()]);
    }
}
