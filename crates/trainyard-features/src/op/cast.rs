//! A value read as a number.

use super::{Args, Checked, Constants, Input, Kernel, Kind, Operation, any_of, one};
use crate::column::Column;
use serde::{Deserialize, Serialize};

/// The number that a value is or spells: text such as `" 12.5 "` or `"1e3"`, ints, bools (0 and 1), floats.
///
/// With `to = "int"` only whole numbers count, with `to = "bool"` only 0, 1 and, as text in any case, `true` and `false`. Ints are
/// rounded to `f32`. Missing stays missing. A value that does not count is an error, or missing with `invalid = "missing"`.
///
/// ```toml
/// [features.age]
/// op = "cast"
/// to = "int"
/// invalid = "missing"
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cast {
    /// Which numbers count.
    pub to: Target,
    /// What to do with a value that does not count.
    pub invalid: Invalid,
}

/// The numbers that count for a [`Cast`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// All finite ones.
    #[default]
    Float,
    /// Whole ones.
    Int,
    /// 0 and 1.
    Bool,
}

/// What [`Cast`] does with a value that does not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Invalid {
    /// It is an error.
    #[default]
    Error,
    /// It is missing.
    Missing,
}

impl Target {
    fn holds(self, number: f64) -> bool {
        match self {
            Self::Float => number.is_finite(),
            Self::Int => number.is_finite() && number.fract() == 0.0,
            Self::Bool => number == 0.0 || number == 1.0,
        }
    }

    fn read(self, text: &str) -> Option<f64> {
        let text = text.trim();
        let word = |word: &str| self == Self::Bool && text.eq_ignore_ascii_case(word);
        match text {
            _ if word("true") => Some(1.0),
            _ if word("false") => Some(0.0),
            _ => text.parse().ok(),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Float => "a number",
            Self::Int => "a whole number",
            Self::Bool => "true or false",
        }
    }
}

impl Cast {
    /// The number of a value; `value` is how to show it.
    fn number(&self, number: Option<f64>, value: impl FnOnce() -> String) -> Checked<f32> {
        match (number.filter(|&number| self.to.holds(number)), self.invalid) {
            (Some(number), _) => Ok(number as f32 + 0.0),
            (None, Invalid::Missing) => Ok(f32::NAN),
            (None, Invalid::Error) => {
                let (value, expected) = (value(), self.to.words());
                Err(format!("`{value}` is not {expected}; mend the data, or set `invalid = \"missing\"`"))
            }
        }
    }

    fn apply(&self, args: Args<'_>) -> Checked<Column> {
        let values: Checked<Vec<f32>> = match args.column(0)? {
            Column::Text(texts) => texts.iter()
                .map(|text| text.map_or(Ok(f32::NAN), |text| self.number(self.to.read(text), || text.to_string())))
                .collect(),
            _ => (args.doubles(0)?.into_iter())
                .map(|x| if x.is_nan() { Ok(f32::NAN) } else { self.number(Some(x), || x.to_string()) })
                .collect(),
        };
        values.map(Column::numbers)
    }
}

impl Operation for Cast {
    fn check(&self, inputs: &[Input]) -> Checked<Kind> {
        any_of(one(inputs)?, &[Kind::Text, Kind::Number, Kind::Int, Kind::Bool], "text or one number per row")?;
        Ok(Kind::Number)
    }

    fn build(&self, _: &Constants, _: &[Input]) -> Checked<Kernel> {
        let cast = self.clone();
        Ok(Kernel::new(1, move |args: Args<'_>| cast.apply(args)))
    }
}

#[cfg(test)]
mod tests {
    use crate::op::testing::*;

    #[track_caller]
    fn check(parameters: &str, column: Columns, expected: &[f32]) {
        check_numeric(&format!("[x]\nop = 'cast'\n{parameters}"), column, expected);
    }

    #[track_caller]
    fn check_refused(parameters: &str, column: Columns, expected: &str) {
        check_error(&format!("[x]\nop = 'cast'\n{parameters}"), column, expected);
    }

    #[test]
    fn text_is_read_as_a_number() {
        check("", vec![("x", texts(&[" 12.5 ", "1e3", "-7", "-", ""]))], &[12.5, 1000.0, -7.0, 0.0, 0.0]);
        check("to = 'bool'", vec![("x", texts(&["TRUE", "false", "1", "0"]))], &[1.0, 0.0, 1.0, 0.0]);
    }

    #[test]
    fn what_is_no_number_is_an_error_that_shows_it() {
        let expected = "`[features.x]`: `n/a` is not a number; mend the data, or set `invalid = \"missing\"`";
        check_refused("", vec![("x", texts(&["1", "n/a"]))], expected);
        check_refused("", vec![("x", texts(&["inf"]))], "`inf` is not a number");
    }

    #[test]
    fn a_loss_is_an_error() {
        check_refused("to = 'int'", vec![("x", floats(&[1.0, 2.5]))], "`2.5` is not a whole number");
        check_refused("to = 'bool'", vec![("x", ints(&[Some(2)]))], "`2` is not true or false");
    }

    #[test]
    fn what_does_not_count_is_missing_on_request() {
        check("invalid = 'missing'", vec![("x", texts(&["n/a", "3", "NaN"]))], &[0.0, 3.0, 0.0]);
        check("to = 'int'\ninvalid = 'missing'", vec![("x", floats(&[2.5, 4.0, f64::NAN]))], &[0.0, 4.0, 0.0]);
    }
}
