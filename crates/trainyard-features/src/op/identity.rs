//! A small whole number as its own id.

use super::{Args, Checked, Constants, Input, Kernel, Kind, Operation, any_of, check_buckets, one};
use crate::column::{Column, single_ids};
use serde::{Deserialize, Serialize};

/// `id = x` for a whole number in `[0, buckets)`; bools are 0 and 1.
///
/// Missing has no id. A number outside the range is an error, or gets the id `default`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Ids are below this number. At least 1.
    pub buckets: u64,
    /// The id of numbers outside the range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<u64>,
}

impl Operation for Identity {
    fn check(&self, inputs: &[Input]) -> Checked<Kind> {
        any_of(one(inputs)?, &[Kind::Int, Kind::Bool], "whole numbers (int or bool)")?;
        check_buckets("buckets", self.buckets)?;
        match self.default {
            Some(default) if default >= self.buckets => Err("`default` must be below `buckets`".to_string()),
            _ => Ok(Kind::Ids),
        }
    }

    fn build(&self, _: &Constants, _: &[Input]) -> Checked<Kernel> {
        let Self { buckets, default } = *self;
        Ok(Kernel::new(buckets, move |args: Args<'_>| {
            let values: Vec<Option<i64>> = match args.column(0)? {
                Column::Int(array) => array.iter().collect(),
                Column::Bool(array) => array.iter().map(|bit| bit.map(i64::from)).collect(),
                _ => return Err("input is not int; please report it".to_string()),
            };
            let in_range = |value: i64| u64::try_from(value).ok().filter(|id| *id < buckets).or(default);
            if let Some(value) = values.iter().flatten().find(|value| in_range(**value).is_none()) {
                return Err(format!(
                    "got {value}, which is not in [0, {buckets}); raise `buckets`, or set `default` to the id of such values"
                ));
            }
            Ok(Column::Ids(single_ids(args.rows, values.into_iter().map(|value| value.and_then(in_range)))))
        }))
    }
}

#[cfg(test)]
mod tests {
    use crate::op::testing::*;

    #[test]
    fn a_number_is_its_own_id() {
        let spec = "[x]\nop = 'identity'\nbuckets = 4";
        check_ids(spec, vec![("x", ints(&[Some(3), None, Some(0)]))], &[&[3], &[], &[0]], 4);
    }

    #[test]
    fn a_number_outside_is_an_error_that_says_what_to_do() {
        let spec = "[x]\nop = 'identity'\nbuckets = 4";
        check_error(spec, vec![("x", ints(&[Some(4)]))], "`[features.x]`: got 4, which is not in [0, 4); raise `buckets`");
        check_error(spec, vec![("x", ints(&[Some(-1)]))], "got -1");
    }

    #[test]
    fn a_default_takes_what_is_outside() {
        let spec = "[x]\nop = 'identity'\nbuckets = 4\ndefault = 1";
        check_ids(spec, vec![("x", ints(&[Some(9), Some(2)]))], &[&[1], &[2]], 4);
    }

    #[test]
    fn wrong_parameters_are_refused() {
        let column = || vec![("x", ints(&[Some(0)]))];
        check_error("[x]\nop = 'identity'\nbuckets = 0", column(), "`buckets` is 0; expected 1 to");
        check_error("[x]\nop = 'identity'\nbuckets = 2\ndefault = 2", column(), "`default` must be below `buckets`");
    }
}
