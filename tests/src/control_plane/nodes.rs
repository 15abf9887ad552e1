//! Nodes that kwok keeps alive.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::{Node, Pod, Taint};
use kube::Client;
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use serde_json::json;

/// A node to be there from the start.
#[derive(Clone, Debug, Default)]
pub struct NodeOptions {
    /// Its name.
    pub name: String,
    /// Its labels, besides the ones every Linux node has.
    pub labels: BTreeMap<String, String>,
    /// What keeps pods away from it.
    pub taints: Vec<Taint>,
}

/// Registers the node as a kubelet would, and waits until it is ready.
pub(super) async fn add(
    client: &Client,
    name: &str,
    labels: &BTreeMap<String, String>,
    taints: &[Taint],
) -> Result<()> {
    let mut all_labels = BTreeMap::from(
        [("kubernetes.io/arch", "amd64"), ("kubernetes.io/os", "linux"), ("kubernetes.io/hostname", name)]
            .map(|(label, value)| (label.to_owned(), value.to_owned())),
    );
    all_labels.extend(labels.clone());
    let size = json!({"cpu": "16", "memory": "64Gi", "pods": "110", "ephemeral-storage": "100Gi"});
    let node: Node = serde_json::from_value(json!({
        "metadata": {"name": name, "labels": all_labels},
        "spec": {"taints": taints},
        "status": {"capacity": size, "allocatable": size},
    }))?;
    let nodes: Api<Node> = Api::all(client.clone());
    nodes.create(&PostParams::default(), &node).await.with_context(|| format!("cannot add node {name}"))?;
    super::poll(Duration::from_secs(30), &format!("node {name} to be ready"), async || {
        let node = nodes.get(name).await.ok()?;
        let conditions = node.status?.conditions?;
        conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True").then_some(())
    })
    .await
}

/// Takes the node away with its pods, as when its machine is terminated.
pub(super) async fn remove(client: &Client, name: &str) -> Result<()> {
    let nodes: Api<Node> = Api::all(client.clone());
    nodes.delete(name, &DeleteParams::default()).await.with_context(|| format!("cannot remove node {name}"))?;
    // The pod collector would come to it after most of a minute.
    let on_node = ListParams::default().fields(&format!("spec.nodeName={name}"));
    let pods: Api<Pod> = Api::all(client.clone());
    for pod in pods.list(&on_node).await.context("cannot list the node's pods")? {
        let metadata = pod.metadata;
        let (Some(namespace), Some(pod)) = (metadata.namespace, metadata.name) else { continue };
        let pods: Api<Pod> = Api::namespaced(client.clone(), &namespace);
        match pods.delete(&pod, &DeleteParams::default().grace_period(0)).await {
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            deleted => drop(deleted.with_context(|| format!("cannot delete pod {namespace}/{pod}"))?),
        }
    }
    Ok(())
}
