//! Nodes that kwok keeps alive.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::{Node, Pod, Taint};
use kube::Client;
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use serde_json::json;

use crate::aws::Machines;

/// A node to be there from the start.
#[derive(Clone, Debug, Default)]
pub struct NodeOptions {
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
    register(client, name, labels, taints).await.with_context(|| format!("cannot add node {name}"))?;
    let nodes: Api<Node> = Api::all(client.clone());
    super::poll(Duration::from_secs(30), &format!("node {name} to be ready"), async || {
        let node = nodes.get(name).await.ok()?;
        let conditions = node.status?.conditions?;
        conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True").then_some(())
    })
    .await
}

async fn register(
    client: &Client,
    name: &str,
    labels: &BTreeMap<String, String>,
    taints: &[Taint],
) -> kube::Result<()> {
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
    }))
    .map_err(kube::Error::SerdeError)?;
    let nodes: Api<Node> = Api::all(client.clone());
    nodes.create(&PostParams::default(), &node).await.map(drop)
}

/// How often machines are looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Lets machines join the cluster as they come, and leave it as they go, for as long as the task runs. What the API server does not take,
/// because a test has stopped it, is tried again.
pub(super) async fn follow(client: Client, machines: Machines) {
    let mut joined = BTreeSet::new();
    loop {
        let running = machines.list().await;
        for machine in running.iter().filter(|machine| !joined.contains(&machine.name)).collect::<Vec<_>>() {
            let taint = |(key, value, effect): &(String, String, String)| Taint {
                key: key.clone(),
                value: Some(value.clone()),
                effect: effect.clone(),
                time_added: None,
            };
            let taints: Vec<Taint> = machine.taints.iter().map(taint).collect();
            match register(&client, &machine.name, &machine.labels, &taints).await {
                Err(kube::Error::Api(status)) if status.code != 409 => {}
                Err(error) if !matches!(error, kube::Error::Api(_)) => {}
                _ => drop(joined.insert(machine.name.clone())),
            }
        }
        let gone: Vec<String> =
            joined.iter().filter(|name| running.iter().all(|machine| machine.name != **name)).cloned().collect();
        for name in gone {
            if remove(&client, &name).await.is_ok() {
                joined.remove(&name);
            }
        }
        tokio::time::sleep(LOOK).await;
    }
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
