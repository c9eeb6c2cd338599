//! Where passes over a source run.

#[cfg(feature = "cluster")]
use crate::cluster::Cluster;

/// Where passes over a source run: on threads of this process, or on a cluster. The results have the same bytes.
///
/// A number is so many threads.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Engine {
    /// Threads of this process.
    Local {
        /// How many, from 1.
        threads: usize,
    },
    /// The executors of a cluster.
    #[cfg(feature = "cluster")]
    Cluster(Cluster),
}

impl From<usize> for Engine {
    fn from(threads: usize) -> Self {
        Self::Local { threads }
    }
}
