//! Precision and recall at several thresholds.

use super::{PrecisionRecall, checked::checked, examples::examples, total::Total};
use crate::Result;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// Precision, recall, F1 and counts at each of some thresholds, for the choice of one.
///
/// An example is counted once, between the thresholds around its prediction, so that a batch costs as much for a hundred
/// thresholds as for a few.
///
/// ```
/// use trainyard_nn::metrics::PrecisionRecallCurve;
///
/// let mut curve = PrecisionRecallCurve::new(&[0.25, 0.75]);
/// curve.update(&[0.9, 0.8, 0.5, 0.1], &[1.0, 0.0, 1.0, 0.0], None)?;
/// let points = curve.points();
/// assert_eq!((points[0].precision(), points[0].recall()), (2.0 / 3.0, 1.0));
/// assert_eq!((points[1].precision(), points[1].recall()), (0.5, 0.5));
/// # Ok::<(), trainyard_nn::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct PrecisionRecallCurve {
    /// Ascending, NaN last.
    thresholds: Vec<f32>,
    /// Weight of the examples whose prediction is above as many thresholds as the place in the list says.
    intervals: Vec<Interval>,
}

/// Weight of the examples between two thresholds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Interval {
    positive: Total,
    negative: Total,
}

impl Interval {
    fn merge(&mut self, other: &Self) {
        self.positive.merge(&other.positive);
        self.negative.merge(&other.negative);
    }
}

impl PrecisionRecallCurve {
    /// Precision and recall when predictions above a threshold count as positive, for each of `thresholds`, in any order.
    /// No prediction is above NaN.
    pub fn new(thresholds: &[f32]) -> Self {
        let mut thresholds = thresholds.to_vec();
        thresholds.sort_by(ascending);
        let intervals = vec![Interval::default(); thresholds.len() + 1];
        Self { thresholds, intervals }
    }

    /// Takes in a batch; predictions are probabilities.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`](crate::Error::Shape) when the lengths differ; nothing is taken in then.
    pub fn update(&mut self, predictions: &[f32], labels: &[f32], weights: Option<&[f32]>) -> Result<()> {
        for example in examples(predictions, labels, weights)? {
            let above = self.thresholds.partition_point(|&threshold| example.prediction > f64::from(threshold));
            let counted = example.weight * example.validity();
            let is_known = !counted.is_nan();
            // Unknown on which side it is: as a hit at every threshold it reaches all numbers.
            let interval = &mut self.intervals[if is_known { above } else { self.thresholds.len() }];
            let count =
                if example.is_positive() || !is_known { &mut interval.positive } else { &mut interval.negative };
            count.add(counted);
        }
        Ok(())
    }

    /// Takes in what another has counted.
    pub fn merge(&mut self, other: &Self) {
        self.intervals.iter_mut().zip(&other.intervals).for_each(|(interval, other)| interval.merge(other));
    }

    /// Precision and recall at each threshold, by rising threshold.
    pub fn points(&self) -> Vec<PrecisionRecall> {
        let point = |(i, &threshold): (usize, &f32)| {
            let (below, above) = self.intervals.split_at(i + 1);
            let [below, above] = [below, above].map(sum);
            PrecisionRecall::of(threshold, [above.positive, above.negative, below.positive, below.negative])
        };
        self.thresholds.iter().enumerate().map(point).collect()
    }

    fn check(&self) -> Result<(), &'static str> {
        let is_ascending = self.thresholds.is_sorted_by(|a, b| ascending(a, b) != Ordering::Greater);
        let fits = self.intervals.len() == self.thresholds.len() + 1;
        if is_ascending && fits { Ok(()) } else { Err("thresholds and their intervals do not match; count again") }
    }
}

checked!(PrecisionRecallCurve);

/// The order of thresholds, in which a prediction is above the first ones.
fn ascending(a: &f32, b: &f32) -> Ordering {
    a.is_nan().cmp(&b.is_nan()).then(a.total_cmp(b))
}

fn sum(intervals: &[Interval]) -> Interval {
    intervals.iter().fold(Interval::default(), |mut sum, interval| {
        sum.merge(interval);
        sum
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract;

    const PREDICTIONS: [f32; 6] = [0.9, 0.75, 0.75, 0.5, 0.25, 0.1];
    const LABELS: [f32; 6] = [1.0, 0.0, 1.0, 1.0, 0.0, 1.0];
    const WEIGHTS: [f32; 6] = [1.0, 2.0, 1.0, 0.5, 3.0, 1.0];

    fn curve(thresholds: &[f32]) -> PrecisionRecallCurve {
        let mut curve = PrecisionRecallCurve::new(thresholds);
        curve.update(&PREDICTIONS, &LABELS, Some(&WEIGHTS)).unwrap();
        curve
    }

    #[test]
    fn each_point_is_the_metric_of_its_threshold() {
        let points = curve(&[0.75, 0.0, 0.5, 1.0]).points();
        assert_eq!(points.len(), 4);
        for (point, threshold) in points.iter().zip([0.0, 0.5, 0.75, 1.0]) {
            let mut alone = PrecisionRecall::new(threshold);
            alone.update(&PREDICTIONS, &LABELS, Some(&WEIGHTS)).unwrap();
            assert_eq!(*point, alone);
        }
    }

    #[test]
    fn without_thresholds_there_are_no_points() {
        assert!(curve(&[]).points().is_empty());
    }

    #[test]
    fn a_broken_prediction_leaves_no_number_at_any_threshold() {
        let mut curve = curve(&[0.25, 0.75]);
        curve.update(&[f32::NAN], &[0.0], None).unwrap();
        for point in curve.points() {
            assert!(point.precision().is_nan() && point.recall().is_nan() && point.f1().is_nan());
        }
    }

    #[test]
    fn nothing_is_above_a_threshold_that_is_no_number() {
        let recalls =
            curve(&[-f32::NAN, 0.5, f32::NAN]).points().iter().map(PrecisionRecall::recall).collect::<Vec<_>>();
        assert_eq!(recalls, [2.0 / 3.5, 0.0, 0.0]);
    }

    #[test]
    fn thresholds_without_their_intervals_are_refused() {
        let json = serde_json::to_string(&curve(&[0.25, 0.75])).unwrap();
        assert!(serde_json::from_str::<PrecisionRecallCurve>(&json).is_ok());
        for thresholds in ["[0.75,0.25]", "[0.25]", "[0.25,0.75,0.875]"] {
            let damaged = json.replace("[0.25,0.75]", thresholds);
            assert!(serde_json::from_str::<PrecisionRecallCurve>(&damaged).is_err(), "{damaged}");
        }
    }

    #[test]
    fn it_does_not_depend_on_order_or_partition() {
        type Metric = PrecisionRecallCurve;
        let values = |m: &Metric| {
            m.points().iter().flat_map(|p| [p.precision(), p.recall(), p.f1()].into_iter().chain(p.counts())).collect()
        };
        contract::metric(|| Metric::new(&[0.1, 0.4, 0.4, 0.8]), Metric::update, Metric::merge, values);
    }
}
