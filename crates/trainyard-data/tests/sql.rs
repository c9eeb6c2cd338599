//! The feature operation `sql` beside DataFusion: the same expression over the same rows gives the same numbers.
//!
//! Where the two differ by intention, the text of an expression says so, or no such text is made:
//!
//! - What has no finite result is missing at once, and in DataFusion infinite or NaN until the end: `1 / (1 / 0.0)` is missing, and
//!   not 0. Each step that may leave the finite numbers is marked by `finite`, a function that only DataFusion gets.
//! - −0 is equal to 0. DataFusion puts it below 0, so what it compares is marked by `plain`, which makes 0 of −0. Both add 0 to what
//!   `atan2` reads.
//! - `sqrt` of a negative number and a negative power of 0 are missing. DataFusion ends the query.
//! - `least` and `greatest` of something missing are missing. DataFusion leaves it out.
//! - A condition is a number, and a number a condition; `1 / 2` is 0.5. DataFusion has types, so conditions stand where it wants
//!   them, and all numbers have a point.
//! - `sign` is DataFusion's `signum`; it has no `log1p` and no `hypot`.
//!
//! `IN` is kept simple, as DataFusion 55.2 errs with more: it mixes up rows where a list holds `CASE` or `COALESCE`, and merges the
//! lists of two `IN` that `AND` joins as if different expressions had different values.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array};
use arrow::datatypes::{DataType, Float64Type};
use arrow::record_batch::RecordBatch;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};
use datafusion::prelude::{SessionConfig, SessionContext};
use proptest::prelude::*;
use proptest::sample::select;
use tokio::runtime::Builder;
use trainyard_features::{ColumnType, Features, Schema};

const COLUMNS: &[&str] = &["fare", "miles", "tip"];
const LITERALS: &[&str] = &["0.0", "0.1", "0.5", "1.0", "2.0", "3.0", "100.25", "(-1.0)", "(-2.5)"];
const ARITHMETIC: &[&str] = &["+", "-", "*", "/", "%"];
const COMPARISONS: &[&str] = &["=", "<>", "<", "<=", ">", ">="];
const FUNCTIONS: &[&str] = &[
    "abs", "acos", "asin", "atan", "cbrt", "ceil", "cos", "degrees", "exp", "floor", "ln", "log10", "log2", "radians",
    "round", "sign", "sin", "tan", "trunc",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn expressions_mean_what_they_mean_to_datafusion(
        text in expression(),
        rows in prop::collection::vec(prop::array::uniform3(value()), 1..24),
    ) {
        let batch = batch(&rows);
        let (ours, theirs) = (ours(&text, &batch), theirs(&text, batch));
        prop_assert_eq!(ours.len(), theirs.len());
        for ((row, ours), theirs) in rows.iter().zip(ours).zip(theirs) {
            prop_assert!(agree(ours, theirs), "{}\nof {:?}: {:?}, and by DataFusion {:?}", text, row, ours, theirs);
        }
    }
}

/// An expression that reads a column.
fn expression() -> impl Strategy<Value = String> {
    let reads = |text: &String| COLUMNS.iter().any(|name| text.contains(name));
    prop_oneof![3 => number(3), 1 => condition(3)].prop_filter("reads no column", reads)
}

/// An expression for a number, of at most so many levels, that needs no more brackets.
fn number(levels: u32) -> BoxedStrategy<String> {
    if levels == 0 {
        return leaf().boxed();
    }
    prop_oneof![1 => leaf(), 4 => arithmetic(levels - 1), 4 => call(levels - 1), 3 => choice(levels - 1)].boxed()
}

fn leaf() -> impl Strategy<Value = String> {
    prop_oneof![4 => select(COLUMNS), 1 => select(LITERALS)].prop_map(String::from)
}

fn arithmetic(levels: u32) -> BoxedStrategy<String> {
    let x = number(levels);
    prop_oneof![
        4 => (x.clone(), select(ARITHMETIC), x.clone()).prop_map(|(x, operator, y)| format!("finite({x} {operator} {y})")),
        1 => x.prop_map(|x| format!("(-{x})")),
    ]
    .boxed()
}

fn call(levels: u32) -> BoxedStrategy<String> {
    let x = number(levels);
    let two = (x.clone(), x.clone());
    prop_oneof![
        6 => (select(FUNCTIONS), x.clone()).prop_map(|(function, x)| format!("finite({function}({x}))")),
        1 => x.clone().prop_map(|x| format!("sqrt(abs({x}))")),
        1 => (x, select(vec!["0.0", "0.5", "1.0", "2.0", "3.0"])).prop_map(|(x, y)| format!("finite(pow({x}, {y}))")),
        1 => two.clone().prop_map(|(x, y)| format!("finite(pow(finite(abs({x}) + 0.5), {y}))")),
        1 => two.clone().prop_map(|(y, x)| format!("atan2({y} + 0.0, {x} + 0.0)")),
        2 => (select(vec!["least", "greatest"]), two)
            .prop_map(|(name, (x, y))| format!("{name}(plain(COALESCE({x}, 1.5)), plain(COALESCE({y}, (-0.5))))")),
    ]
    .boxed()
}

