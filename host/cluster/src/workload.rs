//! A workload of ours on the cluster: whether all its pods do their work, by what `kubectl rollout status` goes by, and why not.

use nic_core::address::Address;
use nic_core::error::ProviderError;
use serde_json::Value;

use super::{Connected, ObjectName};

/// What is a workload, all of `apps/v1`.
const KINDS: [&str; 3] = ["DaemonSet", "Deployment", "StatefulSet"];

/// Most pods of one workload that are looked at: what keeps one of them mostly keeps all.
const PODS: usize = 20;

/// Reasons of a container that waits as it should.
const ON_THE_WAY: [&str; 2] = ["ContainerCreating", "PodInitializing"];

/// A workload of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    pub address: Address,
    /// Which object it is.
    pub object: ObjectName,
}

impl Workload {
    /// The one that a document is of; none when it is of something else.
    pub fn of(address: &Address, document: &Value) -> Option<Self> {
        let text = |pointer: &str| document.pointer(pointer)?.as_str().map(str::to_owned);
        let object = ObjectName {
            api_version: text("/apiVersion")?,
            kind: text("/kind")?,
            namespace: text("/metadata/namespace"),
            name: text("/metadata/name")?,
        };
        let is_workload = object.api_version == "apps/v1" && KINDS.contains(&object.kind.as_str());
        is_workload.then(|| Self { address: address.clone(), object })
    }

    /// `Deployment dev/cluster-autoscaler`
    fn name(&self) -> String {
        let ObjectName { kind, namespace, name, .. } = &self.object;
        format!("{kind} {}/{name}", namespace.as_deref().unwrap_or("default"))
    }
}

/// A workload as the cluster shows it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shown {
    pub(super) workload: Workload,
    /// None when it is not there.
    live: Option<Value>,
}

impl Shown {
    /// Asks for it.
    pub(super) async fn look(cluster: &Connected, workload: &Workload) -> Result<Self, ProviderError> {
        let live = cluster.get(&workload.object).await?;
        Ok(Self { workload: workload.clone(), live })
    }

    /// What is missing, in words; none when it is ready. Where so many nodes are ready, a `DaemonSet` has no more pods that are.
    pub(super) fn missing(&self, nodes_ready: Option<u64>) -> Option<String> {
        let name = self.workload.name();
        match &self.live {
            None => Some(format!("{name} is not there")),
            Some(live) => unfinished(live, nodes_ready).map(|what| format!("{name}: {what}")),
        }
    }

    /// Whether a pod is one of its own.
    pub(super) fn has(&self, pod: &Value) -> bool {
        let selector = self.live.as_ref().map(selector).unwrap_or_default();
        let labels = &pod["metadata"]["labels"];
        !selector.is_empty() && selector.iter().all(|(key, value)| labels[*key] == *value)
    }

    /// Why, as far as its pods or it itself say. What they do not tell is no error: that it is not ready is known all the same.
    pub(super) async fn why(&self, cluster: &Connected) -> Option<String> {
        let live = self.live.as_ref()?;
        let selector: Vec<String> = selector(live).iter().map(|(key, value)| format!("{key}={value}")).collect();
        let namespace = self.workload.object.namespace.as_deref().or(Some("default"));
        let wanted = [("labelSelector", selector.join(","))];
        let asked = cluster.some("v1", "Pod", namespace, &wanted, PODS);
        let pods = if selector.is_empty() { Vec::new() } else { asked.await.unwrap_or_default() };
        pods.iter().find_map(unplaced).or_else(|| pods.iter().find_map(container)).or_else(|| condition(live))
    }
}

fn selector(live: &Value) -> Vec<(&str, &str)> {
    let labels = live.pointer("/spec/selector/matchLabels").and_then(Value::as_object).into_iter().flatten();
    labels.filter_map(|(key, value)| Some((key.as_str(), value.as_str()?))).collect()
}

fn count(live: &Value, pointer: &str) -> u64 {
    live.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
}

