//! A predictor refuses encoded rows of other features, and does not fail on them.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use arrow::array::{ArrayRef, Float64Array, StringArray};
use arrow::record_batch::RecordBatch;
use std::sync::Arc;
use trainyard_features::{Batch, ColumnType, Features, FittedFeatures, Schema};
use trainyard_model::{Architecture, Binary, Bundle, Head, Predictor, WideDeep};
use trainyard_nn::{Loss, OptimizerConfig};
use trainyard_store::{MemoryStore, ParamStore, StoreConfig};

fn rows() -> RecordBatch {
    let (x, c) = (Float64Array::from(vec![1.0, 2.0]), StringArray::from(vec!["a", "b"]));
    RecordBatch::try_from_iter([("x", Arc::new(x) as ArrayRef), ("c", Arc::new(c) as ArrayRef)]).unwrap()
}

fn features() -> FittedFeatures {
    let specs = serde_json::json!({"x": {"op": "numeric"}, "c": {"op": "hash", "buckets": 10}});
    let schema = Schema::new([("x".to_owned(), ColumnType::Float), ("c".to_owned(), ColumnType::Text)]);
    let mut fitting = Features::new(serde_json::from_value(specs).unwrap(), &schema, None, None).unwrap().fit();
    while !fitting.finished() {
        let collector = fitting.collector();
        collector.update(&rows()).unwrap();
        fitting.absorb(collector).unwrap();
    }
    fitting.finish().unwrap()
}

fn predictor() -> Predictor {
    let (features, head) =
        (features(), Binary::new(Loss::BINARY_CROSS_ENTROPY, vec!["no".to_owned(), "yes".to_owned()]));
    let architecture = Architecture::new(&WideDeep::default(), &head, features.encoding()).unwrap();
    let optimizers = ["main", "wide"].map(|group| (group.to_owned(), OptimizerConfig::default())).into();
    let store = MemoryStore::new(StoreConfig { optimizers, ..StoreConfig::default() }).unwrap();
    store.create(&architecture.specs).unwrap();
    Predictor::new(Bundle::new("p", architecture, head.outputs(), &store.snapshot().unwrap(), features)).unwrap()
}

#[test]
fn rows_of_other_features_are_an_error() {
    let predictor = predictor();
    let good = predictor.features().transform(&rows()).unwrap();
    assert_eq!(predictor.predict_batch(&good).unwrap().len(), 2);
    let changed = |change: &dyn Fn(&mut Batch)| {
        let mut batch = good.clone();
        change(&mut batch);
        predictor.predict_batch(&batch).unwrap_err().to_string()
    };
    let expected = "2 rows with 0 lists of ids of 2 rows; the model reads 1 of 2";
    let message = changed(&|batch| batch.ids.clear());
    assert!(message.contains(expected), "{message}");
    for broken in [f32::NAN, f32::INFINITY] {
        let message = changed(&|batch| batch.numeric[1] = broken);
        assert!(message.contains(&format!("feature `x` is {broken} in row 1 of a batch")), "{message}");
    }
    changed(&|batch| batch.ids.push(batch.ids[0].clone()));
    changed(&|batch| batch.numeric.truncate(1));
    changed(&|batch| batch.rows = 3);
    changed(&|batch| batch.ids[0].offsets = vec![0, 1]);
    changed(&|batch| batch.ids[0].offsets = vec![0, 1, 9]);
    changed(&|batch| batch.ids[0].offsets = vec![0, 2, 1]);
    assert_eq!(predictor.predict_batch(&good).unwrap().len(), 2, "an error spoils nothing");
}
