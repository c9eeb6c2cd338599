//! The suite that every [`ParamStore`] must pass.
//!
//! An implementation runs it in one line: `contract::run_all(|config| Box::new(MyStore::new(config)))`. Other crates get it by
//! the feature `contract`.

use crate::{Gradients, Keys, ParamStore, Params, Snapshot, StoreConfig};
use std::collections::BTreeMap;
use trainyard_nn::optim::{AdamConfig, SgdConfig};
use trainyard_nn::{Initializer, MAIN_GROUP, OptimizerConfig, ParamShape, ParamSpec};

/// Makes an empty store.
type Make<'a> = &'a dyn Fn(StoreConfig) -> Box<dyn ParamStore>;

/// Runs the whole suite. `make` gives a new, empty store at each call.
///
/// # Panics
/// When the store breaks the contract.
pub fn run_all(make: impl Fn(StoreConfig) -> Box<dyn ParamStore>) {
    for case in CASES {
        case(&make);
    }
}

/// Adam for the group `main` and plain SGD for `wide`: one optimizer that knows the step and has slots, and one that has none.
pub fn config(seed: u64) -> StoreConfig {
    let optimizers = BTreeMap::from([
        (MAIN_GROUP.to_owned(), OptimizerConfig::Adam(AdamConfig { learning_rate: 0.1, ..AdamConfig::default() })),
        ("wide".to_owned(), OptimizerConfig::Sgd(SgdConfig { learning_rate: 0.5, ..SgdConfig::default() })),
    ]);
    StoreConfig { seed, optimizers, clip: None }
}

/// What a store holds after `steps` pushes.
#[cfg(test)]
pub(crate) fn trained(steps: u64) -> Snapshot {
    let store = created(&|config| Box::new(crate::MemoryStore::new(config).expect("settings are sound")), 1);
    (0..steps).for_each(|step| push(&*store, &keys(&[step, 40], &[step, 90]), step));
    snapshot(&*store)
}

const CASES: [fn(Make); 15] = [
    nothing_can_be_done_before_parameters_are_made,
    making_the_same_again_changes_nothing,
    other_parameters_are_refused,
    initial_values_depend_on_seed_and_name_alone,
    pulling_makes_no_row,
    a_row_starts_from_the_value_that_was_read,
    a_push_is_one_step_of_the_optimizer,
    pushes_accumulate,
    rows_that_are_not_named_stay,
    the_order_of_keys_is_irrelevant,
    split_equals_whole,
    any_id_is_a_row,
    a_restored_store_continues_bit_for_bit,
    a_snapshot_of_other_parameters_or_optimizers_is_refused,
    a_refused_push_changes_nothing,
];

const DIM: usize = 3;

/// Dense parameters and tables, interleaved, in two groups.
fn specs() -> Vec<ParamSpec> {
    let spec = |name: &str, shape| ParamSpec::new(name, shape, Initializer::Normal { std: 1.0 });
    let wide = |spec| ParamSpec { group: "wide".into(), ..spec };
    vec![
        spec("kernel", ParamShape::Dense(vec![2, 2])),
        spec("users", ParamShape::Table { dim: DIM }),
        wide(spec("bias", ParamShape::Dense(vec![]))),
        wide(spec("items", ParamShape::Table { dim: 1 })),
    ]
}

/// A store with the parameters of [`specs`].
fn created(make: Make, seed: u64) -> Box<dyn ParamStore> {
    let store = make(config(seed));
    store.create(&specs()).expect("specs are sound");
    store
}

fn keys(users: &[u64], items: &[u64]) -> Keys {
    Keys { tables: vec![users.to_vec(), items.to_vec()] }
}

fn pulled(store: &dyn ParamStore, keys: &Keys) -> Params {
    let mut params = Params { dense: vec![vec![f32::NAN; 9]; 5], rows: vec![vec![f32::NAN; 99]; 3] };
    store.pull(keys, &mut params).expect("keys are sound");
    params
}

fn snapshot(store: &dyn ParamStore) -> Snapshot {
    store.snapshot().expect("parameters are made")
}

/// Gradients that differ by parameter, id and `round`.
fn gradients(keys: &Keys, round: u64) -> Gradients {
    let value = |salt: u64| ((salt.wrapping_mul(31).wrapping_add(round * 7)) % 11) as f32 - 5.0;
    let rows = |ids: &[u64], dim| ids.iter().flat_map(|&id| (0..dim).map(move |i| value(id.wrapping_add(i)))).collect();
    Gradients {
        dense: vec![(0..4).map(value).collect(), vec![value(9)]],
        rows: vec![rows(&keys.tables[0], DIM as u64), rows(&keys.tables[1], 1)],
    }
}

