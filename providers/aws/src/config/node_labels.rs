//! Labels and taints of node groups, as EKS and the kubelets that it starts take them.

use std::collections::BTreeMap;

use nic_sdk::findings::Findings;
use nic_sdk::kit::label_syntax::{fault_of_key, fault_of_value, is_taken_by_kubelets};
use nic_sdk::kit::taint::{self, Taint};
use nic_sdk::kit::{Reader, child};
use serde_json::Value;

/// Characters that EKS takes in a key, its domain counted, and in a value.
const LONGEST: usize = 63;

/// What EKS says of a longer key.
const KEY_TOO_LONG: &str = "EKS takes keys of at most 63 characters, the domain counted";

/// What neither a label nor a taint begins with that is not EKS's own.
const RESERVED: [&str; 3] = ["kubernetes.io/", "k8s.io/", "eks.amazonaws.com/"];

/// The labels of a group.
pub fn labels(group: &str, reader: &Reader<'_>, findings: &mut Findings) -> BTreeMap<String, String> {
    let labels = reader.text_map("labels", findings).unwrap_or_default();
    for (key, value) in &labels {
        let at = child(&reader.at("labels"), key);
        let faults = [fault_of_key(key), fault_of_value(value), fault_to_eks(key, value).map(str::to_owned)];
        let faults: Vec<String> = faults.into_iter().flatten().collect();
        if !faults.is_empty() {
            let detail = format!("`{key}` of `{group}`: {}", faults.join("; "));
            findings.error("LABEL_INVALID", "A label is not allowed", detail, &at);
        } else if let Some(why) = reserved(key) {
            let detail = format!("`{key}` of `{group}`: {why}");
            let own = key.split_once('/').map_or(key.as_str(), |(_, name)| name);
            let hint = format!("name it without a domain, or in one of your own: `{own}`, `example.com/{own}`");
            findings.error("LABEL_RESERVED", "A label is not allowed", detail, &at).hints.push(hint);
        }
    }
    labels
}

fn fault_to_eks(key: &str, value: &str) -> Option<&'static str> {
    if key.len() > LONGEST { Some(KEY_TOO_LONG) } else { value.is_empty().then_some("EKS takes no empty value") }
}

fn reserved_prefix(key: &str) -> Option<&'static str> {
    RESERVED.into_iter().find(|domain| key.starts_with(domain))
}

fn reserved(key: &str) -> Option<String> {
    if let Some(domain) = reserved_prefix(key) {
        return Some(format!("EKS keeps labels that begin with `{domain}` for itself, and refuses them"));
    }
    (!is_taken_by_kubelets(key)).then(|| {
        "a kubelet refuses to start with it, so no node of the group would ever join; of Kubernetes' own domains it takes \
         `node.kubernetes.io` and `kubelet.kubernetes.io`"
            .to_owned()
    })
}

/// The taints that are written for a group.
pub fn taints(group: &str, value: &Value, reader: &Reader<'_>, findings: &mut Findings) -> Vec<Taint> {
    let at = reader.at("taints");
    let taints = taint::read(value, &at, findings);
    for taint in &taints {
        if taint.key.len() > LONGEST {
            let detail = format!("`{}` of `{group}`: {KEY_TOO_LONG}", taint.key);
            findings.error("TAINT_INVALID", "A taint is not allowed", detail, &at);
        } else if let Some(domain) = reserved_prefix(&taint.key) {
            let detail = format!(
                "`{}` of `{group}`: EKS keeps taints that begin with `{domain}` for itself, and refuses them",
                taint.key
            );
            findings.error("TAINT_RESERVED", "A taint is not allowed", detail, &at);
        }
    }
    taints
}
