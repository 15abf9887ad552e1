//! The Python environments: of the emulators and of boto3, and of Nebari.

use std::path::PathBuf;

use anyhow::Result;
use nic_provisions::{Priority, python};

/// Returns the environment's directory, making it first where it is missing; `bin/python` in it has every package.
///
/// `progress` is told in a sentence what takes long.
pub fn ensure_venv(progress: &dyn Fn(&str)) -> Result<PathBuf> {
    python::ensure(Priority::Normal, progress)
}

/// The same of the one that has Nebari.
pub(crate) fn ensure_nebari(progress: &dyn Fn(&str)) -> Result<PathBuf> {
    python::ensure_nebari(Priority::Normal, progress)
}
