//! What can go wrong, and what a client is told about it.

use std::io;
use std::path::PathBuf;

use axum::http::StatusCode;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a request failed or a server could not run.
///
/// What a client reads is the message, so those of TensorFlow Serving's own errors keep its wording.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The request is wrong: sending it again gives the same answer.
    #[error("{message}")]
    InvalidArgument {
        /// What is wrong, and what was expected.
        message: String,
    },
    /// No such model, version or page.
    #[error("{message}")]
    NotFound {
        /// What was looked for.
        message: String,
    },
    /// A call that TensorFlow Serving has and this server has not.
    #[error("{message}")]
    Unimplemented {
        /// What to use instead.
        message: String,
    },
    /// A request body, as sent or after inflating it, is over the limit.
    #[error("request body is larger than {limit_bytes} bytes; send fewer instances in a request")]
    BodyTooLarge {
        /// The limit.
        limit_bytes: usize,
    },
    /// A request body arrived too slowly.
    #[error("request body did not arrive within {timeout_secs} s")]
    BodyTimeout {
        /// Seconds that a body may take.
        timeout_secs: f64,
    },
    /// Too much is under way at once.
    #[error("{message}")]
    Unavailable {
        /// What is exhausted.
        message: String,
    },
    /// A model cannot be loaded or cannot answer.
    #[error(transparent)]
    Model(#[from] trainyard_model::Error),
    /// A broken invariant of ours.
    #[error("internal error: {message}; please report it")]
    Internal {
        /// What was found.
        message: String,
    },
    /// A file or directory cannot be read.
    #[error("cannot read `{path}`: {source}")]
    Read {
        /// What was being read.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The log of served features cannot be written.
    #[error("cannot write the feature log `{path}`: {source}")]
    Log {
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The server cannot start.
    #[error("cannot serve on `{address}`: {source}")]
    Serve {
        /// Where it should have listened.
        address: String,
        /// Why it failed.
        source: io::Error,
    },
}

/// The canonical codes of gRPC and Abseil that an [`Error`] has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Code {
    /// HTTP 400.
    InvalidArgument,
    /// HTTP 404.
    NotFound,
    /// HTTP 501.
    Unimplemented,
    /// HTTP 413.
    ResourceExhausted,
    /// HTTP 408.
    DeadlineExceeded,
    /// HTTP 503.
    Unavailable,
    /// HTTP 500.
    Internal,
    /// HTTP 500.
    DataLoss,
}

impl Error {
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::InvalidArgument { message: message.into() }
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::NotFound { message: message.into() }
    }

    pub(crate) fn internal(message: impl ToString) -> Self {
        Self::Internal { message: message.to_string() }
    }

    /// The canonical code of this error.
    pub fn code(&self) -> Code {
        match self {
            Self::InvalidArgument { .. } => Code::InvalidArgument,
            Self::NotFound { .. } => Code::NotFound,
            Self::Unimplemented { .. } => Code::Unimplemented,
            Self::BodyTooLarge { .. } => Code::ResourceExhausted,
            Self::BodyTimeout { .. } => Code::DeadlineExceeded,
            Self::Unavailable { .. } => Code::Unavailable,
            Self::Model(error) => model_code(error),
            Self::Internal { .. } | Self::Read { .. } | Self::Log { .. } | Self::Serve { .. } => Code::Internal,
        }
    }
}

impl Code {
    /// The name in status answers, for example `INVALID_ARGUMENT`.
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidArgument => "INVALID_ARGUMENT",
            Self::NotFound => "NOT_FOUND",
            Self::Unimplemented => "UNIMPLEMENTED",
            Self::ResourceExhausted => "RESOURCE_EXHAUSTED",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::Unavailable => "UNAVAILABLE",
            Self::Internal => "INTERNAL",
            Self::DataLoss => "DATA_LOSS",
        }
    }

    /// The HTTP status of an answer with this code.
    ///
    /// The two codes that only a request body gives here have the statuses HTTP made for them, instead of the 429 and
    /// 504 of TensorFlow Serving, which never limits a body.
    pub(crate) fn http_status(self) -> StatusCode {
        match self {
            Self::InvalidArgument => StatusCode::BAD_REQUEST,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Unimplemented => StatusCode::NOT_IMPLEMENTED,
            Self::ResourceExhausted => StatusCode::PAYLOAD_TOO_LARGE,
            Self::DeadlineExceeded => StatusCode::REQUEST_TIMEOUT,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal | Self::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// Of what can go wrong in a model, the features alone see values that a client has sent.
fn model_code(error: &trainyard_model::Error) -> Code {
    match error {
        trainyard_model::Error::Features(_) => Code::InvalidArgument,
        trainyard_model::Error::Damaged { .. } => Code::DataLoss,
        trainyard_model::Error::NewerVersion { .. } => Code::Unimplemented,
        _ => Code::Internal,
    }
}