/// Takes one step on the rows named.
fn push(store: &dyn ParamStore, keys: &Keys, round: u64) {
    store.push(keys, &gradients(keys, round)).expect("gradients fit");
}

fn nothing_can_be_done_before_parameters_are_made(make: Make) {
    let store = make(config(1));
    assert!(store.pull(&Keys::default(), &mut Params::default()).is_err());
    assert!(store.push(&Keys::default(), &Gradients::default()).is_err());
    assert!(store.step().is_err());
    assert!(store.snapshot().is_err());
}

fn making_the_same_again_changes_nothing(make: Make) {
    let store = created(make, 1);
    push(&*store, &keys(&[1], &[2]), 0);
    let before = snapshot(&*store);
    store.create(&specs()).expect("the same specs");
    assert_eq!(snapshot(&*store), before);
}

fn other_parameters_are_refused(make: Make) {
    let store = created(make, 1);
    assert!(store.create(&specs()[1..]).is_err());
    assert!(store.create(&[]).is_err());
    let twice = [specs(), specs()].concat();
    assert!(make(config(1)).create(&twice).is_err());
    let unknown = ParamSpec { group: "nobody's".into(), ..specs()[0].clone() };
    assert!(make(config(1)).create(&[unknown]).is_err());
}

fn initial_values_depend_on_seed_and_name_alone(make: Make) {
    let keys = keys(&[1, 2], &[1, 2]);
    let one = pulled(&*created(make, 1), &keys);
    assert_eq!(one, pulled(&*created(make, 1), &keys));
    assert_ne!(one.rows, pulled(&*created(make, 2), &keys).rows);
    assert_ne!(one.rows[0][..DIM], one.rows[0][DIM..]);
    let reversed = make(config(1));
    reversed.create(&specs().into_iter().rev().collect::<Vec<_>>()).expect("specs are sound");
    let params = pulled(&*reversed, &keys);
    assert_eq!((&params.dense[1], &params.rows[1]), (&one.dense[0], &one.rows[0]));
}

fn pulling_makes_no_row(make: Make) {
    let store = created(make, 1);
    let keys = keys(&[1, 2, 3], &[4]);
    assert_eq!(pulled(&*store, &keys), pulled(&*store, &keys));
    assert!(snapshot(&*store).tables.iter().all(|table| table.ids.is_empty()));
}

fn a_row_starts_from_the_value_that_was_read(make: Make) {
    let store = created(make, 1);
    let keys = keys(&[5], &[6]);
    let before = pulled(&*store, &keys);
    let zeros = Gradients { dense: vec![vec![0.0; 4], vec![0.0]], rows: vec![vec![0.0; DIM], vec![0.0]] };
    store.push(&keys, &zeros).expect("gradients fit");
    assert_eq!(pulled(&*store, &keys), before);
    let snapshot = snapshot(&*store);
    assert_eq!(snapshot.tables[0].ids, [5]);
    assert_eq!(snapshot.tables[0].weights, before.rows[0]);
}

fn a_push_is_one_step_of_the_optimizer(make: Make) {
    let store = created(make, 1);
    let keys = keys(&[7], &[8]);
    let adam = config(1).optimizers[MAIN_GROUP].build().expect("settings are sound");
    let (mut weights, mut slots) = (pulled(&*store, &keys).rows[0].clone(), vec![0.0; 2 * DIM]);
    for step in 1..=3 {
        adam.update(step, &mut weights, &gradients(&keys, step).rows[0], &mut slots).expect("slices that fit");
        push(&*store, &keys, step);
        assert_eq!(store.step().expect("parameters are made"), step);
        assert_eq!(pulled(&*store, &keys).rows[0], weights);
    }
    assert_eq!(snapshot(&*store).tables[0].slots, slots);
}

fn pushes_accumulate(make: Make) {
    let store = created(make, 1);
    let keys = keys(&[], &[3]);
    let before = pulled(&*store, &keys).rows[1][0];
    for gradient in [1.0, 2.0] {
        let zeros = vec![vec![0.0; 4], vec![0.0]];
        store.push(&keys, &Gradients { dense: zeros, rows: vec![vec![], vec![gradient]] }).expect("gradients fit");
    }
    assert_eq!(pulled(&*store, &keys).rows[1][0], before - 0.5 - 1.0);
}

