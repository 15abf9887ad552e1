//! What the host says about its own kind.

use std::collections::BTreeMap;

use nic_core::document::has_unknown;
use nic_core::kind::{CreateSafety, Description, KUBERNETES_OBJECT, Kind, TimeLimits};
use serde_json::{Value, json};

/// Addresses begin with it.
const NAME: &str = "kubernetes";

/// Top-level fields that the API server lets nobody change: those of storage classes, role bindings, priority classes,
/// runtime classes and Secrets.
const FIXED_FIELDS: [&str; 8] =
    ["handler", "parameters", "provisioner", "reclaimPolicy", "roleRef", "type", "value", "volumeBindingMode"];

/// The description of the provider `kubernetes`.
pub(super) fn describe() -> Description {
    let fixed = json!({ "x-nic": { "immutable": true } });
    let mut properties = json!({
        "apiVersion": { "type": "string", "minLength": 1 },
        "kind": { "type": "string", "minLength": 1, "x-nic": { "immutable": true } },
        "metadata": {
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": { "type": "string", "minLength": 1, "x-nic": { "immutable": true } },
                "namespace": { "type": "string", "x-nic": { "immutable": true } },
            },
        },
        "status": { "x-nic": { "computed": true } },
    });
    for field in FIXED_FIELDS {
        properties[field] = fixed.clone();
    }
    Description {
        name: NAME.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        config_sections: BTreeMap::new(),
        kinds: vec![Kind {
            kind: KUBERNETES_OBJECT.to_owned(),
            title: "{kind}".to_owned(),
            schema: json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "required": ["apiVersion", "kind", "metadata"],
                "properties": properties,
            }),
            schema_version: 1,
            state_path: "kubernetes.{kind}[]".to_owned(),
            protected: false,
            // A namespace goes when everything in it has gone.
            time_limits: TimeLimits { create: 300, update: 300, delete: 900 },
            read_batch: 200,
            create: CreateSafety::Named,
            settle_seconds: 0,
        }],
        actions: Vec::new(),
    }
}

/// What is wrong with a document: each a pointer and a sentence.
pub(super) fn check(document: &Value, partial: bool) -> Vec<(String, String)> {
    let mut problems = Vec::new();
    let Some(members) = document.as_object() else {
        return vec![(String::new(), "a Kubernetes object is a JSON object".to_owned())];
    };
    for pointer in ["/apiVersion", "/kind", "/metadata/name"] {
        match document.pointer(pointer) {
            Some(Value::String(text)) if !text.is_empty() => {}
            Some(value) if partial && is_open(value) => {}
            None if partial && members.get("metadata").is_some_and(is_open) => {}
            _ => problems.push((pointer.to_owned(), "expected a name".to_owned())),
        }
    }
    for pointer in ["/metadata/generateName", "/metadata/managedFields", "/metadata/resourceVersion", "/metadata/uid"] {
        if document.pointer(pointer).is_some() {
            problems.push((pointer.to_owned(), "the API server alone writes it".to_owned()));
        }
    }
    problems
}

/// A reference, or a value that is known after apply.
fn is_open(value: &Value) -> bool {
    has_unknown(value) || value.as_object().is_some_and(|o| o.contains_key("$ref") || o.contains_key("$join"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_name_their_object_and_leave_the_servers_fields_alone() {
        let document = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "dev"}});
        assert_eq!(check(&document, false), []);
        let open = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": {"$ref": "aws.vpc.main", "path": "/id"}}});
        assert_eq!(check(&open, true), []);
        assert_eq!(check(&open, false).len(), 1);
        assert_eq!(check(&json!({"kind": "Namespace", "metadata": {"uid": "1"}}), false).len(), 3);
        assert_eq!(check(&json!([]), true).len(), 1);
    }
}
