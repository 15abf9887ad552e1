//! A local file: replaced by rename, durable by fsync, guarded by an operating system lock that dies with its holder.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use nic_core::ports::{Backend, BackendError};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::files::{rename_durably, replace_durably, suffixed};

/// Largest state that is read. A platform of 10,000 resources is about 20 MiB.
const MAX_STATE_BYTES: u64 = 256 << 20;

/// How often a held lock is tried again.
const LOCK_RETRY: Duration = Duration::from_millis(200);

/// Who holds a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockInfo {
    /// `user@host`, as far as the environment tells.
    pub who: String,
    /// Process id.
    pub pid: u32,
    /// The command.
    pub operation: String,
    /// RFC 3339 instant.
    pub since: String,
}

/// The state in a local file.
pub struct LocalBackend {
    path: PathBuf,
    /// Held as long as this value lives; none when only reading.
    lock: Option<File>,
    writes: AtomicU64,
}

fn failed(code: &'static str, what: &str, path: &Path, error: &std::io::Error) -> BackendError {
    let hint = match error.kind() {
        std::io::ErrorKind::PermissionDenied => "check the permissions of the file and its directory",
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded | std::io::ErrorKind::FileTooLarge => {
            "make room (disk, quota or file size limit) and run again: the last state that was written is whole"
        }
        std::io::ErrorKind::ReadOnlyFilesystem => {
            "the directory is on a read-only file system; give `--state` another place"
        }
        std::io::ErrorKind::NotADirectory | std::io::ErrorKind::AlreadyExists => {
            "something that is no directory stands in the path; give `--state` another place"
        }
        _ => "the last state that was written is whole",
    };
    BackendError {
        code,
        message: format!("{what} `{}`: {error}", path.display()),
        hints: vec![hint.to_owned()],
        details: json!({}),
    }
}

impl LocalBackend {
    /// The file, for reading only.
    pub fn read_only(path: &Path) -> Self {
        Self { path: path.to_owned(), lock: None, writes: AtomicU64::new(0) }
    }

    /// Takes the lock, waiting up to `timeout` for who holds it.
    ///
    /// # Errors
    /// `STATE_LOCKED` with who, since when and for what; `STATE_NOT_WRITABLE` when the lock file cannot be made.
    pub async fn lock(path: &Path, operation: &str, timeout: Duration) -> Result<Self, BackendError> {
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            fs::create_dir_all(parent)
                .map_err(|e| failed("STATE_NOT_WRITABLE", "cannot make the directory", parent, &e))?;
        }
        let lock_path = suffixed(path, ".lock");
        let file = OpenOptions::new()
            .create(true)
            .read(true)
            .write(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock_path)
            .map_err(|e| failed("STATE_NOT_WRITABLE", "cannot open the lock file", &lock_path, &e))?;
        let started = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => {
                    return Err(failed("STATE_NOT_WRITABLE", "cannot lock", &lock_path, &error));
                }
                Err(TryLockError::WouldBlock) if started.elapsed() < timeout => tokio::time::sleep(LOCK_RETRY).await,
                Err(TryLockError::WouldBlock) => return Err(held(path, &lock_path)),
            }
        }
        let info = LockInfo {
            who: who(),
            pid: std::process::id(),
            operation: operation.to_owned(),
            since: nic_core::ports::Clock::now(&crate::clock::SystemClock::default()),
        };
        // The operating system's lock is what counts; the text is for whoever meets it.
        let text = serde_json::to_vec_pretty(&info).unwrap_or_default();
        let _ = file.set_len(0);
        let _ = (&file).write_all(&text);
        Ok(Self { path: path.to_owned(), lock: Some(file), writes: AtomicU64::new(0) })
    }

    /// Renames the state, so that there is none any more; gives its new path. `at` is an instant, of which digits and letters count.
    ///
    /// # Errors
    /// `STATE_NOT_LOCKED`, `STATE_NOT_WRITABLE`.
    pub fn retire(&self, at: &str) -> Result<PathBuf, BackendError> {
        self.must_be_locked()?;
        let instant: String = at.chars().filter(char::is_ascii_alphanumeric).collect();
        let names = (1_u32..).map(|number| match number {
            1 => format!(".retired-{instant}"),
            number => format!(".retired-{instant}-{number}"),
        });
        let free = names.map(|name| suffixed(&self.path, &name)).find(|path| !path.exists());
        // Numbers do not end before names are free.
        let retired = free.unwrap_or_else(|| suffixed(&self.path, ".retired"));
        rename_durably(&self.path, &retired)
            .map_err(|e| failed("STATE_NOT_WRITABLE", "cannot rename", &self.path, &e))?;
        Ok(retired)
    }

    fn must_be_locked(&self) -> Result<(), BackendError> {
        if self.lock.is_some() {
            return Ok(());
        }
        Err(BackendError {
            code: "STATE_NOT_LOCKED",
            message: format!("`{}` was opened without its lock", self.path.display()),
            hints: Vec::new(),
            details: json!({}),
        })
    }

    /// Who holds the lock right now, if anyone does.
    pub fn holder(path: &Path) -> Option<LockInfo> {
        let lock_path = suffixed(path, ".lock");
        let file = File::open(&lock_path).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => read_info(&lock_path),
            _ => None,
        }
    }
}

