//! How a cluster is: its version, its nodes by group, its namespaces, and what of ours runs on it.

use std::collections::BTreeMap;

use futures::FutureExt as _;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use nic_core::address::Address;
use nic_core::error::ProviderError;
use serde::Serialize;
use serde_json::Value;

use super::clouds::GROUP_LABELS;
use super::workload::{Shown, Workload, unplaced};
use super::{Connected, Most};

/// Most nodes and namespaces that are looked at.
const MOST: Most = Most { objects: 10_000, bytes: 512 << 20 };

/// How many workloads are asked after at once.
const AT_ONCE: usize = 16;

/// Where a cluster keeps what it needs itself.
const SYSTEM: &str = "kube-system";

/// Most of the pods there that are looked at while they are on their way.
const PENDING_PODS: usize = 100;

/// What nodes are called that are of no group.
const NO_GROUP: &str = "others";

/// What is asked about the health of what is ours on a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ask {
    /// Groups of its nodes are ours, and so is what the cluster itself needs.
    pub nodes: bool,
    /// What of ours runs on it.
    pub workloads: Vec<Workload>,
}

impl Ask {
    /// Whether there is nothing to ask.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How what is ours stands on a cluster.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PlatformHealth {
    /// Its nodes, when they were asked for.
    pub nodes: Option<Nodes>,
    /// What is not ready.
    pub troubles: Vec<Trouble>,
}

/// Something on a cluster that is not ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The address of a workload of ours; none for what the cluster itself needs.
    pub address: Option<Address>,
    /// One line: what it is, and why as far as anybody says.
    pub words: String,
}

/// What a cluster says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct ClusterHealth {
    /// `v1.34.2`.
    pub version: String,
    pub nodes: Nodes,
    /// The phase of each of its namespaces, `Active` or `Terminating`.
    pub namespaces: BTreeMap<String, String>,
    /// What of ours is not ready.
    pub troubles: Vec<Trouble>,
}

/// How many nodes are ready.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Of these.
    pub ready: usize,
    /// In all.
    pub total: usize,
}

/// The nodes of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Nodes {
    /// All of them.
    #[serde(flatten)]
    pub all: Count,
    /// By group.
    pub groups: BTreeMap<String, Count>,
    /// Those that are not ready.
    pub not_ready: Vec<NotReady>,
}

/// A node that is not ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotReady {
    pub name: String,
    pub group: String,
    /// Its own words, as far as it has any.
    pub why: String,
}

/// Asks the cluster, about itself and what is ours on it.
///
/// # Errors
/// What the cluster, or the way to it, says.
pub async fn cluster_health(cluster: &Connected, ask: &Ask) -> Result<ClusterHealth, ProviderError> {
    let (version, nodes, namespaces, seen) = Box::pin(futures::future::try_join4(
        cluster.version(),
        cluster.list("v1", "Node", None, "", MOST),
        cluster.list("v1", "Namespace", None, "", MOST),
        look(cluster, ask),
    ))
    .await?;
    let phase = |namespace: &Value| {
        let name = text(namespace, "/metadata/name").to_owned();
        (name, text(namespace, "/status/phase").to_owned())
    };
    let nodes = of(&nodes);
    let troubles = troubles(cluster, seen, Some(&nodes)).await;
    Ok(ClusterHealth { version, nodes, namespaces: namespaces.iter().map(phase).collect(), troubles })
}

/// Asks the cluster about what is ours on it: all at once, and again only about what is not ready.
///
/// # Errors
/// What the cluster, or the way to it, says.
pub async fn platform_health(cluster: &Connected, ask: &Ask) -> Result<PlatformHealth, ProviderError> {
    let nodes = async {
        if !ask.nodes {
            return Ok(None);
        }
        cluster.list("v1", "Node", None, "", MOST).await.map(|nodes| Some(of(&nodes)))
    };
    let (nodes, seen) = Box::pin(futures::future::try_join(nodes, look(cluster, ask))).await?;
    let troubles = troubles(cluster, seen, nodes.as_ref()).await;
    Ok(PlatformHealth { nodes, troubles })
}

/// Workloads, and pods of the cluster's own that are on their way.
struct Seen {
    workloads: Vec<Shown>,
    pods: Vec<Value>,
}

async fn look(cluster: &Connected, ask: &Ask) -> Result<Seen, ProviderError> {
    let on_their_way = [("fieldSelector", "status.phase=Pending".to_owned())];
    let pods = async {
        if !ask.nodes {
            return Ok(Vec::new());
        }
        cluster.some("v1", "Pod", Some(SYSTEM), &on_their_way, PENDING_PODS).await
    };
    let mut looks = Vec::with_capacity(ask.workloads.len());
    for workload in &ask.workloads {
        looks.push(Shown::look(cluster, workload).boxed());
    }
    let workloads = stream::iter(looks).buffered(AT_ONCE).try_collect();
    let (workloads, pods) = futures::future::try_join(workloads, pods).await?;
    Ok(Seen { workloads, pods })
}

