//! What can go wrong in a run.

use std::path::PathBuf;

/// Short for a result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A spec cannot be read as one.
    #[error("{location}: {problem}")]
    Spec {
        /// The file, or what stands for it.
        location: String,
        /// What is wrong, where, and what would be right.
        problem: String,
    },
    /// Settings of a spec that do not fit each other or the data.
    #[error("{problem}; {expected}")]
    Config {
        /// What is wrong.
        problem: String,
        /// What would be right.
        expected: String,
    },
    /// A run's directory holds another run.
    #[error("`{}` holds a run {problem}; {expected}", .path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// In what it differs.
        problem: String,
        /// What to do.
        expected: String,
    },
    /// The loss is no number any more.
    #[error("the loss became {loss} at step {step}; {}; lower the learning rate, set `train.clip`, or look for extreme values in the features", kept(.checkpoint))]
    Diverged {
        /// The step.
        step: u64,
        /// The loss.
        loss: f64,
        /// The newest checkpoint from before.
        checkpoint: Option<u64>,
    },
    /// A file could not be read or written.
    #[error("cannot {action} `{}`: {source}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The graph refused.
    #[error(transparent)]
    Graph(#[from] trainyard_graph::Error),
    /// A formula refused its settings.
    #[error(transparent)]
    Nn(#[from] trainyard_nn::Error),
    /// The features refused.
    #[error(transparent)]
    Features(#[from] trainyard_features::Error),
    /// The data refused.
    #[error(transparent)]
    Data(#[from] trainyard_data::Error),
    /// The model refused.
    #[error(transparent)]
    Model(#[from] trainyard_model::Error),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] trainyard_store::Error),
    /// A bug of ours.
    #[error("internal error: {0}; please report it")]
    Internal(String),
}

impl Error {
    pub(crate) fn config(problem: impl Into<String>, expected: impl Into<String>) -> Self {
        Self::Config { problem: problem.into(), expected: expected.into() }
    }

    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}

fn kept(checkpoint: &Option<u64>) -> String {
    match checkpoint {
        Some(step) => format!("the checkpoint of step {step} is kept"),
        None => "no checkpoint was made before".to_owned(),
    }
}
