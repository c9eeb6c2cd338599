//! What can go wrong when a model is built, written, read or asked.

use std::path::PathBuf;

/// Short for a result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting of the model does not fit its features.
    #[error("{problem}; {expected}")]
    Config {
        /// What is wrong.
        problem: String,
        /// What would be right.
        expected: String,
    },
    /// A file of a bundle is missing, damaged or contradicts another.
    #[error("the export `{}` is damaged: {problem}; export the model again", .path.display())]
    Damaged {
        /// The directory.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A bundle was written by a later version.
    #[error("the export `{}` has format version {found}, but this program reads up to version {supported}; upgrade trainyard", .path.display())]
    NewerVersion {
        /// The directory.
        path: PathBuf,
        /// Its version.
        found: u64,
        /// The newest that can be read.
        supported: u64,
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
    /// A layer or loss refused.
    #[error(transparent)]
    Nn(#[from] trainyard_nn::Error),
    /// The features refused.
    #[error(transparent)]
    Features(#[from] trainyard_features::Error),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] trainyard_store::Error),
    /// Arrow refused.
    #[error(transparent)]
    Arrow(#[from] arrow::error::ArrowError),
    /// A bug of ours.
    #[error("internal error: {0}; please report it")]
    Internal(String),
}

impl Error {
    pub(crate) fn config(problem: impl Into<String>, expected: impl Into<String>) -> Self {
        Self::Config { problem: problem.into(), expected: expected.into() }
    }
}

/// Names in backticks, with commas between.
pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
