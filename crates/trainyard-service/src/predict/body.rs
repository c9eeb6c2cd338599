//! Request bodies, with bounds on their size, their time and their sum.

use std::borrow::Cow;
use std::io::Read;
use std::sync::Arc;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use flate2::read::MultiGzDecoder;
use futures::TryStreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::config::ServeConfig;
use crate::error::{Error, Result};

/// What the sum of all bodies is counted in.
const UNIT_BYTES: usize = 1024;

/// Bytes of a body that are not counted: most requests are smaller, and connections are bounded too.
const UNCOUNTED_BYTES: usize = 64 * UNIT_BYTES;

/// The bytes that all bodies may still take.
#[derive(Clone)]
pub(crate) struct BodyBudget {
    units: Arc<Semaphore>,
}

/// A body as it was sent.
pub(crate) struct ReceivedBody {
    bytes: Vec<u8>,
    gzip: bool,
    reserved: Reserved,
}

/// What a body takes of the budget, given back when dropped.
#[derive(Default)]
struct Reserved {
    bytes: usize,
    permit: Option<OwnedSemaphorePermit>,
}

impl BodyBudget {
    pub fn new(config: &ServeConfig) -> Self {
        let units = (config.bodies_bytes_max / UNIT_BYTES).min(Semaphore::MAX_PERMITS);
        Self { units: Arc::new(Semaphore::new(units)) }
    }

    /// Reads a body to its end.
    ///
    /// # Errors
    /// [`Error::BodyTooLarge`], [`Error::BodyTimeout`], [`Error::Unavailable`] when the budget is spent, and
    /// [`Error::InvalidArgument`] for an encoding that is not known or a connection that breaks.
    pub async fn read(&self, headers: &HeaderMap, body: Body, config: &ServeConfig) -> Result<ReceivedBody> {
        let gzip = is_gzip(headers)?;
        let declared = declared_length(headers);
        check_size(declared, config)?;
        let mut received = ReceivedBody { bytes: Vec::new(), gzip, reserved: Reserved::default() };
        match timeout(config.body_timeout, self.collect(&mut received, declared, body, config)).await {
            Ok(outcome) => outcome.map(|()| received),
            Err(_) => Err(Error::BodyTimeout { timeout_secs: config.body_timeout.as_secs_f64() }),
        }
    }

    async fn collect(
        &self,
        received: &mut ReceivedBody,
        declared: usize,
        body: Body,
        config: &ServeConfig,
    ) -> Result<()> {
        received.bytes.reserve(declared.min(UNCOUNTED_BYTES));
        let mut chunks = body.into_data_stream();
        let broken = |error| Error::invalid(format!("request body broke off: {error}"));
        while let Some(chunk) = chunks.try_next().await.map_err(broken)? {
            let size = received.bytes.len() + chunk.len();
            check_size(size, config)?;
            self.reserve(&mut received.reserved, size)?;
            received.bytes.extend_from_slice(&chunk);
        }
        Ok(())
    }

    /// Makes `reserved` cover `bytes`.
    fn reserve(&self, reserved: &mut Reserved, bytes: usize) -> Result<()> {
        let units = bytes.saturating_sub(reserved.bytes.max(UNCOUNTED_BYTES)).div_ceil(UNIT_BYTES);
        if units == 0 {
            return Ok(());
        }
        let permit = u32::try_from(units).ok().and_then(|units| self.units.clone().try_acquire_many_owned(units).ok());
        let Some(permit) = permit else {
            let message = "the server holds as many request bodies as it may; try again later".to_owned();
            return Err(Error::Unavailable { message });
        };
        match &mut reserved.permit {
            Some(held) => held.merge(permit),
            None => reserved.permit = Some(permit),
        }
        reserved.bytes = reserved.bytes.max(UNCOUNTED_BYTES) + units * UNIT_BYTES;
        Ok(())
    }
}

impl ReceivedBody {
    /// Whether reading it takes little time.
    pub fn is_small(&self, config: &ServeConfig) -> bool {
        !self.gzip && self.bytes.len() <= config.inline_bytes_max
    }

    /// The text of the body, inflated if it was sent compressed.
    ///
    /// # Errors
    /// [`Error::BodyTooLarge`] when it inflates beyond the limit, whose excess is never held in memory.
    pub fn text(&self, config: &ServeConfig) -> Result<Cow<'_, [u8]>> {
        if !self.gzip {
            return Ok(Cow::Borrowed(&self.bytes));
        }
        let mut text = Vec::new();
        let mut inflated = MultiGzDecoder::new(self.bytes.as_slice()).take(config.body_bytes_max as u64 + 1);
        let broken = |error| Error::invalid(format!("request body is not valid gzip: {error}"));
        inflated.read_to_end(&mut text).map_err(broken)?;
        check_size(text.len(), config)?;
        Ok(Cow::Owned(text))
    }
}

fn check_size(bytes: usize, config: &ServeConfig) -> Result<()> {
    let limit_bytes = config.body_bytes_max;
    if bytes > limit_bytes { Err(Error::BodyTooLarge { limit_bytes }) } else { Ok(()) }
}

/// The length that the client announces, 0 when it announces none.
fn declared_length(headers: &HeaderMap) -> usize {
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    length.and_then(|length| length.parse().ok()).unwrap_or(0)
}

fn is_gzip(headers: &HeaderMap) -> Result<bool> {
    let Some(encoding) = headers.get(CONTENT_ENCODING) else { return Ok(false) };
    match encoding.to_str().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "gzip" | "x-gzip" => Ok(true),
        "" | "identity" => Ok(false),
        other => Err(Error::invalid(format!("content encoding `{other}` is not known; send `gzip` or `identity`"))),
    }
}
