//! Where things are built.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The workspace's root.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// A directory that outlives the checkout.
pub fn cache_dir() -> Result<PathBuf> {
    let from = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    from("NIC_CACHE_DIR")
        .or_else(|| from("XDG_CACHE_HOME").map(|cache| cache.join("nic")))
        .or_else(|| from("HOME").map(|home| home.join(".cache/nic")))
        .context("none of NIC_CACHE_DIR, XDG_CACHE_HOME and HOME is set")
}

/// Where cargo builds.
pub fn target_dir() -> Result<PathBuf> {
    match std::env::var_os("CARGO_TARGET_DIR").filter(|value| !value.is_empty()) {
        Some(directory) => Ok(workspace().join(PathBuf::from(directory))),
        None => Ok(cache_dir()?.join("target")),
    }
}

/// Where built components are put: `bundled/` for those in the binary, the rest for tests.
pub fn components_dir() -> Result<PathBuf> {
    Ok(target_dir()?.join("nic-components"))
}
