//! `namespaces`: one of the platform's, or a further one.

use std::collections::BTreeMap;

use nic_sdk::findings::Findings;
use nic_sdk::kit::{child, unread_keys};
use serde_json::{Map, Value};

use super::findings::{map, text};
use super::{amounts, names, network};
use crate::design::Namespace;

const KEYS: [&str; 4] = ["labels", "quota", "limits", "network_policies"];

/// Labels whose values are not the user's: NIC's two, and the one that Kubernetes sets.
const RESERVED_LABELS: [&str; 3] = ["managed-by", "project", "kubernetes.io/metadata.name"];

/// The namespaces, by their names. One with nothing below it is asked for as well.
pub(super) fn read(value: Option<&Value>, at: &str, found: &mut Findings) -> Vec<Namespace> {
    let Some(namespaces) = map(value, at, found) else { return Vec::new() };
    namespaces.iter().filter_map(|(name, value)| namespace(name, value, &child(at, name), found)).collect()
}

fn namespace(name: &str, value: &Value, at: &str, found: &mut Findings) -> Option<Namespace> {
    if !names::label(name, at, found) {
        return None;
    }
    // The cluster itself runs there: a quota or a policy of ours could stop it, and `admin` of such a namespace rules the cluster.
    if name.starts_with("kube-") {
        let detail = format!("`{name}`: namespaces that begin with `kube-` are Kubernetes' own");
        found.error("KUBERNETES_NAME_RESERVED", "A name is reserved", detail, at);
        return None;
    }
    let empty = Map::new();
    let members = if value.is_null() { &empty } else { map(Some(value), at, found)? };
    unread_keys(members.keys(), at, &KEYS, found);
    let below = |key: &str| (members.get(key), child(at, key));
    let ((of_labels, labels_at), (of_quota, quota_at)) = (below("labels"), below("quota"));
    let ((of_limits, limits_at), (of_policies, policies_at)) = (below("limits"), below("network_policies"));
    Some(Namespace {
        name: name.to_owned(),
        labels: labels(of_labels, &labels_at, found),
        quota: amounts::quota(of_quota, &quota_at, found),
        limits: amounts::limits(of_limits, &limits_at, found),
        network_policies: network::read(of_policies, &policies_at, found),
        ..Namespace::default()
    })
}

fn labels(value: Option<&Value>, at: &str, found: &mut Findings) -> BTreeMap<String, String> {
    let Some(labels) = map(value, at, found) else { return BTreeMap::new() };
    let mut read = BTreeMap::new();
    for (key, value) in labels {
        let at = child(at, key);
        let Some(value) = text(value, &at, found) else { continue };
        if RESERVED_LABELS.contains(&key.as_str()) {
            let detail = format!("`{key}` is set for every namespace, and not the config's to choose");
            found.error("LABEL_RESERVED", "A label is not allowed", detail, &at);
        } else if !names::is_qualified(key) || !names::is_label_value(&value) {
            let detail = format!(
                "`{key}: {value}`: names and values have at most 63 letters, digits, `-`, `_` and `.`, a letter or digit \
                 first and last; a name may have a domain and `/` before it"
            );
            found.error("LABEL_INVALID", "A label is not allowed", detail, &at);
        } else {
            read.insert(key.clone(), value);
        }
    }
    read
}
