//! A category as the mean of its label.

use super::{Args, Checked, Constants, Input, Kernel, Kind, Operation, any_of, few_buckets, one};
use crate::column::Column;
use crate::fit::{Joint, JointNeeds, Rows};
use serde::{Deserialize, Serialize};
use trainyard_graph::Ragged;

/// `y = (Σ label + smoothing · prior) / (n + smoothing)` over the `n` training rows of the same category, with the mean label
/// of all rows as `prior`.
///
/// In training a row must not see its own label, or the model would learn to trust what it has in training alone. So the rows
/// are put into `folds` by a hash of all that the features read, and a training row gets sum, count and prior of the rows
/// outside its fold. Evaluation, `predict` and `serve` get those of all training rows. Rows that are equal in all columns
/// that features read share a fold; add a column that tells rows apart when there are few different ones.
///
/// The label is a number, or 0 and 1 of a binary one; weights do not count. Reads a categorical feature of at most 65,536
/// buckets; of several ids the mean is taken. A category that the training data does not have, and a row without one, get the
/// prior.
///
/// ```toml
/// [features.city_id]
/// op = "vocabulary"
/// input = "city"
/// [features.city_mean]
/// op = "target_encode"
/// input = "city_id"
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TargetEncode {
    /// How many rows of the prior are mixed into each mean. At least 0.
    pub smoothing: f64,
    /// Number of folds, 2 to 100.
    pub folds: u64,
}

impl Default for TargetEncode {
    fn default() -> Self {
        Self { smoothing: 20.0, folds: 5 }
    }
}

impl Operation for TargetEncode {
    fn check(&self, inputs: &[Input]) -> Checked<Kind> {
        any_of(one(inputs)?, &[Kind::Ids], "a categorical feature (`vocabulary`, `hash`, `identity` make one)")?;
        if !(2..=100).contains(&self.folds) {
            return Err(format!("`folds` is {}; expected 2 to 100", self.folds));
        }
        let in_range = self.smoothing >= 0.0 && self.smoothing.is_finite();
        if in_range { Ok(Kind::Number) } else { Err("`smoothing` must be finite and at least 0".to_string()) }
    }

    fn joint_needs(&self, _: usize) -> Option<JointNeeds> {
        Some(JointNeeds::LabelById(self.folds))
    }

    /// Means by id, last the prior; over all rows, and outside of one fold after the other.
    fn fit_joint(&self, joint: &Joint, inputs: &[Input]) -> Checked<Constants> {
        let Joint::LabelById(means) = joint else { return Err("was fitted as another; please report it".to_string()) };
        let input = one(inputs)?;
        few_buckets(input)?;
        let smoothed = |rows: Rows| means.smoothed(rows, self.smoothing, input.size);
        let outside = (0..self.folds).flat_map(|fold| smoothed(Rows::Outside(fold)));
        Ok(Constants::default().with("mean", smoothed(Rows::All)).with("outside_fold", outside.collect()))
    }

    fn build(&self, constants: &Constants, _: &[Input]) -> Checked<Kernel> {
        let (means, outside) = (constants.list("mean")?.to_vec(), constants.list("outside_fold")?.to_vec());
        let folds = self.folds as usize;
        if means.is_empty() || means.len().checked_mul(folds) != Some(outside.len()) {
            return Err("fitted `mean` and `outside_fold` do not fit `folds`; fit the features again".to_string());
        }
        let kernel = Kernel::new(1, move |args: Args<'_>| {
            let (ids, n) = (args.ids(0)?, means.len());
            let table = |row: usize| match args.row_hashes.get(row) {
                Some(hash) => &outside[(hash % folds as u64) as usize * n..][..n],
                None => &means,
            };
            Ok(Column::numbers((0..args.rows).map(|row| mean(ids, row, table(row))).collect()))
        });
        Ok(kernel.out_of_fold())
    }
}

/// The mean over the ids of a row; the last one, the prior, without any.
fn mean(ids: &Ragged, row: usize, means: &[f32]) -> f32 {
    let of = |id: usize| f64::from(means[id.min(means.len() - 1)]);
    match ids.row(row) {
        [] => of(usize::MAX) as f32,
        ids => (ids.iter().map(|&id| of(id as usize)).sum::<f64>() / ids.len() as f64) as f32,
    }
}

#[cfg(test)]
mod tests {
    use crate::op::testing::*;
    use crate::{Features, FittedFeatures, LabelSpec, LabelTask, Result};

    const SPEC: &str = "[k]\nop = 'vocabulary'\ninput = 'city'\n[y]\nop = 'target_encode'\ninput = 'k'\n\
                        [row]\nop = 'numeric'\n";

    fn fit_labelled(parameters: &str, columns: &Columns, label: Option<LabelSpec>) -> Result<FittedFeatures> {
        let spec = SPEC.replace("input = 'k'\n", &format!("input = 'k'\n{parameters}\n"));
        fit_features(Features::new(toml::from_str(&spec).unwrap(), &schema(columns), label, None)?, columns)
    }

