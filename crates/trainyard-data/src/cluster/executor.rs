//! The process that does tasks.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ballista_core::extension::SessionConfigExt;
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use datafusion::prelude::SessionConfig;

use super::codec::{Logical, Physical};
use super::{MESSAGE_BYTES, runtime};
use crate::Result;
use crate::error::Error;

/// How an executor runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutorConfig {
    /// Host and port of the scheduler.
    pub scheduler: (String, u16),
    /// The address to listen on for drivers, who read results here; 0.0.0.0 for all of the machine's.
    pub host: String,
    /// The port to listen on; 0 takes a free one.
    pub port: u16,
    /// The name by which drivers reach this machine; by default the address that the scheduler sees.
    pub advertise: Option<String>,
    /// Tasks at a time; 0 for one per core.
    pub cores: usize,
    /// Where results wait for drivers. A temporary directory by default, which goes away with the executor.
    pub work_dir: Option<PathBuf>,
}

/// Runs an executor until Ctrl-C or SIGTERM, when it finishes its tasks. It waits for a scheduler that is gone.
///
/// # Errors
///
/// When it cannot listen, or the directory cannot be made.
pub fn run_executor(config: &ExecutorConfig) -> Result<()> {
    let scratch = match &config.work_dir {
        Some(folder) => {
            std::fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
            None
        }
        None => {
            let folder = tempfile::Builder::new().prefix("trainyard-executor-").tempdir();
            Some(folder.map_err(Error::io("create a directory in", std::env::temp_dir()))?)
        }
    };
    let work_dir =
        config.work_dir.as_deref().or(scratch.as_ref().map(tempfile::TempDir::path)).unwrap_or(Path::new("."));
    let work_dir = std::path::absolute(work_dir).map_err(Error::io("find", work_dir))?;
    let process = ballista(config, work_dir, free_port(config)?);
    let ended = runtime()?.block_on(start_executor_process(Arc::new(process)));
    ended.map_err(|error| Error::Cluster {
        scheduler: format!("{}:{}", config.scheduler.0, config.scheduler.1),
        problem: format!("is not served by this executor: {error}"),
    })
}

/// The port to listen on. Ballista announces the one that it is told, so that a free one must be known before.
fn free_port(config: &ExecutorConfig) -> Result<u16> {
    let address = format!("{}:{}", config.host, config.port);
    let listener = TcpListener::bind(&address).map_err(Error::io("listen on", &address))?;
    Ok(listener.local_addr().map_err(Error::io("listen on", &address))?.port())
}

fn ballista(config: &ExecutorConfig, work_dir: PathBuf, port: u16) -> ExecutorProcessConfig {
    ExecutorProcessConfig {
        bind_host: config.host.clone(),
        external_host: config.advertise.clone(),
        port,
        scheduler_host: config.scheduler.0.clone(),
        scheduler_port: config.scheduler.1,
        // Any number but 0 lets it wait for the scheduler, for ever.
        scheduler_connect_timeout_seconds: 1,
        vcores: config.cores,
        task_scheduling_policy: ballista_core::config::TaskSchedulingPolicy::PullStaged,
        work_dir: Some(work_dir.to_string_lossy().into_owned()),
        // What no driver has fetched in a day is wanted by nobody.
        job_data_ttl_seconds: 24 * 3600,
        job_data_clean_up_interval_seconds: 600,
        grpc_max_decoding_message_size: MESSAGE_BYTES as u32,
        grpc_max_encoding_message_size: MESSAGE_BYTES as u32,
        override_config_producer: Some(Arc::new(SessionConfig::new_with_ballista)),
        override_logical_codec: Some(Arc::new(Logical::default())),
        override_physical_codec: Some(Arc::new(Physical::default())),
        ..Default::default()
    }
}
