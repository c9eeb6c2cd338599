//! Normalized discounted cumulative gain.

use super::{
    Mean,
    lists::{Item, lists},
};
use crate::Result;
use serde::{Deserialize, Serialize};

/// Weighted mean of the NDCG of lists: the gain of the items in the order of their scores, each divided by the logarithm
/// of its rank, as a share of what the best order would give. 1 is the best order.
///
/// `DCG@k = Σ_{r = 1..k} gain(y_r) / log₂(1 + r)` over the ranks `r`. Items of equal score share the mean of their gains,
/// so that the order of items in a list does not matter. A list without a relevant item does not count: no order of it
/// is better than another.
///
/// ```
/// use trainyard_nn::metrics::Ndcg;
///
/// let mut ndcg = Ndcg::new(1);
/// ndcg.update(&[0.9, 0.8, 0.1, 0.2, 0.3, 0.4], &[2.0, 0.0, 4.0, 0.0, 0.0, 1.0], 3, None)?;
/// assert_eq!(ndcg.value(), 0.75); // 2 of the 4 that the best order has first, and 1 of 1
/// # Ok::<(), trainyard_nn::Error>(())
/// ```
///
/// Source: Järvelin and Kekäläinen, *Cumulated Gain-Based Evaluation of IR Techniques* (2002), with the logarithm's base
/// 2; equal scores as McSherry and Najork (2008) have them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ndcg {
    k: usize,
    gain: Gain,
    mean: Mean,
}

/// What an item of relevance `y` is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gain {
    /// `y`.
    #[default]
    Linear,
    /// `2^y - 1`, which stresses the most relevant (Burges and others, 2005).
    Exponential,
}

impl Gain {
    fn of(self, relevance: f64) -> f64 {
        match self {
            Self::Linear => relevance,
            Self::Exponential => relevance.exp2() - 1.0,
        }
    }
}

impl Ndcg {
    /// NDCG of the first `k` ranks, with linear gain; `usize::MAX` for all ranks.
    pub fn new(k: usize) -> Self {
        Self { k, gain: Gain::default(), mean: Mean::default() }
    }

    /// The same with another gain.
    #[must_use]
    pub fn with_gain(self, gain: Gain) -> Self {
        Self { gain, ..self }
    }

    /// Takes in a batch of lists: `scores` and `relevances` are `[batch, items]`, `weights` is `[batch]`. A relevance is
    /// at least 0; one below says that there is no item, which fills short lists up.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`](crate::Error::Shape) when there are not as many relevances as scores, no whole lists, or
    /// not as many weights as lists; nothing is taken in then.
    pub fn update(&mut self, scores: &[f32], relevances: &[f32], items: usize, weights: Option<&[f32]>) -> Result<()> {
        for mut list in lists(scores, relevances, items, weights)? {
            if !list.is_known() {
                self.mean.add(f64::NAN, list.weight);
            } else if list.has_relevant() {
                let gained = self.discounted(&mut list.items, |item| f64::from(item.score));
                let best = self.discounted(&mut list.items, |item| item.relevance);
                self.mean.add(gained / best, list.weight);
            }
        }
        Ok(())
    }

    /// Takes in what another has counted.
    pub fn merge(&mut self, other: &Self) {
        self.mean.merge(&other.mean);
    }

    /// The mean NDCG, in `[0, 1]`; NaN without lists that count.
    pub fn value(&self) -> f64 {
        self.mean.value()
    }

    /// DCG of the items in the order of `key`, the highest first.
    fn discounted(&self, items: &mut [Item], key: impl Fn(&Item) -> f64) -> f64 {
        // By relevance among equals, so that sums round the same whatever order the items came in.
        items.sort_unstable_by(|a, b| key(b).total_cmp(&key(a)).then(b.relevance.total_cmp(&a.relevance)));
        let (mut rank, mut sum) = (0, 0.0);
        for equals in items.chunk_by(|a, b| key(a) == key(b)) {
            let mean = equals.iter().map(|item| self.gain.of(item.relevance)).sum::<f64>() / equals.len() as f64;
            let ranks = rank..(rank + equals.len()).min(self.k);
            sum += mean * ranks.map(|rank| 1.0 / ((rank + 2) as f64).log2()).sum::<f64>();
            rank += equals.len();
        }
        sum
    }
}