/// What `kubectl rollout status` would still wait for.
fn unfinished(live: &Value, nodes_ready: Option<u64>) -> Option<String> {
    let status = |member: &str| count(live, &format!("/status/{member}"));
    if count(live, "/metadata/generation") > status("observedGeneration") {
        return Some("its last change is not taken up yet".to_owned());
    }
    // Only a rolling update replaces pods by itself.
    let rolling = live.pointer("/spec/updateStrategy/type").is_none_or(|strategy| strategy == "RollingUpdate");
    let replicas = || live.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1);
    match live["kind"].as_str() {
        Some("DaemonSet") => {
            let wanted = status("desiredNumberScheduled");
            let least = nodes_ready.map_or(wanted, |ready| wanted.min(ready));
            let updated = rolling.then(|| status("updatedNumberScheduled"));
            too_few(status("numberAvailable"), updated, least, wanted)
        }
        Some("StatefulSet") => {
            let wanted = replicas();
            let kept = count(live, "/spec/updateStrategy/rollingUpdate/partition");
            let updated = rolling.then(|| status("updatedReplicas").saturating_add(kept).min(wanted));
            too_few(status("readyReplicas"), updated, wanted, wanted)
        }
        _ => {
            let (wanted, updated) = (replicas(), status("updatedReplicas"));
            let old = status("replicas").saturating_sub(updated);
            let still_there = || (old > 0).then(|| format!("{old} old pods are still there"));
            too_few(status("availableReplicas"), Some(updated), wanted, wanted).or_else(still_there)
        }
    }
}

/// Fewer pods than it takes are ready, or are what they should be by now.
fn too_few(ready: u64, updated: Option<u64>, least: u64, wanted: u64) -> Option<String> {
    match updated.filter(|updated| *updated < least) {
        _ if ready < least => Some(format!("{ready} of {wanted} pods are ready")),
        Some(updated) => Some(format!("{updated} of {wanted} pods are as they should be")),
        None => None,
    }
}

/// The scheduler's words on a pod that no node takes.
pub(super) fn unplaced(pod: &Value) -> Option<String> {
    let conditions = pod.pointer("/status/conditions")?.as_array()?;
    let scheduled = conditions.iter().find(|condition| condition["type"] == "PodScheduled")?;
    let stuck = scheduled["status"] == "False" && scheduled["reason"] == "Unschedulable";
    let words = scheduled["message"].as_str().unwrap_or("the scheduler does not say why");
    stuck.then(|| format!("no node takes its pod: {words}"))
}

/// What a container waits for.
fn container(pod: &Value) -> Option<String> {
    let of = |member: &str| pod.pointer(member).and_then(Value::as_array).into_iter().flatten();
    of("/status/initContainerStatuses").chain(of("/status/containerStatuses")).find_map(|status| {
        let waiting = status.pointer("/state/waiting")?;
        let reason = waiting["reason"].as_str().filter(|reason| !ON_THE_WAY.contains(reason))?;
        let message = waiting["message"].as_str().map(|message| format!(": {message}")).unwrap_or_default();
        Some(format!("{reason}{message}"))
    })
}

