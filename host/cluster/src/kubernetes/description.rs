//! What the host says about its own kind.

use std::collections::BTreeMap;

use nic_core::document::{has_unknown, holds_secret};
use nic_core::kind::{CreateSafety, Description, KUBERNETES_OBJECT, Kind, TimeLimits};
use serde_json::{Map, Value, json};

use super::owner::MARK;
use super::secret::is_secret;

/// Addresses begin with it.
const NAME: &str = "kubernetes";

/// Top-level fields that the API server lets nobody change: those of storage classes, role bindings, priority classes,
/// runtime classes and Secrets.
const FIXED_FIELDS: [&str; 8] =
    ["handler", "parameters", "provisioner", "reclaimPolicy", "roleRef", "type", "value", "volumeBindingMode"];

/// The same below `spec`, by API version and kind. Of definitions nothing is listed: to replace one is to lose its objects.
const FIXED_SPECS: [(&str, &[&str], &[&str]); 7] = [
    ("apps/v1", &["DaemonSet", "Deployment", "ReplicaSet"], &["selector"]),
    ("apps/v1", &["StatefulSet"], &["podManagementPolicy", "selector", "serviceName", "volumeClaimTemplates"]),
    (
        "batch/v1",
        &["Job"],
        &["backoffLimitPerIndex", "completionMode", "podFailurePolicy", "selector", "successPolicy", "template"],
    ),
    ("networking.k8s.io/v1", &["IngressClass"], &["controller"]),
    ("v1", &["PersistentVolumeClaim"], &["accessModes", "selector", "storageClassName", "volumeMode", "volumeName"]),
    ("v1", &["ResourceQuota"], &["scopeSelector", "scopes"]),
    ("v1", &["Service"], &["clusterIP", "clusterIPs"]),
];

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
    let by_kind = FIXED_SPECS.iter().map(|(version, kinds, fields)| {
        let fields: Map<String, Value> = fields.iter().map(|&field| (field.to_owned(), fixed.clone())).collect();
        json!({
            "if": { "properties": { "apiVersion": { "const": version }, "kind": { "enum": kinds } } },
            "then": { "properties": { "spec": { "properties": fields } } },
        })
    });
    let sensitive = json!({ "x-nic": { "sensitive": true } });
    // All of a Secret's data, whoever wrote it.
    let secrets = json!({
        "if": { "properties": { "apiVersion": { "const": "v1" }, "kind": { "const": "Secret" } } },
        "then": { "properties": { "data": sensitive, "stringData": sensitive } },
    });
    let by_kind: Vec<Value> = by_kind.chain([secrets]).collect();
    Description {
        name: NAME.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        config_sections: BTreeMap::new(),
        settings: BTreeMap::new(),
        kinds: vec![Kind {
            kind: KUBERNETES_OBJECT.to_owned(),
            title: "{kind}".to_owned(),
            schema: json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "required": ["apiVersion", "kind", "metadata"],
                "properties": properties,
                "allOf": by_kind,
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
    if document.pointer("/metadata/annotations").is_some_and(|annotations| annotations.get(MARK).is_some()) {
        let why = "it says whose the object is, and the host alone writes it".to_owned();
        problems.push((format!("/metadata/annotations/{}", MARK.replace('/', "~1")), why));
    }
    problems.extend(secrets_elsewhere(document));
    problems
}

/// Secrets belong into Secrets, which no component may read: from anything else a component with a grant could read them back.
fn secrets_elsewhere(document: &Value) -> Option<(String, String)> {
    let own = |member: &str| is_secret(document) && matches!(member, "data" | "stringData");
    let (member, _) = document.as_object()?.iter().find(|(member, value)| !own(member) && holds_secret(value))?;
    let why = "a secret is put only into the `data` or `stringData` of a v1 Secret: elsewhere it could be read back";
    Some((format!("/{member}"), why.to_owned()))
}

/// A reference, or a value that is known after apply.
fn is_open(value: &Value) -> bool {
    has_unknown(value) || value.as_object().is_some_and(|o| o.contains_key("$ref") || o.contains_key("$join"))
}

#[cfg(test)]
mod tests {
    use nic_core::diff::{Truths, differences};
    use nic_core::kind::SchemaNode;

    use super::*;

    /// Pointers of what differs, and whether the object must be replaced for it.
    fn found(desired: &Value, observed: &Value) -> Vec<(String, bool)> {
        let description = describe();
        let truths = Truths { desired, baseline: observed, observed };
        let changes = differences(&description.kinds[0].schema, truths);
        changes.into_iter().map(|change| (change.pointer, change.forces_replace)).collect()
    }

    #[test]
    fn secrets_are_put_into_secrets_alone() {
        let object = |version: &str, kind: &str, member: &str| {
            let mut object = json!({"apiVersion": version, "kind": kind, "metadata": {"name": "a"}});
            object[member] = json!({"key": {"$secret": "x"}});
            object
        };
        for member in ["data", "stringData"] {
            assert_eq!(check(&object("v1", "Secret", member), false), []);
        }
        for (version, kind, member) in [
            ("v1", "ConfigMap", "data"),
            ("v1", "Secret", "metadata"),
            ("example.com/v1", "Secret", "data"),
            ("v1", "Pod", "spec"),
        ] {
            let problems = check(&object(version, kind, member), true);
            assert_eq!(problems.last().map(|(pointer, _)| pointer.as_str()), Some(&*format!("/{member}")), "{kind}");
        }
        let open = json!({"apiVersion": "v1", "kind": {"$ref": "a.b.c", "path": "/kind"}, "metadata": {"name": "a"},
            "data": {"key": {"$secret": "x"}}});
        assert!(!check(&open, true).is_empty());
    }

    #[test]
    fn the_data_of_a_secret_is_not_to_be_shown() {
        let description = describe();
        let hides = |document: &Value, member: &str| {
            SchemaNode::root_for(&description.kinds[0].schema, document).member(member).annotations().sensitive
        };
        for (kind, is_hidden) in [("Secret", true), ("ConfigMap", false)] {
            let object = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "a"}, "data": {"key": "x"}});
            assert_eq!((hides(&object, "data"), hides(&object, "stringData")), (is_hidden, is_hidden), "{kind}");
            assert!(!hides(&object, "metadata"));
        }
    }

    #[test]
    fn a_jobs_template_is_replaced_with_the_job_and_a_deployments_is_changed() {
        let object = |version: &str, kind: &str, image: &str, limit: i64| {
            json!({"apiVersion": version, "kind": kind, "metadata": {"name": "a"},
                "spec": {"backoffLimit": limit, "template": {"spec": {"containers": [{"name": "c", "image": image}]}}}})
        };
        let template = "/spec/template/spec/containers".to_owned();
        assert_eq!(
            found(&object("batch/v1", "Job", "new", 4), &object("batch/v1", "Job", "old", 4)),
            [(template.clone(), true)]
        );
        assert_eq!(
            found(&object("batch/v1", "Job", "old", 5), &object("batch/v1", "Job", "old", 4)),
            [("/spec/backoffLimit".to_owned(), false)]
        );
        assert_eq!(
            found(&object("apps/v1", "Deployment", "new", 4), &object("apps/v1", "Deployment", "old", 4)),
            [(template, false)]
        );
    }

    #[test]
    fn documents_name_their_object_and_leave_the_servers_fields_alone() {
        let document = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "dev"}});
        assert_eq!(check(&document, false), []);
        let open = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": {"$ref": "aws.vpc.main", "path": "/id"}}});
        assert_eq!(check(&open, true), []);
        assert_eq!(check(&open, false).len(), 1);
        assert_eq!(check(&json!({"kind": "Namespace", "metadata": {"uid": "1"}}), false).len(), 3);
        assert_eq!(check(&json!([]), true).len(), 1);
        let mut marked = document;
        marked["metadata"]["annotations"] = json!({MARK: "mine"});
        assert_eq!(check(&marked, false)[0].0, "/metadata/annotations/nic.nebari.dev~1owner");
    }
}
