//! Licences, bans and sources of every dependency, checked by cargo-deny.

use anyhow::{Context, Result};

use crate::command::{Command, cargo};
use crate::places;
use crate::progress::say;

/// One version for everyone: what is checked does not change by itself.
const VERSION: &str = "0.20.2";

/// What needs no network beyond the registry that the dependencies come from.
const OFFLINE: [&str; 3] = ["bans", "licenses", "sources"];

/// Checks with deny.toml; `more` names further checks.
pub fn check(more: &[String]) -> Result<()> {
    let root = places::cache_dir()?.join(format!("cargo-deny-{VERSION}"));
    let program = root.join("bin/cargo-deny");
    if !program.is_file() {
        say("   cargo-deny is not here yet: building it (some minutes, only this once)");
        let root = root.to_str().context("the cache directory's path is not text")?;
        cargo(&["install", "--locked", "--quiet", "--version", VERSION, "--root", root, "cargo-deny"]).run()?;
    }
    let checks = OFFLINE.iter().copied().chain(more.iter().map(String::as_str));
    Command::new(program).args(&["--all-features", "check"]).args(&checks.collect::<Vec<_>>()).run()
}