/// All ranks, with linear gain.
impl Default for Ndcg {
    fn default() -> Self {
        Self::new(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract;

    #[track_caller]
    fn check(ndcg: Ndcg, scores: &[f32], relevances: &[f32], items: usize, expected: f64) {
        let mut ndcg = ndcg;
        ndcg.update(scores, relevances, items, None).unwrap();
        assert!((ndcg.value() - expected).abs() < 1e-12, "{}", ndcg.value());
    }

    #[test]
    fn the_best_order_is_one() {
        check(Ndcg::default(), &[9.0, 5.0, -1.0], &[3.0, 2.0, 0.0], 3, 1.0);
    }

    #[test]
    fn the_wrong_order_is_discounted() {
        let second = 1.0 / 3f64.log2();
        check(Ndcg::default(), &[1.0, 2.0], &[1.0, 0.0], 2, second);
        check(Ndcg::default(), &[1.0, 2.0], &[2.0, 1.0], 2, (1.0 + 2.0 * second) / (2.0 + second));
        let steep = Ndcg::default().with_gain(Gain::Exponential);
        check(steep, &[1.0, 2.0], &[2.0, 1.0], 2, (1.0 + 3.0 * second) / (3.0 + second));
    }

    #[test]
    fn what_is_below_the_last_rank_is_lost() {
        check(Ndcg::new(1), &[1.0, 2.0], &[1.0, 0.0], 2, 0.0);
        check(Ndcg::new(1), &[3.0, 2.0, 1.0], &[1.0, 2.0, 0.0], 3, 0.5);
    }

    #[test]
    fn equal_scores_share_their_gains() {
        check(Ndcg::new(1), &[0.0, -0.0], &[1.0, 0.0], 2, 0.5);
        check(Ndcg::new(1), &[1.0; 4], &[0.0, 0.0, 0.0, 1.0], 4, 0.25);
    }

    #[test]
    fn lists_are_averaged_and_those_without_relevant_items_left_out() {
        check(Ndcg::new(1), &[1.0, 2.0, 2.0, 1.0, 2.0, 1.0], &[1.0, 0.0, 1.0, 0.0, 0.0, 0.0], 2, 0.5);
        let mut ndcg = Ndcg::default();
        ndcg.update(&[1.0, 2.0], &[0.0, 0.0], 2, None).unwrap();
        assert!(ndcg.value().is_nan());
    }

    #[test]
    fn what_fills_a_list_up_is_no_item() {
        check(Ndcg::default(), &[2.0, 1.0, 9.0], &[1.0, 0.0, -1.0], 3, 1.0);
    }

    #[test]
    fn a_broken_score_leaves_no_number() {
        let mut ndcg = Ndcg::default();
        ndcg.update(&[f32::NAN, 1.0], &[1.0, 0.0], 2, None).unwrap();
        assert!(ndcg.value().is_nan());
    }

    #[test]
    fn it_does_not_depend_on_order_or_partition() {
        let update = |metric: &mut Ndcg, p: &[f32], y: &[f32], w: Option<&[f32]>| {
            let scores: Vec<f32> = p.iter().flat_map(|&p| [p, 0.25, 1.0 - p]).collect();
            let relevances: Vec<f32> = y.iter().zip(p).flat_map(|(&y, &p)| [3.0 * y, p, 1.0]).collect();
            metric.update(&scores, &relevances, 3, w)
        };
        contract::metric(|| Ndcg::new(2), update, Ndcg::merge, |m| vec![m.value()]);
    }
}
