//! A table of all column types and features of all operations, which several tests share.

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray};
use arrow::record_batch::RecordBatch;
use std::sync::Arc;
use trainyard_features::{ColumnType, Features, FittedFeatures, LabelSpec, LabelTask, Schema};

/// A row: two floats, an int, a bool, two texts, the label, the weight and a text of several words.
pub type Row =
    (Option<f64>, Option<f64>, Option<i64>, Option<bool>, Option<String>, Option<String>, bool, u8, Option<String>);

pub const SPECS: &str = r#"
    [numeric]
    op = "numeric"
    input = "x"
    [sql]
    op = "sql"
    expr = "CASE WHEN x > y THEN x / y WHEN n IS NULL THEN hypot(x, y) ELSE coalesce(x, y, n) % 3 END"
    [impute]
    op = "impute"
    strategy = "median"
    indicator = true
    input = "x"
    [mode]
    op = "impute"
    strategy = "most_frequent"
    input = "n"
    [clipped]
    op = "clip"
    lower_quantile = 0.1
    upper_quantile = 0.9
    input = "x"
    [log1p]
    op = "log1p"
    input = "y"
    [power]
    op = "power"
    exponent = 0.7
    signed = true
    input = "x"
    [cast]
    op = "cast"
    to = "int"
    invalid = "missing"
    input = "x"
    [robust_scale]
    op = "robust_scale"
    input = "y"
    [uniform_rank]
    op = "quantile_normalize"
    quantiles = 7
    input = "x"
    [normal_rank]
    op = "quantile_normalize"
    distribution = "normal"
    input = "z_score"
    [z_score]
    op = "z_score"
    input = "clipped"
    [z_again]
    op = "z_score"
    input = "z_score"
    output = true
    [min_max]
    op = "min_max"
    input = "n"
    [fifths]
    op = "bucketize"
    quantiles = 5
    input = "y"
    output = true
    [z_fifths]
    op = "bucketize"
    quantiles = 5
    input = "z_again"
    [uniform]
    op = "bucketize"
    uniform = 3
    input = "sql"
    [city]
    op = "vocabulary"
    min_count = 2
    oov_buckets = 3
    output = true
    [informative]
    op = "vocabulary"
    order = "mutual_information"
    adjusted = true
    top_k = 5
    input = "tokens"
    [n_vocabulary]
    op = "vocabulary"
    top_k = 4
    missing = "own_id"
    input = "n"
    [fifths_vocabulary]
    op = "vocabulary"
    input = "fifths"
    [identity]
    op = "identity"
    buckets = 2
    input = "yes"
    output = true
    [hash]
    op = "hash"
    buckets = 50
    input = "time"
    [hash_n]
    op = "hash"
    buckets = 50
    salt = [1, 2]
    input = "n"
    [cross]
    op = "cross"
    inputs = ["city", "fifths", "identity"]
    buckets = 100
    [one_hot]
    op = "one_hot"
    input = "city"
    [hour]
    op = "time_part"
    part = "hour"
    input = "time"
    [month]
    op = "time_part"
    part = "month"
    input = "n"
    [cyclic]
    op = "cyclic"
    period = 24
    input = "hour"
    [minute]
    op = "time_part"
    part = "minute"
    zone = "Asia/Kathmandu"
    input = "time"
    [haversine]
    op = "haversine"
    inputs = ["x", "y", "y", "x"]
    [per_key]
    op = "scale_per_key"
    inputs = ["x", "city"]
    [per_key_range]
    op = "scale_per_key"
    to = "min_max"
    inputs = ["n", "fifths"]
    [pca]
    op = "pca"
    inputs = ["x", "y", "n"]
    components = 2
    [target_encode]
    op = "target_encode"
    smoothing = 2
    input = "city"
    output = true
    [encoded_z]
    op = "z_score"
    input = "target_encode"
    [frequency_encode]
    op = "frequency_encode"
    input = "token_hash"
    [geo_grid]
    op = "geo_grid"
    inputs = ["x", "y"]
    level = 5
    [tokens]
    op = "tokenize"
    input = "words"
    [pairs]
    op = "ngrams"
    input = "tokens"
    [pair_ids]
    op = "vocabulary"
    input = "pairs"
    min_count = 2
    missing = "own_id"
    output = true
    [token_hash]
    op = "hash"
    buckets = 5
    input = "tokens"
    [bag]
    op = "bag_of_words"
    input = "pair_ids"
    [tf_idf]
    op = "tf_idf"
    input = "token_hash"
    [sequence]
    op = "sequence"
    length = 2
    keep = "last"
    input = "tf_idf"
    output = true
    [count]
    op = "count"
    input = "tokens"
    [count_of_ids]
    op = "count"
    input = "sequence"
    [abs_y]
    op = "sql"
    expr = "CASE WHEN abs(y) < 1e9 THEN abs(y) ELSE 1 END"
    [weight_of_y]
    op = "impute"
    value = 1
    input = "abs_y"
    [weighted]
    op = "weighted"
    inputs = ["token_hash", "weight_of_y"]
    [weight_sums]
    op = "one_hot"
    input = "weighted"
    [shared_tokens]
    op = "vocabulary"
    input = "tokens"
    share = "shared"
    [shared_words]
    op = "vocabulary"
    input = "words"
    share = "shared"
    [shared_sequence]
    op = "sequence"
    length = 3
    input = "shared_tokens"
    [text_cross]
    op = "cross"
    inputs = ["tokens", "words", "n"]
    buckets = 70
