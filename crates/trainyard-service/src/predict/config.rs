//! Limits of a server.

use std::thread::available_parallelism;
use std::time::Duration;

use super::feature_log::FeatureLogConfig;
use crate::error::{Error, Result};

/// How a server guards itself, and how it stops.
#[derive(Debug, Clone, PartialEq)]
pub struct ServeConfig {
    /// Time between two looks for new versions. Default 1 s.
    pub poll_interval: Duration,
    /// Bytes of one request body, as sent and after inflating it. Positive. Default 64 MiB.
    pub body_bytes_max: usize,
    /// Bytes of all request bodies held at once; a request that would exceed them is answered 503. Default 1 GiB.
    pub bodies_bytes_max: usize,
    /// Time for a request body to arrive. Default 60 s.
    pub body_timeout: Duration,
    /// Bytes of a request's headers. Positive. Default 64 KiB.
    pub header_bytes_max: usize,
    /// Time for a request's headers to arrive, and for a connection to stand idle. Default 60 s.
    pub header_timeout: Duration,
    /// Connections at once; others wait to be accepted. Positive. Default 4096.
    pub connections_max: u32,
    /// Bytes up to which a request is answered on the network's own threads; larger ones, and compressed ones, wait for
    /// one of [`threads`](Self::threads) of their own, so that they hold up no others. Default 8 KiB, which is a dozen rows of 39
    /// columns, or two thousand of one.
    pub inline_bytes_max: usize,
    /// Threads of the network, and of large requests, each. Positive. Default: the number of cores.
    pub threads: usize,
    /// Time from the signal to stop until no connection is accepted any more. Meanwhile `/healthz` says 503 and each
    /// answer asks its client to close the connection, so that load balancers and clients go elsewhere. Default 250 ms.
    pub drain_delay: Duration,
    /// Time after that for requests under way to finish. Default 30 s.
    pub grace: Duration,
    /// Where to log what was served; nowhere by default.
    pub feature_log: Option<FeatureLogConfig>,
}

impl Default for ServeConfig {
    fn default() -> Self {
        Self {
            poll_interval: Duration::from_secs(1),
            body_bytes_max: 64 << 20,
            bodies_bytes_max: 1 << 30,
            body_timeout: Duration::from_secs(60),
            header_bytes_max: 64 << 10,
            header_timeout: Duration::from_secs(60),
            connections_max: 4096,
            inline_bytes_max: 8 << 10,
            threads: available_parallelism().map_or(1, usize::from),
            drain_delay: Duration::from_millis(250),
            grace: Duration::from_secs(30),
            feature_log: None,
        }
    }
}

impl ServeConfig {
    /// # Errors
    /// [`Error::InvalidArgument`] for a limit that would let nothing through.
    pub(crate) fn check(&self) -> Result<()> {
        let positive = [
            ("body_bytes_max", self.body_bytes_max),
            ("header_bytes_max", self.header_bytes_max),
            ("connections_max", self.connections_max as usize),
            ("threads", self.threads),
        ];
        match positive.iter().find(|(_, value)| *value == 0) {
            None => Ok(()),
            Some((name, _)) => Err(Error::invalid(format!("`{name}` is 0, but must be positive"))),
        }
    }
}
