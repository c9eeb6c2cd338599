//! The lists of a batch, one by one.

use super::examples::{require, weights_of};
use crate::Result;

/// One list: what was searched for by one query, in the precision of the sums.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct List {
    pub(super) items: Vec<Item>,
    pub(super) weight: f64,
}

/// One item of a list.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Item {
    pub(super) score: f32,
    pub(super) relevance: f64,
}

impl List {
    /// Whether no score and no relevance is NaN.
    pub(super) fn is_known(&self) -> bool {
        self.items.iter().all(|item| !item.score.is_nan() && !item.relevance.is_nan())
    }

    /// Whether an item is relevant at all, so that one order is better than another.
    pub(super) fn has_relevant(&self) -> bool {
        self.items.iter().any(|item| item.relevance > 0.0)
    }
}

/// The lists of a batch that have a weight, less the items of a relevance below 0, which fill lists up.
///
/// `scores` and `relevances` are `[batch, items]`, `weights` is `[batch]`; it is an error when they are not.
pub(super) fn lists<'a>(
    scores: &'a [f32],
    relevances: &'a [f32],
    items: usize,
    weights: Option<&'a [f32]>,
) -> Result<impl Iterator<Item = List> + 'a> {
    let (n, items) = (scores.len(), items.max(1));
    let shapes = || format!("{n} scores and {} relevances of lists of {items}", relevances.len());
    let fits = relevances.len() == n && n.is_multiple_of(items);
    require(fits, shapes, "whole lists, with a relevance for each score")?;
    let rows = scores.chunks_exact(items).zip(relevances.chunks_exact(items));
    let list = |((scores, relevances), weight): ((&[f32], &[f32]), f64)| {
        let item = |(&score, &relevance): (&f32, &f32)| Item { score, relevance: f64::from(relevance) };
        let items =
            scores.iter().zip(relevances).map(item).filter(|item| item.relevance.is_nan() || item.relevance >= 0.0);
        List { items: items.collect(), weight }
    };
    Ok(rows.zip(weights_of(n / items, weights)?).map(list).filter(|list| list.weight != 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fills_a_list_up_and_what_has_no_weight_is_left_out() {
        let (scores, relevances) = ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [0.0, -1.0, f32::NAN, 1.0, 2.0, 0.0]);
        let all: Vec<List> = lists(&scores, &relevances, 2, Some(&[1.0, 0.0, 2.0])).unwrap().collect();
        let scores_of = |list: &List| list.items.iter().map(|item| item.score).collect::<Vec<_>>();
        assert_eq!(all.iter().map(scores_of).collect::<Vec<_>>(), [vec![1.0], vec![5.0, 6.0]]);
        assert_eq!(all.iter().map(|list| list.weight).collect::<Vec<_>>(), [1.0, 2.0]);
    }

    #[test]
    fn nothing_has_no_lists() {
        assert_eq!(lists(&[], &[], 0, None).unwrap().count(), 0);
    }

    #[test]
    fn a_part_of_a_list_is_refused() {
        let refused = |scores: &[f32], relevances: &[f32], weights: Option<&[f32]>| {
            lists(scores, relevances, 2, weights).err().unwrap().to_string()
        };
        let error = refused(&[1.0; 3], &[1.0; 3], None);
        let expected = "give it whole lists, with a relevance for each score";
        assert_eq!(error, format!("a metric cannot take 3 scores and 3 relevances of lists of 2; {expected}"));
        let error = refused(&[1.0; 4], &[1.0; 2], None);
        assert_eq!(error, format!("a metric cannot take 4 scores and 2 relevances of lists of 2; {expected}"));
        let error = refused(&[1.0; 4], &[1.0; 4], Some(&[1.0; 4]));
        assert_eq!(
            error,
            "a metric cannot take 4 weights for 2 values; give it a weight for each value, or no weights"
        );
    }
}
