//! What a plan shows of a live object.

use kube::core::Status;
use nic_core::diff::SECRET_CHANGED;
use nic_core::document::{hidden, holds_secret, secret_name};
use nic_core::error::ProviderError;
use nic_core::resource::FieldConflict;
use serde_json::{Map, Value, json};

use super::secret::is_secret;
use crate::ObjectName;

/// What is compared.
#[derive(Clone, Copy)]
pub(super) struct Views<'a> {
    /// What is wanted, with `$secret` references.
    pub(super) document: &'a Value,
    /// What was accepted last.
    pub(super) baseline: &'a Value,
    /// What is there.
    pub(super) live: &'a Value,
    /// What would be there after applying; none when the server does not say.
    pub(super) dry_run: Option<&'a Value>,
    /// What would be sent, secrets in place; none when that is not known yet.
    pub(super) resolved: Option<&'a Value>,
}

/// The live object in the document's own words: where applying would change nothing the document's value stands, elsewhere the
/// live one. Of what the document does not name only that shows which the baseline names and applying would remove.
pub(super) fn shown(object: &ObjectName, views: Views<'_>) -> Value {
    let Views { document, baseline, live, dry_run, .. } = views;
    if document.get("apiVersion").is_none() {
        return identity(object);
    }
    let baseline = Some(baseline).filter(|baseline| !baseline.is_null());
    let secret = object.api_version == "v1" && object.kind == "Secret";
    if !secret && !is_secret(document) {
        let shown = match dry_run {
            Some(dry_run) => merge(document, baseline, Some(dry_run), Some(live)),
            None => project(document, baseline, Some(live)),
        };
        return shown.unwrap_or_else(|| identity(object));
    }
    let without_data = |value: &Value| {
        let mut value = value.clone();
        if let Some(members) = value.as_object_mut() {
            members.retain(|key, _| key != "data" && key != "stringData");
        }
        value
    };
    let (bare_document, bare_live) = (without_data(document), without_data(live));
    let bare_baseline = baseline.map(without_data);
    let shown = match dry_run.map(without_data) {
        Some(dry_run) => merge(&bare_document, bare_baseline.as_ref(), Some(&dry_run), Some(&bare_live)),
        None => project(&bare_document, bare_baseline.as_ref(), Some(&bare_live)),
    };
    let mut shown = shown.unwrap_or_else(|| identity(object));
    for section in ["data", "stringData"] {
        let data = secret_data(section, views);
        if document.get(section).is_some() || !data.is_empty() {
            shown[section] = Value::Object(data);
        }
    }
    shown
}

/// Whether everything that would be sent is there, word for word, and nothing that was accepted before would be taken away. What a
/// server writes in its own way, such as a Secret's `stringData`, is not: then only the server can say.
pub(super) fn is_there(wanted: &Value, document: &Value, baseline: &Value, live: &Value) -> bool {
    holds(live, wanted) && names_all(document, baseline)
}

fn holds(live: &Value, wanted: &Value) -> bool {
    match (live, wanted) {
        (Value::Object(live), Value::Object(wanted)) => {
            wanted.iter().all(|(key, wanted)| live.get(key).is_some_and(|live| holds(live, wanted)))
        }
        (Value::Array(live), Value::Array(wanted)) => {
            live.len() == wanted.len() && live.iter().zip(wanted).all(|(live, wanted)| holds(live, wanted))
        }
        (live, wanted) => live == wanted,
    }
}

/// Whether the document names every member that the baseline names. In lists it says nothing else than the values do.
fn names_all(document: &Value, baseline: &Value) -> bool {
    match (document, baseline) {
        (Value::Object(document), Value::Object(baseline)) => {
            baseline.iter().all(|(key, before)| document.get(key).is_some_and(|now| names_all(now, before)))
        }
        (Value::Array(document), Value::Array(baseline)) => {
            document.len() == baseline.len()
                && document.iter().zip(baseline).all(|(now, before)| names_all(now, before))
        }
        _ => true,
    }
}

