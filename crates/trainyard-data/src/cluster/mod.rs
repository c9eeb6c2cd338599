//! Passes over a source on the machines of an Apache Ballista cluster.
//!
//! ```text
//!  Cluster::run ──► JobTable ──► scheduler ──► JobExec on the executors, a task for some pieces of the source
//!       ▲            (logical)    (physical)       │  Job::run: the code of a local pass
//!       └──────────────── Message, in the order of the rows ◄──┘
//! ```
//!
//! A `Job` is a source and what is done with its rows: a round of fitting, encoding, or a pass of `stats`. It travels as a table
//! whose rows are messages (`message`): one partition a task, each of which reads some of the source's pieces. Ballista plans,
//! places and retries the tasks; what they do is the code of a local pass, so that the results have the same bytes.
//!
//! Why no aggregate function for the merging of what tasks collect? It would run on one machine all the same, the driver reads
//! the result in any case, and a state of any size can travel in parts, where one value of a table cannot. Why a leaf of
//! DataFusion below `JobExec`? When a scheduler gives a task some partitions of a plan, it cuts the leaves that
//! it knows; one of another kind would be run as a whole by each task.
//!
//! What can be mended by another try is an I/O error and retried by Ballista; every other error ends the job, and the driver
//! says what the executor met. The driver resubmits what is missing when the scheduler or results were lost: a task may run
//! any number of times.

mod client;
mod codec;
mod driver;
mod executor;
mod failure;
mod job;
mod logs;
mod message;
mod plan;
mod scheduler;

pub use driver::{Cluster, ClusterConfig};
pub use executor::{ExecutorConfig, run_executor};
pub use logs::forward_logs;
pub use scheduler::{SchedulerConfig, run_scheduler};

use crate::Result;
use crate::error::Error;

/// The largest message between machines.
const MESSAGE_BYTES: usize = 256 << 20;

/// A runtime for a process of a cluster.
fn runtime() -> Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(Error::io("start a runtime for", "the cluster"))
}
