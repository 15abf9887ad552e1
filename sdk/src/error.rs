//! Why something could not be done: the frozen variant of the boundary.

use crate::types::Diagnostic;

/// An error as the boundary knows it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// The host or the cloud's permissions refused. Not retried.
    #[error("denied: {}", denial(.code, .message))]
    Denied {
        /// The host's stable name, such as `ACTION_NOT_GRANTED`, or the cloud's own.
        code: String,
        /// What was refused, and why.
        message: String,
    },
    /// The thing addressed does not exist.
    #[error("not found: {0}")]
    NotFound(String),
    /// It exists already, or is busy. Retried while the time limit lasts.
    #[error("conflict: {0}")]
    Conflict(String),
    /// Too many requests; how many milliseconds to wait, if the cloud said. Retried.
    #[error("throttled")]
    Throttled(Option<u32>),
    /// The input is wrong. Not retried.
    #[error("invalid: {}", .0.iter().map(|d| d.detail.as_str()).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<Diagnostic>),
    /// The cloud refused or failed. Retried when the status is 5xx.
    #[error("{code} (HTTP {status}): {message}")]
    Remote {
        /// HTTP status.
        status: u16,
        /// The cloud's code.
        code: String,
        /// The cloud's message.
        message: String,
    },
    /// No answer in time; the effect may have happened. Retried.
    #[error("timed out: {0}")]
    TimedOut(String),
    /// Anything else, with a stable code.
    #[error("{code}: {message}")]
    Other {
        /// Stable name.
        code: String,
        /// What happened.
        message: String,
        /// A JSON object with whatever may help.
        detail: serde_json::Value,
    },
}

/// A refusal in words, as the host writes it: a cloud's code stands before what the cloud said, a stable name comes last.
fn denial(code: &str, message: &str) -> String {
    let stable = code.contains('_') && code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    if stable { format!("{message} [{code}]") } else { format!("{code}: {message}") }
}

impl Error {
    /// What was refused, by a code: one of yours, such as `QUOTA_TOO_SMALL`, or the cloud's own.
    pub fn denied(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Denied { code: code.into(), message: message.into() }
    }

    /// An `other` error without detail.
    pub fn other(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Other { code: code.into(), message: message.into(), detail: serde_json::json!({}) }
    }

    /// Whether the cloud says that something does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound(_))
    }

    /// Whether the same question may get an answer a little later.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Throttled(_) | Self::TimedOut(_) | Self::Remote { status: 500.., .. })
    }

    /// The operation does not exist in this provider.
    pub fn not_implemented(operation: &str) -> Self {
        Self::other("OPERATION_NOT_IMPLEMENTED", format!("this provider does not implement {operation}"))
    }
}

/// Why a change failed, and what exists in spite of it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Failure {
    /// Why.
    pub error: Error,
    /// Set when the thing exists all the same.
    pub remote_id: Option<String>,
}

impl Failure {
    /// What failed, and the thing's remote id if it has one.
    pub fn new(error: Error, remote_id: Option<String>) -> Self {
        Self { error, remote_id }
    }

    /// The thing exists all the same: it is recorded, and never created again.
    pub fn existing(error: Error, remote_id: impl Into<String>) -> Self {
        Self { error, remote_id: Some(remote_id.into()) }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, remote_id: None }
    }
}