async fn troubles(cluster: &Connected, seen: Seen, nodes: Option<&Nodes>) -> Vec<Trouble> {
    let ready = nodes.map(|nodes| nodes.all.ready as u64);
    let missing = seen.workloads.iter().filter_map(|shown| Some((shown, shown.missing(ready)?)));
    let mut told = Vec::new();
    for (shown, what) in missing {
        told.push(
            async move {
                let why = shown.why(cluster).await.map(|why| format!("; {why}")).unwrap_or_default();
                Trouble { address: Some(shown.workload.address.clone()), words: format!("{what}{why}") }
            }
            .boxed(),
        );
    }
    let mut troubles: Vec<Trouble> = stream::iter(told).buffered(AT_ONCE).collect().await;
    troubles.extend(unplaced_pods(&seen));
    troubles
}

/// Pods that the cluster needs and no node takes, one line for each reason. What is a workload of ours is told with that.
fn unplaced_pods(seen: &Seen) -> Vec<Trouble> {
    let mut reasons: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for pod in seen.pods.iter().filter(|pod| !seen.workloads.iter().any(|shown| shown.has(pod))) {
        if let Some(why) = unplaced(pod) {
            reasons.entry(why).or_default().push(text(pod, "/metadata/name"));
        }
    }
    let told = |(why, pods): (String, Vec<&str>)| {
        let words = match pods[..] {
            [one] => format!("Pod {SYSTEM}/{one}: {why}"),
            [first, ..] => format!("Pod {SYSTEM}/{first} and {} more: {why}", pods.len() - 1),
            [] => why,
        };
        Trouble { address: None, words }
    };
    reasons.into_iter().map(told).collect()
}

/// The group that a node is of.
pub(super) fn group_of(node: &Value) -> &str {
    let labels = &node["metadata"]["labels"];
    GROUP_LABELS.iter().find_map(|label| labels.get(*label)?.as_str()).unwrap_or(NO_GROUP)
}

pub(super) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn of(listed: &[Value]) -> Nodes {
    let mut nodes = Nodes::default();
    for node in listed {
        let group = group_of(node).to_owned();
        let why = not_ready(node);
        for count in [&mut nodes.all, nodes.groups.entry(group.clone()).or_default()] {
            count.total += 1;
            count.ready += usize::from(why.is_none());
        }
        if let Some(why) = why {
            nodes.not_ready.push(NotReady { name: text(node, "/metadata/name").to_owned(), group, why });
        }
    }
    nodes
}

/// Why a node is not ready; none when it is.
fn not_ready(node: &Value) -> Option<String> {
    let conditions = node.pointer("/status/conditions").and_then(Value::as_array);
    let ready = conditions.into_iter().flatten().find(|condition| condition["type"] == "Ready");
    let Some(ready) = ready else { return Some("it has not reported yet".to_owned()) };
    if ready["status"] == "True" {
        return None;
    }
    let words: Vec<&str> =
        [text(ready, "/reason"), text(ready, "/message")].into_iter().filter(|words| !words.is_empty()).collect();
    Some(if words.is_empty() { "it does not say why".to_owned() } else { words.join(": ") })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nodes_are_counted_by_group_and_those_that_are_not_ready_say_why() {
        let node = |name: &str, labels: Value, conditions: Value| json!({"metadata": {"name": name, "labels": labels}, "status": {"conditions": conditions}});
        let ready = json!([{"type": "MemoryPressure", "status": "False"}, {"type": "Ready", "status": "True"}]);
        let lost = json!([{"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown", "message": "Kubelet stopped posting node status."}]);
        let general = json!({"eks.amazonaws.com/nodegroup": "general"});
        let nodes = of(&[
            node("a", general.clone(), ready.clone()),
            node("b", general, lost),
            node("c", json!({}), ready),
            json!({"metadata": {"name": "d"}}),
        ]);
        assert_eq!(nodes.all, Count { ready: 2, total: 4 });
        assert_eq!(nodes.groups["general"], Count { ready: 1, total: 2 });
        assert_eq!(nodes.groups["others"], Count { ready: 1, total: 2 });
        let told: Vec<_> = nodes.not_ready.iter().map(|n| (n.name.as_str(), n.why.as_str())).collect();
        let words = "NodeStatusUnknown: Kubelet stopped posting node status.";
        assert_eq!(told, [("b", words), ("d", "it has not reported yet")]);
    }
}
