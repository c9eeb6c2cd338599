//! Weights of positives and negatives by score, in bounded memory.

use super::{checked::checked, total::Total};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Weight of positives and negatives at one score, or at several near ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Weights {
    pub(super) positive: f64,
    pub(super) negative: f64,
    /// Whether there may be several scores, whose order is then unknown.
    pub(super) is_mixed: bool,
}

impl Weights {
    /// The weights of examples of one score, added in their order.
    pub(super) fn of(examples: &[u64]) -> Self {
        let mut sum = Self { positive: 0.0, negative: 0.0, is_mixed: false };
        for (weight, is_positive) in examples.iter().map(|&example| unpack(example)) {
            *(if is_positive { &mut sum.positive } else { &mut sum.negative }) += weight;
        }
        sum
    }
}

/// An example in one word, which sorts by score: 32 bits of the score, 31 of the weight (its sign is always 0), one of
/// the label.
pub(super) fn pack(score: f32, weight: f32, is_positive: bool) -> u64 {
    // Adding 0 makes one of the two zeros.
    let bits = (score + 0.0).to_bits();
    let ordered = if bits >> 31 == 0 { bits | 1 << 31 } else { !bits };
    u64::from(ordered) << 32 | u64::from(weight.to_bits()) << 1 | u64::from(is_positive)
}

/// The score of an example, as a number of the same order.
pub(super) fn score_of(example: u64) -> u32 {
    (example >> 32) as u32
}

/// Weight and label of an example.
fn unpack(example: u64) -> (f64, bool) {
    (f64::from(f32::from_bits(example as u32 >> 1)), example & 1 == 1)
}

/// Exact weights in bins of near scores. Scores share a bin when they agree up to the last `dropped` bits.
///
/// `dropped` is the smallest number for which there are at most `bins_max` bins. It can only grow as examples come, and
/// coarse bins are sums of fine ones, so the bins depend on the examples alone and not on their order or partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub(super) struct ScoreBins {
    bins_max: usize,
    dropped: u32,
    bins: BTreeMap<u32, Bin>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Bin {
    /// The lowest and the highest score.
    scores: (u32, u32),
    positive: Total,
    negative: Total,
}

impl Bin {
    fn new(score: u32) -> Self {
        Self { scores: (score, score), positive: Total::default(), negative: Total::default() }
    }

    fn merge(&mut self, other: &Self) {
        self.scores = (self.scores.0.min(other.scores.0), self.scores.1.max(other.scores.1));
        self.positive.merge(&other.positive);
        self.negative.merge(&other.negative);
    }

    fn weights(&self) -> Weights {
        let is_mixed = self.scores.0 != self.scores.1;
        Weights { positive: self.positive.value(), negative: self.negative.value(), is_mixed }
    }
}

impl ScoreBins {
    /// No bins yet, and at most `bins_max` of them, at least 2: the signs of the scores.
    pub(super) fn new(bins_max: usize) -> Self {
        Self { bins_max: bins_max.max(2), dropped: 0, bins: BTreeMap::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bins.is_empty()
    }

    /// Takes in packed examples, and sorts them for it.
    pub(super) fn add(&mut self, examples: &mut [u64]) {
        examples.sort_unstable();
        for same_score in examples.chunk_by(|a, b| score_of(*a) == score_of(*b)) {
            let mut bin = Bin::new(score_of(same_score[0]));
            for (weight, is_positive) in same_score.iter().map(|&example| unpack(example)) {
                (if is_positive { &mut bin.positive } else { &mut bin.negative }).add(weight);
            }
            self.add_bin(bin);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        if other.dropped > self.dropped {
            self.coarsen(other.dropped);
        }
        other.bins.values().for_each(|bin| self.add_bin(bin.clone()));
    }

    /// The weights of each bin, by rising score.
    pub(super) fn weights(&self) -> Vec<Weights> {
        self.bins.values().map(Bin::weights).collect()
    }

    fn add_bin(&mut self, bin: Bin) {
        self.join(bin);
        while self.bins.len() > self.bins_max {
            self.coarsen(self.dropped + 1);
        }
    }

    fn join(&mut self, bin: Bin) {
        let key = bin.scores.0 >> self.dropped;
        self.bins.entry(key).and_modify(|own| own.merge(&bin)).or_insert(bin);
    }

    fn coarsen(&mut self, dropped: u32) {
        self.dropped = dropped;
        std::mem::take(&mut self.bins).into_values().for_each(|bin| self.join(bin));
    }

    /// Refuses more bins than there may be, and bins whose scores do not belong to them: making them fewer would not end.
    fn check(&self) -> Result<(), &'static str> {
        let fits = |(&key, bin): (&u32, &Bin)| {
            let (lowest, highest) = bin.scores;
            lowest <= highest && lowest >> self.dropped == key && highest >> self.dropped == key
        };
        let few = self.bins_max >= 2 && self.bins.len() <= self.bins_max;
        let is_right = few && self.dropped < u32::BITS && self.bins.iter().all(fits);
        if is_right { Ok(()) } else { Err("bins of scores contradict each other; count again") }
    }
}

checked!(ScoreBins);

#[cfg(test)]
mod tests {
    use super::*;

