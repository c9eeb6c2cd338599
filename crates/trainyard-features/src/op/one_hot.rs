//! Ids as a vector of counts.

use super::{Args, Checked, Constants, Input, Kernel, Kind, Operation, any_of, one};
use crate::column::Column;
use serde::{Deserialize, Serialize};

/// The greatest number of buckets that are written out one by one.
const MAX_WIDTH: u64 = 1 << 16;

/// `y[i]` is how often the row has id `i`, for every bucket of a categorical feature. A row without ids is all 0.
///
/// At most 65,536 buckets; give a model the feature itself, as an embedding, when it has more.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OneHot {}

impl Operation for OneHot {
    fn check(&self, inputs: &[Input]) -> Checked<Kind> {
        let needed = "a categorical feature (`vocabulary`, `bucketize`, `hash` and `identity` make one)";
        any_of(one(inputs)?, &[Kind::Ids], needed)?;
        Ok(Kind::Vector)
    }

    fn build(&self, _: &Constants, inputs: &[Input]) -> Checked<Kernel> {
        let input = one(inputs)?;
        if !(1..=MAX_WIDTH).contains(&input.size) {
            let (what, buckets) = (input.words(), input.size);
            return Err(format!("{what} has {buckets} buckets, more than the {MAX_WIDTH} that can be written out"));
        }
        let width = input.size as usize;
        Ok(Kernel::new(input.size, move |args: Args<'_>| {
            let ids = args.ids(0)?;
            let mut values = vec![0.0; args.rows * width];
            for (row, target) in values.chunks_exact_mut(width).enumerate() {
                ids.row(row).iter().for_each(|&id| target[id as usize] += 1.0);
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
