//! Ids as how often each occurs.

use super::{Args, Checked, Constants, Input, Kernel, Kind, Operation, any_of, one};
use crate::column::Column;
use serde::{Deserialize, Serialize};
use trainyard_graph::Ragged;

/// Each id of a row once, by rising id, with how often the row has it as its weight.
///
/// A row without ids stays without. The order of the words is gone: rows with the same words give the same bits. The counts
/// of `tft.word_count` per row; `tft.bag_of_words` gives the ids alone.
///
/// Export: ONNX has `TfIdfVectorizer` with mode `TF`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BagOfWords {}

impl Operation for BagOfWords {
    fn check(&self, inputs: &[Input]) -> Checked<Kind> {
        let needed = "a categorical feature (`vocabulary` and `hash` make one of tokens)";
        any_of(one(inputs)?, &[Kind::Ids], needed)?;
        Ok(Kind::WeightedIds)
    }

    fn keeps_ids(&self) -> bool {
        true
    }

    fn build(&self, _: &Constants, inputs: &[Input]) -> Checked<Kernel> {
        Ok(Kernel::new(one(inputs)?.size, |args: Args<'_>| {
            Ok(Column::Ids(weigh(args.ids(0)?, |_, count, _| count as f32)))
        }))
    }
}

/// Each id of a row once, by rising id, with a weight that is a function of the id, how often the row has it, and how many
/// ids the row has.
pub(super) fn weigh(ids: &Ragged, weight: impl Fn(u64, usize, usize) -> f32) -> Ragged {
    let (mut weighted, mut weights, mut sorted) = (Ragged::new(), Vec::with_capacity(ids.ids.len()), Vec::new());
    for row in 0..ids.rows() {
        sorted.clear();
        sorted.extend_from_slice(ids.row(row));
        sorted.sort_unstable();
        for same in sorted.chunk_by(|a, b| a == b) {
            weighted.ids.push(same[0]);
            weights.push(weight(same[0], same.len(), sorted.len()));
        }
        weighted.offsets.push(weighted.ids.len() as u32);
    }
    weighted.weights = Some(weights);
    weighted
}

#[cfg(test)]
mod tests {
    use crate::op::testing::*;

    const SPEC: &str = "
        [t]
        op = 'tokenize'
        input = 'x'
        [v]
        op = 'vocabulary'
        input = 't'
        [bag]
        op = 'bag_of_words'
        input = 'v'";

    #[test]
    fn repeated_words_weigh_more_and_order_is_gone() {
        let rows: &[&[(u64, f32)]] = &[&[(0, 1.0), (1, 2.0)], &[(0, 1.0), (1, 2.0)], &[], &[(0, 3.0)]];
        check_weighted(SPEC, vec![("x", texts(&["b a b", "b b a", "-", "a a a"]))], rows, 3);
    }

    #[test]
    fn text_is_refused_with_the_way_to_ids() {
        let expected = "`[features.x]`: needs a categorical feature (`vocabulary` and `hash` make one of tokens), but column `x` is text";
        check_error("[x]\nop = 'bag_of_words'", vec![("x", texts(&["a"]))], expected);
    }

    #[test]
    fn a_bag_is_not_counted_again() {
        let spec = format!("{SPEC}\n[again]\nop = 'bag_of_words'\ninput = 'bag'");
        check_error(&spec, vec![("x", texts(&["a"]))], "feature `bag` is categorical with weights");
    }
}
