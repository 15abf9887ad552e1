//! Where things are built.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, Result};

/// The workspace's root: of the checkout that is worked on, which need not be the one that this program was compiled in, since
/// several checkouts may share a target directory.
pub fn workspace() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let own = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let own = own.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
        own.parent().unwrap_or(Path::new(".")).to_owned()
    })
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