/// In place of a value that may not be shown and is not the wanted one.
fn changed() -> Value {
    hidden(SECRET_CHANGED)
}

/// The object's name as a document.
pub(super) fn identity(object: &ObjectName) -> Value {
    let mut identity =
        json!({"apiVersion": object.api_version, "kind": object.kind, "metadata": {"name": object.name}});
    if let Some(namespace) = &object.namespace {
        identity["metadata"]["namespace"] = namespace.as_str().into();
    }
    identity
}

/// Of a Secret's data only whether it is as wanted: a reference that is shown says that the value is the one it stands for.
fn secret_data(section: &str, views: Views<'_>) -> Map<String, Value> {
    let Views { document, baseline, live, dry_run, resolved } = views;
    let value = |of: &Value, key: &str| of["data"].get(key).cloned();
    let members = |of: &'_ Value| of[section].as_object().cloned().unwrap_or_default();
    let mut shown = Map::new();
    for (key, wanted) in members(document) {
        let reference = secret_name(&wanted).is_some();
        let as_wanted = match (value(live, &key), dry_run.or(resolved)) {
            // It is missed, though nothing of it is shown.
            (None, _) => false,
            (now, Some(would_be)) => now == value(would_be, &key),
            // Not known: an edit will tell.
            (Some(_), None) if reference => continue,
            (Some(_), None) => true,
        };
        shown.insert(key, if as_wanted { wanted } else { changed() });
    }
    let declared = |key: &str| ["data", "stringData"].iter().any(|section| document[*section].get(key).is_some());
    for key in members(baseline).into_iter().map(|(key, _)| key).filter(|key| !declared(key)) {
        let stays = dry_run.is_some_and(|dry_run| value(dry_run, &key).is_some());
        if value(live, &key).is_some() && !stays {
            shown.insert(key, changed());
        }
    }
    shown
}

fn unlike(document: &Value, live: &Value) -> Value {
    if holds_secret(document) { changed() } else { live.clone() }
}

fn merge(document: &Value, baseline: Option<&Value>, dry_run: Option<&Value>, live: Option<&Value>) -> Option<Value> {
    let Some(live) = live else {
        // What the server would not keep is no difference.
        return if dry_run.is_none() { Some(document.clone()) } else { missing(document) };
    };
    if let (Value::Object(wanted), Value::Object(there)) = (document, live)
        && secret_name(document).is_none()
    {
        let member = |of: Option<&Value>, key: &str| of.and_then(|of| of.get(key)).cloned();
        let mut shown = Map::new();
        for (key, wanted) in wanted {
            let (before, dry_run) = (member(baseline, key), member(dry_run, key));
            if let Some(value) = merge(wanted, before.as_ref(), dry_run.as_ref(), there.get(key)) {
                shown.insert(key.clone(), value);
            }
        }
        show_removals(&mut shown, wanted, baseline, dry_run, there);
        return Some(Value::Object(shown));
    }
    if dry_run == Some(live) {
        return Some(document.clone());
    }
    if let (Value::Array(wanted), Value::Array(there), Some(Value::Array(dry_run))) = (document, live, dry_run)
        && wanted.len() == there.len()
        && wanted.len() == dry_run.len()
    {
        let each = wanted.iter().zip(dry_run).zip(there).map(|((wanted, dry_run), there)| {
            merge(wanted, None, Some(dry_run), Some(there)).unwrap_or_else(|| unlike(wanted, there))
        });
        return Some(Value::Array(each.collect()));
    }
    Some(unlike(document, live))
}

/// Of something that is not there, the secrets: that they are missing shows in no other way.
fn missing(document: &Value) -> Option<Value> {
    if secret_name(document).is_some() {
        return Some(changed());
    }
    let members = document.as_object()?.iter();
    let secrets: Map<_, _> = members.filter_map(|(key, member)| Some((key.clone(), missing(member)?))).collect();
    (!secrets.is_empty()).then_some(Value::Object(secrets))
}

