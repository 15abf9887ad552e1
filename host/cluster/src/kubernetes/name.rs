//! What an object is called: in its document, and as a remote id.

use serde_json::Value;

use crate::ObjectName;

/// The name in a document, when all of it is known.
pub(super) fn of_document(document: &Value) -> Option<ObjectName> {
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let metadata = document.get("metadata")?;
    let namespace = metadata.get("namespace");
    if namespace.is_some_and(|namespace| !namespace.is_string() && !namespace.is_null()) {
        return None;
    }
    Some(ObjectName {
        api_version: text(document.get("apiVersion")?)?,
        kind: text(document.get("kind")?)?,
        namespace: namespace.and_then(text),
        name: text(metadata.get("name")?)?,
    })
}

/// `Deployment.v1.apps/dev/web`, `Namespace.v1/dev`: kind, version and group as kubectl joins them, then the name.
pub fn remote_id(object: &ObjectName) -> String {
    let (group, version) = object.api_version.split_once('/').unwrap_or(("", &object.api_version));
    let mut id = format!("{}.{version}", object.kind);
    if !group.is_empty() {
        id = format!("{id}.{group}");
    }
    for part in object.namespace.iter().chain([&object.name]) {
        id = format!("{id}/{part}");
    }
    id
}

/// The name that a remote id stands for.
pub fn remote_name(id: &str) -> Option<ObjectName> {
    let parts: Vec<&str> = id.split('/').collect();
    let (kind, namespace, name) = match parts[..] {
        [kind, name] => (kind, None, name),
        [kind, namespace, name] => (kind, Some(namespace.to_owned()), name),
        _ => return None,
    };
    let (kind, version) = kind.split_once('.')?;
    let api_version = match version.split_once('.') {
        Some((version, group)) => format!("{group}/{version}"),
        None => version.to_owned(),
    };
    Some(ObjectName { api_version, kind: kind.to_owned(), namespace, name: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_remote_id_leads_back_to_its_object() {
        for (document, id) in [
            (json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "dev"}}), "Namespace.v1/dev"),
            (
                json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "dev"}}),
                "Deployment.v1.apps/dev/web",
            ),
            (
                json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "gp3"}}),
                "StorageClass.v1.storage.k8s.io/gp3",
            ),
            (
                json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "nic:admin"}}),
                "ClusterRole.v1.rbac.authorization.k8s.io/nic:admin",
            ),
        ] {
            let object = of_document(&document).unwrap();
            assert_eq!(remote_id(&object), id);
            assert_eq!(remote_name(id), Some(object));
        }
        for bad in ["", "dev", "Namespace/dev", "a/b/c/d"] {
            assert_eq!(remote_name(bad), None, "{bad}");
        }
        assert_eq!(
            of_document(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": {"$unknown": "x"}}})),
            None
        );
    }
}
