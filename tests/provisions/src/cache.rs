//! Where the harness keeps what is slow to make: virtual environments, built control planes.

use std::path::PathBuf;

/// The cache directory: `NIC_CACHE_DIR`, else `$XDG_CACHE_HOME/nic`, else `$HOME/.cache/nic`.
pub fn dir() -> PathBuf {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    variable("NIC_CACHE_DIR")
        .or_else(|| variable("XDG_CACHE_HOME").map(|base| base.join("nic")))
        .or_else(|| variable("HOME").map(|home| home.join(".cache").join("nic")))
        .unwrap_or_else(|| std::env::temp_dir().join("nic-cache"))
}