    /// Rows 0 .. n of a city each, with a label each.
    fn columns(cities: &[&str], labels: &[f64]) -> Columns {
        let row: Vec<f64> = (0..cities.len()).map(|row| row as f64).collect();
        vec![("row", floats(&row)), ("city", texts(cities)), ("label", floats(labels))]
    }

    fn encoded(batch: &crate::Batch) -> Vec<f32> {
        batch.numeric.iter().step_by(2).copied().collect()
    }

    fn regression() -> Option<LabelSpec> {
        Some(LabelSpec::new("label", LabelTask::Regression))
    }

    #[test]
    fn serving_gives_the_smoothed_mean() {
        let columns = columns(&["a", "a", "a", "b"], &[1.0, 2.0, 6.0, 7.0]);
        let fitted = fit_labelled("smoothing = 1", &columns, regression()).unwrap();
        // The prior is 4: (9 + 4) / 4, and (7 + 4) / 2.
        assert_eq!(encoded(&fitted.transform(&rows(&columns)).unwrap()), [3.25, 3.25, 3.25, 5.5]);
        let others = self::columns(&["unknown", "-"], &[0.0, 0.0]);
        assert_eq!(encoded(&fitted.transform(&rows(&others)).unwrap()), [4.0, 4.0]);
    }

    #[test]
    fn a_training_row_never_sees_its_own_label() {
        let cities: Vec<&str> = (0..60).map(|i| ["a", "b", "c"][i % 3]).collect();
        let mut labels: Vec<f64> = (0..60).map(|i| f64::from(i * 7 % 13)).collect();
        let encode = |labels: &[f64]| {
            let columns = columns(&cities, labels);
            let fitted = fit_labelled("", &columns, regression()).unwrap();
            encoded(&fitted.transform_training(&rows(&columns)).unwrap())
        };
        let before = encode(&labels);
        labels[17] += 1000.0;
        let after = encode(&labels);
        assert_eq!(before[17].to_bits(), after[17].to_bits());
        assert!(before.iter().zip(&after).filter(|(before, after)| before != after).count() > 30);
    }

    #[test]
    fn a_category_of_a_single_row_is_the_prior_of_the_others_in_training() {
        let columns = columns(&["a", "b", "b", "b"], &[9.0, 1.0, 1.0, 1.0]);
        let fitted = fit_labelled("folds = 100", &columns, regression()).unwrap();
        assert_eq!(encoded(&fitted.transform_training(&rows(&columns)).unwrap())[0], 1.0);
    }

    #[test]
    fn a_binary_label_counts_as_0_and_1() {
        let mut columns = columns(&["a", "a", "b", "b"], &[0.0; 4]);
        columns[2].1 = texts(&["no", "yes", "yes", "yes"]);
        let label = LabelSpec::new("label", LabelTask::Binary);
        let fitted = fit_labelled("smoothing = 0", &columns, Some(label)).unwrap();
        assert_eq!(encoded(&fitted.transform(&rows(&columns)).unwrap()), [0.5, 0.5, 1.0, 1.0]);
    }

    #[test]
    fn features_on_top_are_fitted_to_what_training_sees() {
        let spec = format!("{SPEC}[z]\nop = 'z_score'\ninput = 'y'\n");
        let columns = columns(&["a", "a", "b", "b", "a", "b"], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let features = Features::new(toml::from_str(&spec).unwrap(), &schema(&columns), regression(), None);
        let fitted = fit_features(features.unwrap(), &columns).unwrap();
        let batch = fitted.transform_training(&rows(&columns)).unwrap();
        let place = fitted.encoding().numeric.iter().find(|feature| feature.name == "z").unwrap().offset;
        let mean: f32 = batch.numeric.iter().skip(place).step_by(2).sum::<f32>() / 6.0;
        assert!(mean.abs() < 1e-5, "{mean}");
    }

    #[test]
    fn a_label_without_a_mean_is_refused() {
        let columns = columns(&["a", "b"], &[1.0, 2.0]);
        let message = |label| fit_labelled("", &columns, label).unwrap_err().to_string();
        assert_eq!(
            message(None),
            "`[features.y]`: takes the mean of the label, but there is none; name one in `[data]`"
        );
        let classes = Some(LabelSpec::new("label", LabelTask::Multiclass));
        assert!(message(classes).contains("takes the mean of the label, which has several classes"));
    }

    #[test]
    fn wrong_parameters_are_refused() {
        let columns = columns(&["a", "b"], &[1.0, 2.0]);
        let message = |parameters| fit_labelled(parameters, &columns, regression()).unwrap_err().to_string();
        assert_eq!(message("folds = 1"), "`[features.y]`: `folds` is 1; expected 2 to 100");
        assert_eq!(message("smoothing = -1"), "`[features.y]`: `smoothing` must be finite and at least 0");
    }
}
