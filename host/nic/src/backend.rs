//! Where the state lives. This list names every backend.

mod damaged;
pub mod file_error;
mod local;
mod location;
mod lock;
mod migrated;
mod place;
mod unwritten;

use std::time::Duration;

use nic_core::lease::Holder;
use nic_core::ports::BackendError;

pub use damaged::damaged;
pub use local::LocalBackend;
pub use location::{Stage, StateLocation};
pub use migrated::Migrated;
pub use unwritten::{Nothing, ReadOnly};

/// Opens the backend that a `--state` value names.
///
/// # Errors
/// `BACKEND_NOT_IMPLEMENTED` for a URL, `STATE_LOCKED` and what [`LocalBackend::lock`] says for a path.
pub async fn lock(location: &StateLocation, operation: &str, timeout: Duration) -> Result<LocalBackend, BackendError> {
    LocalBackend::lock(location.file()?, operation, timeout).await
}

/// Opens it for reading only, without the lock.
///
/// # Errors
/// As [`lock`], but never `STATE_LOCKED` or `STATE_NOT_WRITABLE`.
pub fn open(location: &StateLocation) -> Result<LocalBackend, BackendError> {
    LocalBackend::read_only(location.file()?)
}

/// Who works on it right now, if anyone does.
///
/// # Errors
/// `BACKEND_NOT_IMPLEMENTED` for a URL.
pub fn holder(location: &StateLocation) -> Result<Option<Holder>, BackendError> {
    Ok(LocalBackend::holder(location.file()?))
}

/// Whether a command may write the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It holds the lock.
    Write,
    /// It holds the lock too, so that what it reads does not move, but writes nothing.
    Read,
}
