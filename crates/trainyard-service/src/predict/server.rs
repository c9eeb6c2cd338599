//! Accepts connections, and stops without losing a request.
//!
//! ```text
//! Serving ── shutdown ──> Draining ── drain delay ──> Stopping ── all done, or grace is over ──> Ended
//!                         accepts, closes each        accepts no more; idle connections
//!                         connection after its answer close at once, others after their answer
//! ```

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use super::config::ServeConfig;
use super::feature_log::FeatureLog;
use super::manager::ModelManager;
use super::router::{Context, router};
use crate::error::{Error, Result};

/// How long to wait when a connection cannot be accepted, most likely because all file descriptors are taken.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Where a server is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Serving,
    Draining,
    Stopping,
    Ended,
}

/// Binds `address`, tells `ready` the address it got, and serves until SIGTERM or SIGINT.
///
/// # Errors
/// [`Error::Serve`] when the address or the threads cannot be had.
pub fn run(
    address: &str,
    manager: Arc<ModelManager>,
    config: ServeConfig,
    ready: impl FnOnce(SocketAddr),
) -> Result<()> {
    let error = |source| Error::Serve { address: address.to_owned(), source };
    let mut threads = tokio::runtime::Builder::new_multi_thread();
    let runtime = threads.worker_threads(config.threads.max(1)).enable_all().build().map_err(error)?;
    let outcome = runtime.block_on(async {
        let mut terminated = signal(SignalKind::terminate()).map_err(error)?;
        let mut interrupted = signal(SignalKind::interrupt()).map_err(error)?;
        let listener = TcpListener::bind(address).await.map_err(error)?;
        ready(listener.local_addr().map_err(error)?);
        let shutdown = async move {
            tokio::select! {
                _ = terminated.recv() => {}
                _ = interrupted.recv() => {}
            }
        };
        serve(listener, manager, config, shutdown).await
    });
    runtime.shutdown_background();
    outcome
}

/// Serves on `listener` until `shutdown` completes, then finishes the requests under way.
///
/// # Errors
/// [`Error::InvalidArgument`] for a `config` out of range. Once it serves, a failure concerns one client alone.
pub async fn serve(
    listener: TcpListener,
    manager: Arc<ModelManager>,
    config: ServeConfig,
    shutdown: impl Future<Output = ()>,
) -> Result<()> {
    config.check()?;
    let (phase, phases) = watch::channel(Phase::Serving);
    let poll = tokio::spawn(poll(Arc::clone(&manager), config.poll_interval));
    let log = config.feature_log.clone().map(FeatureLog::open).transpose()?;
    let server = Server::new(manager, &config, phases, log.clone());
    tokio::select! {
        () = server.accept_all(&listener) => {}
        () = shutdown => {}
    }
    tracing::info!("shutting down");
    phase.send_replace(Phase::Draining);
    let _still_accepting = timeout(config.drain_delay, server.accept_all(&listener)).await;
    server.accept_last(listener);
    phase.send_replace(Phase::Stopping);
    if timeout(config.grace, server.all_closed()).await.is_err() {
        tracing::warn!(connections = server.open(), "requests did not finish in time and are cut off");
    }
    phase.send_replace(Phase::Ended);
    poll.abort();
    if let Some(log) = log {
        // Waits for a thread.
        let _ended = spawn_blocking(move || log.finish()).await;
    }
    Ok(())
}

struct Server {
    http: http1::Builder,
    router: Router,
    /// One permit per connection that may still be opened.
    connections: Arc<Semaphore>,
    connections_max: u32,
    phases: watch::Receiver<Phase>,
}

impl Server {
    fn new(
        manager: Arc<ModelManager>,
        config: &ServeConfig,
        phases: watch::Receiver<Phase>,
        log: Option<Arc<FeatureLog>>,
    ) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(config.header_timeout)
            .max_header_size(config.header_bytes_max);
        Self {
            http,
            router: router(Arc::new(Context::new(manager, config.clone(), phases.clone(), log))),
            connections: Arc::new(Semaphore::new(config.connections_max as usize)),
            connections_max: config.connections_max,
            phases,
        }
    }

    /// Accepts connections for as long as it is polled.
    async fn accept_all(&self, listener: &TcpListener) {
        while let Ok(permit) = self.connections.clone().acquire_owned().await {
            match listener.accept().await {
                Ok((stream, _)) => self.spawn(stream, permit),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Accepts the clients that are connected already but were not yet accepted, and stops listening. The plain socket is
    /// asked, because tokio's hears of a new client only some time after the system does.
    fn accept_last(&self, listener: TcpListener) {
        let Ok(listener) = listener.into_std() else { return };
        while let Ok(permit) = self.connections.clone().try_acquire_owned()
            && let Ok((stream, _)) = listener.accept()
        {
            match stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream)) {
                Ok(stream) => self.spawn(stream, permit),
                Err(error) => tracing::warn!(%error, "cannot accept a connection"),
            }
        }
    }

    fn spawn(&self, stream: TcpStream, permit: OwnedSemaphorePermit) {
        tokio::spawn(converse(stream, permit, self.http.clone(), self.router.clone(), self.phases.clone()));
    }

    async fn all_closed(&self) {
        let _all = self.connections.acquire_many(self.connections_max).await;
    }

    fn open(&self) -> usize {
        self.connections_max as usize - self.connections.available_permits()
    }
}

/// One connection, from its first request to its last.
async fn converse(
    stream: TcpStream,
    permit: OwnedSemaphorePermit,
    http: http1::Builder,
    router: Router,
    phases: watch::Receiver<Phase>,
) {
    let _permit = permit;
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)));
    tokio::select! {
        biased;
        outcome = connection.as_mut() => return log_end(outcome),
        () = reached(phases.clone(), Phase::Stopping) => connection.as_mut().graceful_shutdown(),
    }
    tokio::select! {
        outcome = connection => log_end(outcome),
        () = reached(phases, Phase::Ended) => {}
    }
}

/// Clients hang up and break off as they like, which is news only to someone who looks for it.
fn log_end(outcome: hyper::Result<()>) {
    if let Err(error) = outcome {
        tracing::debug!(%error, "a connection failed");
    }
}

/// Waits for `phase` or a later one. A server that is gone has ended.
async fn reached(mut phases: watch::Receiver<Phase>, phase: Phase) {
    let _ended = phases.wait_for(|now| *now >= phase).await;
}

/// Looks for new versions from time to time. A failure is logged when it is another than the last one.
async fn poll(manager: Arc<ModelManager>, interval: Duration) {
    let mut last_failure = None;
    loop {
        sleep(interval).await;
        let manager = Arc::clone(&manager);
        let failure = match spawn_blocking(move || manager.refresh()).await {
            Ok(outcome) => outcome.err().map(|error| error.to_string()),
            Err(panic) => Some(panic.to_string()),
        };
        if failure.is_some() && failure != last_failure {
            tracing::warn!(error = failure, "cannot look for new versions");
        }
        last_failure = failure;
    }
}

#[cfg(test)]
mod tests;