/// Members of the baseline that are no longer wanted and that applying would take away.
fn show_removals(
    shown: &mut Map<String, Value>,
    wanted: &Map<String, Value>,
    baseline: Option<&Value>,
    dry_run: Option<&Value>,
    there: &Map<String, Value>,
) {
    for (key, before) in baseline.and_then(Value::as_object).into_iter().flatten() {
        let stays = dry_run.is_some_and(|dry_run| dry_run.get(key).is_some());
        if let Some(live) = there.get(key).filter(|_| !wanted.contains_key(key) && !stays) {
            shown.insert(key.clone(), unlike(before, live));
        }
    }
}

/// The same without the server's word: live values of what the document and the baseline name.
fn project(document: &Value, baseline: Option<&Value>, live: Option<&Value>) -> Option<Value> {
    let live = live?;
    if secret_name(document).is_some() {
        // Not known: an edit will tell.
        return None;
    }
    let (Value::Object(wanted), Value::Object(there)) = (document, live) else {
        return Some(if document == live { document.clone() } else { unlike(document, live) });
    };
    let mut shown = Map::new();
    for (key, wanted) in wanted {
        let before = baseline.and_then(|baseline| baseline.get(key));
        if let Some(value) = project(wanted, before, there.get(key)) {
            shown.insert(key.clone(), value);
        }
    }
    show_removals(&mut shown, wanted, baseline, None, there);
    Some(Value::Object(shown))
}

/// What state shows of an object: its name, its marks as far as we set them, and what the cluster made of it.
pub(super) fn attributes(object: &ObjectName, document: &Value, live: &Value) -> Value {
    let metadata = &live["metadata"];
    let mut attributes = json!({ "name": object.name, "api_version": object.api_version, "kind": object.kind });
    if let Some(namespace) = &object.namespace {
        attributes["namespace"] = namespace.as_str().into();
    }
    for marks in ["labels", "annotations"] {
        let ours = document["metadata"][marks].as_object().into_iter().flatten();
        let plain = ours.filter(|(_, value)| value.is_string());
        let shown: Map<String, Value> =
            plain.filter_map(|(key, _)| Some((key.clone(), metadata[marks].get(key)?.clone()))).collect();
        if !shown.is_empty() {
            attributes[marks] = Value::Object(shown);
        }
    }
    for (shown, member) in [("uid", "uid"), ("created_at", "creationTimestamp")] {
        if let Some(value) = metadata.get(member) {
            attributes[shown] = value.clone();
        }
    }
    match (object.api_version.as_str(), object.kind.as_str()) {
        ("storage.k8s.io/v1", "StorageClass") => of_storage_class(live, &mut attributes),
        ("rbac.authorization.k8s.io/v1", "Role" | "ClusterRole") => attributes["rules"] = rules(live),
        _ => {}
    }
    attributes
}

/// What the design document's state (14.2) shows of a storage class.
fn of_storage_class(live: &Value, attributes: &mut Value) {
    for (shown, member) in [
        ("provisioner", "provisioner"),
        ("parameters", "parameters"),
        ("reclaim_policy", "reclaimPolicy"),
        ("volume_binding_mode", "volumeBindingMode"),
    ] {
        if let Some(value) = live.get(member) {
            attributes[shown] = value.clone();
        }
    }
    let default = live.pointer("/metadata/annotations/storageclass.kubernetes.io~1is-default-class");
    attributes["is_default"] = (default.and_then(Value::as_str) == Some("true")).into();
}

/// The rules of a role in that document's words.
fn rules(live: &Value) -> Value {
    const WORDS: [(&str, &str); 5] = [
        ("api_groups", "apiGroups"),
        ("resources", "resources"),
        ("resource_names", "resourceNames"),
        ("non_resource_urls", "nonResourceURLs"),
        ("verbs", "verbs"),
    ];
    let rules = live["rules"].as_array().into_iter().flatten();
    let told = |rule: &Value| {
        let members =
            WORDS.iter().filter_map(|(shown, member)| Some(((*shown).to_owned(), rule.get(*member)?.clone())));
        Value::Object(members.collect())
    };
    rules.map(told).collect()
}

