//! What can go wrong when parameters are made, read, changed, saved or loaded.

use std::io::ErrorKind;
use std::path::PathBuf;

/// Short for a result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store was used before it had parameters.
    #[error("the store has no parameters yet; call `create` or `restore` first")]
    NotCreated,
    /// The store was asked for other parameters than those it has.
    #[error("the store holds other parameters: {difference}; use an empty store, or the model that made these")]
    OtherParams {
        /// The first difference between what is there and what was asked for.
        difference: String,
    },
    /// A parameter that no store can hold.
    #[error("parameter `{name}` {problem}; {expected}")]
    Spec {
        /// Name of the parameter.
        name: String,
        /// What is wrong with it.
        problem: String,
        /// What would be right.
        expected: String,
    },
    /// A parameter whose group has no optimizer.
    #[error(
        "parameter `{name}` is of group `{group}`, which has no optimizer (groups with one: {groups}); add one for it"
    )]
    UnknownGroup {
        /// Name of the parameter.
        name: String,
        /// Its group.
        group: String,
        /// The groups that have an optimizer.
        groups: String,
    },
    /// Keys or gradients that do not fit the parameters.
    #[error("{what} has {found} {unit}, expected {expected}; nothing was changed")]
    Shape {
        /// The list that does not fit.
        what: String,
        /// Its size.
        found: usize,
        /// The right size.
        expected: usize,
        /// What the sizes count.
        unit: &'static str,
    },
    /// The same row named twice in one push.
    #[error("row {id} of table `{table}` is named twice in one push; sum its gradients first")]
    DuplicateKey {
        /// Name of the table.
        table: String,
        /// The id that came twice.
        id: u64,
    },
    /// A snapshot that contradicts itself or the store's configuration.
    #[error("the snapshot cannot be used: {problem}; {expected}")]
    Snapshot {
        /// What is wrong with it.
        problem: String,
        /// What would be right.
        expected: String,
    },
    /// A setting of an optimizer, an initializer or a bound on gradients is out of its range.
    #[error(transparent)]
    Settings(#[from] trainyard_nn::Error),
    /// The operating system refused.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The reason given.
        source: std::io::Error,
    },
    /// A checkpoint whose files are not what its writer wrote.
    #[error("`{}` is damaged: {reason}", path.display())]
    Damaged {
        /// The damaged file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// No checkpoint of a directory can be read.
    #[error("none of the checkpoints in `{}` can be read ({reasons}); remove them to start anew", dir.display())]
    AllDamaged {
        /// The directory.
        dir: PathBuf,
        /// Each step with its reason.
        reasons: String,
    },
    /// A checkpoint of a later version of this program.
    #[error("`{}` has format version {found}, this program reads up to version {supported}; upgrade it to read this checkpoint", path.display())]
    NewerVersion {
        /// The checkpoint's manifest.
        path: PathBuf,
        /// The version found.
        found: u64,
        /// The newest version that this program reads.
        supported: u64,
    },
    /// A step that has no checkpoint.
    #[error("there is no checkpoint of step {step} in `{}` (steps: {steps})", dir.display())]
    NoCheckpoint {
        /// The directory.
        dir: PathBuf,
        /// The step asked for.
        step: u64,
        /// The steps that have one.
        steps: String,
    },
    /// A bug of ours.
    #[error("internal error: {0}; please report it")]
    Internal(String),
}

impl Error {
    /// Whether an older checkpoint may stand in for the one that failed like this.
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            Error::Damaged { .. } => true,
            Error::Io { source, .. } => !matches!(source.kind(), ErrorKind::PermissionDenied | ErrorKind::OutOfMemory),
            _ => false,
        }
    }
}

/// Names the action and the path of a failed call of the operating system.
pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.into();
    move |source| Error::Io { action, path, source }
}

/// `a, b, c`, or `none`.
pub(crate) fn listed<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let texts: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    if texts.is_empty() { "none".into() } else { texts.join(", ") }
}
