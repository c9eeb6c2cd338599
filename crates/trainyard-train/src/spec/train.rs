//! `[train]`: how to train.

use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use trainyard_data::{LoaderConfig, Memory, Resources};
use trainyard_nn::Clip;

/// `[train]` of a spec.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// Rows of a step. At least 1.
    pub batch_size: usize,
    /// Passes over the training rows. At least 1; counted from the start of the run, also when it is resumed.
    pub epochs: u64,
    /// Steps after which training ends, if epochs do not end it before; counted from the start of the run.
    pub max_steps: Option<u64>,
    /// What all random numbers of the run are made from.
    pub seed: u64,
    /// Threads that compute; by default one per core. Results do not depend on it.
    pub lanes: Option<usize>,
    /// Memory that rows may take while features are fitted and rows are encoded, shuffled and loaded; by default half of the
    /// machine's. Results do not depend on it, but for the number of rows that are mixed at a time: below 2 GiB they are
    /// fewer.
    pub memory: Option<Memory>,
    /// Steps between two evaluations; by default an evaluation ends each epoch.
    pub evaluate_steps: Option<u64>,
    /// When to stop because the model does not get better.
    pub early_stopping: EarlyStopping,
    /// Seconds between two checkpoints; each evaluation also makes one.
    pub checkpoint_secs: u64,
    /// Checkpoints to keep, besides the best. At least 1.
    pub checkpoint_keep: usize,
    /// Bound on gradients, such as `{ global_norm = 1.0 }`; none by default.
    pub clip: Option<Clip>,
    /// Whether rows come in another random order in each epoch.
    pub shuffle: bool,
    /// Rows held in memory for shuffling. At least 1.
    pub shuffle_rows: usize,
}

/// `[train.early_stopping]`: training ends when the evaluation loss has not fallen for some evaluations. The model of the
/// best evaluation is the one that is exported, with or without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EarlyStopping {
    /// Evaluations without a new best loss after which training ends; 0 never ends it.
    pub patience: u64,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            batch_size: 128,
            epochs: 20,
            max_steps: None,
            seed: 1,
            lanes: None,
            memory: None,
            evaluate_steps: None,
            early_stopping: EarlyStopping::default(),
            checkpoint_secs: 60,
            checkpoint_keep: 5,
            clip: None,
            shuffle: true,
            shuffle_rows: 1_000_000,
        }
    }
}

impl Default for EarlyStopping {
    fn default() -> Self {
        Self { patience: 5 }
    }
}

impl TrainConfig {
    /// Threads that compute.
    pub fn lanes(&self) -> usize {
        self.lanes.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)).max(1)
    }

    /// What the machine lends to the work on rows.
    pub fn resources(&self) -> Resources {
        Resources { threads: self.lanes(), memory: self.memory.unwrap_or_else(Memory::of_machine) }
    }

    /// How the training rows become batches.
    pub(crate) fn loader(&self) -> LoaderConfig {
        let Self { batch_size, shuffle, shuffle_rows, seed, .. } = *self;
        let shuffle_bytes = self.resources().memory.shuffle_bytes();
        LoaderConfig { batch_size, shuffle, shuffle_rows, shuffle_bytes, seed, ..LoaderConfig::default() }
    }

    /// The same without what may change between two starts of one run.
    pub(crate) fn fixed(&self) -> Self {
        let Self { epochs, max_steps, lanes, memory, early_stopping, checkpoint_secs, checkpoint_keep, .. } =
            Self::default();
        Self { epochs, max_steps, lanes, memory, early_stopping, checkpoint_secs, checkpoint_keep, ..self.clone() }
    }

    pub(super) fn check(&self) -> Result<()> {
        let at_least_one = |setting: &str, value: u64| {
            if value > 0 {
                return Ok(());
            }
            Err(Error::config(format!("`train.{setting}` is 0"), "set it to at least 1"))
        };
        at_least_one("batch_size", self.batch_size as u64)?;
        at_least_one("epochs", self.epochs)?;
        at_least_one("shuffle_rows", self.shuffle_rows as u64)?;
        at_least_one("checkpoint_keep", self.checkpoint_keep as u64)?;
        at_least_one("evaluate_steps", self.evaluate_steps.unwrap_or(1))
    }
}
