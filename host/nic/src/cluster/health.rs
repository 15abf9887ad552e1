//! How a cluster is: its version, its nodes by group, its namespaces.

use std::collections::BTreeMap;

use nic_core::error::ProviderError;
use serde::Serialize;
use serde_json::Value;

use super::Connected;

/// Most nodes and namespaces that are looked at.
const MAX_LISTED: usize = 10_000;

/// Labels that say which group a node is of, by cloud.
const GROUP_LABELS: [&str; 3] =
    ["eks.amazonaws.com/nodegroup", "cloud.google.com/gke-nodepool", "kubernetes.azure.com/agentpool"];

/// What nodes are called that are of no group.
const NO_GROUP: &str = "others";

/// What a cluster says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct ClusterHealth {
    /// `v1.34.2-eks-1234`.
    pub version: String,
    /// Its nodes.
    pub nodes: Nodes,
    /// The phase of each of its namespaces, `Active` or `Terminating`.
    pub namespaces: BTreeMap<String, String>,
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
    /// Its name.
    pub name: String,
    /// Its group.
    pub group: String,
    /// Its own words, as far as it has any.
    pub why: String,
}

/// Asks the cluster.
///
/// # Errors
/// What the cluster, or the way to it, says.
pub async fn cluster_health(cluster: &Connected) -> Result<ClusterHealth, ProviderError> {
    let (version, nodes, namespaces) = Box::pin(futures::future::try_join3(
        cluster.version(),
        cluster.list("v1", "Node", None, "", MAX_LISTED),
        cluster.list("v1", "Namespace", None, "", MAX_LISTED),
    ))
    .await?;
    let phase = |namespace: &Value| {
        let name = text(namespace, "/metadata/name").to_owned();
        (name, text(namespace, "/status/phase").to_owned())
    };
    Ok(ClusterHealth { version, nodes: of(&nodes), namespaces: namespaces.iter().map(phase).collect() })
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn of(listed: &[Value]) -> Nodes {
    let mut nodes = Nodes::default();
    for node in listed {
        let labels = &node["metadata"]["labels"];
        let group = GROUP_LABELS.iter().find_map(|label| labels.get(*label)?.as_str()).unwrap_or(NO_GROUP).to_owned();
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
