//! The optimizer of each group of parameters.

use crate::error::listed;
use crate::snapshot::Snapshot;
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::mem::discriminant;
use std::sync::Arc;
use trainyard_nn::optim::SgdConfig;
use trainyard_nn::{Optimizer, OptimizerConfig, ParamSpec, STATISTICS_GROUP};

/// Built optimizers by group, with the configurations that they came from.
pub(crate) struct Optimizers {
    configs: BTreeMap<String, OptimizerConfig>,
    built: BTreeMap<String, Arc<dyn Optimizer>>,
}

impl Optimizers {
    /// Builds the optimizer of each group. Moving statistics that are not named become moving averages of momentum 0.99, that
    /// of Keras.
    pub(crate) fn build(mut configs: BTreeMap<String, OptimizerConfig>) -> Result<Self> {
        let averages = OptimizerConfig::Sgd(SgdConfig { learning_rate: 0.01, ..SgdConfig::default() });
        configs.entry(STATISTICS_GROUP.to_owned()).or_insert(averages);
        let mut built = BTreeMap::new();
        for (group, config) in &configs {
            built.insert(group.clone(), Arc::from(config.build()?));
        }
        Ok(Self { configs, built })
    }

    pub(crate) fn configs(&self) -> &BTreeMap<String, OptimizerConfig> {
        &self.configs
    }

    /// The optimizer that trains a parameter.
    pub(crate) fn of(&self, spec: &ParamSpec) -> Result<Arc<dyn Optimizer>> {
        self.built.get(&spec.group).cloned().ok_or_else(|| Error::UnknownGroup {
            name: spec.name.clone(),
            group: spec.group.clone(),
            groups: listed(self.built.keys()),
        })
    }

    /// Refuses a snapshot whose slots another kind of optimizer wrote. Settings such as the learning rate may differ.
    pub(crate) fn check_kinds(&self, snapshot: &Snapshot) -> Result<()> {
        for spec in &snapshot.specs {
            let (mine, theirs) = (self.configs.get(&spec.group), snapshot.optimizers.get(&spec.group));
            if mine.map(discriminant) != theirs.map(discriminant) {
                let problem = format!("group `{}` was trained by {theirs:?}", spec.group);
                return Err(Error::Snapshot { problem, expected: format!("this store trains it by {mine:?}") });
            }
        }
        Ok(())
    }
}

/// Refuses slots of another number than the optimizer keeps, such as those from before momentum was turned on.
pub(crate) fn check_slots(name: &str, weights: usize, slots: usize, optimizer: &dyn Optimizer) -> Result<()> {
    let expected = weights * optimizer.slots();
    if slots == expected {
        return Ok(());
    }
    let problem = format!("`{name}` has {slots} slot values");
    Err(Error::Snapshot { problem, expected: format!("its optimizer keeps {expected}") })
}
