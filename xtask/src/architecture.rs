//! The shape of the host that the compiler does not hold: who may name a cloud, and who may import whom.

mod cloud_names;
mod crate_order;
mod import_cycles;
mod source;

use std::path::Path;

use anyhow::{Result, bail};

use crate::progress::say;
use source::HostCrate;

/// Holds the host's sources below `workspace` against every rule.
pub fn check(workspace: &Path) -> Result<()> {
    let crates = HostCrate::all(workspace)?;
    let mut broken = cloud_names::check(&crates);
    broken.extend(import_cycles::check(&crates));
    broken.extend(crate_order::check(&crates));
    if !broken.is_empty() {
        bail!("the host's architecture is broken:\n{}", broken.join("\n"));
    }
    let files: usize = crates.iter().map(|one| one.sources.len()).sum();
    say(&format!("   no cloud's name outside its own files, no imports in a circle ({files} files)"));
    Ok(())
}
