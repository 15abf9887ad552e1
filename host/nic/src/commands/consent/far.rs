//! What a change does beyond its own thing: it says who may do what, or is of the whole cluster.

use nic_core::kind::KUBERNETES_OBJECT;
use nic_core::plan::{Action, PlannedChange};
use serde_json::Value;

use nic_cluster::is_access_map;
use nic_cluster::kubernetes::remote_name;
use nic_sandbox::guest_text::line;

/// What there is to agree to, by how much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Concern {
    /// Other bytes act.
    Bytes,
    /// Who may do what in the cloud.
    Identities,
    /// Who may do what on the cluster.
    Roles,
    /// What is of the whole cluster.
    Cluster,
}

/// The group of Kubernetes' roles and of who has them.
const RBAC: &str = "rbac.authorization.k8s.io/";

/// The groups of what sees, changes or serves what others ask the cluster for: as much as a change of the cluster itself.
const OF_THE_API: [&str; 3] = ["admissionregistration.k8s.io/", "apiextensions.k8s.io/", "apiregistration.k8s.io/"];

/// Why a step has to be agreed to. `granted` is what a change of its kind may do to identities, as the grants write it; `is_made` says that
/// the thing is recorded as done.
pub(super) fn reaches_far(
    change: &PlannedChange,
    document: Option<&Value>,
    granted: Option<&str>,
    is_made: bool,
) -> Option<(Concern, String)> {
    let verb = match change.action {
        Action::Create => "makes",
        Action::Update => "changes",
        Action::Replace => "replaces",
        Action::NoOp => "may change",
        Action::Delete => "deletes",
        Action::Forget => "may delete",
    };
    if change.kind != KUBERNETES_OBJECT {
        let told =
            format!("{verb} `{}`, a kind that may use `{}` and so say who may do what", change.address, granted?);
        return Some((Concern::Identities, told));
    }
    if let Some(lost) = lost_with(change) {
        return Some((Concern::Cluster, lost));
    }
    // The host deletes what it applied, and nothing else.
    if matches!(change.action, Action::Delete | Action::Forget) {
        return None;
    }
    let text = |pointer: &str| document?.pointer(pointer)?.as_str();
    let (api_version, kind, name) = (text("/apiVersion"), text("/kind"), text("/metadata/name"));
    let called = name.map_or_else(|| "whose name is known later".to_owned(), |name| format!("`{}`", line(name)));
    let what = format!("{verb} {} {called}", line(kind.unwrap_or("an object")));
    let is_of = |group: &&str| api_version.is_none_or(|own| own.starts_with(*group));
    let says_who = is_of(&RBAC)
        || (api_version, kind) == (Some("v1"), Some("ServiceAccount"))
        || (api_version, kind) == (Some("v1"), Some("ConfigMap")) && is_access_map(text("/metadata/namespace"), name);
    if says_who {
        return Some((Concern::Roles, format!("{what}, which says who may do what on the cluster")));
    }
    if OF_THE_API.iter().any(is_of) {
        return Some((Concern::Cluster, format!("{what}, which stands between the cluster and whoever uses it")));
    }
    let is_new = !is_made || matches!(change.action, Action::Create | Action::Replace);
    let cluster_wide = document.is_none_or(|document| document.pointer("/metadata/namespace").is_none());
    (cluster_wide && is_new).then(|| (Concern::Cluster, format!("{what}, which is of the whole cluster")))
}

/// Kinds with which goes what others put there.
const HOLDING: [&str; 3] = ["Namespace", "PersistentVolumeClaim", "CustomResourceDefinition"];

