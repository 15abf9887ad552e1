//! Top-level keys that somebody is known to read. Plugins add others, so unknown ones are left alone; one letter off a known key is worth a
//! word.

use std::collections::BTreeMap;

use nic_core::diagnostic::Diagnostic;
use serde_json::Value;

use super::problems::Problems;
use super::yaml::Node;
use crate::clouds::{self, CLOUDS};

/// Keys of later stages and of stage 01: known, and left alone.
const KNOWN_KEYS: [&str; 34] = [
    "project_name",
    "namespace",
    "provider",
    "nebari_version",
    "prevent_deploy",
    "terraform_state",
    "external_container_reg",
    "storage",
    "domain",
    "certificate",
    "ingress",
    "dns",
    "ci_cd",
    "security",
    "theme",
    "profiles",
    "environments",
    "default_images",
    "conda_store",
    "argo_workflows",
    "monitoring",
    "telemetry",
    "jupyterhub",
    "jupyterlab",
    "jhub_apps",
    "ceph",
    "tf_extensions",
    "helm_extensions",
    "infrastructure",
    "qhub_version",
    "extensions",
    "keycloak",
    "kubernetes",
    "retain",
];

fn known_keys() -> impl Iterator<Item = &'static str> {
    KNOWN_KEYS.iter().copied().chain(CLOUDS.iter().map(|cloud| cloud.section))
}

/// Tells keys that are near misses of known ones.
pub(super) fn check(problems: &mut Problems<'_>) {
    let keys = problems.root.entries().map(|(key, _)| &key.text);
    for key in keys.filter(|key| !known_keys().any(|known| known == *key)) {
        if let Some(meant) = meant(key) {
            let detail = format!("`{key}` is not a key of nebari-config.yaml");
            let diagnostic = Diagnostic::warning("CONFIG_UNKNOWN_KEY", "A key is unknown", detail);
            problems.tell(diagnostic.hint(format!("did you mean `{meant}`?")), &format!("/{key}"));
        }
    }
}

/// Keys that nobody is known to read: neither NIC, nor a stage of Nebari, nor the provider whose sections these are. Near misses are
/// told by [`check`].
pub(super) fn unclaimed(root: &Node, sections: &BTreeMap<String, Value>) -> Vec<Diagnostic> {
    let unclaimed = root
        .entries()
        .map(|(key, _)| &key.text)
        .filter(|key| !known_keys().any(|known| known == *key) && !sections.contains_key(*key) && meant(key).is_none());
    let tell = |key: &String| {
        let detail = format!("`{key}` is not a key of nebari-config.yaml, and is left alone");
        let hint = "that is as it should be if a plugin of Nebari reads it; else take it out";
        let told = Diagnostic::warning("CONFIG_UNKNOWN_KEY", "A key is unknown", detail).hint(hint);
        Diagnostic { pointer: Some(format!("/{key}")), ..told }
    };
    unclaimed.map(tell).collect()
}

/// The known key that an unknown one may stand for.
fn meant(key: &str) -> Option<&'static str> {
    // A provider and its section may be called differently.
    let section = clouds::of(key).map(|cloud| cloud.section);
    section.or_else(|| nearest(key, &known_keys().collect::<Vec<_>>()))
}

/// The known key that is nearest, if any is so near that it may be meant.
fn nearest<'a>(key: &str, known: &[&'a str]) -> Option<&'a str> {
    let best = known.iter().copied().min_by_key(|candidate| distance(key, candidate))?;
    let most = (best.len().max(key.len()) / 3).clamp(1, 3);
    (distance(key, best) <= most && key.len() > 2).then_some(best)
}

/// Edit distance, for near misses.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(left != *right);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}
