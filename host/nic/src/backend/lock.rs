//! The operating system's lock on a state: a file beside it, which goes with the process that holds it.

use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use nic_core::lease::Holder;
use nic_core::ports::BackendError;
use nic_system::files::{is_at, open_lock, open_regular, read_at_most, suffixed};

use super::file_error::{Doing, failed};

/// Nobody writes more into a lock file.
const MAX_HOLDER_BYTES: usize = 64 << 10;

/// The lock, as long as this value lives.
pub(super) struct Lock {
    path: PathBuf,
    file: File,
}

impl Lock {
    /// Takes it; none while somebody else has it.
    pub(super) fn take(state: &Path, operation: &str) -> Result<Option<Self>, BackendError> {
        let path = path_of(state);
        loop {
            let file =
                open_lock(&path).map_err(|error| failed(Doing::Locking, "cannot open the lock file", &path, &error))?;
            match file.try_lock() {
                Ok(()) if is_at(&file, &path) => {
                    say(&file, operation);
                    return Ok(Some(Self { path, file }));
                }
                // Its file was removed meanwhile: it keeps nobody out.
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(failed(Doing::Locking, "cannot lock", &path, &error)),
            }
        }
    }

    /// Whether it keeps others out: not when its file was removed, since they make another one.
    pub(super) fn holds(&self) -> bool {
        is_at(&self.file, &self.path)
    }
}

/// Who holds it right now, if anyone does.
pub(super) fn holder(state: &Path) -> Option<Holder> {
    match open_regular(&path_of(state)).ok()?.try_lock_shared() {
        Err(TryLockError::WouldBlock) => last_holder(state),
        _ => None,
    }
}

/// Who took it last, as the file says.
pub(super) fn last_holder(state: &Path) -> Option<Holder> {
    serde_json::from_slice(&read_at_most(&path_of(state), MAX_HOLDER_BYTES).ok()?).ok()
}

fn path_of(state: &Path) -> PathBuf {
    suffixed(state, ".lock")
}

/// The operating system's lock is what counts; the text is for whoever meets it.
fn say(mut file: &File, operation: &str) {
    let holder = Holder {
        who: who(),
        pid: std::process::id(),
        operation: operation.to_owned(),
        since: nic_core::ports::Clock::now(&nic_system::SystemClock::default()),
    };
    let text = serde_json::to_vec_pretty(&holder).unwrap_or_default();
    let _ = file.set_len(0);
    let _ = file.write_all(&text);
}

fn who() -> String {
    let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_else(|_| "someone".to_owned());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{user}@{}", host.trim())
}
