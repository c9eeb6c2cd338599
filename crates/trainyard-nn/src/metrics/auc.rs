//! Areas under the ROC and the precision-recall curve.

use super::examples::examples;
use super::score_bins::{ScoreBins, Weights, pack, score_of};
use crate::Result;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Examples that are kept one by one unless said otherwise: 80 MB of them.
const EXAMPLES_MAX: usize = 10_000_000;
/// Bins beyond that: at most some 30 MB of them.
const BINS_MAX: usize = 1 << 16;

/// Area under the ROC curve, and under the precision-recall curve: how well scores rank positives above negatives.
///
/// Exact up to a number of examples, which are kept at 8 bytes each and sorted for the value. Above it, their weights are
/// added exactly in at most 65,536 bins of near scores. How far that may lead from the exact area is not estimated but
/// known, and given by [`roc_error`](Self::roc_error) and [`precision_recall_error`](Self::precision_recall_error): it
/// comes from pairs of a positive and a negative in one bin with different scores, and is 0 where there are none, as when
/// there are no more distinct scores than bins. For 25 million examples with scores all over `[0, 1]`, a tenth of them
/// positive, the errors given were 3.2e-5 and 1.2e-4. Both forms depend on the examples alone, not on order or partition.
/// A value is computed from a copy of either.
///
/// The bins are as fine as their number allows, finer near 0, by dropping the last bits of scores. Fixed thresholds would
/// be simpler (TensorFlow keeps 200) but wrong where scores crowd together, as those of rare events do.
///
/// Scores are probabilities or logits: only their order counts. Equal scores count as ranked half each way (ROC), or as
/// taken together (precision-recall).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Auc {
    examples_max: usize,
    /// See [`pack`]. At most `examples_max`, between batches.
    examples: Vec<u64>,
    /// What no longer fits: empty while there were at most `examples_max` examples.
    bins: ScoreBins,
    /// Whether a NaN or a negative weight came along.
    broken: bool,
}

impl Auc {
    /// Areas that are exact up to `examples_max` examples, which take 8 bytes each.
    pub fn new(examples_max: usize) -> Self {
        Self { examples_max, examples: Vec::new(), bins: ScoreBins::new(BINS_MAX), broken: false }
    }

    /// Takes in a batch.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`](crate::Error::Shape) when the lengths differ; nothing is taken in then.
    pub fn update(&mut self, predictions: &[f32], labels: &[f32], weights: Option<&[f32]>) -> Result<()> {
        for example in examples(predictions, labels, weights)? {
            let weight = example.weight;
            self.broken |= example.validity().is_nan() || !(weight > 0.0 && weight.is_finite());
            self.examples.push(pack(example.prediction as f32, weight.abs() as f32, example.is_positive()));
        }
        self.bound();
        Ok(())
    }

    /// Takes in what another has seen.
    pub fn merge(&mut self, other: &Self) {
        self.bins.merge(&other.bins);
        self.examples.extend_from_slice(&other.examples);
        self.broken |= other.broken;
        self.bound();
    }

    /// Area under the ROC curve, the probability that a positive scores above a negative; NaN without positives or
    /// negatives.
    ///
    /// `Σ P·(N_below + N / 2) / (ΣP · ΣN)` over the distinct scores, with the weights `P` and `N` of the positives and
    /// negatives of a score (Mann and Whitney, 1947).
    pub fn roc(&self) -> f64 {
        roc(&self.by_score()).value
    }

    /// How far [`roc`](Self::roc) may be from the exact area, either way: 0 while all examples are kept, else
    /// `Σ P·N / 2 / (ΣP · ΣN)` over the bins that hold several scores. NaN where the area is.
    pub fn roc_error(&self) -> f64 {
        roc(&self.by_score()).error
    }

    /// Area under the precision-recall curve, as average precision: the mean of the precision over the positives,
    /// without interpolation; NaN without positives.
    ///
    /// `Σ (R_k - R_{k-1}) · P_k` over the distinct scores from the highest down, with recall `R` and precision `P`. A
    /// line between points of this curve would promise too much (Davis and Goadrich, 2006).
    pub fn precision_recall(&self) -> f64 {
        precision_recall(&self.by_score()).value
    }

    /// How far [`precision_recall`](Self::precision_recall) may be from the exact area, either way: 0 while all examples
    /// are kept. The precision at a positive within a bin lies between that of all negatives of the bin above and that of
    /// all its positives above. NaN where the area is.
    pub fn precision_recall_error(&self) -> f64 {
        precision_recall(&self.by_score()).error
    }

    /// The area under the ROC curve.
    pub fn value(&self) -> f64 {
        self.roc()
    }

    /// Moves the examples into the bins when there are too many.
    fn bound(&mut self) {
        if self.examples.len() > self.examples_max {
            self.bins.add(&mut self.examples);
            self.examples.clear();
        }
    }

    /// The form that the examples alone decide: sorted, or all in the bins.
    fn settled(mut self) -> Self {
        if self.bins.is_empty() {
            self.examples.sort_unstable();
        } else {
            self.bins.add(&mut self.examples);
            self.examples.clear();
        }
        self
    }

