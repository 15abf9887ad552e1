//! A local file: replaced by rename, durable by fsync, guarded by an operating system lock that dies with its holder.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use nic_core::lease::Holder;
use nic_core::ports::{Backend, BackendError, Lease};
use nic_system::files::{rename_durably, replace_durably, suffixed};
use serde_json::json;

use super::file_error::{Doing, failed};
use super::lock::{self, Lock};
use super::place::real;
use crate::fault;

/// Largest state that is read. A platform of 10,000 resources is about 20 MiB.
const MAX_STATE_BYTES: u64 = 256 << 20;

/// How often a held lock is tried again.
const LOCK_RETRY: Duration = Duration::from_millis(50);

/// For how long at least: whoever only asks who holds it holds it for a moment.
const LOCK_PATIENCE: Duration = Duration::from_millis(200);

/// The state in a local file.
pub struct LocalBackend {
    /// As the user calls it.
    path: PathBuf,
    /// The file that this leads to.
    file: PathBuf,
    /// None when only reading.
    held: Option<Mutex<Held>>,
    writes: AtomicU64,
}

/// A lock, and what it was taken for.
struct Held {
    lock: Lock,
    operation: String,
    /// The state as it was last read or written under the lock.
    state: Option<Mark>,
}

/// By what a file is known to be the same, and as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    device: u64,
    inode: u64,
    changed: (i64, i64),
    bytes: u64,
}

impl Mark {
    fn of(path: &Path) -> Option<Self> {
        let found = fs::metadata(path).ok()?;
        let changed = (found.mtime(), found.mtime_nsec());
        Some(Self { device: found.dev(), inode: found.ino(), changed, bytes: found.len() })
    }
}

impl LocalBackend {
    /// The file, for reading only.
    ///
    /// # Errors
    /// `STATE_NOT_READABLE` when the path leads nowhere, or to what is no file.
    pub fn read_only(path: &Path) -> Result<Self, BackendError> {
        Ok(Self { path: path.to_owned(), file: real(path)?, held: None, writes: AtomicU64::new(0) })
    }

    /// Takes the lock, waiting up to `timeout` for who holds it.
    ///
    /// # Errors
    /// `STATE_LOCKED` with who, since when and for what; `STATE_NOT_WRITABLE` when the lock file cannot be made; `STATE_NOT_READABLE` as
    /// for [`Self::read_only`].
    pub async fn lock(path: &Path, operation: &str, timeout: Duration) -> Result<Self, BackendError> {
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            fs::create_dir_all(parent).map_err(|e| failed(Doing::Locking, "cannot make the directory", parent, &e))?;
        }
        let started = Instant::now();
        let patience = timeout.max(LOCK_PATIENCE);
        loop {
            let state = real(path)?;
            if let Some(lock) = Lock::take(&state, operation)? {
                // Whoever held it may have put the state aside, or led the link elsewhere: then there is another file to lock.
                if real(path)? == state {
                    let held = Held { lock, operation: operation.to_owned(), state: Mark::of(&state) };
                    let held = Some(Mutex::new(held));
                    return Ok(Self { path: path.to_owned(), file: state, held, writes: AtomicU64::new(0) });
                }
            } else if started.elapsed() < patience {
                tokio::time::sleep(LOCK_RETRY).await;
            } else {
                return Err(in_use(path, &state));
            }
        }
    }

    /// Renames the state, so that there is none any more; gives its new path. `at` is an instant, of which digits and letters count.
    ///
    /// # Errors
    /// `STATE_NOT_LOCKED`, `STATE_NOT_WRITABLE`.
    pub fn retire(&self, at: &str) -> Result<PathBuf, BackendError> {
        let _held = self.held()?;
        let instant: String = at.chars().filter(char::is_ascii_alphanumeric).collect();
        let names = (1_u32..).map(|number| match number {
            1 => format!(".retired-{instant}"),
            number => format!(".retired-{instant}-{number}"),
        });
        let free = names.map(|name| suffixed(&self.file, &name)).find(|path| !path.exists());
        // Numbers do not end before names are free.
        let retired = free.unwrap_or_else(|| suffixed(&self.file, ".retired"));
        let not_renamed = |e: io::Error| failed(Doing::Writing { before: true }, "cannot rename", &self.path, &e);
        rename_durably(&self.file, &retired).map_err(not_renamed)?;
        if self.path != self.file {
            // A link that leads nowhere would be no absent state.
            fs::remove_file(&self.path).map_err(not_renamed)?;
        }
        Ok(retired)
    }

    /// What keeps others out. Where the lock's file was removed it is taken anew, unless somebody came in between.
    fn held(&self) -> Result<MutexGuard<'_, Held>, BackendError> {
        let Some(held) = &self.held else {
            let message = format!("`{}` was opened without its lock", self.path.display());
            return Err(BackendError::not_locked(message));
        };
        let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
        if !held.lock.holds() {
            let is_unchanged = |held: &Held| Mark::of(&self.file) == held.state;
            let anew = if is_unchanged(&held) { Lock::take(&self.file, &held.operation)? } else { None };
            match anew {
                Some(anew) if is_unchanged(&held) => held.lock = anew,
                _ => return Err(self.gone_to_others()),
            }
        }
        Ok(held)
    }

    fn gone_to_others(&self) -> BackendError {
        let holder = lock::holder(&self.file);
        let by = holder.as_ref().map_or_else(|| "another run".to_owned(), Holder::to_string);
        let place = self.path.display();
        BackendError {
            message: format!("the lock file of `{place}` was removed, and the state has gone to {by}"),
            ..BackendError::taken_over(&place, holder.as_ref())
        }
    }

    /// The file is known again as it is now.
    fn remember(&self) {
        if let Some(held) = &self.held {
            held.lock().unwrap_or_else(PoisonError::into_inner).state = Mark::of(&self.file);
        }
    }

    /// Who holds the lock right now, if anyone does.
    pub fn holder(path: &Path) -> Option<Holder> {
        lock::holder(&real(path).ok()?)
    }
}

