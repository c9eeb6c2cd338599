//! Combinations of categories.

use super::{Args, Checked, Constants, Input, Kernel, Kind, Operation, any_of, check_buckets};
use crate::column::Column;
use crate::hash::{CROSS_KEY, fingerprint_cat64};
use serde::{Deserialize, Serialize};
use trainyard_graph::Ragged;

/// `id = h % buckets` with `h = FingerprintCat64(.. FingerprintCat64(FingerprintCat64(key, a), b) .., z)` for each combination
/// of one id per input; the ids of the last input vary fastest.
///
/// A row in which an input has no id has no combination. With ids of `identity`, the same as TensorFlow's `crossed_column`
/// and Keras' `HashedCrossing` over ints.
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
        if inputs.len() < 2 {
            return Err("takes at least two `inputs`".to_string());
        }
        for input in inputs {
            let needed = "categorical features (`vocabulary`, `bucketize`, `hash`, `identity` make them)";
            any_of(input, &[Kind::Ids], needed)?;
        }
        Ok(Kind::Ids)
    }

    fn build(&self, _: &Constants, inputs: &[Input]) -> Checked<Kernel> {
        let (buckets, key, n) = (self.buckets, self.key.unwrap_or(CROSS_KEY), inputs.len());
        Ok(Kernel::new(buckets, move |args: Args<'_>| {
            let inputs = (0..n).map(|i| args.ids(i)).collect::<Checked<Vec<_>>>()?;
            Ok(Column::Ids(cross(&inputs, args.rows, key, buckets)))
        }))
    }
}

fn cross(inputs: &[&Ragged], rows: usize, key: u64, buckets: u64) -> Ragged {
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
        crossed.ids.extend(hashes.iter().map(|hash| hash % buckets));
        crossed.offsets.push(crossed.ids.len() as u32);
    }
    crossed
}

#[cfg(test)]
mod tests {
    use super::*;
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
    fn ids_of_the_last_input_vary_fastest() {
        let (mut a, mut b) = (Ragged::new(), Ragged::new());
        a.push_row(&[1, 2]);
        b.push_row(&[3, 4]);
        let pair = |x, y| fingerprint_cat64(fingerprint_cat64(7, x), y) % 100;
        assert_eq!(cross(&[&a, &b], 1, 7, 100).row(0), [pair(1, 3), pair(1, 4), pair(2, 3), pair(2, 4)]);
    }

    #[test]
    fn a_raw_column_is_refused_with_what_makes_ids_of_it() {
        let spec = "[x]\nop = 'cross'\ninputs = ['a', 'a']\nbuckets = 9";
        check_error(spec, vec![("a", texts(&["t"]))], "(`vocabulary`, `bucketize`, `hash`, `identity` make them), but column `a`");
    }
}
