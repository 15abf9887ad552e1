//! One object as a resource.

use nic_sdk::types::Resource;
use serde_json::{Map, Value, json};

/// The host's kind.
const KUBERNETES_OBJECT: &str = "kubernetes.object";

/// API group of roles and bindings.
pub(crate) const RBAC: &str = "rbac.authorization.k8s.io";

/// A segment of an address: what may not stand in one becomes `-`.
pub(crate) fn segment(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '-' }).collect()
}

/// An object of `kind` in `namespace`, or of the whole cluster. `rest` holds the members beside `apiVersion`, `kind` and
/// `metadata`, and may hold more of `metadata`.
pub(crate) fn object(
    address: String,
    api_version: &str,
    kind: &str,
    named: (Option<&str>, &str),
    rest: Value,
) -> Resource {
    let (namespace, name) = named;
    let mut document = json!({ "apiVersion": api_version, "kind": kind, "metadata": { "name": name } });
    if let Some(namespace) = namespace {
        document["metadata"]["namespace"] = namespace.into();
    }
    if let Value::Object(members) = rest {
        for (key, value) in members {
            match (key.as_str(), value) {
                ("metadata", Value::Object(more)) => {
                    for (key, value) in more {
                        document["metadata"][key] = value;
                    }
                }
                (key, value) => document[key] = value,
            }
        }
    }
    Resource::new(address, KUBERNETES_OBJECT, document)
}

/// The same, created after what stands at `addresses` and deleted before it.
pub(crate) fn after<'a>(resource: Resource, addresses: impl IntoIterator<Item = &'a String>) -> Resource {
    addresses.into_iter().fold(resource, Resource::after)
}

/// The same, deleted before what stands at `addresses`, and created without waiting for it.
pub(crate) fn before<'a>(resource: Resource, addresses: impl IntoIterator<Item = &'a String>) -> Resource {
    addresses.into_iter().fold(resource, Resource::before)
}

/// A JSON object of text by name.
pub(crate) fn texts<'a, V: Clone + Into<Value> + 'a>(members: impl IntoIterator<Item = (&'a String, &'a V)>) -> Value {
    Value::Object(members.into_iter().map(|(key, value)| (key.clone(), value.clone().into())).collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_added_to_and_names_become_segments() {
        let rest = json!({ "metadata": { "labels": { "a": "b" } }, "data": { "c": "d" } });
        let resource = object("aws.config-map.x".to_owned(), "v1", "ConfigMap", (Some("dev"), "x"), rest);
        assert_eq!(
            resource.document,
            json!({ "apiVersion": "v1", "kind": "ConfigMap", "data": { "c": "d" },
                "metadata": { "name": "x", "namespace": "dev", "labels": { "a": "b" } } })
        );
        assert_eq!(segment("nebari:admin.v1_x"), "nebari-admin-v1_x");
    }
}