fn rows_that_are_not_named_stay(make: Make) {
    let store = created(make, 1);
    push(&*store, &keys(&[1, 2], &[1]), 0);
    let before = pulled(&*store, &keys(&[2], &[1])).rows;
    push(&*store, &keys(&[1, 3], &[]), 1);
    assert_eq!(pulled(&*store, &keys(&[2], &[1])).rows, before);
    assert_eq!(snapshot(&*store).tables[0].ids, [1, 2, 3]);
}

fn the_order_of_keys_is_irrelevant(make: Make) {
    let (one, two) = (created(make, 1), created(make, 1));
    for round in 0..3 {
        push(&*one, &keys(&[9, 4, 7], &[1, 2]), round);
        push(&*two, &keys(&[4, 7, 9], &[2, 1]), round);
    }
    assert_eq!(snapshot(&*one), snapshot(&*two));
}

/// Also over more rows than any chunk or page that a store may work in.
fn split_equals_whole(make: Make) {
    let ids: Vec<u64> = (0..1000).map(|i| i * 64).collect();
    let (whole, parts) = (created(make, 1), created(make, 1));
    let no_dense = |keys: &Keys| Gradients { dense: vec![vec![0.0; 4], vec![0.0]], ..gradients(keys, 1) };
    let all = keys(&[], &ids);
    whole.push(&all, &no_dense(&all)).expect("gradients fit");
    for part in ids.chunks(137) {
        let keys = keys(&[], part);
        parts.push(&keys, &no_dense(&keys)).expect("gradients fit");
    }
    assert_eq!(snapshot(&*whole).tables, snapshot(&*parts).tables);
    let rows: Vec<f32> = ids.chunks(99).flat_map(|part| pulled(&*whole, &keys(part, part)).rows[0].clone()).collect();
    assert_eq!(pulled(&*whole, &keys(&ids, &[])).rows[0], rows);
}

fn any_id_is_a_row(make: Make) {
    let store = created(make, 1);
    let ids = [0, 1, u64::MAX / 2, u64::MAX - 1, u64::MAX];
    push(&*store, &keys(&ids, &ids), 0);
    assert_eq!(snapshot(&*store).tables[1].ids, ids);
}

fn a_restored_store_continues_bit_for_bit(make: Make) {
    let store = created(make, 1);
    push(&*store, &keys(&[1, 2], &[3]), 0);
    let saved = snapshot(&*store);
    let (fresh, used) = (make(config(2)), created(make, 2));
    push(&*used, &keys(&[8], &[9]), 5);
    for other in [&fresh, &used] {
        other.restore(&saved).expect("the snapshot is sound");
        assert_eq!(snapshot(&**other), saved);
    }
    for store in [&store, &fresh, &used] {
        push(&**store, &keys(&[2, 4], &[5]), 1);
    }
    assert_eq!(snapshot(&*fresh), snapshot(&*store));
    assert_eq!(snapshot(&*used), snapshot(&*store));
}

fn a_snapshot_of_other_parameters_or_optimizers_is_refused(make: Make) {
    let store = created(make, 1);
    let before = snapshot(&*store);
    let refused = |change: &dyn Fn(&mut Snapshot)| {
        let mut changed = before.clone();
        change(&mut changed);
        assert!(store.restore(&changed).is_err());
        assert_eq!(snapshot(&*store), before);
    };
    refused(&|s| s.specs[0].initializer = Initializer::Zeros);
    refused(&|s| s.dense[0].weights.truncate(1));
    refused(&|s| s.dense[0].slots.truncate(4));
    refused(&|s| s.optimizers = BTreeMap::new());
    refused(&|s| {
        s.optimizers.values_mut().for_each(|optimizer| *optimizer = OptimizerConfig::Ftrl(Default::default()))
    });
}

fn a_refused_push_changes_nothing(make: Make) {
    let store = created(make, 1);
    let keys = keys(&[1], &[2]);
    push(&*store, &keys, 0);
    let before = snapshot(&*store);
    let refused = |change: &dyn Fn(&mut Gradients)| {
        let mut gradients = gradients(&keys, 1);
        change(&mut gradients);
        assert!(store.push(&keys, &gradients).is_err());
        assert_eq!(snapshot(&*store), before);
    };
    refused(&|g| g.dense[0].truncate(1));
    refused(&|g| g.dense.truncate(1));
    refused(&|g| g.rows.truncate(1));
    refused(&|g| g.rows[0].push(0.0));
    assert!(store.push(&Keys::default(), &gradients(&keys, 1)).is_err());
    assert!(store.pull(&Keys { tables: vec![vec![]; 3] }, &mut Params::default()).is_err());
}
