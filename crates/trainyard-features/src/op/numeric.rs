//! A number as it is.

use super::{Args, Checked, Constants, Input, Kernel, Kind, Operation, any_of, one};
use crate::column::Column;
use serde::{Deserialize, Serialize};

/// `y = x`: ints are rounded to `f32`, bools are 0 and 1, ids of a categorical feature are numbers.
///
/// Missing stays missing, and a row with no id or several counts as missing. The model sees 0 for missing; put `impute` in
/// front for another value.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Numeric {}

impl Operation for Numeric {
    fn check(&self, inputs: &[Input]) -> Checked<Kind> {
        any_of(one(inputs)?, &[Kind::Number, Kind::Int, Kind::Bool, Kind::Ids], "one number per row")?;
        Ok(Kind::Number)
    }

    fn build(&self, _: &Constants, _: &[Input]) -> Checked<Kernel> {
        Ok(Kernel::new(1, |args: Args<'_>| Ok(Column::numbers(args.numbers(0)?.into_owned()))))
    }
}

#[cfg(test)]
mod tests {
    use crate::op::testing::*;

    const SPEC: &str = "[x]\nop = 'numeric'";

    #[test]
    fn ints_and_bools_become_numbers() {
        check_numeric(SPEC, vec![("x", ints(&[Some(-3), None]))], &[-3.0, 0.0]);
        check_numeric(SPEC, vec![("x", bools(&[Some(true), None, Some(false)]))], &[1.0, 0.0, 0.0]);
    }

    #[test]
    fn text_is_refused_with_the_way_to_declare_its_type() {
        check_error(
            SPEC,
            vec![("x", texts(&[""]))],
            "`[features.x]`: needs one number per row, but column `x` is text; if it holds numbers (a column without any \
             value is read as text), declare its type: `[data.types]` `x = \"float\"`",
        );
    }

    #[test]
    fn nothing_infinite_reaches_the_model() {
        check_numeric(SPEC, vec![("x", floats(&[f64::INFINITY, 1e300, f64::NAN, 2.0]))], &[0.0, 0.0, 0.0, 2.0]);
    }
}
