//! Models of numbers and ids.

use crate::Result;
use crate::data::Draws;
use crate::stepper::Stepper;
use arrow::array::{ArrayRef, Float64Array, StringArray};
use arrow::record_batch::RecordBatch;
use serde_json::json;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;
use trainyard_features::{Batch, CategoricalFeature, ColumnType, Encoding, Features, NumericFeature, Schema};
use trainyard_graph::{Activation, Ragged};
use trainyard_model::{Architecture, Binary, Bundle, Dnn, Head, Linear, Predictor, TrainingArchitecture, WIDE};
use trainyard_nn::optim::{AdagradConfig, FtrlConfig};
use trainyard_nn::{Loss, MAIN_GROUP, OptimizerConfig};
use trainyard_store::{Gradients, Keys, MemoryStore, ParamStore, Params, StoreConfig};

const NUMERIC: usize = 13;
const CATEGORICAL: usize = 26;

fn encoding(numeric: usize, categorical: usize, buckets: u64) -> Encoding {
    let feature = |i| CategoricalFeature::new(format!("c{i}"), buckets);
    Encoding {
        numeric: (0..numeric).map(|i| NumericFeature { name: format!("i{i}"), width: 1, offset: i }).collect(),
        categorical: (0..categorical).map(feature).collect(),
    }
}

fn dnn() -> Dnn {
    Dnn { hidden_units: vec![256, 128, 64], activation: Activation::Relu, embedding_dim: Some(16), ..Dnn::default() }
}

fn head() -> Binary {
    Binary::new(Loss::BINARY_CROSS_ENTROPY, vec!["no".to_owned(), "yes".to_owned()])
}

fn store(group: &str, optimizer: OptimizerConfig) -> StoreConfig {
    StoreConfig { optimizers: BTreeMap::from([(group.to_owned(), optimizer)]), ..StoreConfig::default() }
}

fn ctr_batch(draws: &mut Draws, rows: usize, ids: u64) -> Batch {
    let column = |draws: &mut Draws| Ragged::from_single((0..rows).map(|_| draws.zipf(1.2) % ids).collect());
    Batch {
        rows,
        numeric: draws.normals(rows * NUMERIC).into_iter().map(f32::exp).collect(),
        ids: (0..CATEGORICAL).map(|_| column(draws)).collect(),
        labels: (0..rows).map(|_| f32::from(draws.uniform() < 0.3)).collect(),
        weights: vec![],
    }
}

/// 13 numbers and 26 ids through embeddings of 16 and layers of 256, 128 and 64 units, by Adagrad.
pub fn ctr(work: &str, ids: u64, lanes: usize) -> Result<()> {
    let encoding = encoding(NUMERIC, CATEGORICAL, ids);
    let model = TrainingArchitecture::new(&dnn(), &head(), &encoding)?;
    let adagrad = OptimizerConfig::Adagrad(AdagradConfig::default());
    let mut draws = Draws::new(work);
    let batches: Vec<Batch> = (0..50).map(|_| ctr_batch(&mut draws, 512, ids)).collect();
    Stepper::new(&model, &encoding, store(MAIN_GROUP, adagrad), lanes)?.measure(work, &batches, 800)
}

/// 13 numbers and 26 ids of a space of a million, as one bag of 39 weighted ids, by FTRL.
pub fn linear(lanes: usize) -> Result<()> {
    const SPACE: u64 = 1 << 20;
    let encoding = encoding(0, 1, SPACE);
    let model = TrainingArchitecture::new(&Linear::default(), &head(), &encoding)?;
    let mut draws = Draws::new("linear");
    let batches: Vec<Batch> = (0..100).map(|_| linear_batch(&mut draws, 1024, SPACE)).collect();
    let ftrl = OptimizerConfig::Ftrl(FtrlConfig::default());
    Stepper::new(&model, &encoding, store(WIDE, ftrl), lanes)?.measure("linear", &batches, 2000)
}

