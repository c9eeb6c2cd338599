//! Where passes over a source run.

use crate::Resources;
#[cfg(feature = "cluster")]
use crate::cluster::Cluster;

/// Where passes over a source run: on threads of this process, or on a cluster. The results have the same bytes.
///
/// A number is so many threads, with the memory that is usual.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Engine {
    /// Threads of this process, within a memory.
    Local(Resources),
    /// The executors of a cluster.
    #[cfg(feature = "cluster")]
    Cluster(Cluster),
}

impl From<usize> for Engine {
    fn from(threads: usize) -> Self {
        Self::Local(Resources { threads, ..Resources::default() })
    }
}

impl From<Resources> for Engine {
    fn from(resources: Resources) -> Self {
        Self::Local(resources)
    }
}