/// What a step takes away, where that is more than the object itself.
fn lost_with(change: &PlannedChange) -> Option<String> {
    let gone = matches!(change.action, Action::Delete | Action::Replace);
    let named = remote_name(change.remote_id.as_deref().filter(|_| gone)?)?;
    let holding = HOLDING.contains(&named.kind.as_str());
    holding.then(|| format!("deletes {} `{}`, and what is in it", line(&named.kind), line(&named.name)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn change(kind: &str, action: Action) -> PlannedChange {
        PlannedChange {
            address: "x.thing.a".parse().unwrap(),
            kind: kind.to_owned(),
            title: String::new(),
            action,
            reason: nic_core::plan::Reason::Edited,
            differences: Vec::new(),
            remote_id: None,
            needs: std::collections::BTreeSet::new(),
            in_progress: false,
            document_digest: None,
            values: None,
            create_first: false,
            deposed: None,
            confirmation: None,
            shared: false,
            used_by: Vec::new(),
            goes_with: None,
        }
    }

    fn object(api_version: &str, kind: &str, metadata: &Value) -> Value {
        json!({ "apiVersion": api_version, "kind": kind, "metadata": metadata })
    }

    #[test]
    fn a_kind_that_says_who_may_do_what_does_so_by_every_verb() {
        for action in [Action::Create, Action::Update, Action::Replace, Action::NoOp, Action::Delete, Action::Forget] {
            let far = |granted| reaches_far(&change("x.role", action), None, granted, true);
            assert_eq!(far(Some("iam:*")).unwrap().0, Concern::Identities);
            assert_eq!(far(None), None);
        }
    }

    #[test]
    fn what_says_who_may_do_what_on_the_cluster_is_told_at_each_change() {
        let dev = json!({ "name": "a", "namespace": "dev" });
        let everyone = json!({ "name": "a" });
        let later = json!({ "$ref": "x.thing.b", "path": "/name" });
        for (document, concern) in [
            (object("rbac.authorization.k8s.io/v1", "RoleBinding", &dev), Concern::Roles),
            (object("v1", "ServiceAccount", &dev), Concern::Roles),
            (object("v1", "ConfigMap", &json!({ "name": "aws-auth", "namespace": "kube-system" })), Concern::Roles),
            (object("v1", "ConfigMap", &json!({ "name": later, "namespace": "kube-system" })), Concern::Roles),
            (object("v1", "ConfigMap", &json!({ "name": "aws-auth", "namespace": later })), Concern::Roles),
            (object("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", &everyone), Concern::Cluster),
            (object("apiextensions.k8s.io/v1", "CustomResourceDefinition", &everyone), Concern::Cluster),
        ] {
            for action in [Action::Create, Action::Update, Action::Replace, Action::NoOp] {
                let far = reaches_far(&change(KUBERNETES_OBJECT, action), Some(&document), None, true);
                assert_eq!(far.map(|(concern, _)| concern), Some(concern), "{document} {action:?}");
            }
        }
        for document in [
            object("v1", "ConfigMap", &json!({ "name": later, "namespace": "dev" })),
            object("v1", "ConfigMap", &json!({ "name": "b", "namespace": later })),
            object("apps/v1", "Deployment", &dev),
        ] {
            let far = reaches_far(&change(KUBERNETES_OBJECT, Action::Create), Some(&document), None, false);
            assert_eq!(far, None, "{document}");
        }
    }

    #[test]
    fn an_object_of_the_whole_cluster_is_told_until_it_is_recorded() {
        let document = object("v1", "Namespace", &json!({ "name": "kube-system" }));
        let far = |action, is_made| {
            reaches_far(&change(KUBERNETES_OBJECT, action), Some(&document), None, is_made).map(|(_, told)| told)
        };
        assert_eq!(far(Action::Create, false).unwrap(), "makes Namespace `kube-system`, which is of the whole cluster");
        for (action, is_made, told) in [
            (Action::Update, false, true),
            (Action::NoOp, false, true),
            (Action::Replace, true, true),
            (Action::Create, true, true),
            (Action::Update, true, false),
            (Action::NoOp, true, false),
            (Action::Delete, true, false),
        ] {
            assert_eq!(far(action, is_made).is_some(), told, "{action:?} {is_made}");
        }
    }

    #[test]
    fn what_others_put_there_is_not_deleted_unasked() {
        let far = |action, remote_id: &str| {
            let change = PlannedChange { remote_id: Some(remote_id.to_owned()), ..change(KUBERNETES_OBJECT, action) };
            let document = object("v1", "ConfigMap", &json!({ "name": "new", "namespace": "dev" }));
            reaches_far(&change, Some(&document), None, true).map(|(_, told)| told)
        };
        let lost = Some("deletes PersistentVolumeClaim `old`, and what is in it".to_owned());
        assert_eq!(far(Action::Replace, "PersistentVolumeClaim.v1/dev/old"), lost);
        assert_eq!(far(Action::Delete, "PersistentVolumeClaim.v1/dev/old"), lost);
        assert_eq!(far(Action::Update, "PersistentVolumeClaim.v1/dev/old"), None);
        assert_eq!(far(Action::Delete, "ConfigMap.v1/dev/old"), None);
        assert!(far(Action::Delete, "Namespace.v1/old").is_some());
    }

    #[test]
    fn a_name_does_not_write_the_question() {
        let document = object("v1", "Namespace\u{1b}[2K", &json!({ "name": "a\n  - nothing" }));
        let (_, told) = reaches_far(&change(KUBERNETES_OBJECT, Action::Create), Some(&document), None, false).unwrap();
        assert_eq!(told, "makes Namespace\\u{1b}[2K `a\\n  - nothing`, which is of the whole cluster");
    }
}