/// Why its controller makes no progress, such as a quota that is used up.
fn condition(live: &Value) -> Option<String> {
    let conditions = live.pointer("/status/conditions")?.as_array()?;
    let stands = |kind: &str, status: &str| conditions.iter().find(|c| c["type"] == kind && c["status"] == status);
    let found = stands("ReplicaFailure", "True").or_else(|| stands("Progressing", "False"))?;
    found["message"].as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn workload(kind: &str) -> Workload {
        let document = json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"namespace": "dev", "name": "a"}});
        Workload::of(&"x.object.a".parse().unwrap(), &document).unwrap()
    }

    #[expect(clippy::needless_pass_by_value, reason = "reads better where it is called")]
    fn missing(kind: &str, spec: Value, status: Value, nodes_ready: u64) -> Option<String> {
        let live = json!({"kind": kind, "metadata": {"generation": 2}, "spec": spec, "status": status});
        Shown { workload: workload(kind), live: Some(live) }.missing(Some(nodes_ready))
    }

    #[test]
    fn only_workloads_are_watched() {
        let of = |document: Value| Workload::of(&"x.object.a".parse().unwrap(), &document);
        assert_eq!(workload("Deployment").name(), "Deployment dev/a");
        assert_eq!(of(json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}})), None);
        assert_eq!(of(json!({"apiVersion": "x/v1", "kind": "Deployment", "metadata": {"name": "a"}})), None);
        assert_eq!(of(json!(null)), None);
    }

    #[test]
    fn a_deployment_is_ready_when_its_new_pods_are_and_the_old_are_gone() {
        let deployment = |status: Value| missing("Deployment", json!({"replicas": 2}), status, 3);
        let good = json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2});
        assert_eq!(deployment(good.clone()), None);
        let with = |member: &str, value: u64| {
            let mut status = good.clone();
            status[member] = value.into();
            deployment(status).unwrap()
        };
        assert_eq!(with("observedGeneration", 1), "Deployment dev/a: its last change is not taken up yet");
        assert_eq!(with("availableReplicas", 1), "Deployment dev/a: 1 of 2 pods are ready");
        assert_eq!(with("updatedReplicas", 1), "Deployment dev/a: 1 of 2 pods are as they should be");
        assert_eq!(with("replicas", 3), "Deployment dev/a: 1 old pods are still there");
        assert_eq!(deployment(json!({"observedGeneration": 2})).unwrap(), "Deployment dev/a: 0 of 2 pods are ready");
        // Nobody wants a pod of it.
        assert_eq!(missing("Deployment", json!({"replicas": 0}), json!({"observedGeneration": 2}), 0), None);
        let gone = Shown { workload: workload("Deployment"), live: None };
        assert_eq!(gone.missing(None).unwrap(), "Deployment dev/a is not there");
    }

    #[test]
    fn a_daemon_set_is_excused_for_nodes_that_are_not_ready() {
        let status = json!({"observedGeneration": 2, "desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 2});
        let daemons = |nodes| missing("DaemonSet", json!({}), status.clone(), nodes);
        // Of four nodes one that is not ready need not be one of the three that it is for.
        for ready in [3, 4] {
            assert_eq!(daemons(ready).unwrap(), "DaemonSet dev/a: 2 of 3 pods are ready");
        }
        assert_eq!(daemons(2), None);
        // Where no node wants it there is nothing to wait for.
        assert_eq!(missing("DaemonSet", json!({}), json!({"observedGeneration": 2}), 0), None);
        let old = json!({"observedGeneration": 2, "desiredNumberScheduled": 1, "updatedNumberScheduled": 0, "numberAvailable": 1});
        assert_eq!(missing("DaemonSet", json!({"updateStrategy": {"type": "OnDelete"}}), old.clone(), 1), None);
        assert!(missing("DaemonSet", json!({}), old, 1).is_some());
    }

    #[test]
    fn a_stateful_set_is_ready_when_what_is_to_be_updated_is() {
        let set = |spec: Value, updated: u64, ready: u64| {
            missing(
                "StatefulSet",
                spec,
                json!({"observedGeneration": 2, "updatedReplicas": updated, "readyReplicas": ready}),
                0,
            )
        };
        assert_eq!(set(json!({"replicas": 3}), 3, 3), None);
        assert_eq!(set(json!({"replicas": 3}), 3, 2).unwrap(), "StatefulSet dev/a: 2 of 3 pods are ready");
        assert!(set(json!({"replicas": 3}), 1, 3).is_some());
        let kept =
            json!({"replicas": 3, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}});
        assert_eq!(set(kept, 1, 3), None);
    }

    #[test]
    fn pods_say_what_keeps_them() {
        let pod = |status: Value| json!({"metadata": {"labels": {"app": "a", "x": "y"}}, "status": status});
        let stuck = pod(json!({"conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes are available"},
        ]}));
        assert_eq!(unplaced(&stuck).unwrap(), "no node takes its pod: 0/1 nodes are available");
        assert_eq!(unplaced(&pod(json!({"conditions": [{"type": "PodScheduled", "status": "True"}]}))), None);
        assert_eq!(unplaced(&pod(json!({}))), None);
        let waiting = |state: Value| container(&pod(json!({"containerStatuses": [{"state": {"waiting": state}}]})));
        assert_eq!(waiting(json!({"reason": "ContainerCreating"})), None);
        assert_eq!(
            waiting(json!({"reason": "ImagePullBackOff", "message": "no such image"})).unwrap(),
            "ImagePullBackOff: no such image"
        );
        let live = json!({
            "spec": {"selector": {"matchLabels": {"app": "a"}}},
            "status": {"conditions": [{"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}]},
        });
        assert_eq!(condition(&live).unwrap(), "exceeded quota");
        let shown = |live: Value| Shown { workload: workload("Deployment"), live: Some(live) };
        assert!(shown(live).has(&stuck));
        assert!(!shown(json!({"spec": {"selector": {"matchLabels": {"app": "b"}}}})).has(&stuck));
        // One that selects by expressions alone is not taken for everybody's.
        assert!(!shown(json!({"spec": {"selector": {}}})).has(&stuck));
    }
}
