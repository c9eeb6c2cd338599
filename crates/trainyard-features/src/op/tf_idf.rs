//! Ids weighted by how much they say about a row.

use super::bag_of_words::weigh;
use super::{Args, Checked, Constants, Input, Kernel, Kind, Operation, any_of, one};
use crate::column::Column;
use crate::fit::{Findings, Needs};
use serde::{Deserialize, Serialize};

/// Each id of a row once, by rising id, with the weight `tf·idf`: `tf` is how often the row has the id, divided by the number
/// of ids of the row; `idf = 1 + ln((N + 1) / (df + 1))`, or `1 + ln(N / df)` without `smooth`, with `df` of the `N` training
/// rows having the id.
///
/// All rows count in `N`, also those without ids, which stay without. An id that no training row has is taken as one that a
/// single row has when not smooth, as the formula has no value for it. The weights of `tft.tfidf`, but unknown words are
/// known by the id that `vocabulary` or `hash` gives them; TensorFlow counts them as the last word. Other than Keras'
/// `tf_idf`, which does not divide by the length of the row.
///
/// The rows are counted exactly; `idf` is computed in `f64` and kept as `f32`, `tf` is rounded to `f32`, and so is their
/// product.
///
/// Export: ONNX has `TfIdfVectorizer` with mode `TFIDF`, and a division by the length.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TfIdf {
    /// Whether one more row is imagined that has every id.
    pub smooth: bool,
}

impl Default for TfIdf {
    fn default() -> Self {
        Self { smooth: true }
    }
}

impl TfIdf {
    fn idf(&self, rows: u64, rows_with: u64) -> f32 {
        let ratio = if self.smooth {
            (rows as f64 + 1.0) / (rows_with as f64 + 1.0)
        } else {
            rows as f64 / rows_with.max(1) as f64
        };
        (1.0 + ratio.ln()) as f32
    }
}

impl Operation for TfIdf {
    fn check(&self, inputs: &[Input]) -> Checked<Kind> {
        let needed = "a categorical feature (`vocabulary` and `hash` make one of tokens)";
        any_of(one(inputs)?, &[Kind::Ids], needed)?;
        Ok(Kind::WeightedIds)
    }

    fn keeps_ids(&self) -> bool {
        true
    }

    fn needs(&self) -> Needs {
        Needs { documents: true, ..Needs::default() }
    }

    fn fit(&self, findings: &Findings<'_>) -> Checked<Constants> {
        let rows = findings.survey.present + findings.survey.missing;
        let documents = findings.documents()?.sorted().map_err(|error| error.to_string())?;
        let (ids, rows_with): (Vec<String>, Vec<u64>) = documents.into_iter().unzip();
        let idf = rows_with.into_iter().map(|rows_with| self.idf(rows, rows_with)).collect();
        Ok(Constants::with_tokens(ids).with("idf", idf).with("idf_unseen", vec![self.idf(rows, 0)]))
    }

    fn build(&self, constants: &Constants, inputs: &[Input]) -> Checked<Kernel> {
        let (idf, unseen) = (constants.by_id("idf")?, constants.number("idf_unseen")?);
        let idf = move |id: u64| idf.get(&id).copied().unwrap_or(unseen);
        let weight = move |id: u64, count: usize, length: usize| (count as f64 / length as f64) as f32 * idf(id);
        Ok(Kernel::new(one(inputs)?.size, move |args: Args<'_>| Ok(Column::Ids(weigh(args.ids(0)?, &weight)))))
    }
}

#[cfg(test)]
mod tests {
    use crate::op::testing::*;

    fn spec(parameters: &str) -> String {
        format!(
            "[t]\nop = 'tokenize'\ninput = 'x'\n[v]\nop = 'vocabulary'\ninput = 't'\n[y]\nop = 'tf_idf'\ninput = 'v'\n{parameters}"
        )
    }

    /// The terms of `tft.tfidf`'s tests in mappers_test.py: of two rows the first has the ids 0, 0, 0, 2, 1 and the second
    /// 0, 3.
    fn rows() -> Columns {
        vec![("x", texts(&["d d d b c", "d a"]))]
    }

    /// testToTFIDF: 1.4054651 is 1 + ln(3 / 2).
    #[test]
    fn smooth_weights_match_tensorflow_transform() {
        const L: f32 = 1.405_465_1;
        check_weighted(&spec(""), rows(), &[&[(0, 0.6), (1, 0.2 * L), (2, 0.2 * L)], &[(0, 0.5), (3, 0.5 * L)]], 5);
    }

    /// testToTFIDFNotSmooth: 1.6931471 is 1 + ln(2 / 1).
    #[test]
    fn weights_that_are_not_smooth_match_tensorflow_transform() {
        const L: f32 = 1.693_147_2;
        let expected: &[&[(u64, f32)]] = &[&[(0, 0.6), (1, 0.2 * L), (2, 0.2 * L)], &[(0, 0.5), (3, 0.5 * L)]];
        check_weighted(&spec("smooth = false"), rows(), expected, 5);
    }

    #[track_caller]
    fn check_unseen(parameters: &str, idf: f32) {
        let fitted = fit(&spec(parameters), &vec![("x", texts(&["a", "a b", "-"]))]).unwrap();
        let batch = fitted.transform(&crate::op::testing::rows(&vec![("x", texts(&["z", ""]))])).unwrap();
        assert_eq!((&batch.ids[0].ids[..], batch.ids[0].weights.as_deref()), (&[2][..], Some(&[idf][..])));
    }

    #[test]
    fn rows_without_words_count_and_unseen_words_weigh_most() {
        check_unseen("", (1.0 + 4f64.ln()) as f32);
        check_unseen("smooth = false", (1.0 + 3f64.ln()) as f32);
    }

    #[test]
    fn a_raw_column_is_refused() {
        check_error("[x]\nop = 'tf_idf'", vec![("x", texts(&["a"]))], "`[features.x]`: needs a categorical feature");
    }
}
