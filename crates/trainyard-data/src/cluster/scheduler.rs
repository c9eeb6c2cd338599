//! The process that plans jobs and gives out their tasks.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use async_trait::async_trait;
use ballista_core::extension::SessionConfigExt;
use ballista_core::ids::new_instance_id;
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::scheduler_process::{create_scheduler, start_grpc_service_with_listener};
use ballista_scheduler::scheduler_server::JobIdGenerator;
use datafusion::prelude::SessionConfig;
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};

use super::codec::{Logical, Physical};
use super::{MESSAGE_BYTES, runtime};
use crate::Result;
use crate::error::Error;

/// The least seconds after which an executor may count as lost.
const EXECUTOR_TIMEOUT_SECS_MIN: u64 = 10;

/// How a scheduler runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchedulerConfig {
    /// The address to listen on; 0.0.0.0 for all of the machine's.
    pub host: String,
    /// The port to listen on; 0 takes a free one.
    pub port: u16,
    /// Seconds without a word after which an executor counts as lost and its tasks are given to others, from 10: one that has no
    /// core free is silent for 5.
    pub executor_timeout_secs: u64,
}

impl Default for SchedulerConfig {
    fn default() -> Self {
        Self { host: "127.0.0.1".to_owned(), port: 50050, executor_timeout_secs: 30 }
    }
}

/// Runs a scheduler until Ctrl-C or SIGTERM. `ready` is told the address when it listens.
///
/// It keeps what it knows in memory: when it ends, drivers submit their jobs to the next one.
///
/// # Errors
///
/// When it cannot listen.
pub fn run_scheduler(config: &SchedulerConfig, ready: impl FnOnce(SocketAddr)) -> Result<()> {
    let address = format!("{}:{}", config.host, config.port);
    let listener = TcpListener::bind(&address).map_err(Error::io("listen on", &address))?;
    listener.set_nonblocking(true).map_err(Error::io("listen on", &address))?;
    let bound = listener.local_addr().map_err(Error::io("listen on", &address))?;
    let config = Arc::new(ballista(config, bound.port()));
    let failed = |problem: String| Error::Cluster { scheduler: address.clone(), problem };
    runtime()?.block_on(async {
        let cannot_start = |error: ballista_core::error::BallistaError| failed(format!("cannot start: {error}"));
        let cluster = BallistaCluster::new_from_config(&config).await.map_err(cannot_start)?;
        let scheduler = create_scheduler::<LogicalPlanNode, PhysicalPlanNode>(cluster, config);
        let scheduler = scheduler.await.map_err(cannot_start)?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(Error::io("listen on", &address))?;
        ready(bound);
        tokio::select! {
            ended = start_grpc_service_with_listener(listener, scheduler) => {
                ended.map_err(|error| failed(format!("stopped: {error}")))
            }
            result = stopped() => result,
        }
    })
}

/// Ends with Ctrl-C or SIGTERM.
async fn stopped() -> Result<()> {
    let failed = Error::io("wait for", "signals");
    let mut terminate = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(terminate) => terminate,
        Err(error) => return Err(failed(error)),
    };
    tokio::select! {
        result = tokio::signal::ctrl_c() => result.map_err(failed),
        _ = terminate.recv() => Ok(()),
    }
}

fn ballista(config: &SchedulerConfig, port: u16) -> ballista_scheduler::config::SchedulerConfig {
    let timeout = config.executor_timeout_secs.max(EXECUTOR_TIMEOUT_SECS_MIN);
    ballista_scheduler::config::SchedulerConfig {
        bind_host: config.host.clone(),
        bind_port: port,
        // Executors ask for work, so that nobody needs to reach them but drivers.
        scheduling_policy: ballista_core::config::TaskSchedulingPolicy::PullStaged,
        executor_timeout_seconds: timeout,
        expire_dead_executor_interval_seconds: timeout.div_ceil(4),
        no_executors_grace_period_seconds: timeout,
        grpc_server_max_decoding_message_size: MESSAGE_BYTES as u32,
        grpc_server_max_encoding_message_size: MESSAGE_BYTES as u32,
        grpc_client_max_message_size: MESSAGE_BYTES as u32,
        override_config_producer: Some(Arc::new(SessionConfig::new_with_ballista)),
        override_logical_codec: Some(Arc::new(Logical::default())),
        override_physical_codec: Some(Arc::new(Physical::default())),
        job_id_generator: Some(Arc::new(Names)),
        ..Default::default()
    }
}

/// Names for jobs that no scheduler before has given: what an executor reports of a job of one that died must not be taken for
/// a job of the next.
struct Names;

#[async_trait]
impl JobIdGenerator for Names {
    async fn next_id(&self) -> String {
        new_instance_id()
    }
}
