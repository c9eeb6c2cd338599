//! From a spec to a trained, evaluated and exported model.

use crate::caches::{Caches, Fitted};
use crate::directory::Directory;
use crate::evaluate::{Evaluation, Evaluator, Figures, baseline, label_summary};
use crate::hints;
use crate::observer::{Event, Observer, Stage};
use crate::prepared::Prepared;
use crate::results::{Results, named};
use crate::saver::Saver;
use crate::spec::Spec;
use crate::splits::{Splits, all_rows};
use crate::state::State;
use crate::trainer::{Ending, Memory, Trainer};
use crate::{Error, Result};
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use trainyard_data::{Cache, Engine, FitMemory, SavedView, Source, learn_within};
use trainyard_features::{Features, FittedFeatures, LabelTask};
use trainyard_graph::{Cpu, Device};
use trainyard_model::{Architecture, Binding, Bundle, Head, Model, Predictor, Staged, TrainingArchitecture, head_of};
use trainyard_nn::ParamShape;
use trainyard_store::checkpoint::Checkpoints;
use trainyard_store::{MemoryStore, ParamStore, Snapshot, StoreConfig};

/// Trains what a spec says. [`fit`](Self::fit) resumes a run that its directory holds.
#[derive(Debug)]
pub struct Estimator {
    spec: Spec,
    directory: PathBuf,
    model: Box<dyn Model>,
    head: Option<Box<dyn Head>>,
    engine: Engine,
}

/// A run that has ended.
#[derive(Debug)]
pub struct Trained {
    /// Why it ended.
    pub ending: Ending,
    /// Whether it had ended before and nothing was to be done.
    pub was_complete: bool,
    /// The figures; none when it was interrupted.
    pub results: Option<Results>,
    /// The exported directory; none when it was interrupted.
    pub export: Option<PathBuf>,
}

impl Estimator {
    /// An estimator whose run lives in `runs/<name>`.
    pub fn new(spec: Spec) -> Self {
        let directory = Path::new("runs").join(&spec.name);
        let engine = Engine::from(spec.train.resources());
        Self { model: Box::new(spec.model.clone()), head: None, directory, engine, spec }
    }

