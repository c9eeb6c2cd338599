//! Ids in their order, up to a length.

use super::{Args, Checked, Constants, Input, Kernel, Kind, Operation, any_of, one};
use crate::column::Column;
use serde::{Deserialize, Serialize};
use trainyard_graph::Ragged;

/// The first or the last `length` ids of a row, in their order; their weights stay with them.
///
/// A row without ids is an empty sequence. Rows stay as short as they are: a model pads them and knows their lengths
/// (`Graph::embedding_sequence`, `Graph::sequence_mask`), as TensorFlow's `sequence_categorical_column_*` do. `count` of the
/// sequence is the length as a number.
///
/// Export: ONNX has `Slice` and `Pad`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sequence {
    /// The greatest number of ids of a row. At least 1, at most 65,536.
    pub length: u64,
    /// Which ids of a longer row stay.
    #[serde(default)]
    pub keep: Keep,
}

/// Which ids [`Sequence`] keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// The first ones.
    #[default]
    First,
    /// The last ones, the latest of a history.
    Last,
}

/// The longest sequence; a model holds that many rows of a table for each row of a batch.
const MAX_LENGTH: u64 = 1 << 16;

impl Operation for Sequence {
    fn check(&self, inputs: &[Input]) -> Checked<Kind> {
        let input = one(inputs)?;
        let needed = "a categorical feature (`vocabulary` and `hash` make one of tokens)";
        any_of(input, &[Kind::Ids, Kind::WeightedIds], needed)?;
        if (1..=MAX_LENGTH).contains(&self.length) {
            Ok(input.kind)
        } else {
            Err(format!("`length` is {}; expected 1 to {MAX_LENGTH}", self.length))
        }
    }

    fn keeps_ids(&self) -> bool {
        true
    }

    fn build(&self, _: &Constants, inputs: &[Input]) -> Checked<Kernel> {
        let (length, keep) = (self.length as usize, self.keep);
        Ok(Kernel::new(one(inputs)?.size, move |args: Args<'_>| Ok(Column::Ids(cut(args.ids(0)?, length, keep)))))
    }
}

fn cut(rows: &Ragged, length: usize, keep: Keep) -> Ragged {
    let mut cut = Ragged { weights: rows.weights.as_ref().map(|_| Vec::new()), ..Ragged::new() };
    for ends in rows.offsets.windows(2) {
        let (start, end) = (ends[0] as usize, ends[1] as usize);
        let row = match keep {
            Keep::First => start..end.min(start + length),
            Keep::Last => start.max(end.saturating_sub(length))..end,
        };
        if let (Some(to), Some(from)) = (&mut cut.weights, &rows.weights) {
            to.extend_from_slice(&from[row.clone()]);
        }
        cut.push_row(&rows.ids[row]);
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::testing::*;

    fn spec(parameters: &str) -> String {
        format!(
            "[t]\nop = 'tokenize'\ninput = 'x'\n[v]\nop = 'vocabulary'\ninput = 't'\n[y]\nop = 'sequence'\ninput = 'v'\n{parameters}"
        )
    }

    fn rows() -> Columns {
        vec![("x", texts(&["d d d b c", "-", "a d", "b"]))]
    }

    #[test]
    fn the_first_ids_stay_in_their_order() {
        check_ids(&spec("length = 4"), rows(), &[&[0, 0, 0, 1], &[], &[3, 0], &[1]], 5);
    }

    #[test]
    fn the_last_ids_stay_on_request() {
        check_ids(&spec("length = 2\nkeep = 'last'"), rows(), &[&[1, 2], &[], &[3, 0], &[1]], 5);
    }

    #[test]
    fn weights_stay_with_their_ids() {
        let rows = Ragged { offsets: vec![0, 3, 4], ids: vec![7, 8, 9, 5], weights: Some(vec![0.7, 0.8, 0.9, 0.5]) };
        let expected = Ragged { offsets: vec![0, 2, 3], ids: vec![8, 9, 5], weights: Some(vec![0.8, 0.9, 0.5]) };
        assert_eq!(cut(&rows, 2, Keep::Last), expected);
    }

    #[test]
    fn lengths_that_hold_nothing_or_too_much_are_refused() {
        check_error(&spec("length = 0"), rows(), "`[features.y]`: `length` is 0; expected 1 to 65536");
        check_error(&spec("length = 65537"), rows(), "`length` is 65537; expected 1 to 65536");
    }
}
