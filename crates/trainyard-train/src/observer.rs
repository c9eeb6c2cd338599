//! What a run tells while it works.

use crate::state::HistoryPoint;

/// Who watches a run: a progress bar, a log, a test. It may also ask the run to stop.
pub trait Observer: Sync {
    /// Is told what happens.
    fn on(&self, event: Event<'_>);

    /// Whether the run should save a checkpoint and end; asked after each step.
    fn wants_stop(&self) -> bool {
        false
    }
}

/// What happens in a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Event<'a> {
    /// A stage begins, such as fitting features.
    Stage {
        /// What it does.
        stage: Stage,
        /// Rows it will go through, when known.
        rows: Option<u64>,
    },
    /// Rows of the stage done so far.
    Rows(u64),
    /// A training step is done.
    Step {
        /// Number of the step, from 1.
        step: u64,
        /// Number of the epoch, from 1.
        epoch: u64,
        /// Rows given out in this epoch.
        rows: u64,
        /// Mean loss of its batch.
        loss: f64,
    },
    /// The model was evaluated.
    Evaluated {
        /// The figures.
        point: &'a HistoryPoint,
        /// Whether no evaluation was better.
        best: bool,
    },
    /// Something that the user should know.
    Notice(String),
}

/// A part of a run that takes time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// Making the rows of a split that the view gives.
    View(&'static str),
    /// Passes over the training rows, to fit features or to find out the label; where neither is needed there is none.
    Fit,
    /// Transforming the rows of a split, those to train on together with what is left to find out about them.
    Encode(&'static str),
    /// Bringing the rows of a split into a random order.
    Shuffle(&'static str),
    /// An epoch of training.
    Train,
    /// Evaluating a split.
    Evaluate(&'static str),
}

/// Nobody watches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn on(&self, _event: Event<'_>) {}
}