    /// The same in another directory.
    #[must_use]
    pub fn in_directory(self, directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), ..self }
    }

    /// The same with a model of your own in place of the spec's.
    #[must_use]
    pub fn with_model(self, model: impl Model + 'static) -> Self {
        Self { model: Box::new(model), ..self }
    }

    /// The same with a head of your own in place of that of the task.
    #[must_use]
    pub fn with_head(self, head: impl Head + 'static) -> Self {
        Self { head: Some(Box::new(head)), ..self }
    }

    /// The same with the passes over raw rows, which fit and encode, on another engine than threads of this process. It
    /// changes nothing in the results.
    #[must_use]
    pub fn with_engine(self, engine: impl Into<Engine>) -> Self {
        Self { engine: engine.into(), ..self }
    }

    /// The directory of the run.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Fits features, trains, evaluates and exports. A run that the directory holds goes on where it stopped; one that has
    /// ended is left as it is.
    ///
    /// # Errors
    ///
    /// When the data, the spec or the disk does not allow it. What was saved before stays.
    pub fn fit(&self, observer: &dyn Observer) -> Result<Trained> {
        let directory = Directory::open(&self.directory, &self.spec)?;
        let Encoded { view, features, caches } = self.encode(&directory, observer)?;
        let head = self.head(&features)?;
        let head = self.head.as_deref().unwrap_or(head.as_ref());
        Run { estimator: self, directory, view, features, caches, head }.run(observer)
    }

    /// Fits features and encodes all rows, which [`fit`](Self::fit) then finds; with `shuffle`, the training rows in a random
    /// order, from then on. What is there already is not made again.
    ///
    /// # Errors
    ///
    /// When the data, the spec or the disk does not allow it, or rows are to be shuffled that a run has begun to learn from.
    pub fn prepare(&self, shuffle: bool, observer: &dyn Observer) -> Result<Prepared> {
        let directory = Directory::open(&self.directory, &self.spec)?;
        if shuffle {
            directory.shuffle()?;
        }
        let Encoded { features, caches, .. } = self.encode(&directory, observer)?;
        Prepared::new(&features, &caches, directory.is_shuffled())
    }

    /// The steps before training, as far as they are not done yet.
    fn encode(&self, directory: &Directory, observer: &dyn Observer) -> Result<Encoded> {
        let all = all_rows(&self.spec)?;
        let view = self.spec.resolved_view().map(|config| SavedView { config, rows: all.schema().clone() });
        let viewed =
            view.as_ref().map(|view| Splits::viewed(&self.spec, (view, &all), directory, observer)).transpose()?;
        let (learnt, fingerprint) = match &viewed {
            Some(viewed) => (viewed.train.clone(), viewed.train.fingerprint()?),
            None => (Splits::training(&self.spec, &all)?, all.fingerprint()?),
        };
        let features = self.fit_features(&learnt, &fingerprint, directory, observer)?;
        let splits = match viewed {
            Some(viewed) => viewed,
            None => Splits::with_columns(&self.spec, &features.features().labelled_inputs())?,
        };
        // A run that goes on has been told.
        if matches!(features, Fitted::Open(..)) || !directory.cache("train").exists() {
            let (label, threads) = (&self.spec.data.label.column, self.spec.train.lanes());
            let notices = hints::notices(&splits.train, &splits.eval, label, threads)?;
            notices.into_iter().for_each(|notice| observer.on(Event::Notice(notice)));
        }
        let (features, caches) =
            Caches::build((directory, &self.spec.train), features, &splits, &self.engine, observer)?;
        Ok(Encoded { view, features, caches })
    }

    /// The features, fitted to the training rows as far as it takes to encode, unless they were before; `data` tells of the rows
    /// whether they are the same.
    fn fit_features(
        &self,
        learnt: &Source,
        data: &str,
        directory: &Directory,
        observer: &dyn Observer,
    ) -> Result<Fitted> {
        if let Some(features) = directory.features(data)? {
            return Ok(Fitted::Known(features));
        }
        let (label, weight) = (Some(self.spec.data.label.clone()), self.spec.data.weight_column());
        let features = Features::new(self.spec.features.clone(), learnt.schema(), label, weight)?;
        let bytes = self.spec.train.resources().memory.fit_bytes() as usize;
        let memory = FitMemory { bytes, directory: directory.join("features") };
        // No stage where no pass is made.
        let begun = Cell::new(false);
        let progress = |rows| {
            if !begun.replace(true) {
                observer.on(Event::Stage { stage: Stage::Fit, rows: None });
            }
            observer.on(Event::Rows(rows));
        };
        let learnt = learn_within(&memory, features, learnt, self.engine.clone(), &progress)?;
        if learnt.is_open() {
            return Ok(Fitted::Open(learnt, data.to_owned()));
        }
        directory.save_features(learnt.features(), data)?;
        Ok(Fitted::Known(learnt.features().clone()))
    }

    fn head(&self, features: &FittedFeatures) -> Result<Box<dyn Head>> {
        head_of(features, self.spec.loss).ok_or_else(|| Error::Internal("features without their label".to_owned()))
    }
}

/// What training reads.
struct Encoded {
    view: Option<SavedView>,
    features: FittedFeatures,
    caches: Caches,
}

/// One run of an estimator.
struct Run<'a> {
    estimator: &'a Estimator,
    directory: Directory,
    view: Option<SavedView>,
    features: FittedFeatures,
    caches: Caches,
    head: &'a dyn Head,
}

