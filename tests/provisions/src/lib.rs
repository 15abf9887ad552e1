//! What the end-to-end tests stand on and no machine has: a Kubernetes control plane and a Python environment, made once and kept in the
//! cache directory.
//!
//! The harness makes what it misses. `cargo xtask` begins with both before it calls cargo, so that they are made beside cargo's builds.

pub mod cache;
pub mod control_plane;
mod go;
mod lock;
pub mod process;
pub mod python;

/// How much of the machine the making may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// Its share: somebody waits for it.
    Normal,
    /// What others leave.
    Low,
}