fn linear_batch(draws: &mut Draws, rows: usize, space: u64) -> Batch {
    let mut bags = Ragged::new();
    let mut weights = Vec::new();
    for _ in 0..rows {
        let hash = |column: u64, id: u64| (column << 32 | id).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 44 & (space - 1);
        let numbers = (0..NUMERIC as u64).map(|i| hash(i, 0));
        let ids = (0..CATEGORICAL as u64).map(|i| hash(100 + i, (draws.zipf(1.15) - 1) % 1_000_000));
        bags.push_row(&numbers.chain(ids).collect::<Vec<_>>());
        weights.extend(draws.normals(NUMERIC).into_iter().map(f32::exp));
        weights.extend([1.0; CATEGORICAL]);
    }
    bags.weights = Some(weights);
    let labels = (0..rows).map(|_| f32::from(draws.uniform() < 0.3)).collect();
    Batch { rows, numeric: vec![], ids: vec![bags], labels, weights: vec![] }
}

/// One encoded row through the CTR network, from its ids to its probability, in microseconds: the median of many.
#[expect(clippy::print_stdout, reason = "a program")]
pub fn inference() -> Result<()> {
    let ids = 100_000;
    let predictor = predictor(ids)?;
    let mut draws = Draws::new("inference");
    let batches: Vec<Batch> = (0..1000).map(|_| ctr_batch(&mut draws, 1, ids)).collect();
    let mut micros: Vec<f64> = Vec::new();
    for batch in batches.iter().cycle().take(20_000) {
        let start = Instant::now();
        black_box(predictor.predict_batch(batch)?);
        micros.push(start.elapsed().as_secs_f64() * 1e6);
    }
    micros.sort_unstable_by(f64::total_cmp);
    println!("trainyard inference batch=1 lanes=1: {:.1} us", micros[micros.len() / 2]);
    Ok(())
}

/// The CTR network as it was before training, with all rows of its tables.
fn predictor(ids: u64) -> Result<Predictor> {
    let (numeric, hash) = (json!({"op": "numeric"}), json!({"op": "hash", "buckets": ids}));
    let numbers = (0..NUMERIC).map(|i| (format!("i{i}"), ColumnType::Float));
    let texts = (0..CATEGORICAL).map(|i| (format!("c{i}"), ColumnType::Text));
    let specs: serde_json::Map<_, _> = (0..NUMERIC)
        .map(|i| (format!("i{i}"), numeric.clone()))
        .chain((0..CATEGORICAL).map(|i| (format!("c{i}"), hash.clone())))
        .collect();
    let schema = Schema::new(numbers.chain(texts));
    let number = || Arc::new(Float64Array::from(vec![1.0])) as ArrayRef;
    let text = || Arc::new(StringArray::from(vec!["a"])) as ArrayRef;
    let columns = (0..NUMERIC).map(|i| (format!("i{i}"), number()));
    let row = RecordBatch::try_from_iter(columns.chain((0..CATEGORICAL).map(|i| (format!("c{i}"), text()))))?;
    let mut fitting = Features::new(serde_json::from_value(specs.into())?, &schema, None, None)?.fit();
    while !fitting.finished() {
        let collector = fitting.collector();
        collector.update(&row)?;
        fitting.absorb(collector)?;
    }
    let features = fitting.finish()?;
    let architecture = Architecture::new(&dnn(), &head(), features.encoding())?;
    let store = MemoryStore::new(StoreConfig::default())?;
    store.create(&architecture.specs)?;
    let keys = Keys { tables: vec![(0..ids).collect(); CATEGORICAL] };
    let mut params = Params::default();
    store.pull(&keys, &mut params)?;
    let dense = params.dense.iter().map(|values| vec![0.0; values.len()]).collect();
    store.push(&keys, &Gradients { dense, rows: params.rows.iter().map(|rows| vec![0.0; rows.len()]).collect() })?;
    Ok(Predictor::new(Bundle::new("ctr", architecture, head().outputs(), &store.snapshot()?, features))?)
}
