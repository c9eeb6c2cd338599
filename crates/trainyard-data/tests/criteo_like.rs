//! The rows that `make_rows` writes.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../examples/make_rows/criteo.rs"]
mod criteo;

use std::collections::HashMap;

use arrow::array::{Array, AsArray};
use arrow::compute::concat_batches;
use arrow::datatypes::{Float32Type, Int64Type};
use arrow::record_batch::RecordBatch;
use criteo::{CATEGORIES, CriteoLike, NUMBERS};

fn rows(seed: u64, first: u64, rows: usize) -> RecordBatch {
    CriteoLike::new(seed).batch(first, rows).unwrap()
}

#[test]
fn a_row_is_a_function_of_its_seed_and_place() {
    let whole = rows(7, 0, 1000);
    let parts = [rows(7, 0, 1), rows(7, 1, 600), rows(7, 601, 399)];
    assert_eq!(concat_batches(&CriteoLike::schema(), &parts).unwrap(), whole);
    assert_ne!(rows(8, 0, 1000), whole);
}

#[test]
fn columns_are_named_as_those_of_criteo() {
    let schema = CriteoLike::schema();
    let names: Vec<_> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!((names[0], names[1], names[13], names[14], names[39]), ("label", "I1", "I13", "C1", "C26"));
    assert_eq!(names.len(), 1 + NUMBERS + CATEGORIES);
}

#[test]
fn values_are_distributed_as_they_say() {
    let batch = rows(7, 0, 20_000);
    let labels = batch.column(0).as_primitive::<Int64Type>();
    let clicks = labels.iter().flatten().sum::<i64>() as f64 / 20_000.0;
    assert!((0.1..0.5).contains(&clicks), "{clicks}");
    let numbers = batch.column(3).as_primitive::<Float32Type>();
    assert!((800..1200).contains(&numbers.null_count()), "{}", numbers.null_count());
    let mean_log = numbers.iter().flatten().map(|x| f64::from(x.ln())).sum::<f64>() / 19_000.0;
    assert!(mean_log.abs() < 0.05, "{mean_log}");
}

#[test]
fn few_ids_are_frequent_and_many_are_rare() {
    let batch = rows(7, 0, 20_000);
    let texts = batch.column_by_name("C5").unwrap().as_string::<i32>();
    let mut counts = HashMap::new();
    texts.iter().flatten().for_each(|text| *counts.entry(text).or_insert(0) += 1);
    // Zipf's law gives the first id 1 in ζ(1.15) = 7.25 rows, and the second 2^-1.15 times as many.
    let (first, second) = (counts["00000000"], counts["00000001"]);
    assert!((2600..2900).contains(&first) && (1150..1350).contains(&second), "{first} {second}");
    assert!(counts.len() > 5000, "{}", counts.len());
    assert!(texts.iter().flatten().all(|text| text.len() == 8 && u64::from_str_radix(text, 16).unwrap() < 1_000_000));
}
