//! Ids as a vector of counts.

use super::{Args, Checked, Constants, Input, Kernel, Kind, Operation, any_of, one};
use crate::column::Column;
use serde::{Deserialize, Serialize};

/// The greatest number of buckets that are written out one by one.
const MAX_WIDTH: u64 = 1 << 16;

/// `y[i]` is how often the row has id `i`, for every bucket of a categorical feature; of ids with weights, the sum of their
/// weights. A row without ids is all 0. TensorFlow's `indicator_column`; with `binary` a multi-hot vector.
///
/// At most 65,536 buckets; give a model the feature itself, as an embedding, when it has more.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OneHot {
    /// Whether `y[i]` is 1 however often the row has the id, and whatever it weighs.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub binary: bool,
}

impl Operation for OneHot {
    fn check(&self, inputs: &[Input]) -> Checked<Kind> {
        let needed = "a categorical feature (`vocabulary`, `bucketize`, `hash` and `identity` make one)";
        any_of(one(inputs)?, &[Kind::Ids, Kind::WeightedIds], needed)?;
        Ok(Kind::Vector)
    }

    fn build(&self, _: &Constants, inputs: &[Input]) -> Checked<Kernel> {
        let input = one(inputs)?;
        if !(1..=MAX_WIDTH).contains(&input.size) {
            let (what, buckets) = (input.words(), input.size);
            return Err(format!("{what} has {buckets} buckets, more than the {MAX_WIDTH} that can be written out"));
        }
        let (width, binary) = (input.size as usize, self.binary);
        Ok(Kernel::new(input.size, move |args: Args<'_>| {
            let ids = args.ids(0)?;
            let mut values = vec![0.0; args.rows * width];
            for (target, ends) in values.chunks_exact_mut(width).zip(ids.offsets.windows(2)) {
                for place in ends[0] as usize..ends[1] as usize {
                    let y = &mut target[ids.ids[place] as usize];
                    *y = if binary { 1.0 } else { *y + ids.weights.as_ref().map_or(1.0, |weights| weights[place]) };
                }
            }
            Ok(Column::Numbers { width, values })
        }))
    }
}

#[cfg(test)]
mod tests {
    use crate::op::testing::*;

    #[test]
    fn each_bucket_gets_a_number() {
        let spec = "[v]\nop = 'vocabulary'\ninput = 'x'\n[y]\nop = 'one_hot'\ninput = 'v'";
        let columns = vec![("x", texts(&["b", "a", "-", "b"]))];
        check_numeric(spec, columns, &[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
    }

    const WORDS: &str = "[t]\nop = 'tokenize'\ninput = 'x'\n[v]\nop = 'vocabulary'\ninput = 't'\noov_buckets = 0\n";

    #[test]
    fn a_list_is_counted_or_merely_marked() {
        let columns = || vec![("x", texts(&["b a b", "-"]))];
        check_numeric(&format!("{WORDS}[y]\nop = 'one_hot'\ninput = 'v'"), columns(), &[2.0, 1.0, 0.0, 0.0]);
        let binary = format!("{WORDS}[y]\nop = 'one_hot'\ninput = 'v'\nbinary = true");
        check_numeric(&binary, columns(), &[1.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn weights_are_added_up() {
        let spec = format!("{WORDS}[w]\nop = 'weighted'\ninputs = ['v', 'n']\n[y]\nop = 'one_hot'\ninput = 'w'");
        check_numeric(&spec, vec![("x", texts(&["b a b"])), ("n", floats(&[0.5]))], &[1.0, 0.5]);
    }

    #[test]
    fn too_many_buckets_are_refused_before_any_scan() {
        let spec = "[h]\nop = 'hash'\ninput = 'x'\nbuckets = 1000000\n[y]\nop = 'one_hot'\ninput = 'h'";
        let message = features(spec, &vec![("x", texts(&["b"]))]).unwrap_err().to_string();
        assert!(message.starts_with("`[features.y]`: feature `h` has 1000000 buckets, more than the 65536"), "{message}");
    }

    #[test]
    fn a_raw_column_is_refused() {
        check_error("[x]\nop = 'one_hot'", vec![("x", texts(&["b"]))], "needs a categorical feature");
    }
}
