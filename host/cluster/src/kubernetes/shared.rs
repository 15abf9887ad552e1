//! Objects of others: what is applied to them, and how it is taken back.
//!
//! Nothing is ever forced. What somebody else decides is told by name; of a namespace or a definition, which serve whoever made them, it
//! stays as it is, and the rest is applied.

use nic_core::error::ProviderError;
use nic_core::resource::FieldConflict;
use serde_json::Value;

use super::is_definition;
use super::observe;
use crate::{Apply, Connected, ObjectName, RequestError};

/// How often others may turn out to decide something: each time it is left out, and the next look shows the rest.
const ROUNDS: usize = 4;

/// What the server's permissions are called where a field manager is named.
const PERMISSIONS: &str = "the cluster's permissions";

/// What applying to an object of others came to.
pub(super) struct Given {
    /// The object as it is then; none when the server does not say.
    pub(super) live: Option<Value>,
    /// What others decide.
    pub(super) conflicts: Vec<FieldConflict>,
}

impl Given {
    /// Nobody decides anything else than what is wanted, and this is what is there then.
    pub(super) fn unopposed(live: Value) -> Self {
        Self { live: Some(live), conflicts: Vec::new() }
    }
}

/// Whether an object does what it is for whoever decides its fields.
fn serves(object: &ObjectName) -> bool {
    object.kind == "Namespace" && object.api_version == "v1" || is_definition(object)
}

/// The document, for this very object and no other of its name.
pub(super) fn pinned(mut document: Value, live: &Value) -> Value {
    if let Some(metadata) = document.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("uid".to_owned(), live["metadata"]["uid"].clone());
    }
    document
}

/// The object's name and nothing else: to apply it is to let go of every field.
pub(super) fn nothing_of(object: &ObjectName, live: &Value) -> Value {
    pinned(observe::identity(object), live)
}

/// Applies to an object that is there, as far as nobody else decides. What keeps it from being done at all is an error, unless the object
/// serves all the same.
pub(super) async fn give_way(
    cluster: &Connected,
    object: &ObjectName,
    wanted: &Value,
    live: &Value,
    how: Apply<'_>,
) -> Result<Given, RequestError> {
    let mut wanted = pinned(wanted.clone(), live);
    let mut conflicts = Vec::new();
    for _ in 0..ROUNDS {
        let status = match cluster.apply(object, &wanted, how).await {
            Ok(applied) => return Ok(Given { live: Some(applied.live), conflicts }),
            Err(RequestError::Status(status)) if serves(object) => status,
            Err(error) => return Err(error),
        };
        let found = observe::conflicts(&status);
        if status.code == 403 {
            conflicts.push(refused(&wanted, live));
            return Ok(Given { live: Some(live.clone()), conflicts });
        }
        let given = found.iter().filter(|conflict| take_out(&mut wanted, &conflict.field)).count();
        if given == 0 {
            return Err(RequestError::Status(status));
        }
        conflicts.extend(found.into_iter().map(|conflict| FieldConflict { left: true, ..conflict }));
    }
    let message = format!("{} `{}`: others decide ever more of it", object.kind, object.name);
    Err(ProviderError::Conflict(message).into())
}

/// All that is not as it is wanted, when nothing may be changed.
fn refused(wanted: &Value, live: &Value) -> FieldConflict {
    let mut fields = Vec::new();
    differing(wanted, live, "", &mut fields);
    let field = if fields.is_empty() { ".".to_owned() } else { fields.join(", ") };
    FieldConflict { field, manager: PERMISSIONS.to_owned(), left: true }
}

fn differing(wanted: &Value, live: &Value, path: &str, fields: &mut Vec<String>) {
    match (wanted, live) {
        (Value::Object(wanted), Value::Object(live)) => {
            for (key, wanted) in wanted {
                differing(wanted, live.get(key).unwrap_or(&Value::Null), &format!("{path}.{key}"), fields);
            }
        }
        (wanted, live) if wanted == live => {}
        _ => fields.push(path.to_owned()),
    }
}

