//! Parameters in the memory of this process.

use crate::optimizers::Optimizers;
use crate::spec::check_equal;
use crate::state::State;
use crate::{Error, Gradients, Keys, ParamStore, Params, Result, Snapshot};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};
use trainyard_graph::Lanes;
use trainyard_nn::{Clip, MAIN_GROUP, OptimizerConfig, ParamSpec};

/// How a store starts parameters and trains them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    /// Seed of all initial values.
    pub seed: u64,
    /// An optimizer for each group of parameters; most models have the group `main` alone. Moving statistics, the group
    /// `statistics`, have gradient descent at 0.01 unless said otherwise.
    pub optimizers: BTreeMap<String, OptimizerConfig>,
    /// Bound on the gradients of a push; none by default.
    pub clip: Option<Clip>,
}

/// Seed 0, and the default optimizer for the group `main`.
impl Default for StoreConfig {
    fn default() -> Self {
        let optimizers = BTreeMap::from([(MAIN_GROUP.to_owned(), OptimizerConfig::default())]);
        Self { seed: 0, optimizers, clip: None }
    }
}

/// Parameters in the memory of this process. Readers share it, a push has it alone.
pub struct MemoryStore {
    seed: u64,
    clip: Option<Clip>,
    optimizers: Optimizers,
    lanes: Arc<Lanes>,
    /// None until the parameters are made.
    state: RwLock<Option<State>>,
}

impl MemoryStore {
    /// A store without parameters.
    ///
    /// # Errors
    /// When a setting is out of its range.
    pub fn new(config: StoreConfig) -> Result<Self> {
        if let Some(clip) = config.clip {
            clip.check()?;
        }
        let optimizers = Optimizers::build(config.optimizers)?;
        let lanes = Arc::new(Lanes::new(1));
        Ok(Self { seed: config.seed, clip: config.clip, optimizers, lanes, state: RwLock::new(None) })
    }

    /// The same store, which reads, updates and copies its parameters on several lanes, each table and each piece of a dense parameter
    /// on one.
    #[must_use]
    pub fn with_lanes(self, lanes: Arc<Lanes>) -> Self {
        Self { lanes, ..self }
    }

    fn read(&self) -> Result<RwLockReadGuard<'_, Option<State>>> {
        self.state.read().map_err(|_| poisoned())
    }

    fn write(&self) -> Result<RwLockWriteGuard<'_, Option<State>>> {
        self.state.write().map_err(|_| poisoned())
    }
}

impl ParamStore for MemoryStore {
    fn create(&self, specs: &[ParamSpec]) -> Result<()> {
        let mut state = self.write()?;
        if let Some(state) = state.as_ref() {
            return check_equal(&state.specs, specs);
        }
        *state = Some(State::initial(specs, self.seed, &self.optimizers, self.clip)?);
        Ok(())
    }

    fn pull(&self, keys: &Keys, params: &mut Params) -> Result<()> {
        self.read()?.as_ref().ok_or(Error::NotCreated)?.pull(keys, params, &self.lanes)
    }

    fn push(&self, keys: &Keys, gradients: &Gradients) -> Result<()> {
        self.write()?.as_mut().ok_or(Error::NotCreated)?.push(keys, gradients, &self.lanes)
    }

    fn step(&self) -> Result<u64> {
        Ok(self.read()?.as_ref().ok_or(Error::NotCreated)?.step)
    }

    fn snapshot(&self) -> Result<Snapshot> {
        Ok(self.read()?.as_ref().ok_or(Error::NotCreated)?.snapshot(&self.optimizers, &self.lanes))
    }

    fn restore(&self, snapshot: &Snapshot) -> Result<()> {
        let restored = State::restored(snapshot, &self.optimizers, self.clip)?;
        let mut state = self.write()?;
        if let Some(state) = state.as_ref() {
            check_equal(&state.specs, &snapshot.specs)?;
        }
        *state = Some(restored);
        Ok(())
    }
}

