//! What a server answers over HTTP is bit for bit what the predictor says.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::Float32Type;
use trainyard_features::{ColumnType, Features, FittedFeatures, Schema};
use trainyard_model::{Architecture, Bundle, Dnn, Head, Predictor, Regression};
use trainyard_nn::Loss;
use trainyard_service::predict::{ManagerConfig, ModelManager, ServeConfig, load_export, serve};
use trainyard_store::{MemoryStore, ParamStore, StoreConfig};

const SPECS: &str = r#"
    [fare]
    op = "z_score"
    [city]
    op = "vocabulary"
    top_k = 10
    [stops]
    op = "hash"
    buckets = 8
    [express]
    op = "vocabulary"
"#;

/// Numbers without a short decimal form, the extremes, and every kind of missing value.
fn rows() -> RecordBatch {
    let fares = vec![Some(0.1), Some(1.0 / 3.0), Some(5e-324), Some(-1e30), Some(f64::NAN), None];
    let cities = vec![Some("Oslo"), Some("é\n\"\\"), None, Some("Rome"), Some("Oslo"), Some("elsewhere")];
    let stops = vec![Some(i64::MAX), Some(i64::MIN), Some(0), None, Some(1), Some(2)];
    let express = vec![Some(true), Some(false), None, Some(true), Some(true), Some(false)];
    let columns: [(&str, ArrayRef); 4] = [
        ("fare", Arc::new(Float64Array::from(fares))),
        ("city", Arc::new(StringArray::from(cities))),
        ("stops", Arc::new(Int64Array::from(stops))),
        ("express", Arc::new(BooleanArray::from(express))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

/// The same rows as a client would write them.
const INSTANCES: &str = r#"[
    {"fare": 0.1, "city": "Oslo", "stops": 9223372036854775807, "express": true},
    {"stops": -9223372036854775808, "fare": 0.3333333333333333, "express": false, "city": "\u00e9\n\"\\"},
    {"fare": 5e-324, "city": "", "stops": 0, "express": null},
    {"fare": -1e30, "city": {"b64": "Um9tZQ=="}, "stops": null, "express": true},
    {"fare": NaN, "city": "Oslo", "stops": 1, "express": true},
    {"fare": null, "city": "elsewhere", "stops": 2, "express": false}
]"#;

fn fit() -> FittedFeatures {
    let schema = Schema::new([
        ("fare", ColumnType::Float),
        ("city", ColumnType::Text),
        ("stops", ColumnType::Int),
        ("express", ColumnType::Bool),
    ]);
    let mut fitting = Features::new(toml::from_str(SPECS).unwrap(), &schema, None, None).unwrap().fit();
    while !fitting.finished() {
        let collector = fitting.collector();
        collector.update(&rows()).unwrap();
        fitting.absorb(collector).unwrap();
    }
    fitting.finish().unwrap()
}

/// Exports a deep network with the weights it begins training with.
fn export(base: &Path) {
    let features = fit();
    let head = Regression::new(Loss::SquaredError);
    let architecture = Architecture::new(&Dnn::default(), &head, features.encoding()).unwrap();
    let store = MemoryStore::new(StoreConfig::default()).unwrap();
    store.create(&architecture.specs).unwrap();
    let snapshot = store.snapshot().unwrap();
    let bundle = Bundle::new("trips", architecture, head.outputs(), &snapshot, features);
    bundle.write(base, 1).unwrap();
}

/// Asks a server of its own for predictions.
fn ask(base: &Path, body: &str) -> serde_json::Value {
    let config = ManagerConfig { base: base.to_owned(), name: None };
    let manager = Arc::new(ModelManager::open(config, Box::new(load_export)).unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let answer = runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let body = body.to_owned();
        let client = tokio::task::spawn_blocking(move || post(address, &body));
        let answer = async { client.await.unwrap() };
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let stop = async move { sender.send(answer.await).unwrap() };
        serve(listener, manager, ServeConfig::default(), stop).await.unwrap();
        receiver.await.unwrap()
    });
    serde_json::from_str(&answer).unwrap()
}

fn post(address: SocketAddr, body: &str) -> String {
    let mut response = ureq::post(format!("http://{address}/v1/models/trips:predict")).send(body).unwrap();
    response.body_mut().read_to_string().unwrap()
}

#[track_caller]
fn check(body: &str, key: &str) {
    let base = tempfile::tempdir().unwrap();
    export(base.path());
    let answer = ask(base.path(), body);
    let served: Vec<u32> =
        answer[key].as_array().unwrap().iter().map(|value| (value.as_f64().unwrap() as f32).to_bits()).collect();
    let predicted = Predictor::load(&base.path().join("1")).unwrap().predict(&rows()).unwrap();
    let predicted: Vec<u32> =
        predicted.column(0).as_primitive::<Float32Type>().values().iter().map(|value| value.to_bits()).collect();
    assert_eq!(served, predicted);
    assert!(predicted.windows(2).any(|pair| pair[0] != pair[1]), "a constant would prove nothing");
}

#[test]
fn by_row() {
    check(&format!(r#"{{"instances": {INSTANCES}}}"#), "predictions");
}

#[test]
fn by_column() {
    check(
        r#"{"inputs": {
            "express": [true, false, null, true, true, false],
            "fare": [0.1, 0.3333333333333333, 5e-324, -1e30, NaN, null],
            "city": ["Oslo", "\u00e9\n\"\\", "", "Rome", "Oslo", "elsewhere"],
            "stops": [9223372036854775807, -9223372036854775808, 0, null, 1, 2]
        }}"#,
        "outputs",
    );
}
