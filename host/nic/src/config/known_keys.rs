//! Top-level keys that somebody is known to read. Plugins add others, so unknown ones are left alone; one letter off a known key is worth a
//! word.

use std::collections::BTreeMap;

use nic_core::diagnostic::Diagnostic;
use nic_core::document::child_pointer;
use serde_json::Value;

use super::characters::is_misleading;
use super::problems::Problems;
use super::yaml::{Key, Node};
use crate::clouds::{self, CLOUDS};
use crate::spelling::nearest;

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

/// Tells keys that are near misses of known ones, and those that only a variable names: whoever sets one expects it to have an effect.
pub(super) fn check(problems: &mut Problems<'_>) {
    let provider = problems.root.get("provider").and_then(Node::text);
    let unknown = |key: &&Key| !is_known(&key.text) && provider != Some(key.text.as_str());
    // What is not what it looks like is told as that.
    let keys = problems.root.entries().map(|(key, _)| key).filter(unknown).filter(|key| !is_misleading(&key.text));
    for key in keys {
        let meant = meant(&key.text);
        if meant.is_none() && !is_a_variable_s(key) {
            continue;
        }
        let detail = format!("`{}` is not a key of nebari-config.yaml", key.text);
        let diagnostic = Diagnostic::warning("CONFIG_UNKNOWN_KEY", "A key is unknown", detail);
        let diagnostic = match meant {
            Some(meant) => diagnostic.hint(format!("did you mean `{meant}`?")),
            None => diagnostic,
        };
        problems.tell(diagnostic, &child_pointer("", &key.text));
    }
}

/// Keys that nobody is known to read: neither NIC, nor a stage of Nebari, nor the provider whose sections these are. Others are told by
/// [`check`].
pub(super) fn unclaimed(root: &Node, sections: &BTreeMap<String, Value>) -> Vec<Diagnostic> {
    let unclaimed = root.entries().map(|(key, _)| key).filter(|key| {
        let told = is_misleading(&key.text) || meant(&key.text).is_some() || is_a_variable_s(key);
        !told && !is_known(&key.text) && !sections.contains_key(&key.text)
    });
    let tell = |key: &Key| {
        let detail = format!("`{}` is not a key of nebari-config.yaml, and is left alone", key.text);
        let hint = "that is as it should be if a plugin of Nebari reads it; else take it out";
        let told = Diagnostic::warning("CONFIG_UNKNOWN_KEY", "A key is unknown", detail).hint(hint);
        Diagnostic { pointer: Some(child_pointer("", &key.text)), ..told }
    };
    unclaimed.map(tell).collect()
}

fn is_known(key: &str) -> bool {
    known_keys().any(|known| known == key)
}

/// Whether the file does not have the key.
fn is_a_variable_s(key: &Key) -> bool {
    key.span.is_empty()
}

/// The known key that an unknown one may stand for.
fn meant(key: &str) -> Option<&'static str> {
    // A provider and its section may be called differently.
    let section = clouds::of(key).map(|cloud| cloud.section);
    section.or_else(|| nearest(key, known_keys()))
}
