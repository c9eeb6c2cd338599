//! An expression over numbers.
//!
//! `parse` reads SQL text into an `Expr` of our own, `expr` evaluates it by column. Why not let a query engine do both? A
//! model server would have to link it, and its results could change from one version to the next.

mod expr;
mod function;
mod parse;

use super::{Args, Checked, Constants, Input, Kernel, Kind, Operation, any_of};
use crate::column::Column;
use parse::Parsed;
use serde::{Deserialize, Serialize};

/// The value of an SQL expression over raw columns and numeric features of the same row.
///
/// - operators: `+ - * / %`, unary `-`, `= <> < <= > >=`, `AND OR NOT`, `BETWEEN`, `IN (..)`, `IS [NOT] NULL`
/// - `CASE [x] WHEN .. THEN .. ELSE .. END`, `COALESCE`, `NULL`, `TRUE`, `FALSE`
/// - `abs sqrt cbrt ln log1p log2 log10 exp pow sin cos tan asin acos atan atan2 radians degrees floor ceil round trunc sign least
///   greatest hypot`
///
/// Names are those of columns or features, in double quotes when they are not plain: `"trip miles"`. True is 1 and false 0;
/// a condition holds when it is neither missing nor 0. Numbers are computed in `f64` from `f32` inputs (ints up to 2⁵³ are
/// exact) and rounded to `f32` once. Division is never of whole numbers: `1 / 2` is 0.5. `round` goes away from 0 at halves.
///
/// Missing in, missing out, except for `COALESCE`, `IS NULL`, `CASE`, and `AND` and `OR` where one side decides. What has no
/// finite result (`1 / 0`, `ln(0)`) is missing too.
///
/// ```toml
/// [features.fare_per_mile]
/// op = "sql"
/// expr = "CASE WHEN miles > 0 THEN fare / miles ELSE 0 END"
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sql {
    /// The expression, at most 4000 bytes.
    pub expr: String,
}

impl Operation for Sql {
    fn reads(&self) -> Checked<Option<Vec<String>>> {
        Ok(Some(parse::parse(&self.expr)?.names))
    }

    fn check(&self, inputs: &[Input]) -> Checked<Kind> {
        if inputs.is_empty() {
            return Err("the expression reads no column or feature; a constant tells a model nothing".to_string());
        }
        for input in inputs {
            any_of(input, &[Kind::Number, Kind::Int, Kind::Bool], "one number per row")?;
        }
        Ok(Kind::Number)
    }

    fn build(&self, _: &Constants, _: &[Input]) -> Checked<Kernel> {
        let Parsed { expr, names } = parse::parse(&self.expr)?;
        Ok(Kernel::new(1, move |args: Args<'_>| {
            let inputs = (0..names.len()).map(|i| args.doubles(i)).collect::<Checked<Vec<_>>>()?;
            let values = expr.eval(&inputs, args.rows);
            Ok(Column::numbers(values.iter().map(|&value| single(value)).collect()))
        }))
    }
}

/// A result as `f32`; missing when it is too large for one.
fn single(value: f64) -> f32 {
    let value = value as f32 + 0.0;
    if value.is_finite() { value } else { f32::NAN }
}

#[cfg(test)]
mod tests {
    use crate::op::testing::*;

    #[track_caller]
    fn check(expr: &str, expected: f32) {
        // Missing becomes 0 in a batch, hence the impute.
        let spec = format!("[s]\nop = 'sql'\nexpr = '''{expr}'''\n[y]\nop = 'impute'\ninput = 's'\nvalue = -999");
        let columns = vec![
            ("x", floats(&[2.5])),
            ("n", ints(&[Some(7)])),
            ("yes", bools(&[Some(true)])),
            ("nothing", floats(&[f64::NAN])),
            ("trip miles", floats(&[4.0])),
        ];
        assert_eq!(run(&spec, &columns).unwrap().numeric, [expected], "{expr}");
    }

    const MISSING: f32 = -999.0;

    #[track_caller]
    fn check_refused(expr: &str, expected: &str) {
        let columns = vec![("x", floats(&[2.5])), ("city", texts(&["a"]))];
        check_error(&format!("[y]\nop = 'sql'\nexpr = '''{expr}'''"), columns, expected);
    }

    #[test]
    fn arithmetic_follows_the_usual_order() {
        check("1 + x * 2 - -n / 2", 9.5);
        check("(1 + x) * 2", 7.0);
        check("n % 4 + -n % 4", 0.0);
        check("x + yes", 3.5);
        check("\"trip miles\" / 8", 0.5);
    }