/// Takes a field out of a document, as the server names it: `.metadata.labels.app.kubernetes.io/name`. A list goes as a whole. False when
/// there is no such field.
fn take_out(document: &mut Value, field: &str) -> bool {
    let Some(below) = field.strip_prefix('.') else { return false };
    let Some(members) = document.as_object_mut() else { return false };
    let leads = |key: &&String| {
        below.strip_prefix(key.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    // Names hold dots too: the longest one that fits is meant.
    let Some(key) = members.keys().filter(leads).max_by_key(|key| key.len()).cloned() else { return false };
    let rest = &below[key.len()..];
    if rest.starts_with('.') && members[&key].is_object() {
        return take_out(&mut members[&key], rest);
    }
    members.remove(&key).is_some()
}

/// Lets go of what was added to an object of others, if anything was. What nobody else wants goes with it; what cannot go stays.
pub(super) async fn release(
    cluster: &Connected,
    object: &ObjectName,
    live: &Value,
    manager: &str,
) -> Result<(), RequestError> {
    let entries = live["metadata"]["managedFields"].as_array();
    if !entries.into_iter().flatten().any(|entry| entry["manager"] == manager) {
        return Ok(());
    }
    let how = Apply { manager, dry_run: false, force: false };
    match cluster.apply(object, &nothing_of(object, live), how).await {
        // The object needs it, or it may not be changed, or it is another one by now.
        Err(RequestError::Status(status)) if matches!(status.code, 400 | 403 | 404 | 409 | 422) => {
            let (kind, name, why) = (&object.kind, &object.name, &status.message);
            tracing::warn!("what NIC added to {kind} `{name}` stays there: {why}");
            Ok(())
        }
        other => other.map(drop),
    }
}

/// Takes back what was applied to something that turned out to be of others, the mark above all.
pub(super) async fn take_back(
    cluster: &Connected,
    object: &ObjectName,
    wanted: &Value,
    live: &Value,
    manager: &str,
) -> Result<Value, RequestError> {
    let how = Apply { manager, dry_run: false, force: false };
    match cluster.apply(object, &nothing_of(object, live), how).await {
        // It cannot be without our fields, as one that an older version of NIC made by another manager's name.
        Err(RequestError::Status(status)) if matches!(status.code, 400 | 422) => {
            cluster.apply(object, &pinned(wanted.clone(), live), how).await.map(|applied| applied.live)
        }
        other => other.map(|applied| applied.live),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_is_taken_out_as_the_server_names_it() {
        let document = json!({
            "metadata": { "labels": { "app": "a", "app.kubernetes.io/name": "b", "app.kubernetes": { "io/name": "c" } } },
            "spec": { "versions": [{ "name": "v1" }], "scope": "Cluster" },
        });
        let without = |field: &str| {
            let mut document = document.clone();
            let found = take_out(&mut document, field);
            (found, document)
        };
        let (found, left) = without(".metadata.labels.app.kubernetes.io/name");
        assert!(found && left["metadata"]["labels"].get("app.kubernetes.io/name").is_none(), "{left}");
        assert_eq!(left["metadata"]["labels"]["app"], "a");
        for field in [".spec.versions", ".spec.versions[name=\"v1\"].schema"] {
            let (found, left) = without(field);
            assert!(found && left["spec"] == json!({ "scope": "Cluster" }), "{field}: {left}");
        }
        for field in ["", ".", ".spec.nothing", ".metadata.labels.ap", "spec.scope"] {
            assert_eq!(without(field), (false, document.clone()), "{field}");
        }
    }

    #[test]
    fn what_may_not_be_changed_is_named_by_field() {
        let wanted = json!({ "metadata": { "name": "dev", "labels": { "managed-by": "nic", "team": "x" } } });
        let live = json!({ "metadata": { "name": "dev", "labels": { "team": "x" } } });
        assert_eq!(refused(&wanted, &live).field, ".metadata.labels.managed-by");
        assert_eq!(refused(&live, &live).field, ".");
    }
}