"#;

pub fn schema() -> Schema {
    Schema::new([
        ("x", ColumnType::Float),
        ("y", ColumnType::Float),
        ("n", ColumnType::Int),
        ("yes", ColumnType::Bool),
        ("city", ColumnType::Text),
        ("time", ColumnType::Text),
        ("answer", ColumnType::Text),
        ("weight", ColumnType::Float),
        ("words", ColumnType::Text),
    ])
}

/// Some rows with every value present.
pub fn rows() -> Vec<Row> {
    let row = |i: i32| {
        let (x, city, time) =
            (f64::from(i) * 0.1, format!("c{}", i % 5), format!("2024-05-{:02} 10:00:00", i % 28 + 1));
        let words = format!("w{} w{} w{}", i % 3, i % 4, i % 3);
        (
            Some(x),
            Some(-x),
            Some(i64::from(i % 6)),
            Some(i % 3 == 0),
            Some(city),
            Some(time),
            i % 2 == 0,
            1,
            Some(words),
        )
    };
    (0..50).map(row).collect()
}

pub fn batch(rows: &[Row]) -> RecordBatch {
    let columns: [(&str, ArrayRef); 9] = [
        ("x", Arc::new(rows.iter().map(|row| row.0).collect::<Float64Array>())),
        ("y", Arc::new(rows.iter().map(|row| row.1).collect::<Float64Array>())),
        ("n", Arc::new(rows.iter().map(|row| row.2).collect::<Int64Array>())),
        ("yes", Arc::new(rows.iter().map(|row| row.3).collect::<BooleanArray>())),
        ("city", Arc::new(rows.iter().map(|row| row.4.clone()).collect::<StringArray>())),
        ("time", Arc::new(rows.iter().map(|row| row.5.clone()).collect::<StringArray>())),
        ("answer", Arc::new(rows.iter().map(|row| Some(if row.6 { "yes" } else { "no" })).collect::<StringArray>())),
        ("weight", Arc::new(rows.iter().map(|row| Some(f64::from(row.7))).collect::<Float64Array>())),
        ("words", Arc::new(rows.iter().map(|row| row.8.clone()).collect::<StringArray>())),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap()
}

pub fn features() -> Features {
    let label = LabelSpec::new("answer", LabelTask::Binary);
    Features::new(toml::from_str(SPECS).unwrap(), &schema(), Some(label), Some("weight".to_string())).unwrap()
}

/// Fits on partitions, each a list of batches, merged from the last to the first when `reversed`.
pub fn fit(partitions: &[Vec<RecordBatch>], reversed: bool) -> FittedFeatures {
    let mut fitting = features().fit();
    while !fitting.finished() {
        let mut collectors: Vec<_> = partitions
            .iter()
            .map(|batches| {
                let collector = fitting.collector();
                batches.iter().for_each(|batch| collector.update(batch).unwrap());
                collector
            })
            .collect();
        if reversed {
            collectors.reverse();
        }
        let merged = collectors.into_iter().reduce(|mut merged, collector| {
            merged.merge(collector).unwrap();
            merged
        });
        fitting.absorb(merged.unwrap()).unwrap();
    }
    fitting.finish().unwrap()
}