fn who() -> String {
    let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_else(|_| "someone".to_owned());
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{user}@{}", host.trim())
}

fn read_info(lock_path: &Path) -> Option<LockInfo> {
    serde_json::from_slice(&fs::read(lock_path).ok()?).ok()
}

fn held(path: &Path, lock_path: &Path) -> BackendError {
    let holder = read_info(lock_path);
    let by = holder.as_ref().map_or_else(
        || "another process".to_owned(),
        |info| format!("{} (process {}) for `nic {}` since {}", info.who, info.pid, info.operation, info.since),
    );
    BackendError {
        code: "STATE_LOCKED",
        message: format!("`{}` is in use by {by}", path.display()),
        hints: vec![
            "wait for it with `--lock-timeout 10m`".to_owned(),
            "the lock goes with its process: it never has to be removed by hand".to_owned(),
        ],
        details: holder.map_or_else(|| json!({}), |holder| json!({ "holder": holder })),
    }
}

/// For tests of crash safety: `NIC_FAULT=journal-write:<n>:before|after` ends the process at the n-th write, as kill -9 would.
fn fault(number: u64, moment: &str) {
    if let Ok(fault) = std::env::var("NIC_FAULT")
        && fault == format!("journal-write:{number}:{moment}")
    {
        std::process::abort();
    }
}

#[async_trait]
impl Backend for LocalBackend {
    async fn read(&self) -> Result<Option<Vec<u8>>, BackendError> {
        match fs::metadata(&self.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("STATE_NOT_READABLE", "cannot read", &self.path, &error)),
            Ok(metadata) if metadata.len() > MAX_STATE_BYTES => {
                return Err(BackendError {
                    code: "STATE_NOT_READABLE",
                    message: format!("`{}` is larger than {} MiB", self.path.display(), MAX_STATE_BYTES >> 20),
                    hints: vec!["is it a NIC state?".to_owned()],
                    details: json!({}),
                });
            }
            Ok(_) => {}
        }
        fs::read(&self.path).map(Some).map_err(|e| failed("STATE_NOT_READABLE", "cannot read", &self.path, &e))
    }

    async fn write(&self, bytes: &[u8]) -> Result<(), BackendError> {
        self.must_be_locked()?;
        let number = self.writes.fetch_add(1, Ordering::SeqCst) + 1;
        fault(number, "before");
        replace_durably(&self.path, bytes).map_err(|e| failed("STATE_NOT_WRITABLE", "cannot write", &self.path, &e))?;
        fault(number, "after");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_held_lock_says_who_holds_it_and_goes_with_its_holder() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deep/nic-state.json");
        let first = LocalBackend::lock(&path, "deploy", Duration::ZERO).await.unwrap();
        let Err(error) = LocalBackend::lock(&path, "plan", Duration::ZERO).await else { panic!("locked twice") };
        assert_eq!(error.code, "STATE_LOCKED");
        assert!(
            error.message.contains("nic deploy") && error.message.contains(&std::process::id().to_string()),
            "{}",
            error.message
        );
        assert_eq!(LocalBackend::holder(&path).unwrap().operation, "deploy");
        drop(first);
        assert_eq!(LocalBackend::holder(&path), None);
        LocalBackend::lock(&path, "plan", Duration::ZERO).await.unwrap();
    }

    #[tokio::test]
    async fn a_write_replaces_the_whole_and_leaves_no_other_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("nic-state.json");
        let backend = LocalBackend::lock(&path, "deploy", Duration::ZERO).await.unwrap();
        assert_eq!(backend.read().await.unwrap(), None);
        backend.write(b"one").await.unwrap();
        backend.write(b"two").await.unwrap();
        assert_eq!(backend.read().await.unwrap().unwrap(), b"two");
        let names: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names.len(), 2, "{names:?}");
        assert_eq!(LocalBackend::read_only(&path).write(b"x").await.unwrap_err().code, "STATE_NOT_LOCKED");
    }
}
