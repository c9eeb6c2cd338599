//! A step of training allocates nothing, from the rows that a batch names to their update, bounds on gradients included.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../../trainyard-graph/tests/counting/mod.rs"]
mod counting;

use counting::Counting;
use std::collections::BTreeMap;
use trainyard_features::{Batch, CategoricalFeature, Encoding, NumericFeature};
use trainyard_graph::{Cpu, Device, Mode, Ragged};
use trainyard_model::{BatchFeeds, BatchKeys, Binary, Binding, TrainingArchitecture, WIDE, WideDeep};
use trainyard_nn::optim::{AdamConfig, FtrlConfig};
use trainyard_nn::{Clip, Loss, MAIN_GROUP, OptimizerConfig, ParamShape};
use trainyard_store::{Gradients, MemoryStore, ParamStore, Params, Result, StoreConfig};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const ROWS: usize = 512;
const NUMERIC: usize = 3;
const CATEGORICAL: usize = 4;
const BUCKETS: u64 = 1000;

fn encoding() -> Encoding {
    let numeric = |i| NumericFeature { name: format!("i{i}"), width: 1, offset: i };
    Encoding {
        numeric: (0..NUMERIC).map(numeric).collect(),
        categorical: (0..CATEGORICAL).map(|i| CategoricalFeature::new(format!("c{i}"), BUCKETS)).collect(),
    }
}

/// One of a few batches whose ids differ.
fn batch(n: u64) -> Batch {
    let id = |row: u64, feature: u64| (row * 7919 + feature * 104_729 + n * 31) % BUCKETS;
    let ids = |feature| Ragged::from_single((0..ROWS as u64).map(|row| id(row, feature)).collect());
    Batch {
        rows: ROWS,
        numeric: (0..ROWS * NUMERIC).map(|i| (i % 17) as f32 / 17.0).collect(),
        ids: (0..CATEGORICAL as u64).map(ids).collect(),
        labels: (0..ROWS).map(|row| (row % 3 / 2) as f32).collect(),
        weights: vec![],
    }
}

/// Allocations of steps of a wide and deep network, on batches that come again.
fn allocations(lanes: usize, clip: Option<Clip>) -> Result<usize> {
    let encoding = encoding();
    let head = Binary::new(Loss::BINARY_CROSS_ENTROPY, vec!["no".to_owned(), "yes".to_owned()]);
    let model = TrainingArchitecture::new(&WideDeep::default(), &head, &encoding).unwrap();
    let adam = OptimizerConfig::Adam(AdamConfig::default());
    let ftrl = OptimizerConfig::Ftrl(FtrlConfig::default());
    let optimizers = BTreeMap::from([(MAIN_GROUP.to_owned(), adam), (WIDE.to_owned(), ftrl)]);
    let cpu = Cpu::new(lanes);
    let store = MemoryStore::new(StoreConfig { optimizers, clip, seed: 1 })?.with_lanes(cpu.lanes().clone());
    store.create(&model.base.specs)?;
    let binding = Binding::new(&model.base.graph, &model.base.specs, &encoding).unwrap();
    let mut program = cpu.compile(&model.base.graph, &[vec![model.loss], model.gradients.clone()].concat()).unwrap();
    let is_table = model.base.specs.iter().map(|spec| matches!(spec.shape, ParamShape::Table { .. }));
    let is_table: Vec<bool> = is_table.collect();
    let batches: Vec<Batch> = (0..5).map(batch).collect();
    let (mut keys, mut params, mut gradients) = (BatchKeys::default(), Params::default(), Gradients::default());
    counting::allocations(|step| {
        let batch = &batches[step as usize % batches.len()];
        binding.keys(batch, &mut keys, cpu.lanes());
        store.pull(&keys.keys, &mut params)?;
        let (dense, rows) = (&params.dense, &params.rows);
        let feeds = BatchFeeds { binding: &binding, batch, keys: &keys, dense, rows, scale: 1.0 / ROWS as f32 };
        program.run(&feeds, Mode::Training { seed: 1, step }).unwrap();
        gradients.take(program.as_mut(), 1, &is_table);
        store.push(&keys.keys, &gradients)
    })
}

/// Debug builds look for rows that are named twice, in memory of their own.
#[test]
#[cfg(not(debug_assertions))]
fn a_step_from_keys_to_update_allocates_nothing() {
    for lanes in [1, 2] {
        for clip in [None, Some(Clip::Value(0.1)), Some(Clip::Norm(0.1)), Some(Clip::GlobalNorm(0.1))] {
            assert_eq!(allocations(lanes, clip).unwrap(), 0, "{lanes} lanes, {clip:?}");
        }
    }
}
