//! Which object is meant: by its document, by what is recorded, and by what is granted.

use nic_core::diff::{Truths, differences};

use super::*;

#[tokio::test]
async fn what_is_not_granted_by_now_is_not_applied() {
    let (connected, seen) = server(|_, body| (201, body.clone())).await;
    let secrets = SecretResolver::empty();
    let allowed = |provider: &str, object: &ObjectName| provider == "aws" && object.namespace.is_some();
    let provider = KubernetesProvider::new(Arc::new(Fixed(Some(connected))), secrets, Arc::new(allowed));
    let made = provider.create(&call(vec![]), &change(namespace("dev")), Arc::new(Told::default())).await;
    assert!(made.unwrap_err().error.to_string().ends_with("[OBJECT_NOT_GRANTED]"));
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_id_that_is_recorded_for_another_kind_leads_nowhere() {
    let (connected, seen) = server(|_, _| (200, json!({"data": {"token": "aHVudGVyMg=="}}))).await;
    let record = Record { kind: "x.thing".to_owned(), ..accepted(json!({}), "u") };
    let unnamed =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": {"$unknown": true}, "namespace": "dev"}});
    let target = Target { remote_id: Some("Secret.v1/kube-system/foo".to_owned()), ..target(unnamed) };
    let observed = provider(Some(connected)).read(&call(vec![record]), vec![target]).await.unwrap().remove(0);
    assert_eq!(observed.status, Status::Absent);
    assert!(seen.lock().unwrap().is_empty());
}

/// A server of config maps by path, which refuses what does not fit its path, as Kubernetes does.
async fn config_maps(there: &[(&'static str, Value)]) -> (KubernetesProvider, Arc<Mutex<Vec<String>>>) {
    let there: Vec<(&str, Value)> = there.to_vec();
    let (connected, seen) = server(move |line, body| {
        let path = line.split([' ', '?']).nth(1).unwrap();
        let Some((_, live)) = there.iter().find(|(own, _)| *own == path) else { return not_found() };
        if !line.starts_with("PATCH") {
            return (200, live.clone());
        }
        if body["metadata"]["name"] == live["metadata"]["name"] {
            return (200, body.clone());
        }
        (400, json!({"kind": "Status", "status": "Failure", "code": 400, "reason": "BadRequest", "message": "name"}))
    })
    .await;
    (provider(Some(connected)), seen)
}

fn config_map(namespace: Option<&str>, name: &str, uid: Option<&str>) -> Value {
    let mut document = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "1"}});
    if let Some(namespace) = namespace {
        document["metadata"]["namespace"] = namespace.into();
    }
    if let Some(uid) = uid {
        document["metadata"]["uid"] = uid.into();
    }
    document
}

fn recorded(remote_id: &str, document: Value) -> Record {
    Record { remote_id: Some(remote_id.to_owned()), ..accepted(document, "u") }
}

#[tokio::test]
async fn what_an_older_state_records_without_a_namespace_is_read_and_deleted_in_default_and_never_applied() {
    let bare = config_map(None, "a", None);
    let (provider, seen) =
        config_maps(&[("/api/v1/namespaces/default/configmaps/a", config_map(Some("default"), "a", Some("u")))]).await;
    let ours = || call(vec![recorded("ConfigMap.v1/a", bare.clone())]);
    let target = Target { remote_id: Some("ConfigMap.v1/a".to_owned()), ..target(bare.clone()) };
    let observed = provider.read(&ours(), vec![target.clone()]).await.unwrap().remove(0);
    assert_eq!((&observed.status, &observed.document, observed.shared), (&Status::Present, &bare, false));
    let gone = Change { remote_id: observed.remote_id, ..change(bare.clone()) };
    provider.delete(&ours(), &gone).await.unwrap();
    assert!(seen.lock().unwrap().contains(&"DELETE /api/v1/namespaces/default/configmaps/a".to_owned()));
    // Its author says the namespace by now: it is the same object.
    let said = Target { document: config_map(Some("default"), "a", None), ..target.clone() };
    let observed = provider.read(&ours(), vec![said.clone()]).await.unwrap().remove(0);
    assert_eq!((&observed.status, &observed.document), (&Status::Present, &said.document));
    // What is recorded nowhere is refused as before, and so is every change.
    let fresh = provider.read(&call(vec![]), vec![target]).await.unwrap().remove(0);
    assert!(matches!(&fresh.status, Status::Unreadable(error) if error.code() == "OBJECT_SCOPE_WRONG"), "{fresh:?}");
    for refused in [
        provider.update(&ours(), &change(bare.clone())).await,
        provider.create(&call(vec![]), &change(bare.clone()), Arc::new(Told::default())).await,
    ] {
        assert_eq!(refused.unwrap_err().error.code(), "OBJECT_SCOPE_WRONG");
    }
}

#[tokio::test]
async fn what_is_recorded_is_not_lost_when_its_address_names_another_object() {
    let (old, new) = (config_map(Some("dev"), "old", None), config_map(Some("dev"), "new", None));
    let (provider, _) =
        config_maps(&[("/api/v1/namespaces/dev/configmaps/old", config_map(Some("dev"), "old", Some("u")))]).await;
    let target = |document: &Value| Target {
        remote_id: Some("ConfigMap.v1/dev/old".to_owned()),
        baseline: old.clone(),
        ..target(document.clone())
    };
    let mine = recorded("ConfigMap.v1/dev/old", old.clone());
    let observed = provider.read(&call(vec![mine.clone()]), vec![target(&new)]).await.unwrap().remove(0);
    assert_eq!((&observed.status, observed.remote_id.as_deref()), (&Status::Present, Some("ConfigMap.v1/dev/old")));
    let truths = Truths { desired: &new, baseline: &old, observed: &observed.document };
    let changes = differences(&provider.description().kinds[0].schema, truths);
    assert!(changes.iter().any(|change| change.pointer == "/metadata/name" && change.forces_replace), "{changes:?}");
    // What is others' stays theirs: nothing of ours stands there that could be left behind.
    let theirs = Record { attributes: json!({ "uid": "before" }), ..mine.clone() };
    for record in [Record { shared: true, ..mine }, theirs] {
        let observed = provider.read(&call(vec![record]), vec![target(&new)]).await.unwrap().remove(0);
        assert_eq!(observed.status, Status::Absent);
    }
}