impl Run<'_> {
    fn run(&self, observer: &dyn Observer) -> Result<Trained> {
        let spec = &self.estimator.spec;
        let encoding = self.features.encoding();
        let architecture = TrainingArchitecture::new(self.estimator.model.as_ref(), self.head, encoding)?;
        let binding = Binding::new(&architecture.base.graph, &architecture.base.specs, encoding)?;
        let cpu = Cpu::new(spec.train.lanes()).for_batches_of(spec.train.batch_size);
        let store = self.store(&architecture, &cpu)?;
        let checkpoints = Checkpoints::open(self.directory.join("checkpoints"), spec.train.checkpoint_keep)?;
        let state = self.resume(&checkpoints, &store, observer)?;
        let steps_before = store.step()?;
        let mut trainer = self.trainer(&cpu, &architecture, &binding, &store, (checkpoints, state))?;
        let ending = trainer.run(&self.caches.train, observer)?;
        if ending == Ending::Interrupted {
            trainer.saver.written()?;
            return Ok(Trained { ending, was_complete: false, results: None, export: None });
        }
        let best = trainer.state.best.as_ref().map_or(0, |best| best.step);
        let is_current = trainer.state.best.is_some() && best == store.step()?;
        let unchanged = store.step()? == steps_before;
        if let Some(results) = Results::read(&self.directory.join("metrics.json")).filter(|_| unchanged) {
            let export = self.directory.join("export").join(best.to_string());
            if export.exists() {
                trainer.saver.written()?;
                return Ok(Trained { ending, was_complete: true, results: Some(results), export: Some(export) });
            }
        }
        let snapshot = match trainer.last.take().filter(|_| is_current) {
            Some(last) => last,
            None if is_current => Arc::new(store.snapshot()?),
            None => {
                let snapshot = trainer.saver.written()?.load(best)?.snapshot;
                store.restore(&snapshot)?;
                Arc::new(snapshot)
            }
        };
        let (results, export) = self.conclude(&mut trainer, &store, &snapshot, observer)?;
        Ok(Trained { ending, was_complete: false, results: Some(results), export: Some(export) })
    }

    fn store(&self, architecture: &TrainingArchitecture, cpu: &Cpu) -> Result<MemoryStore> {
        let spec = &self.estimator.spec;
        let config = StoreConfig { seed: spec.train.seed, optimizers: spec.all_optimizers(), clip: spec.train.clip };
        let store = MemoryStore::new(config)?.with_lanes(cpu.lanes().clone());
        store.create(&architecture.base.specs)?;
        Ok(store)
    }

    /// Puts the newest whole checkpoint into the store.
    fn resume(&self, checkpoints: &Checkpoints, store: &dyn ParamStore, observer: &dyn Observer) -> Result<State> {
        let fingerprint = self.features.fingerprint();
        let Some(loaded) = checkpoints.latest()? else {
            return Ok(State { features: fingerprint, ..State::default() });
        };
        for (step, reason) in &loaded.skipped {
            observer.on(Event::Notice(format!("checkpoint {step} is damaged and was passed over: {reason}")));
        }
        let state: State = serde_json::from_str(&loaded.state)
            .map_err(|error| Error::Internal(format!("checkpoint {} has no state: {error}", loaded.step)))?;
        if state.features != fingerprint {
            return Err(self.directory.other("that was trained on other features"));
        }
        store.restore(&loaded.snapshot)?;
        observer.on(Event::Notice(format!("resumed at step {}", loaded.step)));
        Ok(state)
    }

    fn trainer<'a>(
        &'a self,
        cpu: &Cpu,
        architecture: &TrainingArchitecture,
        binding: &'a Binding,
        store: &'a MemoryStore,
        (mut checkpoints, state): (Checkpoints, State),
    ) -> Result<Trainer<'a>> {
        let TrainingArchitecture { base, losses, loss, gradients } = architecture;
        let outputs: Vec<_> = std::iter::once(*loss).chain(gradients.iter().copied()).collect();
        checkpoints.protect(state.best.iter().map(|best| best.step));
        Ok(Trainer {
            config: &self.estimator.spec.train,
            store,
            binding,
            program: cpu.compile(&base.graph, &outputs)?,
            lanes: cpu.lanes().clone(),
            is_table: base.specs.iter().map(|spec| matches!(spec.shape, ParamShape::Table { .. })).collect(),
            evaluator: Evaluator {
                cache: self.caches.eval.clone(),
                binding,
                lanes: cpu.lanes().clone(),
                program: cpu.compile(&base.graph, &[*losses, base.predictions])?,
            },
            saver: Saver::new(checkpoints),
            last: None,
            state,
            memory: Memory::default(),
        })
    }

    /// Evaluates the best model on all splits, exports it, and writes the figures and the report.
    fn conclude(
        &self,
        trainer: &mut Trainer<'_>,
        store: &MemoryStore,
        snapshot: &Snapshot,
        observer: &dyn Observer,
    ) -> Result<(Results, PathBuf)> {
        let step = snapshot.step;
        let eval = self.evaluate(trainer, "eval", &self.caches.eval, store, observer)?;
        let test = self.caches.test.as_ref();
        let test = test.map(|cache| self.evaluate(trainer, "test", cache, store, observer)).transpose()?;
        let staged = self.stage(snapshot, &eval.figures);
        // The last checkpoint was written meanwhile. Without it there is no export: the run would make another one of the same step.
        trainer.saver.written()?;
        let export = staged?.publish()?;
        let labels = label_summary(&self.caches.train, self.head.width());
        let baseline = baseline(self.head, &labels, &self.caches.eval)?;
        let rows = [Some(&self.caches.train), Some(&self.caches.eval), test.as_ref().and(self.caches.test.as_ref())];
        let rows = ["train", "eval", "test"].into_iter().zip(rows);
        let results = Results {
            name: self.estimator.spec.name.clone(),
            task: self.task(),
            best_step: step,
            rows: rows.filter_map(|(split, cache)| Some((split.to_owned(), cache?.rows()))).collect(),
            eval: named(&eval.figures),
            test: test.map(|test| named(&test.figures)),
            baseline: named(&baseline),
            history: trainer.state.history.clone(),
        };
        results.write_report(&self.directory.join("report.html"), &self.features, &eval.sample)?;
        // Last of all: a run that has it is taken for complete.
        results.write(&self.directory.join("metrics.json"))?;
        Ok((results, export))
    }

    fn evaluate(
        &self,
        trainer: &mut Trainer<'_>,
        split: &'static str,
        cache: &Arc<Cache>,
        store: &MemoryStore,
        observer: &dyn Observer,
    ) -> Result<Evaluation> {
        observer.on(Event::Stage { stage: Stage::Evaluate(split), rows: Some(cache.rows()) });
        let own = std::mem::replace(&mut trainer.evaluator.cache, cache.clone());
        let evaluation = trainer.evaluator.evaluate(store, self.head);
        trainer.evaluator.cache = own;
        evaluation
    }

    fn stage(&self, snapshot: &Snapshot, figures: &Figures) -> Result<Staged> {
        let architecture = Architecture::new(self.estimator.model.as_ref(), self.head, self.features.encoding())?;
        let (version, spec) = (snapshot.step, &self.estimator.spec);
        let mut bundle = Bundle::new(&spec.name, architecture, self.head.outputs(), snapshot, self.features.clone());
        bundle.manifest.metrics = named(figures).into_iter().collect();
        bundle.manifest.keys = spec.data.keys.clone();
        bundle.manifest.files = spec.data.files_as_data()?;
        let view = self.view.as_ref().map(serde_json::to_value).transpose();
        bundle.manifest.view = view.map_err(|error| Error::Internal(error.to_string()))?;
        Ok(bundle.stage(&self.directory.join("export"), version)?)
    }

    fn task(&self) -> String {
        match self.estimator.spec.data.label.task {
            LabelTask::Regression => "regression",
            LabelTask::Binary => "binary",
            LabelTask::Multiclass => "multiclass",
        }
        .to_owned()
    }
}

impl Trained {
    /// A predictor of the exported model.
    ///
    /// # Errors
    ///
    /// When the run was interrupted, or its export cannot be read.
    pub fn predictor(&self) -> Result<Predictor> {
        let export = self.export.as_ref();
        let export = export.ok_or_else(|| Error::config("the run was interrupted", "start it again; it goes on"))?;
        Ok(Predictor::load(export)?)
    }
}
