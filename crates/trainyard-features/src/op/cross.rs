//! Combinations of categories.

use super::{Args, Checked, Constants, Input, Kernel, Kind, Operation, any_of, check_buckets};
use crate::column::{Column, single_ids, token_ids};
use crate::hash::{Buckets, CROSS_KEY, farm_fingerprint64, fingerprint_cat64};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use trainyard_graph::Ragged;

/// `id = h % buckets` with `h = FingerprintCat64(.. FingerprintCat64(FingerprintCat64(key, a), b) .., z)` for each combination
/// of one value per input; the values of the last input vary fastest. A value is the id of a categorical feature, an int
/// itself, or the FarmHash64 of a text or token.
///
/// A row in which an input has no value has no combination; `""` is none. Of text, tokens and ints the same as TensorFlow's
/// `crossed_column` (`sparse_cross_hashed`) and Keras' `HashedCrossing`. Ids with weights are refused, as there.
///
/// Of one input it is a hash, of ints other than [`Hash`](super::Hash) makes: one that ONNX can compute.
///
/// Export: over ids and ints, ONNX has shifts, exclusive or and products of `uint64`, which give the same ids; it has no hash of text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cross {
    /// Number of ids. At least 1.
    pub buckets: u64,
    /// Where the chain starts. By default TensorFlow's `0xDECAFCAFFE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<u64>,
}

impl Operation for Cross {
    fn check(&self, inputs: &[Input]) -> Checked<Kind> {
        check_buckets("buckets", self.buckets)?;
        if inputs.is_empty() {
            return Err("takes at least one of `inputs`".to_string());
        }
        for input in inputs {
            let needed = "categorical features (`vocabulary`, `bucketize`, `hash`, `identity` make them), text or ints";
            any_of(input, &[Kind::Ids, Kind::Text, Kind::Tokens, Kind::Int], needed)?;
        }
        Ok(Kind::Ids)
    }

    fn build(&self, _: &Constants, inputs: &[Input]) -> Checked<Kernel> {
        let (buckets, key, n) = (self.buckets, self.key.unwrap_or(CROSS_KEY), inputs.len());
        Ok(Kernel::new(buckets, move |args: Args<'_>| {
            let inputs = (0..n).map(|i| words(args.column(i)?)).collect::<Checked<Vec<_>>>()?;
            Ok(Column::Ids(cross(&inputs, args.rows, key, buckets)))
        }))
    }
}

/// What each value of a column puts into the chain.
fn words(column: &Column) -> Checked<Cow<'_, Ragged>> {
    let farm = |text: &str| Some(farm_fingerprint64(text.as_bytes()));
    Ok(match column {
        Column::Ids(ids) => Cow::Borrowed(ids),
        Column::Int(array) => {
            Cow::Owned(single_ids(column.rows(), array.iter().map(|value| value.map(|value| value as u64))))
        }
        Column::Text(texts) => Cow::Owned(single_ids(column.rows(), texts.iter().map(|text| text.and_then(farm)))),
        Column::Tokens(tokens) => Cow::Owned(token_ids(tokens, farm, None)),
        _ => return Err("input is not categorical; please report it".to_string()),
    })
}

fn cross(inputs: &[Cow<'_, Ragged>], rows: usize, key: u64, buckets: u64) -> Ragged {
    let buckets = Buckets::new(buckets);
    let mut crossed = Ragged { offsets: vec![0], ids: Vec::with_capacity(rows), weights: None };
    let (mut hashes, mut longer) = (Vec::new(), Vec::new());
    for row in 0..rows {
        hashes.clear();
        hashes.push(key);
        for input in inputs {
            let ids = input.row(row);
            longer.clear();
            longer.extend(hashes.iter().flat_map(|&hash| ids.iter().map(move |&id| fingerprint_cat64(hash, id))));
            std::mem::swap(&mut hashes, &mut longer);
        }
        crossed.ids.extend(hashes.iter().map(|&hash| buckets.of(hash)));
        crossed.offsets.push(crossed.ids.len() as u32);
    }
    crossed
}

#[cfg(test)]
mod tests {
    use super::{CROSS_KEY, Cow, Ragged, cross, fingerprint_cat64};
    use crate::op::testing::*;

    const SPEC: &str = "
        [a]
        op = 'identity'
        buckets = 10
        [b]
        op = 'identity'
        buckets = 10
        [x]
        op = 'cross'
        inputs = ['a', 'b']
        buckets = 1000000000000";

    /// The chain `[0, 0]` of the golden vectors.
    #[test]
    fn ids_are_chained_from_the_key() {
        let hash: u64 = fingerprint_cat64(fingerprint_cat64(CROSS_KEY, 0), 0) % 1_000_000_000_000;
        let columns = vec![("a", ints(&[Some(0), Some(1)])), ("b", ints(&[Some(0), None]))];
        check_ids(SPEC, columns, &[&[hash], &[]], 1_000_000_000_000);
    }

    #[test]
    fn one_input_is_hashed_from_the_key() {
        let id = |number: i64| fingerprint_cat64(CROSS_KEY, number as u64) % 100;
        let spec = "[x]\nop = 'cross'\ninput = 'n'\nbuckets = 100";
        check_ids(spec, vec![("n", ints(&[Some(7), None, Some(-1)]))], &[&[id(7)], &[], &[id(-1)]], 100);
    }

    #[test]
    fn ids_of_the_last_input_vary_fastest() {
        let (mut a, mut b) = (Ragged::new(), Ragged::new());
        a.push_row(&[1, 2]);
        b.push_row(&[3, 4]);
        let pair = |x, y| fingerprint_cat64(fingerprint_cat64(7, x), y) % 100;
        let inputs = [Cow::Owned(a), Cow::Owned(b)];
        assert_eq!(cross(&inputs, 1, 7, 100).row(0), [pair(1, 3), pair(1, 4), pair(2, 3), pair(2, 4)]);
    }

    /// The golden vectors `["A", 101]` and `["B", -1]`.
    #[test]
    fn texts_and_ints_match_tensorflow() {
        let spec = "[x]\nop = 'cross'\ninputs = ['a', 'b']\nbuckets = 1000000007";
        let columns = vec![("a", texts(&["A", "B", "", "A"])), ("b", ints(&[Some(101), Some(-1), Some(1), None]))];
        let expected = [10_349_440_151_188_794_891, 5_769_257_419_655_184_034].map(|hash: u64| hash % 1_000_000_007);
        check_ids(spec, columns, &[&[expected[0]], &[expected[1]], &[], &[]], 1_000_000_007);
    }

    /// `sparse_cross_hashed`, sparse_cross_op_test.py: three columns of one text each, 100 buckets.
    #[test]
    fn tokens_are_crossed_as_their_texts() {
        let spec = "
            [t]
            op = 'tokenize'
            input = 'a'
            delimiter = '|'
            lower_case = false
            [x]
            op = 'cross'
            inputs = ['t', 'b', 'c']
            buckets = 100";
        let columns =
            vec![("a", texts(&["batch1-FC1-F1|"])), ("b", texts(&["batch1-FC2-F1"])), ("c", texts(&["batch1-FC3-F1"]))];
        check_ids(spec, columns, &[&[83]], 100);
    }

    #[test]
    fn a_raw_number_is_refused_with_what_makes_ids_of_it() {
        let spec = "[x]\nop = 'cross'\ninputs = ['a', 'a']\nbuckets = 9";
        let expected = "(`vocabulary`, `bucketize`, `hash`, `identity` make them), text or ints, but column `a` is numeric";
        check_error(spec, vec![("a", floats(&[1.5]))], expected);
    }
}
