//! What TensorFlow, TensorFlow Transform and Keras give, by the literals of their own tests. Each case names the file and the test
//! that it is from; only the values are theirs.
//!
//! Where we differ by design there is no case: `""` is missing here and hashes to a bucket there, missing numbers have a bucket of
//! their own, boundaries are finite and `f32`, and `bag_of_words` keeps counts. Further literals stand beside the formulas, in
//! `src/op` and `src/fit`.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use arrow::array::{ArrayRef, Float64Array, Int64Array, ListBuilder, StringArray, StringBuilder};
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use std::sync::Arc;
use trainyard_features::hash::{CROSS_KEY, farm_fingerprint64, fingerprint_cat64};
use trainyard_features::{Batch, ColumnType, Features, Schema};

fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn ints(values: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

fn floats(values: &[f64]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}

/// Lists of one-letter texts: what `tf.strings.bytes_split` makes of a text.
fn letters(values: &[&str]) -> ArrayRef {
    let mut lists = ListBuilder::new(StringBuilder::new());
    values.iter().for_each(|text| lists.append_value(text.chars().map(|letter| Some(letter.to_string()))));
    Arc::new(lists.finish())
}

/// Applies features, fitted on the same rows.
fn apply(spec: &str, columns: &[(&str, ArrayRef)]) -> Batch {
    let column_type = |array: &ArrayRef| match array.data_type() {
        DataType::Float64 => ColumnType::Float,
        DataType::Int64 => ColumnType::Int,
        _ => ColumnType::Text,
    };
    let schema = Schema::new(columns.iter().map(|(name, array)| (*name, column_type(array))));
    let rows = RecordBatch::try_from_iter(columns.iter().map(|(name, array)| (*name, array.clone()))).unwrap();
    let mut fitting = Features::new(toml::from_str(spec).unwrap(), &schema, None, None).unwrap().fit();
    while !fitting.finished() {
        let collector = fitting.collector();
        collector.update(&rows).unwrap();
        fitting.absorb(collector).unwrap();
    }
    fitting.finish().unwrap().transform(&rows).unwrap()
}

#[track_caller]
fn check_ids(parameters: &str, column: ArrayRef, expected: &[u64]) {
    assert_eq!(apply(&format!("[x]\n{parameters}"), &[("x", column)]).ids[0].ids, expected);
}

/// tensorflow_transform/mappers_test.py, testHashStringsNoKeySparseInput and its neighbours.
#[test]
fn hash_strings_of_tensorflow_transform() {
    check_ids("op = 'hash'\nbuckets = 17", texts(&["Dog", "Cat"]), &[12, 4]);
    check_ids("op = 'hash'\nbuckets = 11", texts(&["Car", "Bus", "Tree"]), &[8, 4, 5]);
    check_ids("op = 'hash'\nbuckets = 11\nsalt = [123, 456]", texts(&["Cake", "Pie", "Sundae"]), &[6, 5, 6]);
    let salted = "op = 'hash'\nbuckets = 173\nsalt = [321, 555]";
    check_ids(salted, texts(&["$$$", "%^#", "&$!#@", "$$$"]), &[16, 156, 9, 16]);
}

/// tensorflow_transform/mappers_test.py, testApplyBuckets (`few_buckets`, the numbers of `with_nans`) and
/// testApplybucketsToSparseTensor.
#[test]
fn apply_buckets_of_tensorflow_transform() {
    check_ids("op = 'bucketize'\nboundaries = [5]", ints(&[4]), &[0]);
    let column = floats(&[4.0, f64::NEG_INFINITY, 7.5, 10.0]);
    check_ids("op = 'bucketize'\nboundaries = [2, 5, 8]", column, &[1, 0, 2, 3]);
    check_ids("op = 'bucketize'\nboundaries = [-10, 0, 13]", ints(&[10, 20, -1]), &[2, 3, 1]);
}

/// tensorflow_transform/mappers_test.py, testWordCount.
#[test]
fn word_count_of_tensorflow_transform() {
    let spec = "[t]\nop = 'tokenize'\ninput = 'x'\n[n]\nop = 'count'\ninput = 't'";
    let batch = apply(spec, &[("x", letters(&["abc", "def", "fghijklm", "z", ""]))]);
    assert_eq!(batch.numeric, [3.0, 3.0, 8.0, 1.0, 0.0]);
}

/// keras/src/layers/preprocessing/hashing_test.py, test_correctness, with one salt for both keys where it gives one.
#[test]
fn hashing_of_keras() {
    let letters = || texts(&["A", "B", "C", "D", "E"]);
    check_ids("op = 'hash'\nbuckets = 3", letters(), &[1, 0, 1, 1, 2]);
    check_ids("op = 'hash'\nbuckets = 3\nsalt = [133, 137]", letters(), &[1, 2, 1, 0, 2]);
    check_ids("op = 'hash'\nbuckets = 3\nsalt = [133, 133]", letters(), &[0, 0, 2, 1, 0]);
    // With a mask, the first of 3 bins is for it: the others are those of 2, and 1 more.
    check_ids("op = 'hash'\nbuckets = 2", texts(&["A", "B", "", "C", "D"]), &[0, 0, 1, 1]);
}

/// keras/src/layers/preprocessing/hashing_test.py, test_hash_dense_input_farmhash, test_hash_dense_input_siphash,
/// test_hash_dense_int_input_farmhash, test_hash_dense_int_input_siphash and test_hash_list_input.
#[test]
fn hashing_of_keras_with_and_without_salt() {
    let words = || texts(&["omar", "stringer", "marlo", "wire", "skywalker"]);
    check_ids("op = 'hash'\nbuckets = 2", words(), &[0, 0, 1, 0, 0]);
    check_ids("op = 'hash'\nbuckets = 2\nsalt = [133, 137]", words(), &[0, 1, 0, 1, 0]);
    check_ids("op = 'hash'\nbuckets = 2\nsalt = [211, 137]", words(), &[1, 0, 1, 0, 1]);
    check_ids("op = 'hash'\nbuckets = 3", ints(&[0, 1, 2, 3, 4]), &[1, 0, 1, 0, 2]);
    check_ids("op = 'hash'\nbuckets = 3\nsalt = [133, 137]", ints(&[0, 1, 2, 3, 4]), &[1, 1, 2, 0, 1]);
    check_ids("op = 'hash'\nbuckets = 2", ints(&[1, 2, 3]), &[1, 1, 1]);
}

/// keras/src/layers/preprocessing/hashing_test.py, test_count_output.
#[test]
fn counts_of_hashes_of_keras() {
    let spec = "[t]\nop = 'tokenize'\ninput = 'x'\n[h]\nop = 'hash'\nbuckets = 3\ninput = 't'\n[n]\nop = 'one_hot'\ninput = 'h'";
    assert_eq!(apply(spec, &[("x", texts(&["0 1 2 3 4"]))]).numeric, [2.0, 2.0, 1.0]);
}

/// keras/src/layers/preprocessing/hashed_crossing_test.py, test_correctness and test_tf_string.
#[test]
fn hashed_crossing_of_keras() {
    let spec = |buckets: u64| format!("[x]\nop = 'cross'\ninputs = ['a', 'b']\nbuckets = {buckets}");
    let columns = [("a", texts(&["A", "B", "A", "B", "A"])), ("b", ints(&[101, 101, 101, 102, 102]))];
    assert_eq!(apply(&spec(5), &columns).ids[0].ids, [1, 4, 1, 1, 3]);
    assert_eq!(apply(&spec(10), &columns).ids[0].ids[0], 1);
}

/// tensorflow/python/feature_column/feature_column_v2_test.py, HashedCategoricalColumnTest, test_strings_should_be_hashed.
#[test]
fn hash_buckets_of_feature_columns() {
    check_ids("op = 'hash'\nbuckets = 10", texts(&["omar", "stringer", "marlo"]), &[6, 4, 1]);
}

/// tensorflow/python/kernel_tests/sparse_ops/sparse_cross_op_test.py, test_hashed_no_hash_key, test_hashed_output,
/// test_hashed_zero_bucket_no_hash_key and test_hashed_zero_bucket, which takes the remainder by the largest `i64`.
#[test]
fn hashed_crosses_of_tensorflow() {
    let names = ["batch1-FC1-F1", "batch1-FC2-F1", "batch1-FC3-F1"];
    let hash =
        |key: u64| names.iter().fold(key, |hash, name| fingerprint_cat64(hash, farm_fingerprint64(name.as_bytes())));
    assert_eq!(hash(CROSS_KEY) % i64::MAX as u64, 1_971_693_436_396_284_976);
    assert_eq!(hash(CROSS_KEY + 1) % i64::MAX as u64, 4_847_552_627_144_134_031);
    let columns = [("a", texts(&names[..1])), ("b", texts(&names[1..2])), ("c", texts(&names[2..]))];
    let spec = "[x]\nop = 'cross'\ninputs = ['a', 'b', 'c']\nbuckets = 100";
    assert_eq!(apply(spec, &columns).ids[0].ids, [83]);
    assert_eq!(apply(&format!("{spec}\nkey = {}", CROSS_KEY + 1), &columns).ids[0].ids, [31]);
}

/// tensorflow/python/kernel_tests/sparse_ops/sparse_cross_op_test.py, test_permutation_3x1x2: which crosses there are and in
/// what order; and test_one_column_empty: none where an input has no value.
#[test]
fn crosses_of_tensorflow_come_in_order() {
    let spec = "
        [t]
        op = 'tokenize'
        input = 'a'
        lower_case = false
        [u]
        op = 'tokenize'
        input = 'c'
        lower_case = false
        [x]
        op = 'cross'
        inputs = ['t', 'b', 'u']
        buckets = 1000000007";
    let columns = [
        ("a", texts(&["batch1-FC1-F1 batch1-FC1-F2 batch1-FC1-F3", "batch1-FC1-F1"])),
        ("b", texts(&["batch1-FC2-F1", ""])),
        ("c", texts(&["batch1-FC3-F1 batch1-FC3-F2", "batch1-FC3-F1"])),
    ];
    let word = |name: String| farm_fingerprint64(name.as_bytes());
    let cross = |i: usize, k: usize| {
        let words =
            [word(format!("batch1-FC1-F{i}")), word("batch1-FC2-F1".to_string()), word(format!("batch1-FC3-F{k}"))];
        words.into_iter().fold(CROSS_KEY, fingerprint_cat64) % 1_000_000_007
    };
    let ids = apply(spec, &columns).ids.swap_remove(0);
    assert_eq!(ids.row(0), [cross(1, 1), cross(1, 2), cross(2, 1), cross(2, 2), cross(3, 1), cross(3, 2)]);
    assert!(ids.row(1).is_empty());
}
