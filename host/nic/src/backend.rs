//! Where the state lives. This list names every backend.

mod damaged;
pub mod local;
mod migrated;
mod place;

use std::path::Path;
use std::time::Duration;

use nic_core::ports::BackendError;

pub use damaged::damaged;
pub use local::{LocalBackend, LockInfo};
pub use migrated::Migrated;

/// Opens the backend that a `--state` value names.
///
/// # Errors
/// `BACKEND_NOT_IMPLEMENTED` for a URL, `STATE_LOCKED` and what [`LocalBackend::lock`] says for a path.
pub async fn lock(location: &Path, operation: &str, timeout: Duration) -> Result<LocalBackend, BackendError> {
    refuse_urls(location)?;
    LocalBackend::lock(location, operation, timeout).await
}

/// Opens it for reading only, without the lock.
///
/// # Errors
/// As [`lock`], but never `STATE_LOCKED` or `STATE_NOT_WRITABLE`.
pub fn open(location: &Path) -> Result<LocalBackend, BackendError> {
    refuse_urls(location)?;
    LocalBackend::read_only(location)
}

fn refuse_urls(location: &Path) -> Result<(), BackendError> {
    let text = location.to_string_lossy();
    match text.split_once("://") {
        Some((scheme, _)) => Err(BackendError {
            code: "BACKEND_NOT_IMPLEMENTED",
            message: format!("state in `{scheme}://` is not implemented; only local files are"),
            hints: vec!["give `--state` a file path".to_owned()],
            details: serde_json::json!({}),
        }),
        None => Ok(()),
    }
}
