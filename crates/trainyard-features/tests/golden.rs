//! Hashes and quantiles against vectors that pyfarmhash (Google's C++) and TensorFlow's tests give.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use arrow::array::{ArrayRef, Float64Array};
use arrow::record_batch::RecordBatch;
use serde_json::Value;
use std::sync::Arc;
use trainyard_features::hash::{CROSS_KEY, farm_fingerprint64, fingerprint_cat64};
use trainyard_features::{ColumnType, Features, Schema};

fn golden() -> Value {
    serde_json::from_str(include_str!("golden/features_golden.json")).unwrap()
}

fn number(value: &Value) -> u64 {
    value.as_str().unwrap().parse().unwrap()
}

#[test]
fn fingerprints_of_all_lengths_match() {
    for pair in golden()["farm_fingerprint64"].as_array().unwrap() {
        let text = pair[0].as_str().unwrap();
        assert_eq!(farm_fingerprint64(text.as_bytes()), number(&pair[1]), "{text:?}");
    }
}

#[test]
fn crosses_match_whether_of_text_or_of_numbers() {
    for pair in golden()["cross_default_key"].as_array().unwrap() {
        let hash = pair[0].as_array().unwrap().iter().fold(CROSS_KEY, |hash, value| {
            let word = value.as_str().map(|text| farm_fingerprint64(text.as_bytes()));
            fingerprint_cat64(hash, word.unwrap_or_else(|| value.as_i64().unwrap() as u64))
        });
        assert_eq!(hash, number(&pair[1]), "{}", pair[0]);
    }
}

/// The quantiles that `tft.quantiles` gives with no tolerance; the rule and the vectors are derived from the literals in
/// bucketize_integration_test.py. Smallest and largest stand before and after them.
#[test]
fn quantiles_match() {
    for case in golden()["quantiles"].as_array().unwrap() {
        let values: Vec<f64> = case[0].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
        let spec = format!(r#"{{ "x": {{ "op": "quantile_normalize", "quantiles": {} }} }}"#, case[1]);
        let schema = Schema::new([("x", ColumnType::Float)]);
        let mut fitting = Features::new(serde_json::from_str(&spec).unwrap(), &schema, None, None).unwrap().fit();
        let rows: ArrayRef = Arc::new(Float64Array::from(values));
        let rows = RecordBatch::try_from_iter([("x", rows)]).unwrap();
        while !fitting.finished() {
            let collector = fitting.collector();
            collector.update(&rows).unwrap();
            fitting.absorb(collector).unwrap();
        }
        let document: Value = serde_json::from_str(&fitting.finish().unwrap().to_json()).unwrap();
        let floats = |value: &Value| value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect::<Vec<_>>();
        let boundaries = floats(&document["fitted"]["x"]["numbers"]["boundaries"]);
        assert_eq!(boundaries[1..boundaries.len() - 1], floats(&case[2]), "{case}");
    }
}

/// `sparse_cross_hashed` with 0 buckets takes the remainder by the largest `i64`: sparse_cross_op_test.py.
#[test]
fn crosses_match_tensorflow_with_no_buckets() {
    let words = ["batch1-FC1-F1", "batch1-FC2-F1", "batch1-FC3-F1"];
    let hash = words.iter().fold(CROSS_KEY, |hash, word| fingerprint_cat64(hash, farm_fingerprint64(word.as_bytes())));
    assert_eq!(hash % i64::MAX as u64, 1_971_693_436_396_284_976);
}

/// The example in the documentation of `keras.layers.HashedCrossing`, 5 bins.
#[test]
fn crosses_match_keras() {
    let pairs = [("A", 101), ("B", 101), ("A", 101), ("B", 102), ("A", 102)];
    let bins = pairs.map(|(text, number)| {
        fingerprint_cat64(fingerprint_cat64(CROSS_KEY, farm_fingerprint64(text.as_bytes())), number) % 5
    });
    assert_eq!(bins, [1, 4, 1, 1, 3]);
}