/// Whether the plan showed the field of a conflict: it is one of `paths` (RFC 6901), or lies in or around one. The server keeps the
/// `stringData` of a Secret in `data`.
pub(super) fn is_among(conflict: &FieldConflict, document: &Value, paths: &[String]) -> bool {
    // List elements are written `[name="x"]`; pointers say numbers. The list itself is close enough.
    let field = conflict.field.split('[').next().unwrap_or_default();
    let within = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    paths.iter().any(|path| {
        let path = match path.strip_prefix("/stringData") {
            Some(below) if is_secret(document) => format!("/data{below}"),
            _ => path.clone(),
        };
        let path = path.replace('/', ".").replace("~1", "/").replace("~0", "~");
        within(field, &path) || within(&path, field)
    })
}

/// The fields that kept an apply from happening.
pub(super) fn conflicts(status: &Status) -> Vec<FieldConflict> {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    causes
        .filter(|cause| cause.reason == "FieldManagerConflict")
        .map(|cause| FieldConflict {
            field: cause.field.clone(),
            manager: cause.message.split('"').nth(1).unwrap_or("another manager").to_owned(),
            left: false,
        })
        .collect()
}

/// Told, not retried: it does not pass by itself.
pub(super) fn owned_by_others(object: &ObjectName, conflicts: &[FieldConflict]) -> ProviderError {
    let fields: Vec<String> = conflicts.iter().map(|c| format!("`{}` belongs to `{}`", c.field, c.manager)).collect();
    ProviderError::Other {
        code: "FIELD_MANAGER_CONFLICT".to_owned(),
        message: format!(
            "{} `{}` exists and someone else decides part of it: {}",
            object.kind,
            object.name,
            fields.join(", ")
        ),
        detail: json!({
            "fields": conflicts.iter().map(|c| json!({"field": c.field, "manager": c.manager})).collect::<Vec<_>>(),
            "hint": "let the other manager go of these fields, or wish the values that they have",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(document: &Value, baseline: &Value, live: &Value, dry_run: Option<&Value>) -> Value {
        let object = super::super::name::of_document(document).unwrap();
        shown(&object, Views { document, baseline, live, dry_run, resolved: None })
    }

    fn config_map(data: &Value) -> Value {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "dev"}, "data": data})
    }

    fn live(data: &Value) -> Value {
        let mut live = config_map(data);
        live["metadata"]["uid"] = "1".into();
        live
    }

    #[test]
    fn what_is_there_word_for_word_needs_no_dry_run() {
        let wanted = json!({"metadata": {"name": "a"}, "spec": {"ports": [{"port": 80}]}});
        let live = json!({"metadata": {"name": "a", "uid": "1"}, "spec": {"ports": [{"port": 80, "protocol": "TCP"}]}});
        assert!(is_there(&wanted, &wanted, &Value::Null, &live));
        assert!(is_there(&wanted, &wanted, &wanted, &live));
        let before = json!({"metadata": {"name": "a", "labels": {"x": "y"}}, "spec": {"ports": [{"port": 80}]}});
        assert!(!is_there(&wanted, &wanted, &before, &live), "applying would take the label away");
        let before = json!({"metadata": {"name": "a"}, "spec": {"ports": [{"port": 80, "name": "web"}]}});
        assert!(!is_there(&wanted, &wanted, &before, &live), "applying would take the port's name away");
        for other in
            [json!({"spec": {"ports": []}}), json!({"spec": {"ports": [{"port": "80"}]}}), json!({"stringData": {}})]
        {
            assert!(!is_there(&other, &other, &Value::Null, &live), "{other}");
        }
    }

    #[test]
    fn what_applying_would_not_change_is_shown_in_the_documents_words() {
        let document = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q", "labels": {}},
            "spec": {"hard": {"cpu": "1000m"}, "nothing": null}});
        let live = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q", "uid": "1"},
            "spec": {"hard": {"cpu": "1"}, "scopes": ["Defaulted"]}});
        assert_eq!(show(&document, &Value::Null, &live, Some(&live)), document);
    }

    #[test]
    fn drift_removals_and_additions_show() {
        let document = config_map(&json!({"kept": "1", "drifted": "1", "new": "1"}));
        let baseline = config_map(&json!({"kept": "1", "drifted": "1", "removed": "1", "lost": "1", "others": "1"}));
        let there = live(&json!({"kept": "1", "drifted": "2", "removed": "1", "others": "1", "foreign": "1"}));
        let dry_run = live(&json!({"kept": "1", "drifted": "1", "new": "1", "others": "1", "foreign": "1"}));
        let shown = show(&document, &baseline, &there, Some(&dry_run));
        assert_eq!(shown["data"], json!({"kept": "1", "drifted": "2", "removed": "1"}));
        assert_eq!(shown["metadata"], document["metadata"]);
        let by_itself = show(&document, &baseline, &there, None);
        assert_eq!(by_itself["data"], json!({"kept": "1", "drifted": "2", "removed": "1", "others": "1"}));
    }

    #[test]
    fn lists_of_one_length_are_compared_element_by_element() {
        let list = |image: &str, cpu: &str| json!([{"name": "a", "image": image, "cpu": cpu}]);
        let document = config_map(&list("new", "1000m"));
        let shown = show(&document, &Value::Null, &live(&list("old", "1")), Some(&live(&list("new", "1"))));
        assert_eq!(shown["data"], list("old", "1000m"));
        let longer = json!([1, 2]);
        let shown = show(&document, &Value::Null, &live(&longer), Some(&live(&list("new", "1"))));
        assert_eq!(shown["data"], longer);
    }

    #[test]
    fn secrets_are_shown_as_their_references_or_as_changed() {
        let document = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"},
            "stringData": {"same": {"$secret": "s"}, "other": {"$secret": "o"}, "new": "n"}});
        let baseline =
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "data": {"gone": "Zw=="}});
        let data = |same: &str, other: &str| {
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"},
            "data": {"same": same, "other": other, "gone": "hunter2"}})
        };
        let mut dry_run = data("x", "y");
        dry_run["data"].as_object_mut().unwrap().remove("gone");
        let shown = show(&document, &baseline, &data("x", "hunter2"), Some(&dry_run));
        assert_eq!(
            shown["stringData"],
            json!({"same": {"$secret": "s"}, "other": {"$hidden": "secret value changed"}, "new": {"$hidden": "secret value changed"}})
        );
        assert_eq!(shown["data"], json!({"gone": {"$hidden": "secret value changed"}}));
        assert!(!shown.to_string().contains("hunter2"));
        assert!(!show(&document, &baseline, &data("x", "hunter2"), None).to_string().contains("hunter2"));
        let plain = config_map(&json!({"list": [{"$secret": "s"}], "one": {"$secret": "s"}}));
        let there = live(&json!({"list": ["hunter2", "b"], "one": "hunter2"}));
        for dry_run in [None, Some(&live(&json!({"list": ["a"], "one": "a"})))] {
            assert!(!show(&plain, &Value::Null, &there, dry_run).to_string().contains("hunter2"));
        }
    }

    #[test]
    fn what_was_taken_out_is_missed_and_what_cannot_be_compared_is_not_shown() {
        let document = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"},
            "stringData": {"there": {"$secret": "s"}, "gone": {"$secret": "s"}, "plain": "p"}});
        let live = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "data": {"there": "eA=="}});
        let object = super::super::name::of_document(&document).unwrap();
        let shown_with = |resolved: Option<&Value>| {
            let views = Views { document: &document, baseline: &document, live: &live, dry_run: None, resolved };
            shown(&object, views)["stringData"].clone()
        };
        let (differs, reference) = (json!({"$hidden": "secret value changed"}), json!({"$secret": "s"}));
        assert_eq!(shown_with(None), json!({"gone": differs, "plain": differs}));
        let resolved = |there: &str| json!({"data": {"there": there, "gone": "eA==", "plain": "cA=="}});
        assert_eq!(shown_with(Some(&resolved("eA=="))), json!({"there": reference, "gone": differs, "plain": differs}));
        assert_eq!(shown_with(Some(&resolved("eQ=="))), json!({"there": differs, "gone": differs, "plain": differs}));

        let plain = config_map(&json!({"one": {"$secret": "s"}, "two": "2"}));
        let mut there = config_map(&json!({}));
        there.as_object_mut().unwrap().remove("data");
        let would_be = config_map(&json!({"one": "x", "two": "2"}));
        assert_eq!(show(&plain, &plain, &there, Some(&would_be))["data"], json!({"one": differs}));
    }

    #[test]
    fn state_shows_our_marks_and_the_clusters_facts() {
        let document = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "dev", "labels": {"managed-by": "nic"}}});
        let live = json!({"metadata": {"name": "dev", "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {"managed-by": "nic", "kubernetes.io/metadata.name": "dev"}}});
        let object = super::super::name::of_document(&document).unwrap();
        assert_eq!(
            attributes(&object, &document, &live),
            json!({"name": "dev", "api_version": "v1", "kind": "Namespace", "labels": {"managed-by": "nic"},
                "uid": "u", "created_at": "2026-01-01T00:00:00Z"})
        );
    }

    #[test]
    fn storage_classes_and_roles_are_shown_in_the_words_of_the_state() {
        let shown = |api_version: &str, kind: &str, live: Value| {
            let (api_version, kind) = (api_version.to_owned(), kind.to_owned());
            attributes(&ObjectName { api_version, kind, namespace: None, name: "x".to_owned() }, &json!({}), &live)
        };
        let class = shown(
            "storage.k8s.io/v1",
            "StorageClass",
            json!({
                "metadata": {"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
                "provisioner": "ebs.csi.aws.com", "parameters": {"type": "gp3"},
                "volumeBindingMode": "WaitForFirstConsumer", "allowVolumeExpansion": true,
            }),
        );
        assert_eq!(
            class,
            json!({"name": "x", "api_version": "storage.k8s.io/v1", "kind": "StorageClass", "is_default": true,
                "provisioner": "ebs.csi.aws.com", "parameters": {"type": "gp3"},
                "volume_binding_mode": "WaitForFirstConsumer"})
        );
        let told = json!({"apiGroups": ["*"], "resources": ["pods"], "resourceNames": ["a"], "verbs": ["get"]});
        let role = shown("rbac.authorization.k8s.io/v1", "ClusterRole", json!({"metadata": {}, "rules": [told]}));
        assert_eq!(
            role["rules"],
            json!([{"api_groups": ["*"], "resources": ["pods"], "resource_names": ["a"], "verbs": ["get"]}])
        );
        let other = shown("db.example.com/v1", "Role", json!({"metadata": {}, "rules": "text"}));
        assert_eq!(other.get("rules"), None);
    }

    #[test]
    fn a_conflict_is_matched_with_what_the_plan_showed() {
        let conflict = |field: &str| FieldConflict { field: field.to_owned(), manager: "helm".to_owned(), left: false };
        let paths = |path: &str| vec![path.to_owned()];
        assert!(is_among(&conflict(".spec.replicas"), &Value::Null, &paths("/spec/replicas")));
        assert!(is_among(
            &conflict(".metadata.labels.app.kubernetes.io/name"),
            &Value::Null,
            &paths("/metadata/labels/app.kubernetes.io~1name")
        ));
        assert!(is_among(
            &conflict(".spec.template.spec.containers[name=\"a\"].image"),
            &Value::Null,
            &paths("/spec/template/spec/containers")
        ));
        assert!(is_among(&conflict(".metadata.labels.a"), &Value::Null, &paths("/metadata/labels")));
        assert!(!is_among(&conflict(".spec.replicasets"), &Value::Null, &paths("/spec/replicas")));
        assert!(!is_among(&conflict(".spec.replicas"), &Value::Null, &[]));
        let secret = json!({"apiVersion": "v1", "kind": "Secret"});
        assert!(is_among(&conflict(".data.password"), &secret, &paths("/stringData/password")));
        assert!(!is_among(&conflict(".data.password"), &Value::Null, &paths("/stringData/password")));
    }
}
