//! Each dependency is built once: every set of packages that CI builds asks for the same features of what they share.
//!
//! Cargo unites the features of the packages that one call names. Where two calls end up with another feature of one small crate, everything
//! that stands on it (the engine, the clients of clouds and clusters) is compiled for each of them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};

use crate::places;

/// Packages that are named together so that the binary has the features of its tests: the SDK's macros share crates with the engine's.
pub const BINARY: &[&str] = &["nic", "nic-engine", "nic-sdk"];

/// A set of packages, and whether their tests are built too.
pub struct Set<'a> {
    pub name: &'a str,
    pub packages: &'a [&'a str],
    pub with_tests: bool,
}

/// By crate and version, the feature sets with which it is built: for this machine, and for build scripts and macros.
type Features = BTreeMap<String, BTreeSet<String>>;

/// Compares every set with the first.
pub fn check(sets: &[Set<'_>]) -> Result<()> {
    let [first, others @ ..] = sets else { return Ok(()) };
    let own = features(first)?;
    let mut twice = Vec::new();
    for other in others {
        for (package, theirs) in &features(other)? {
            twice.extend(
                own.get(package)
                    .filter(|ours| *ours != theirs)
                    .map(|ours| format!("{package}: {ours:?} for {}, {theirs:?} for {}", first.name, other.name)),
            );
        }
    }
    if twice.is_empty() {
        return Ok(());
    }
    bail!(
        "these dependencies, and what stands on them, would be built more than once:\n{}\nask for the same features in Cargo.toml (workspace.dependencies)",
        twice.join("\n")
    )
}

fn features(set: &Set<'_>) -> Result<Features> {
    let edges = if set.with_tests { "normal,build,dev" } else { "normal,build" };
    let mut tree = std::process::Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    tree.args(["tree", "--prefix", "none", "--format", "{p}|{f}", "--edges", edges]).current_dir(places::workspace());
    for package in set.packages {
        tree.args(["--package", package]);
    }
    let output = tree.output().context("cargo cannot be called")?;
    if !output.status.success() {
        bail!("cargo tree: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(read(&String::from_utf8_lossy(&output.stdout)))
}

fn read(tree: &str) -> Features {
    let mut features = Features::new();
    for line in tree.lines() {
        let Some((package, with)) = line.trim_end_matches(" (*)").split_once('|') else { continue };
        // Members are not shared: their paths are in brackets.
        if !package.contains('(') || package.ends_with("(proc-macro)") {
            features.entry(package.to_owned()).or_default().insert(with.to_owned());
        }
    }
    features
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_more_is_seen_and_members_are_not_compared() {
        let one = read("nic v0.1.0 (/a/nic)|\na v1.0.0|std\nb v1.0.0|\na v1.0.0|std (*)\n\nb v1.0.0|default\n");
        let other = read("nic v0.1.0 (/a/nic)|x\na v1.0.0|default,std\n");
        assert_eq!(one["b v1.0.0"].len(), 2);
        assert_ne!(one["a v1.0.0"], other["a v1.0.0"]);
        assert!(!one.keys().any(|package| package.starts_with("nic ")));
    }

    #[test]
    fn two_sets_that_differ_are_refused() {
        let binary = Set { name: "the binary", packages: BINARY, with_tests: false };
        let other = Set { name: "the gate alone", packages: &["nic-gate"], with_tests: false };
        let refused = check(&[binary, other]).unwrap_err().to_string();
        assert!(refused.contains("would be built more than once") && refused.contains("the gate alone"), "{refused}");
    }
}
