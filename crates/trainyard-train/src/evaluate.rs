//! How good a model is on some rows.

use crate::observer::{Event, Observer, Stage};
use crate::{Error, Result};
use std::sync::Arc;
use trainyard_data::{Cache, LabelTotals, Loader, LoaderConfig, LoaderState, Source};
use trainyard_features::Batch;
use trainyard_graph::{Lanes, Mode, Program};
use trainyard_model::{BatchFeeds, BatchKeys, Binding, Head, LabelSummary, Metrics, Predictor, head_of};
use trainyard_nn::metrics::Mean;
use trainyard_store::{ParamStore, Params};

/// Rows of a batch in evaluation.
const BATCH: usize = 1024;

/// Predictions shown in a report at most.
const SAMPLE: usize = 2000;

/// Figures of a model, by name, in the order in which to show them.
pub type Figures = Vec<(&'static str, f64)>;

/// Passes over the rows of one split with the parameters of a store.
pub(crate) struct Evaluator<'a> {
    pub(crate) cache: Arc<Cache>,
    pub(crate) binding: &'a Binding,
    pub(crate) lanes: Arc<Lanes>,
    /// Gives the losses, then the predictions.
    pub(crate) program: Box<dyn Program>,
}

/// A whole evaluation.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// The figures, the loss first.
    pub figures: Figures,
    /// Predictions and labels of rows spread evenly over the split; none for several classes.
    pub sample: Vec<(f32, f32)>,
}

impl Evaluator<'_> {
    /// The weighted mean loss.
    pub(crate) fn loss(&mut self, store: &dyn ParamStore) -> Result<f64> {
        let mut loss = Mean::default();
        self.each(store, |losses, _, batch| Ok(loss.update(losses, weights(batch))?))?;
        Ok(loss.value())
    }

    /// All figures of a head.
    pub(crate) fn evaluate(&mut self, store: &dyn ParamStore, head: &dyn Head) -> Result<Evaluation> {
        let (mut loss, mut metrics) = (Mean::default(), head.metrics());
        let mut sample = Sample::new(self.cache.rows());
        let width = head.width();
        self.each(store, |losses, predictions, batch| {
            loss.update(losses, weights(batch))?;
            metrics.update(predictions, &batch.labels, weights(batch))?;
            if width == 1 {
                sample.take(predictions, &batch.labels);
            }
            Ok(())
        })?;
        let figures = std::iter::once(("loss", loss.value())).chain(metrics.values()).collect();
        Ok(Evaluation { figures, sample: sample.pairs })
    }

    /// Calls `f` with the losses and predictions of each batch.
    fn each(&mut self, store: &dyn ParamStore, mut f: impl FnMut(&[f32], &[f32], &Batch) -> Result<()>) -> Result<()> {
        let (mut keys, mut params) = (BatchKeys::default(), Params::default());
        each_batch(&self.cache, |batch| {
            self.binding.keys(batch, &mut keys, &self.lanes);
            store.pull(&keys.keys, &mut params)?;
            let (dense, rows) = (&params.dense, &params.rows);
            let feeds = BatchFeeds { binding: self.binding, batch, keys: &keys, dense, rows, scale: 1.0 };
            self.program.run(&feeds, Mode::Inference).map_err(|error| self.binding.explain(batch, error))?;
            f(self.program.output(0), self.program.output(1), batch)
        })
    }
}

/// Figures of the prediction that knows nothing but the labels' distribution in the training rows.
pub(crate) fn baseline(head: &dyn Head, labels: &LabelSummary, cache: &Arc<Cache>) -> Result<Figures> {
    let prediction = head.baseline(labels);
    let mut metrics = head.metrics();
    for block in 0..cache.blocks() {
        let batch = cache.labels(block)?;
        metrics.update(&prediction.repeat(batch.rows), &batch.labels, weights(&batch))?;
    }
    Ok(metrics.values())
}

/// The distribution of the labels of a split, for a head of so many logits.
pub(crate) fn label_summary(cache: &Cache, width: usize) -> LabelSummary {
    let LabelTotals { weight, sum, classes } = cache.label_totals();
    let (mut classes, len) = (classes.clone(), if width > 1 { width } else { 0 });
    classes.resize(len, 0.0);
    LabelSummary { mean: sum / weight, classes }
}

/// Figures of an exported model on labelled rows.
///
/// # Errors
///
/// When a row cannot be read, or the model was exported without a label.
pub fn evaluate_predictor(predictor: &Predictor, source: &Source, observer: &dyn Observer) -> Result<Figures> {
    let features = predictor.features();
    let head = head_of(features, None);
    let head = head.ok_or_else(|| Error::config("the model has no label", "export one that was trained"))?;
    let mut metrics: Box<dyn Metrics> = head.metrics();
    observer.on(Event::Stage { stage: Stage::Evaluate("data"), rows: None });
    let mut rows = 0;
    for raw in source.scan()? {
        let batch = features.transform_labelled(&raw?)?;
        metrics.update(&predictor.predict_batch(&batch)?, &batch.labels, weights(&batch))?;
        rows += batch.rows as u64;
        observer.on(Event::Rows(rows));
    }
    Ok(metrics.values())
}

fn each_batch(cache: &Arc<Cache>, mut f: impl FnMut(&Batch) -> Result<()>) -> Result<()> {
    let mut loader = Loader::new(cache.clone(), LoaderConfig::in_order(BATCH), LoaderState::default())?;
    while let Some(batch) = loader.next_batch()? {
        f(&batch)?;
    }
    Ok(())
}

fn weights(batch: &Batch) -> Option<&[f32]> {
    (!batch.weights.is_empty()).then_some(&batch.weights)
}

/// Every so many rows one, so that the whole split is covered.
struct Sample {
    every: u64,
    seen: u64,
    pairs: Vec<(f32, f32)>,
}

impl Sample {
    fn new(rows: u64) -> Self {
        Self { every: rows.div_ceil(SAMPLE as u64).max(1), seen: 0, pairs: Vec::new() }
    }

    fn take(&mut self, predictions: &[f32], labels: &[f32]) {
        for (&prediction, &label) in predictions.iter().zip(labels) {
            if self.seen.is_multiple_of(self.every) {
                self.pairs.push((prediction, label));
            }
            self.seen += 1;
        }
    }
}