    /// Weights at each distinct score or in each bin, lowest first. Equal scores are added up in an order that the
    /// examples alone decide.
    fn by_score(&self) -> Vec<Weights> {
        if self.broken {
            return vec![Weights { positive: f64::NAN, negative: f64::NAN, is_mixed: true }];
        }
        let Self { examples, bins, .. } = self.clone().settled();
        let of_bins = bins.weights().into_iter();
        of_bins.chain(examples.chunk_by(|a, b| score_of(*a) == score_of(*b)).map(Weights::of)).collect()
    }
}

/// Settled, so that equal examples are equal bytes.
impl Serialize for Auc {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(&self.clone().settled(), serializer)
    }
}

impl<'de> Deserialize<'de> for Auc {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }
}

/// Ten million examples one by one.
impl Default for Auc {
    fn default() -> Self {
        Self::new(EXAMPLES_MAX)
    }
}

/// An area, and how far it may be from the exact one.
struct Area {
    value: f64,
    error: f64,
}

fn roc(by_score: &[Weights]) -> Area {
    let (mut area, mut unknown, mut positive, mut negative) = (0.0, 0.0, 0.0, 0.0);
    for at in by_score {
        area += at.positive * (negative + at.negative / 2.0);
        unknown += if at.is_mixed { at.positive * at.negative / 2.0 } else { 0.0 };
        positive += at.positive;
        negative += at.negative;
    }
    let pairs = positive * negative;
    Area { value: area / pairs, error: unknown / pairs }
}

