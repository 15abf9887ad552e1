//! What the imports answer. On wasm only: natively the fakes answer in this crate's own types.

use serde_json::Value;

use crate::bindings::nic::plugin::types as wit;
use crate::error::Error;
use crate::types::{Diagnostic, Severity};

/// An error that an import answered.
pub fn error_from_wit(error: wit::Error) -> Error {
    match error {
        wit::Error::Denied(denial) => Error::Denied { code: denial.code, message: denial.message },
        wit::Error::NotFound(problem) => Error::NotFound(said(problem)),
        wit::Error::Conflict(problem) => Error::Conflict(said(problem)),
        wit::Error::Throttled(throttle) => Error::Throttled(throttle.after_milliseconds),
        wit::Error::Invalid(diagnostics) => Error::Invalid(diagnostics.into_iter().map(diagnostic_from_wit).collect()),
        wit::Error::Remote(remote) => {
            Error::Remote { status: remote.status, code: remote.code, message: remote.message }
        }
        wit::Error::TimedOut(problem) => Error::TimedOut(said(problem)),
        wit::Error::Other(other) => Error::Other {
            code: other.code,
            message: other.message,
            // The error itself must not get lost because its detail cannot be read.
            detail: serde_json::from_str(&other.detail).unwrap_or(Value::Null),
        },
    }
}

fn said(problem: wit::Problem) -> String {
    if problem.code.is_empty() { problem.message } else { format!("{}: {}", problem.code, problem.message) }
}

fn diagnostic_from_wit(diagnostic: wit::Diagnostic) -> Diagnostic {
    Diagnostic {
        severity: match diagnostic.severity {
            wit::Severity::Error => Severity::Error,
            wit::Severity::Warning => Severity::Warning,
            wit::Severity::Info => Severity::Info,
        },
        code: diagnostic.code,
        summary: diagnostic.summary,
        detail: diagnostic.detail,
        pointer: diagnostic.pointer,
        hints: diagnostic.hints,
    }
}
