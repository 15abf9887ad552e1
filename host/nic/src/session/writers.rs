//! The tasks that write states. A command ends when they have: what it asked for is written, and others are let in.

use std::sync::{Arc, Mutex, PoisonError};

use nic_core::engine::{Journal, Writer};
use nic_core::ports::BackendError;

/// Those that nobody has waited for yet.
static OPEN: Mutex<Vec<Arc<Journal>>> = Mutex::new(Vec::new());

/// Runs the writer beside everything else.
pub(super) fn run(journal: Journal, writer: Writer) -> Arc<Journal> {
    let journal = Arc::new(journal);
    OPEN.lock().unwrap_or_else(PoisonError::into_inner).push(journal.clone());
    tokio::spawn(writer.run());
    journal
}

/// Ends this one, and tells the caller alone what is wrong with that.
pub(super) async fn end(journal: &Arc<Journal>) -> Result<(), BackendError> {
    let ended = journal.close().await;
    OPEN.lock().unwrap_or_else(PoisonError::into_inner).retain(|open| !Arc::ptr_eq(open, journal));
    ended
}

/// Waits until everything that was asked for is written. Tells of those that others now have to wait for.
pub async fn wait() -> Vec<BackendError> {
    let open = std::mem::take(&mut *OPEN.lock().unwrap_or_else(PoisonError::into_inner));
    let mut errors = Vec::new();
    for journal in open {
        errors.extend(journal.close().await.err());
    }
    errors
}