fn poisoned() -> Error {
    Error::Internal("a thread panicked while it changed the parameters".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract;
    use trainyard_nn::{Initializer, ParamShape, STATISTICS_GROUP};

    fn store(config: StoreConfig) -> MemoryStore {
        MemoryStore::new(config).unwrap()
    }

    fn table(name: &str, group: &str) -> ParamSpec {
        let spec = ParamSpec::new(name, ParamShape::Table { dim: 2 }, Initializer::Zeros);
        ParamSpec { group: group.into(), ..spec }
    }

    #[test]
    fn keeps_the_contract() {
        contract::run_all(|config| Box::new(store(config)));
    }

    #[test]
    fn a_group_without_optimizer_is_refused_with_the_groups_that_have_one() {
        let store = store(contract::config(1));
        let message = store.create(&[table("t", "deep")]).unwrap_err().to_string();
        assert!(message.contains("`t` is of group `deep`") && message.contains("main"), "{message}");
    }

    #[test]
    fn a_bound_that_is_not_positive_is_refused() {
        assert!(MemoryStore::new(StoreConfig { clip: Some(Clip::Norm(0.0)), ..StoreConfig::default() }).is_err());
    }

    #[test]
    fn a_bound_shortens_the_step() {
        let pushed = |clip, gradient: [f32; 2]| {
            let store = store(StoreConfig { clip, ..contract::config(1) });
            store.create(&[table("t", "main")]).unwrap();
            let keys = Keys { tables: vec![vec![1]] };
            store.push(&keys, &Gradients { dense: vec![], rows: vec![gradient.to_vec()] }).unwrap();
            store.snapshot().unwrap().tables
        };
        assert_eq!(pushed(Some(Clip::GlobalNorm(2.5)), [3.0, 4.0]), pushed(None, [1.5, 2.0]));
    }

    #[test]
    fn moving_statistics_are_averaged_and_not_bounded() {
        let spec = ParamSpec::new("mean", ParamShape::Dense(vec![1]), Initializer::Zeros);
        let store = store(StoreConfig { clip: Some(Clip::Value(1.0)), ..contract::config(1) });
        store.create(&[ParamSpec { group: STATISTICS_GROUP.into(), ..spec }]).unwrap();
        let mut params = Params::default();
        for _ in 0..2 {
            store.pull(&Keys::default(), &mut params).unwrap();
            let shift = params.dense[0][0] - 50.0;
            store.push(&Keys::default(), &Gradients { dense: vec![vec![shift]], rows: vec![] }).unwrap();
        }
        store.pull(&Keys::default(), &mut params).unwrap();
        assert!((params.dense[0][0] - 50.0 * (1.0 - 0.99 * 0.99)).abs() < 1e-5, "{:?}", params.dense);
    }

    #[test]
    fn a_restored_store_starts_later_rows_by_the_snapshots_seed() {
        let row = |store: &MemoryStore| {
            let mut params = Params::default();
            store.pull(&Keys { tables: vec![vec![9]] }, &mut params).unwrap();
            params
        };
        let spec = ParamSpec { initializer: Initializer::Normal { std: 1.0 }, ..table("t", "main") };
        let (one, two) = (store(contract::config(1)), store(contract::config(2)));
        one.create(std::slice::from_ref(&spec)).unwrap();
        two.create(&[spec]).unwrap();
        assert_ne!(row(&one), row(&two));
        two.restore(&one.snapshot().unwrap()).unwrap();
        assert_eq!(row(&one), row(&two));
    }

    #[test]
    fn a_snapshot_is_the_same_on_any_number_of_lanes() {
        let snapshot = |lanes| {
            let store = store(contract::config(1)).with_lanes(Arc::new(Lanes::new(lanes)));
            store.create(&(0..5).map(|i| table(&format!("t{i}"), "main")).collect::<Vec<_>>()).unwrap();
            let ids = |table: u64| (0..300 + table).map(|i| i * 7919 % 1009).collect::<Vec<u64>>();
            let keys = Keys { tables: (0..5).map(ids).collect() };
            let rows = keys.tables.iter().map(|ids| ids.iter().flat_map(|&id| [id as f32, 0.5]).collect()).collect();
            store.push(&keys, &Gradients { dense: vec![], rows }).unwrap();
            store.snapshot().unwrap()
        };
        for lanes in [2, 3, 8] {
            assert_eq!(snapshot(lanes), snapshot(1));
        }
    }

    #[test]
    fn a_pull_reuses_the_buffers_of_the_one_before() {
        let store = store(contract::config(1));
        store.create(&[table("t", "main")]).unwrap();
        let mut params = Params::default();
        store.pull(&Keys { tables: vec![vec![1, 2, 3]] }, &mut params).unwrap();
        let before = params.rows[0].as_ptr();
        store.pull(&Keys { tables: vec![vec![4, 5]] }, &mut params).unwrap();
        assert_eq!((params.rows[0].as_ptr(), params.rows[0].len()), (before, 4));
    }

    #[test]
    #[cfg(debug_assertions)]
    fn a_row_named_twice_is_refused() {
        let store = store(contract::config(1));
        store.create(&[table("t", "main")]).unwrap();
        let gradients = Gradients { dense: vec![], rows: vec![vec![0.0; 4]] };
        let error = store.push(&Keys { tables: vec![vec![7, 7]] }, &gradients).unwrap_err();
        assert!(matches!(error, Error::DuplicateKey { id: 7, .. }), "{error}");
    }
}
