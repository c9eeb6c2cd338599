//! Ids with weights of another column.

use super::{Args, Checked, Constants, Input, Kernel, Kind, Operation, any_of};
use crate::column::Column;
use crate::tokens::Tokens;
use serde::{Deserialize, Serialize};
use trainyard_graph::Ragged;

/// The ids of the first input, each with a weight of the second: a number per row is the weight of all of its ids; tokens are
/// numbers as text, one for each id in its order.
///
/// Weights are finite and at least 0. A row without ids needs none; a missing weight of a row with ids is an error, so
/// `impute` them where they may be missing. As TensorFlow's `weighted_categorical_column`: how embeddings are combined with
/// the weights is said by `Combiner`.
///
/// Export: ONNX multiplies the rows of `Gather` by the weights; numbers as text need `Cast`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Weighted {}

impl Operation for Weighted {
    fn check(&self, inputs: &[Input]) -> Checked<Kind> {
        let [ids, weights] = inputs else {
            return Err(format!("takes two `inputs`, ids and their weights, not {}", inputs.len()));
        };
        any_of(ids, &[Kind::Ids], "a categorical feature first (`vocabulary`, `hash` and `identity` make one)")?;
        let kinds = [Kind::Number, Kind::Int, Kind::Bool, Kind::Tokens];
        any_of(weights, &kinds, "weights second, numbers or tokens (`tokenize` makes them of text)")?;
        Ok(Kind::WeightedIds)
    }

    fn keeps_ids(&self) -> bool {
        true
    }

    fn build(&self, _: &Constants, inputs: &[Input]) -> Checked<Kernel> {
        let [ids, _] = inputs else { return Err("takes two `inputs`".to_string()) };
        Ok(Kernel::new(ids.size, |args: Args<'_>| {
            let ids = args.ids(0)?;
            let weights = match args.column(1)? {
                Column::Tokens(tokens) => weight_per_id(ids, tokens)?,
                _ => weight_per_row(ids, &args.numbers(1)?)?,
            };
            Ok(Column::Ids(Ragged { weights: Some(weights), ..ids.clone() }))
        }))
    }
}

fn weight_per_row(ids: &Ragged, numbers: &[f32]) -> Checked<Vec<f32>> {
    let mut weights = Vec::with_capacity(ids.ids.len());
    for (row, &weight) in numbers.iter().enumerate() {
        let count = ids.row(row).len();
        if count > 0 {
            let weight = checked(weight).ok_or_else(|| match weight.is_nan() {
                true => format!("row {row} of the batch has ids, but no weight; `impute` the weights"),
                false => refused(row, &weight.to_string()),
            })?;
            weights.extend(std::iter::repeat_n(weight, count));
        }
    }
    Ok(weights)
}

fn weight_per_id(ids: &Ragged, tokens: &Tokens) -> Checked<Vec<f32>> {
    let mut weights = Vec::with_capacity(ids.ids.len());
    for row in 0..tokens.rows() {
        let (expected, found) = (ids.row(row).len(), tokens.len(row));
        if found != expected {
            return Err(format!(
                "row {row} of the batch has {expected} ids, but {found} weights; each id needs one, also those of unknown \
                 values (`oov_buckets` of 1 or more gives these an id)"
            ));
        }
        for token in tokens.row(row) {
            let weight = token.parse().ok().and_then(checked);
            weights.push(weight.ok_or_else(|| refused(row, token))?);
        }
    }
    Ok(weights)
}

fn checked(weight: f32) -> Option<f32> {
    (weight.is_finite() && weight >= 0.0).then_some(weight)
}

fn refused(row: usize, weight: &str) -> String {
    format!("row {row} of the batch has the weight `{weight}`; expected a finite number that is at least 0")
}

#[cfg(test)]
mod tests {
    use crate::op::testing::*;

    const PER_ROW: &str = "[v]\nop = 'vocabulary'\ninput = 'x'\n[y]\nop = 'weighted'\ninputs = ['v', 'w']";
    const PER_ID: &str = "
        [t]
        op = 'tokenize'
        input = 'x'
        delimiter = '|'
        [v]
        op = 'vocabulary'
        input = 't'
        [n]
        op = 'tokenize'
        input = 'w'
        delimiter = '|'
        [y]
        op = 'weighted'
        inputs = ['v', 'n']";

    #[test]
    fn a_number_weighs_all_ids_of_its_row() {
        let columns = vec![("x", texts(&["a", "-", "b", "a"])), ("w", floats(&[0.5, f64::NAN, 2.0, 0.0]))];
        check_weighted(PER_ROW, columns, &[&[(0, 0.5)], &[], &[(1, 2.0)], &[(0, 0.0)]], 3);
    }

    #[test]
    fn numbers_as_text_weigh_one_id_each() {
        let columns = vec![("x", texts(&["a|b", "-", "a"])), ("w", texts(&["0.5|2", "", "1e-1"]))];
        check_weighted(PER_ID, columns, &[&[(0, 0.5), (1, 2.0)], &[], &[(0, 0.1)]], 3);
    }

    #[test]
    fn weights_that_are_none_are_refused_with_their_row() {
        let row = |weight: f64| vec![("x", texts(&["a", "b"])), ("w", floats(&[1.0, weight]))];
        check_error(PER_ROW, row(-1.5), "`[features.y]`: row 1 of the batch has the weight `-1.5`; expected a finite number");
        check_error(PER_ROW, row(f64::INFINITY), "has the weight `inf`");
        check_error(PER_ROW, row(f64::NAN), "row 1 of the batch has ids, but no weight; `impute` the weights");
        check_error(PER_ID, vec![("x", texts(&["a"])), ("w", texts(&["much"]))], "row 0 of the batch has the weight `much`");
        check_error(PER_ID, vec![("x", texts(&["a"])), ("w", texts(&["nan"]))], "row 0 of the batch has the weight `nan`");
    }

    #[test]
    fn each_id_needs_a_weight() {
        let columns = vec![("x", texts(&["a|b"])), ("w", texts(&["1|2|3"]))];
        check_error(PER_ID, columns, "`[features.y]`: row 0 of the batch has 2 ids, but 3 weights; each id needs one");
    }

    #[test]
    fn inputs_of_other_kinds_are_refused() {
        let columns = || vec![("x", texts(&["a"])), ("w", floats(&[1.0]))];
        check_error("[y]\nop = 'weighted'\ninput = 'x'", columns(), "takes two `inputs`, ids and their weights, not 1");
        check_error("[y]\nop = 'weighted'\ninputs = ['x', 'w']", columns(), "needs a categorical feature first");
        let spec = "[v]\nop = 'vocabulary'\ninput = 'x'\n[y]\nop = 'weighted'\ninputs = ['v', 'x']";
        check_error(spec, columns(), "needs weights second, numbers or tokens");
    }
}