    fn bins_of(bins_max: usize, scores: &[f32]) -> ScoreBins {
        let mut bins = ScoreBins::new(bins_max);
        for &score in scores {
            bins.add(&mut [pack(score, 1.0, score > 0.0)]);
        }
        bins
    }

    /// Positives, negatives and whether several scores are mixed, of each bin.
    #[track_caller]
    fn check(bins_max: usize, scores: &[f32], expected: &[(f64, f64, bool)]) {
        let (half, reversed) = (scores.len() / 2, scores.iter().rev().copied().collect::<Vec<_>>());
        let whole = bins_of(bins_max, scores);
        let mut parts = bins_of(bins_max, &reversed[half..]);
        parts.merge(&bins_of(bins_max, &reversed[..half]));
        assert_eq!(whole, parts);
        assert_eq!(whole, bins_of(bins_max, &reversed));
        let weights: Vec<_> = whole.weights().iter().map(|w| (w.positive, w.negative, w.is_mixed)).collect();
        assert_eq!(weights, expected);
    }

    #[test]
    fn few_scores_have_bins_of_their_own() {
        check(3, &[2.0, -1.0, 2.0, 0.5], &[(0.0, 1.0, false), (1.0, 0.0, false), (2.0, 0.0, false)]);
    }

    #[test]
    fn near_scores_share_a_bin_when_there_are_too_many() {
        check(2, &[1.0, -1.0, 1.0f32.next_up()], &[(0.0, 1.0, false), (2.0, 0.0, true)]);
        check(3, &[1.0, 16.0, 1.5, 1.25, -1.0], &[(0.0, 1.0, false), (3.0, 0.0, true), (1.0, 0.0, false)]);
    }

    #[test]
    fn two_bins_hold_everything() {
        let all = [f32::NEG_INFINITY, -3.0, -1e-40, 0.0, 1e-30, 5.0, f32::INFINITY];
        check(0, &all, &[(0.0, 3.0, true), (3.0, 1.0, true)]);
    }

    #[test]
    fn bins_that_contradict_each_other_are_refused() {
        let bins = serde_json::to_string(&bins_of(2, &[1.0, -1.0, 1.0f32.next_up()])).unwrap();
        assert!(serde_json::from_str::<ScoreBins>(&bins).is_ok());
        let damages = [
            (r#""bins_max":2"#, r#""bins_max":0"#),
            (r#""bins_max":2"#, r#""bins_max":1"#),
            (r#""dropped":1"#, r#""dropped":0"#),
            (r#""dropped":1"#, r#""dropped":32"#),
            (r#""scores":["#, r#""scores":[4"#),
        ];
        for (found, damage) in damages {
            let damaged = bins.replacen(found, damage, 1);
            assert_ne!(damaged, bins);
            assert!(serde_json::from_str::<ScoreBins>(&damaged).is_err(), "{damaged}");
        }
    }

    #[test]
    fn packed_examples_sort_by_score() {
        let scores = [f32::NEG_INFINITY, -1.0, -1e-40, 0.0, 1e-40, 1.0, f32::INFINITY];
        assert!(scores.windows(2).all(|pair| pack(pair[0], 9.0, true) < pack(pair[1], 0.5, false)));
        assert_eq!(pack(-0.0, 1.0, true), pack(0.0, 1.0, true));
        assert_eq!(unpack(pack(-7.0, 2.5, true)), (2.5, true));
    }
}
