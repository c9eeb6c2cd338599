//! How many tokens or ids a row has.

use super::{Args, Checked, Constants, Input, Kernel, Kind, Operation, any_of, one};
use crate::column::Column;
use serde::{Deserialize, Serialize};

/// `y` is the number of tokens or ids of a row, with repetitions: the length of a text in words, or of a sequence.
///
/// A row without any has 0, also where the text is missing. Weights do not matter.
///
/// Export: ONNX has `StringSplit`, which counts, and `ReduceSum` over a mask.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Count {}

impl Operation for Count {
    fn check(&self, inputs: &[Input]) -> Checked<Kind> {
        let kinds = [Kind::Tokens, Kind::Ids, Kind::WeightedIds];
        any_of(one(inputs)?, &kinds, "tokens (`tokenize` makes them of text) or a categorical feature")?;
        Ok(Kind::Number)
    }

    fn build(&self, _: &Constants, _: &[Input]) -> Checked<Kernel> {
        Ok(Kernel::new(1, |args: Args<'_>| {
            let counts = match args.column(0)? {
                Column::Tokens(tokens) => (0..tokens.rows()).map(|row| tokens.len(row) as f32).collect(),
                Column::Ids(ids) => ids.offsets.windows(2).map(|ends| (ends[1] - ends[0]) as f32).collect(),
                _ => return Err("input is neither tokens nor ids; please report it".to_string()),
            };
            Ok(Column::numbers(counts))
        }))
    }
}

#[cfg(test)]
mod tests {
    use crate::op::testing::*;

    const TOKENS: &str = "[t]\nop = 'tokenize'\ninput = 'x'\n";

    #[test]
    fn tokens_are_counted_with_repetitions_and_missing_text_has_none() {
        let columns = vec![("x", texts(&["a b a", "-", "", "c"]))];
        check_numeric(&format!("{TOKENS}[n]\nop = 'count'\ninput = 't'"), columns, &[3.0, 0.0, 0.0, 1.0]);
    }

    #[test]
    fn ids_are_counted_as_they_are_left() {
        let ids = "[v]\nop = 'vocabulary'\ninput = 't'\nmin_count = 2\noov_buckets = 0\n[n]\nop = 'count'\ninput = 'v'";
        check_numeric(&format!("{TOKENS}{ids}"), vec![("x", texts(&["a b a", "c"]))], &[2.0, 0.0]);
    }

    #[test]
    fn text_is_refused_with_the_way_to_tokens() {
        let expected = "`[features.x]`: needs tokens (`tokenize` makes them of text) or a categorical feature, but column `x`";
        check_error("[x]\nop = 'count'", vec![("x", texts(&["a"]))], expected);
    }
}
