//! What a component tells while it works. Works in every call.

use crate::error::Error;

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something failed.
    Error,
    /// Something is odd.
    Warn,
    /// Worth knowing.
    Info,
    /// For who looks for a fault.
    Debug,
    /// Everything.
    Trace,
}

impl Level {
    /// The boundary's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// A line for the log. Names and counts only: whatever the host may print, this may print.
pub fn log(level: Level, message: &str) {
    host::log(level, message);
}

/// What the current change is doing, for the live display.
pub fn progress(message: &str) {
    host::progress(message);
}

/// Tells the remote id of what is being created, as soon as it is known; call it before anything else can fail.
///
/// It is durable in the journal when this returns, so a crash after it leaves no orphan. `Denied` outside `create`.
pub fn created(remote_id: &str) -> Result<(), Error> {
    host::created(remote_id)
}

#[cfg(target_arch = "wasm32")]
mod host {
    use super::Level;
    use crate::bindings::nic::plugin::report as wit;
    use crate::convert::error_from_wit;
    use crate::error::Error;

    pub fn log(level: Level, message: &str) {
        wit::log(level.as_str(), message);
    }

    pub fn progress(message: &str) {
        wit::progress(message);
    }

    pub fn created(remote_id: &str) -> Result<(), Error> {
        wit::created(remote_id).map_err(error_from_wit)
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod host {
    pub(super) use crate::testing::report::{created, log, progress};
}