fn in_use(path: &Path, state: &Path) -> BackendError {
    let holder = lock::last_holder(state);
    let by = holder.as_ref().map_or_else(|| "another process".to_owned(), Holder::to_string);
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

#[async_trait]
impl Backend for LocalBackend {
    async fn read(&self) -> Result<Option<Vec<u8>>, BackendError> {
        match fs::metadata(&self.file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(Doing::Reading, "cannot read", &self.path, &error)),
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
        self.remember();
        fs::read(&self.file).map(Some).map_err(|e| failed(Doing::Reading, "cannot read", &self.path, &e))
    }

    async fn write(&self, bytes: &[u8]) -> Result<(), BackendError> {
        drop(self.held()?);
        let number = self.writes.fetch_add(1, Ordering::SeqCst) + 1;
        fault::at_write(number, bytes, "before");
        replace_durably(&self.file, bytes).map_err(|error| {
            failed(Doing::Writing { before: self.file.exists() }, "cannot write", &self.path, &error)
        })?;
        self.remember();
        fault::at_write(number, bytes, "after");
        Ok(())
    }

    async fn keep(&self, label: &str, bytes: &[u8]) -> Result<(), BackendError> {
        drop(self.held()?);
        let named = |number: u32| match number {
            1 => suffixed(&self.file, &format!(".{label}")),
            number => suffixed(&self.file, &format!(".{label}-{number}")),
        };
        let path =
            (1..u32::MAX).map(named).find(|path| !path.exists() || fs::read(path).is_ok_and(|kept| kept == bytes));
        let path = path.unwrap_or_else(|| named(u32::MAX));
        replace_durably(&path, bytes)
            .map_err(|error| failed(Doing::Writing { before: true }, "cannot write", &path, &error))
    }

    /// The operating system's lock does not run out.
    fn lease(&self) -> Option<Arc<dyn Lease>> {
        None
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
    async fn a_lock_whose_file_was_removed_is_taken_anew_unless_somebody_came_in_between() {
        let directory = tempfile::tempdir().unwrap();
        let (path, lock) = (directory.path().join("state"), directory.path().join("state.lock"));
        let first = LocalBackend::lock(&path, "deploy", Duration::ZERO).await.unwrap();
        first.write(b"one").await.unwrap();
        fs::remove_file(&lock).unwrap();
        first.write(b"two").await.unwrap();
        let Err(error) = LocalBackend::lock(&path, "plan", Duration::ZERO).await else { panic!("locked twice") };
        assert_eq!(error.code, "STATE_LOCKED");

        // Somebody holds the one that was made since.
        fs::remove_file(&lock).unwrap();
        let second = LocalBackend::lock(&path, "destroy", Duration::ZERO).await.unwrap();
        let error = first.write(b"three").await.unwrap_err();
        assert!(error.code == "STATE_LEASE_LOST" && error.message.contains("`nic destroy`"), "{error:?}");
        // Nobody holds it any more, and the state is another one.
        second.write(b"theirs").await.unwrap();
        drop(second);
        for refused in [first.write(b"three").await, first.keep("backup", b"three").await] {
            assert_eq!(refused.unwrap_err().code, "STATE_LEASE_LOST");
        }
        assert_eq!(fs::read(&path).unwrap(), b"theirs");
    }

    #[tokio::test]
    async fn a_link_in_the_place_of_the_lock_is_not_written_through() {
        let directory = tempfile::tempdir().unwrap();
        let (path, other) = (directory.path().join("state"), directory.path().join("other"));
        fs::write(&other, "untouched").unwrap();
        std::os::unix::fs::symlink(&other, directory.path().join("state.lock")).unwrap();
        let Err(error) = LocalBackend::lock(&path, "plan", Duration::ZERO).await else { panic!("locked") };
        assert!(error.code == "STATE_NOT_WRITABLE" && error.message.contains("it is a link"), "{error:?}");
        assert_eq!((fs::read(&other).unwrap().as_slice(), LocalBackend::holder(&path)), (&b"untouched"[..], None));
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
        assert_eq!(LocalBackend::read_only(&path).unwrap().write(b"x").await.unwrap_err().code, "STATE_NOT_LOCKED");
    }

    #[tokio::test]
    async fn two_paths_to_one_state_meet_at_one_lock_and_a_link_stays_one() {
        let directory = tempfile::tempdir().unwrap();
        let (file, link) = (directory.path().join("shared.json"), directory.path().join("site/nic-state.json"));
        fs::create_dir(link.parent().unwrap()).unwrap();
        fs::write(&file, "one").unwrap();
        std::os::unix::fs::symlink("../shared.json", &link).unwrap();
        let first = LocalBackend::lock(&link, "deploy", Duration::ZERO).await.unwrap();
        let Err(error) = LocalBackend::lock(&file, "plan", Duration::ZERO).await else { panic!("locked twice") };
        assert_eq!(error.code, "STATE_LOCKED");
        for path in [&file, &link] {
            assert_eq!(LocalBackend::holder(path).unwrap().operation, "deploy");
        }
        assert_eq!(first.read().await.unwrap().unwrap(), b"one");
        first.write(b"two").await.unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!((fs::read(&file).unwrap(), fs::read(&link).unwrap()), (b"two".to_vec(), b"two".to_vec()));
        assert_eq!(fs::read_dir(link.parent().unwrap()).unwrap().count(), 1, "the lock stands beside the file");
    }

    #[tokio::test]
    async fn who_waited_for_a_state_that_was_put_aside_locks_what_is_there_then() {
        let directory = tempfile::tempdir().unwrap();
        let (file, link) = (directory.path().join("shared.json"), directory.path().join("nic-state.json"));
        fs::write(&file, "one").unwrap();
        std::os::unix::fs::symlink("shared.json", &link).unwrap();
        let first = LocalBackend::lock(&link, "state retire", Duration::ZERO).await.unwrap();
        let waiting = tokio::spawn({
            let link = link.clone();
            async move { LocalBackend::lock(&link, "deploy", Duration::from_mins(1)).await }
        });
        tokio::time::sleep(4 * LOCK_RETRY).await;
        first.retire("2026-01-01T00:00:00Z").unwrap();
        drop(first);
        let second = waiting.await.unwrap().unwrap();
        second.write(b"two").await.unwrap();
        assert_eq!((fs::read(&link).unwrap(), file.exists()), (b"two".to_vec(), false));
        let Err(error) = LocalBackend::lock(&link, "plan", Duration::ZERO).await else { panic!("locked twice") };
        assert_eq!(error.code, "STATE_LOCKED");
    }
}