fn choice(levels: u32) -> BoxedStrategy<String> {
    let (x, c) = (number(levels), condition(levels));
    let (two, three) = ((x.clone(), x.clone()), (x.clone(), x.clone(), x.clone()));
    prop_oneof![
        two.clone().prop_map(|(x, y)| format!("COALESCE({x}, {y})")),
        three.clone().prop_map(|(x, y, z)| format!("COALESCE(NULL, {x}, {y}, {z})")),
        (c.clone(), two.clone()).prop_map(|(c, (x, y))| format!("(CASE WHEN {c} THEN {x} ELSE {y} END)")),
        (c.clone(), c, two.clone())
            .prop_map(|(c, d, (x, y))| format!("(CASE WHEN {c} THEN {x} WHEN {d} THEN {y} END)")),
        (x, leaf(), leaf(), two.clone()).prop_map(|(x, a, b, (then, or))| {
            let (x, list) = (format!("plain({x})"), format!("(plain({a}), 2.0, plain({b}))"));
            format!("(CASE WHEN {x} IN {list} THEN {then} WHEN {x} NOT IN {list} THEN {or} END)")
        }),
        (three, two).prop_map(|((x, y, z), (then, or))| {
            format!("(CASE plain({x}) WHEN plain({y}) THEN {then} WHEN plain({z}) THEN {or} ELSE NULL END)")
        }),
    ]
    .boxed()
}

/// An expression for a condition.
fn condition(levels: u32) -> BoxedStrategy<String> {
    let x = number(levels.saturating_sub(1));
    let compared = (x.clone(), select(COMPARISONS), x.clone())
        .prop_map(|(x, operator, y)| format!("(plain({x}) {operator} plain({y}))"));
    if levels == 0 {
        return compared.boxed();
    }
    let (c, not, three) = (condition(levels - 1), select(vec!["", "NOT "]), (x.clone(), x.clone(), x.clone()));
    prop_oneof![
        compared,
        (c.clone(), select(vec!["AND", "OR"]), c.clone()).prop_map(|(c, operator, d)| format!("({c} {operator} {d})")),
        (c.clone(), select(vec!["AND TRUE", "OR FALSE"])).prop_map(|(c, more)| format!("({c} {more})")),
        c.clone().prop_map(|c| format!("(NOT {c})")),
        (prop_oneof![x, c], not.clone()).prop_map(|(x, not)| format!("({x} IS {not}NULL)")),
        (three, not).prop_map(|((x, y, z), not)| format!("(plain({x}) {not}BETWEEN plain({y}) AND plain({z}))")),
    ]
    .boxed()
}

/// A number that `f32` holds, so that both read the same.
fn value() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        2 => Just(None),
        3 => select(vec![-2.0f64, -1.0, 0.0, 0.5, 1.0, 2.0, 3.0]).prop_map(Some),
        2 => (-1.0f32..1.0).prop_map(|x| Some(f64::from(x))),
        2 => (-1000.0f32..1000.0).prop_map(|x| Some(f64::from(x))),
    ]
}

fn batch(rows: &[[Option<f64>; 3]]) -> RecordBatch {
    let column = |i: usize| Arc::new(rows.iter().map(|row| row[i]).collect::<Float64Array>()) as ArrayRef;
    let columns = COLUMNS.iter().enumerate().map(|(i, &name)| (name, column(i), true));
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

/// What the operation makes of the rows. Missing is 0 in a batch, hence the indicator.
fn ours(text: &str, rows: &RecordBatch) -> Vec<Option<f32>> {
    let expr = text.replace("finite(", "(").replace("plain(", "(");
    let specs = serde_json::json!({
        "y": { "op": "sql", "expr": expr },
        "seen": { "op": "impute", "input": "y", "value": 0.0, "indicator": true },
    });
    let schema = Schema::new(COLUMNS.iter().map(|&name| (name, ColumnType::Float)));
    let features = Features::new(serde_json::from_str(&specs.to_string()).unwrap(), &schema, None, None);
    let mut fitting = features.unwrap().fit();
    while !fitting.finished() {
        let collector = fitting.collector();
        collector.update(rows).unwrap();
        fitting.absorb(collector).unwrap();
    }
    let numbers = fitting.finish().unwrap().transform(rows).unwrap().numeric;
    numbers.chunks(2).map(|pair| (pair[1] == 0.0).then_some(pair[0])).collect()
}

/// What DataFusion makes of the rows, rounded to `f32`.
fn theirs(text: &str, rows: RecordBatch) -> Vec<Option<f32>> {
    let session = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
    session.register_batch("rides", rows).unwrap();
    session.register_udf(function("finite", |x| x.is_finite().then_some(x)));
    session.register_udf(function("plain", |x| Some(x + 0.0)));
    let query = format!("SELECT CAST({} AS DOUBLE) FROM rides", text.replace("sign(", "signum("));
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let batches = runtime.block_on(async { session.sql(&query).await.unwrap().collect().await.unwrap() });
    let numbers = batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Float64Type>().iter());
    numbers.map(|number| number.map(|number| number as f32).filter(|number| number.is_finite())).collect()
}

/// A function of a number for DataFusion.
fn function(name: &str, f: fn(f64) -> Option<f64>) -> ScalarUDF {
    let apply = move |arguments: &[ColumnarValue]| -> datafusion::error::Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(arguments)?;
        let values = arrays[0].as_primitive::<Float64Type>().iter().map(|x| x.and_then(f));
        Ok(ColumnarValue::Array(Arc::new(values.collect::<Float64Array>())))
    };
    create_udf(name, vec![DataType::Float64], DataType::Float64, Volatility::Immutable, Arc::new(apply))
}

/// Whether both are missing, or the same but for 4 units in the last place, as a compiler may compute `sin` of a literal by
/// another library.
fn agree(ours: Option<f32>, theirs: Option<f32>) -> bool {
    match (ours, theirs) {
        (Some(ours), Some(theirs)) => (ours - theirs).abs() <= 4.0 * f32::EPSILON * theirs.abs(),
        (ours, theirs) => ours == theirs,
    }
}
