//! A lock that lets one process at a time fill the cache folder.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use anyhow::{Context, Result};

/// Takes the lock `name` in the folder `cache`; `waiting` is called once if another process holds
/// it. The lock ends with the returned file, or with the process.
pub(crate) fn take(cache: &Path, name: &str, waiting: impl FnOnce()) -> Result<File> {
    fs::create_dir_all(cache)
        .with_context(|| format!("cannot create the cache folder {}; set NIC_CACHE_DIR to another", cache.display()))?;
    let path = cache.join(name);
    let file = File::create(&path).with_context(|| format!("cannot create the lock {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => waiting(),
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("cannot lock {}", path.display()));
        }
    }
    file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
    Ok(file)
}
