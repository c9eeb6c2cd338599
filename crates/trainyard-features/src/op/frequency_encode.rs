//! A category as how frequent it is.

use super::{Args, Checked, Constants, Input, Kernel, Kind, Operation, any_of, one};
use crate::column::Column;
use crate::fit::{Findings, Needs};
use serde::{Deserialize, Serialize};

/// `y = n / N`, the share of the `N` training rows that have the same category; with `normalize = false` their number `n`.
///
/// Reads a categorical feature; of several ids the mean is taken. A category that no training row has, and a row without one, are 0; with
/// `missing = "own_id"` of a `vocabulary` missing values are a category, too. The values that share a bucket of `hash`, or that a
/// vocabulary leaves out, are one category. Rows are counted exactly; `y` is computed in `f64` and kept as `f32`. The encoding of
/// `CountEncoder` in category_encoders.
///
/// ```toml
/// [features.city_id]
/// op = "vocabulary"
/// input = "city"
/// [features.city_share]
/// op = "frequency_encode"
/// input = "city_id"
/// ```
///
/// Export: ONNX has `Gather`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FrequencyEncode {
    /// Whether numbers of rows become shares.
    pub normalize: bool,
}

impl Default for FrequencyEncode {
    fn default() -> Self {
        Self { normalize: true }
    }
}

impl Operation for FrequencyEncode {
    fn check(&self, inputs: &[Input]) -> Checked<Kind> {
        any_of(one(inputs)?, &[Kind::Ids], "a categorical feature (`vocabulary`, `hash`, `identity` make one)")?;
        Ok(Kind::Number)
    }

    fn needs(&self) -> Needs {
        Needs { documents: true, ..Needs::default() }
    }

    fn fit(&self, findings: &Findings<'_>) -> Checked<Constants> {
        let rows = (findings.survey.present + findings.survey.missing).max(1);
        let documents = findings.documents()?.sorted().map_err(|error| error.to_string())?;
        let (ids, rows_with): (Vec<String>, Vec<u64>) = documents.into_iter().unzip();
        let whole = if self.normalize { rows as f64 } else { 1.0 };
        let frequencies = rows_with.into_iter().map(|rows_with| (rows_with as f64 / whole) as f32).collect();
        Ok(Constants::with_tokens(ids).with("frequency", frequencies))
    }

    fn build(&self, constants: &Constants, _: &[Input]) -> Checked<Kernel> {
        let frequencies = constants.by_id("frequency")?;
        let of = move |id: &u64| f64::from(frequencies.get(id).copied().unwrap_or_default());
        Ok(Kernel::new(1, move |args: Args<'_>| {
            let ids = args.ids(0)?;
            let mean = |row: &[u64]| (row.iter().map(&of).sum::<f64>() / row.len().max(1) as f64) as f32;
            Ok(Column::numbers((0..args.rows).map(|row| mean(ids.row(row))).collect()))
        }))
    }
}

#[cfg(test)]
mod tests {
    use crate::op::testing::*;

    #[track_caller]
    fn check(parameters: &str, training: &[&str], applied: &[&str], expected: &[f32]) {
        let spec = format!("[v]\nop = 'vocabulary'\ninput = 'x'\n[y]\nop = 'frequency_encode'\ninput = 'v'\n{parameters}");
        check_applied(&spec, vec![("x", texts(training))], vec![("x", texts(applied))], expected);
    }

    #[test]
    fn a_category_is_its_share_of_all_training_rows() {
        check("", &["a", "a", "b", "-"], &["b", "a", "-", "new"], &[0.25, 0.5, 0.0, 0.0]);
    }

    #[test]
    fn or_the_number_of_rows() {
        check("normalize = false", &["a", "a", "b"], &["b", "a", "new"], &[1.0, 2.0, 0.0]);
    }

    #[test]
    fn missing_counts_where_it_has_an_id() {
        let spec = "[v]\nop = 'vocabulary'\ninput = 'x'\nmissing = 'own_id'\n[y]\nop = 'frequency_encode'\ninput = 'v'";
        check_numeric(spec, vec![("x", texts(&["a", "-", "-", "b"]))], &[0.25, 0.5, 0.5, 0.25]);
    }

    #[test]
    fn of_several_ids_it_is_the_mean_and_a_row_counts_once() {
        let spec = "[t]\nop = 'tokenize'\ninput = 'x'\n[v]\nop = 'vocabulary'\ninput = 't'\n\
                    [y]\nop = 'frequency_encode'\ninput = 'v'";
        check_numeric(spec, vec![("x", texts(&["a a", "a b", "", "b a"]))], &[0.75, 0.625, 0.0, 0.625]);
    }

    #[test]
    fn text_is_refused_with_the_way_to_ids() {
        check_error("[x]\nop = 'frequency_encode'", vec![("x", texts(&["a"]))], "needs a categorical feature (`vocabulary`");
    }
}
