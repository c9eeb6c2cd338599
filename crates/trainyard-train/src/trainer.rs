//! The training loop: the file to read first.
//!
//! [`Trainer::step`] is the whole of training; the rest decides when to evaluate, to save and to stop.

use crate::evaluate::Evaluator;
use crate::observer::{Event, Observer, Stage};
use crate::saver::Saver;
use crate::spec::TrainConfig;
use crate::state::{HistoryPoint, State};
use crate::{Error, Result};
use std::sync::Arc;
use std::time::{Duration, Instant};
use trainyard_data::{Cache, Loader};
use trainyard_features::Batch;
use trainyard_graph::{Lanes, Mode, Program};
use trainyard_model::{BatchFeeds, BatchKeys, Binding};
use trainyard_store::{Gradients, ParamStore, Params, Snapshot};

/// Trains the parameters of a store.
pub(crate) struct Trainer<'a> {
    pub(crate) config: &'a TrainConfig,
    pub(crate) store: &'a dyn ParamStore,
    pub(crate) binding: &'a Binding,
    /// Gives the loss, then the gradients in the order of the parameters.
    pub(crate) program: Box<dyn Program>,
    /// For each parameter, whether it is a table.
    pub(crate) is_table: Vec<bool>,
    pub(crate) lanes: Arc<Lanes>,
    pub(crate) evaluator: Evaluator<'a>,
    pub(crate) saver: Saver,
    /// What the last checkpoint holds, once training has ended.
    pub(crate) last: Option<Arc<Snapshot>>,
    pub(crate) state: State,
    pub(crate) memory: Memory,
}

/// Buffers that go from step to step.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    keys: BatchKeys,
    params: Params,
    gradients: Gradients,
}

/// Why training ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// All epochs or steps are done.
    Complete,
    /// The model did not get better any more.
    EarlyStopped,
    /// The observer asked for it; starting again goes on.
    Interrupted,
}

impl Trainer<'_> {
    /// One step: pull the parameters that a batch names, compute, and push the gradients back. The mean loss of the batch.
    fn step(&mut self, batch: &Batch) -> Result<f64> {
        let Memory { keys, params, gradients } = &mut self.memory;
        self.binding.keys(batch, keys, &self.lanes);
        self.store.pull(&keys.keys, params)?;
        let weight = total_weight(batch);
        let scale = if weight > 0.0 { (1.0 / weight) as f32 } else { 0.0 };
        let (dense, rows) = (&params.dense, &params.rows);
        let feeds = BatchFeeds { binding: self.binding, batch, keys, dense, rows, scale };
        let step = self.store.step()? + 1;
        let mode = Mode::Training { seed: self.config.seed, step };
        self.program.run(&feeds, mode).map_err(|error| self.binding.explain(batch, error))?;
        let loss = f64::from(self.program.output(0)[0]);
        if !loss.is_finite() {
            return Err(self.diverged(step, loss)?);
        }
        gradients.take(self.program.as_mut(), 1, &self.is_table);
        self.store.push(&keys.keys, gradients)?;
        self.state.train_loss.add(loss, weight);
        Ok(loss)
    }

    /// Trains until there is a reason to end. The last checkpoint may still be being written then.
    pub(crate) fn run(&mut self, cache: &Arc<Cache>, observer: &dyn Observer) -> Result<Ending> {
        // What has ended goes on nowhere, whatever rows and order there are now.
        if let Some(ending) = self.ending()? {
            return Ok(ending);
        }
        let mut loader = Loader::new(cache.clone(), self.config.loader(), self.state.loader)?;
        let mut saved = Instant::now();
        observer.on(Event::Stage { stage: Stage::Train, rows: Some(cache.rows()) });
        loop {
            let batch = loader.next_batch()?;
            self.state.loader = loader.state();
            if let Some(batch) = &batch {
                self.step_and_tell(batch, observer)?;
            }
            if self.is_time_to_evaluate(batch.is_none())? {
                self.evaluate(observer)?;
                self.save()?;
                saved = Instant::now();
            } else if observer.wants_stop() || saved.elapsed() >= Duration::from_secs(self.config.checkpoint_secs) {
                self.save()?;
                saved = Instant::now();
            }
            if observer.wants_stop() {
                return Ok(Ending::Interrupted);
            }
            if let Some(ending) = self.ending()? {
                return Ok(ending);
            }
        }
    }

    fn step_and_tell(&mut self, batch: &Batch, observer: &dyn Observer) -> Result<()> {
        let loss = self.step(batch)?;
        let (epoch, rows) = (self.state.loader.epoch + 1, self.state.loader.position);
        observer.on(Event::Step { step: self.store.step()?, epoch, rows, loss });
        Ok(())
    }

    /// Whether training is over.
    fn ending(&self) -> Result<Option<Ending>> {
        let patience = self.config.early_stopping.patience;
        if patience > 0 && self.state.since_best >= patience {
            return Ok(Some(Ending::EarlyStopped));
        }
        let step = self.store.step()?;
        let complete =
            self.state.loader.epoch >= self.config.epochs || self.config.max_steps.is_some_and(|max| step >= max);
        Ok(complete.then_some(Ending::Complete))
    }

    /// At the end of an epoch, or after so many steps; and always before training ends, so that the last steps count.
    fn is_time_to_evaluate(&self, epoch_ended: bool) -> Result<bool> {
        let step = self.store.step()?;
        let is_last = self.ending()?.is_some();
        let unseen = self.state.history.last().is_none_or(|point| point.step < step);
        let due = match self.config.evaluate_steps {
            Some(steps) => !epoch_ended && step.is_multiple_of(steps),
            None => epoch_ended,
        };
        Ok(unseen && (due || is_last))
    }

    fn evaluate(&mut self, observer: &dyn Observer) -> Result<()> {
        let step = self.store.step()?;
        let eval_loss = self.evaluator.loss(self.store)?;
        if !eval_loss.is_finite() {
            return Err(self.diverged(step, eval_loss)?);
        }
        // An epoch that has just ended counts, not the one that begins.
        let epoch = self.state.loader.epoch + u64::from(self.state.loader.position > 0);
        let point = HistoryPoint { step, epoch, train_loss: self.state.train_loss.value(), eval_loss };
        let best = self.state.record(point.clone());
        self.saver.protect(self.state.best.iter().map(|best| best.step));
        observer.on(Event::Evaluated { point: &point, best });
        Ok(())
    }

    fn save(&mut self) -> Result<()> {
        // Before the next copy of the parameters is made, that of the one before goes.
        self.saver.written()?;
        let snapshot = self.store.snapshot()?;
        let mut values =
            snapshot.dense.iter().map(|state| &state.weights).chain(snapshot.tables.iter().map(|t| &t.weights));
        if !values.all(|weights| weights.iter().all(|weight| weight.is_finite())) {
            return Err(self.diverged(snapshot.step, f64::NAN)?);
        }
        let state = serde_json::to_string(&self.state).map_err(|error| Error::Internal(error.to_string()))?;
        let snapshot = Arc::new(snapshot);
        self.last = self.ending()?.map(|_| snapshot.clone());
        self.saver.save(snapshot, state)
    }

    fn diverged(&mut self, step: u64, loss: f64) -> Result<Error> {
        Ok(Error::Diverged { step, loss, checkpoint: self.saver.written()?.steps()?.last().copied() })
    }
}

/// The sum of a batch's weights.
pub(crate) fn total_weight(batch: &Batch) -> f64 {
    if batch.weights.is_empty() {
        batch.rows as f64
    } else {
        batch.weights.iter().map(|&weight| f64::from(weight)).sum()
    }
}