fn precision_recall(by_score: &[Weights]) -> Area {
    let (mut area, mut unknown, mut positive, mut negative) = (0.0, 0.0, 0.0, 0.0);
    for at in by_score.iter().rev() {
        let (hits, misses) = (positive + at.positive, negative + at.negative);
        let precision = hits / (hits + misses);
        area += at.positive * precision;
        if at.is_mixed && at.positive != 0.0 {
            // A first positive counts for something, however little, so that 0 of 0 is not asked for.
            let before = f64::max(positive, f64::MIN_POSITIVE);
            let (lowest, highest) = (before / (before + misses), hits / (hits + negative));
            unknown += at.positive * f64::max(precision - lowest, highest - precision);
        }
        (positive, negative) = (hits, misses);
    }
    Area { value: area / positive, error: unknown / positive }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract;
    use trainyard_graph::random;

    #[track_caller]
    fn check(scores: &[f32], labels: &[f32], weights: Option<&[f32]>, roc: f64, precision_recall: f64) {
        let mut auc = Auc::default();
        auc.update(scores, labels, weights).unwrap();
        assert!((auc.roc() - roc).abs() < 1e-15, "ROC {}", auc.roc());
        assert!((auc.precision_recall() - precision_recall).abs() < 1e-15, "PR {}", auc.precision_recall());
        assert_eq!(auc.value(), auc.roc());
        assert!([auc.roc_error(), auc.precision_recall_error()].iter().all(|&error| error == 0.0));
    }

    /// Areas of a few bins.
    fn binned(bins_max: usize) -> Auc {
        Auc { bins: ScoreBins::new(bins_max), ..Auc::new(5) }
    }

    #[test]
    fn right_order_is_one_and_wrong_order_zero() {
        check(&[0.1, 0.9], &[0.0, 1.0], None, 1.0, 1.0);
        check(&[0.9, 0.1], &[0.0, 1.0], None, 0.0, 0.5);
    }

    #[test]
    fn the_example_of_scikit_learn() {
        // The docstrings of roc_auc_score and average_precision_score.
        check(&[0.1, 0.4, 0.35, 0.8], &[0.0, 0.0, 1.0, 1.0], None, 0.75, 5.0 / 6.0);
    }

    #[test]
    fn equal_scores_rank_half_each_way() {
        check(&[0.5; 4], &[0.0, 1.0, 0.0, 0.0], None, 0.5, 0.25);
    }

    #[test]
    fn a_weight_of_two_is_the_example_twice() {
        check(&[0.1, 0.4, 0.35, 0.35, 0.8], &[0.0, 0.0, 1.0, 1.0, 1.0], None, 4.0 / 6.0, (1.0 + 2.0 * 0.75) / 3.0);
        check(&[0.1, 0.4, 0.35, 0.8], &[0.0, 0.0, 1.0, 1.0], Some(&[1.0, 1.0, 2.0, 1.0]), 4.0 / 6.0, 2.5 / 3.0);
    }

    #[test]
    fn all_floats_are_ordered() {
        let scores = [f32::NEG_INFINITY, -1e30, -1.0, -1e-40, 0.0, 1e-40, 1.0, 1e30, f32::INFINITY];
        for pair in scores.windows(2) {
            check(pair, &[0.0, 1.0], None, 1.0, 1.0);
        }
        check(&[-0.0, 0.0], &[0.0, 1.0], None, 0.5, 0.5);
    }

    #[test]
    fn one_class_has_no_area() {
        let mut auc = Auc::default();
        assert!(auc.roc().is_nan() && auc.precision_recall().is_nan());
        auc.update(&[0.5], &[1.0], None).unwrap();
        assert!(auc.roc().is_nan());
        auc.update(&[0.5], &[0.0], Some(&[0.0])).unwrap();
        assert!(auc.roc().is_nan());
    }

    #[test]
    fn a_broken_score_or_weight_leaves_no_number() {
        for (score, weight) in [(f32::NAN, 1.0), (0.5, f32::NAN), (0.5, -1.0), (0.5, f32::INFINITY)] {
            let mut auc = Auc::default();
            auc.update(&[0.2, 0.7, score], &[0.0, 1.0, 1.0], Some(&[1.0, 1.0, weight])).unwrap();
            assert!(auc.roc().is_nan() && auc.precision_recall().is_nan());
        }
    }

    #[test]
    fn what_has_no_weight_does_not_count() {
        check(&[0.1, f32::NAN, 0.9], &[0.0, 1.0, 1.0], Some(&[1.0, 0.0, 1.0]), 1.0, 1.0);
    }

    /// `n` examples whose scores say something about their labels.
    fn examples(n: u64) -> [Vec<f32>; 3] {
        let number = |name: &str, i: u64| random::uniform(random::stream(1, name), i);
        let labels: Vec<f32> = (0..n).map(|i| f32::from(number("label", i) < 0.3)).collect();
        let scores = (0..).zip(&labels).map(|(i, y)| number("score", i) * (0.7 + 0.3 * y)).collect();
        [scores, labels, (0..n).map(|i| number("weight", i)).collect()]
    }

    #[test]
    fn bins_are_within_the_error_that_they_state() {
        let [scores, labels, weights] = examples(2000);
        let mut exact = Auc::default();
        exact.update(&scores, &labels, Some(&weights)).unwrap();
        for (bins_max, largest) in [(2, 1.0), (16, 0.5), (128, 0.03), (1024, 0.002)] {
            let mut auc = binned(bins_max);
            auc.update(&scores, &labels, Some(&weights)).unwrap();
            for (value, error, expected) in [
                (auc.roc(), auc.roc_error(), exact.roc()),
                (auc.precision_recall(), auc.precision_recall_error(), exact.precision_recall()),
            ] {
                let distance = (value - expected).abs();
                assert!(0.0 < distance && distance < error && error < largest, "{distance} {error} of {bins_max} bins");
            }
        }
    }

    #[test]
    fn bins_of_one_score_each_are_exact() {
        let [scores, labels, _] = examples(2000);
        let scores: Vec<f32> = scores.iter().map(|score| (score * 50.0).round()).collect();
        let (mut exact, mut auc) = (Auc::default(), binned(64));
        exact.update(&scores, &labels, None).unwrap();
        auc.update(&scores, &labels, None).unwrap();
        assert!(!auc.bins.is_empty() && auc.examples.is_empty());
        assert_eq!((auc.roc(), auc.precision_recall()), (exact.roc(), exact.precision_recall()));
        assert_eq!((auc.roc_error(), auc.precision_recall_error()), (0.0, 0.0));
    }

    #[test]
    fn one_bin_of_positives_is_known_to_be_perfect() {
        let mut auc = Auc { bins: ScoreBins::new(2), ..Auc::new(0) };
        auc.update(&[1.0, 2.0, -1.0], &[1.0, 1.0, 0.0], None).unwrap();
        assert_eq!((auc.roc(), auc.precision_recall()), (1.0, 1.0));
        assert_eq!((auc.roc_error(), auc.precision_recall_error()), (0.0, 0.0));
    }

    #[test]
    fn memory_is_bounded() {
        let mut auc = binned(4);
        for _ in 0..10 {
            let [scores, labels, _] = examples(100);
            auc.update(&scores, &labels, None).unwrap();
            assert!(auc.examples.len() <= 5 && auc.bins.weights().len() <= 4);
        }
    }

    #[test]
    fn it_does_not_depend_on_order_or_partition() {
        let values = |m: &Auc| vec![m.roc(), m.precision_recall(), m.roc_error(), m.precision_recall_error()];
        contract::metric(Auc::default, Auc::update, Auc::merge, values);
        for (examples_max, bins_max) in [(0, 2), (5, 4), (20, 4), (5, 100)] {
            let new = || Auc { bins: ScoreBins::new(bins_max), ..Auc::new(examples_max) };
            contract::metric(new, Auc::update, Auc::merge, values);
        }
    }

    #[test]
    fn it_survives_json() {
        let mut auc = binned(4);
        let [scores, labels, weights] = examples(103);
        auc.update(&scores[..100], &labels[..100], Some(&weights[..100])).unwrap();
        auc.update(&scores[100..], &labels[100..], Some(&weights[100..])).unwrap();
        assert_eq!(serde_json::from_str::<Auc>(&serde_json::to_string(&auc).unwrap()).unwrap(), auc.settled());
    }
}