    #[test]
    fn comparisons_and_logic_give_1_and_0() {
        check("x > 2 AND n = 7", 1.0);
        check("x < 2 OR NOT n <> 7", 1.0);
        check("n BETWEEN 8 AND 9", 0.0);
        check("n NOT IN (1, 2, 3)", 1.0);
        check("yes AND TRUE", 1.0);
    }

    #[test]
    fn missing_in_is_missing_out() {
        check("x + nothing", MISSING);
        check("greatest(x, nothing)", MISSING);
        check("x > nothing", MISSING);
        check("NOT (nothing > 1)", MISSING);
        check("NULL + x", MISSING);
    }

    #[test]
    fn what_sql_decides_in_spite_of_missing_is_decided() {
        check("coalesce(nothing, NULL, x)", 2.5);
        check("nothing IS NULL AND x IS NOT NULL", 1.0);
        check("nothing > 1 AND x < 0", 0.0);
        check("nothing > 1 OR x > 0", 1.0);
        check("CASE WHEN nothing > 1 THEN 1 ELSE x END", 2.5);
    }

    #[test]
    fn cases_take_the_first_that_holds() {
        check("CASE WHEN x > 1 THEN 10 WHEN x > 2 THEN 20 END", 10.0);
        check("CASE n WHEN 1 THEN 10 WHEN 7 THEN 70 ELSE x END", 70.0);
        check("CASE WHEN x > 100 THEN 1 END", MISSING);
    }

    #[test]
    fn every_function_is_known() {
        check("abs(-x) + sqrt(16) + ln(1) + log1p(0) + exp(0) + pow(2, 3)", 15.5);
        check("sin(x - x) + cos(0) + asin(0) + atan2(0, 1) + radians(0)", 1.0);
        check("cbrt(27) + log2(8) + log10(1000) + trunc(-x) + degrees(radians(8))", 15.0);
        check("tan(x - x) + acos(1) + atan(0)", 0.0);
        check("floor(x) * 1000 + ceil(x) * 100 + round(x) * 10 + sign(-x)", 2329.0);
        check("least(x, n, 1) + greatest(x, n) + hypot(3, 4)", 13.0);
    }

    #[test]
    fn results_that_are_not_finite_are_missing() {
        check("1 / (x - 2.5)", MISSING);
        check("ln(x - 2.5)", MISSING);
        check("sqrt(-x)", MISSING);
        check("x * 1e300", MISSING);
        check("coalesce(1 / (x - 2.5), 5)", 5.0);
    }

    #[test]
    fn ints_are_exact_where_f32_is_not() {
        let spec = "[y]\nop = 'sql'\nexpr = 't % 86400'";
        check_numeric(spec, vec![("t", ints(&[Some(1_714_571_101)]))], &[49501.0]);
    }

    #[test]
    fn expressions_read_features() {
        let spec = "[z]\nop = 'log1p'\ninput = 'x'\n[y]\nop = 'sql'\nexpr = 'z * 0 + x'";
        check_numeric(spec, vec![("x", floats(&[2.5]))], &[2.5]);
    }

    #[test]
    fn an_unknown_function_is_named_with_those_there_are() {
        check_refused("sqr(x)", "`[features.y]`: there is no function `sqr`; did you mean `sqrt`?; functions: `abs`, `acos`");
    }

    #[test]
    fn what_is_not_of_one_row_is_refused() {
        check_refused("sum(x)", "`sum` is over many rows, but features are computed row by row");
        check_refused("lag(x) OVER (ORDER BY x)", "is over many rows");
        check_refused("abs(x) OVER ()", "`abs` is used with `OVER`");
        check_refused("(SELECT 1)", "`(SELECT 1)` is not part of row expressions");
        check_refused("now() + x", "`now` does not depend on the row alone");
    }

    #[test]
    fn mistakes_are_explained() {
        check_refused("x +", "cannot read the expression: Expected: an expression");
        check_refused("x y", "cannot read the expression: `y` is left over");
        check_refused("pow(x)", "`pow` takes 2 numbers, not 1");
        check_refused("x || 'a'", "is not part of row expressions");
        check_refused("1 + 2", "the expression reads no column or feature");
        check_refused("fair + 1", "reads `fair`, which is neither a column nor another feature");
        check_refused("city + 1", "needs one number per row, but column `city` is text");
    }

    #[test]
    fn depth_and_length_are_limited() {
        check_refused(&format!("{}x{}", "(".repeat(500), ")".repeat(500)), "cannot read the expression");
        check_refused(&format!("x{}", "+x".repeat(1900)), "is nested more than 100 levels deep");
        check_refused(&"x+".repeat(4000), "is longer than 4000 bytes");
        check_refused(&format!("{}x", "- ".repeat(1900)), "cannot read the expression");
        check_refused(&format!("{}x", "NOT ".repeat(900)), "cannot read the expression");
    }
}
