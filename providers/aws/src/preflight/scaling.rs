//! What becomes of the nodes that there are when a group's bounds change.

use futures::future::join_all;
use nic_sdk::error::Error;
use nic_sdk::kit::preflight::{Summary, unchecked};
use nic_sdk::types::{Diagnostic, Status, Target};
use serde_json::{Value, json};

use crate::classic::kubernetes::node_group_address;
use crate::cloud::Cloud;
use crate::config::{Config, NodeGroup, SECTION};
use crate::kinds::{NODE_GROUP, read};
use crate::names::Names;

/// The check of this file: the autoscaler's nodes beyond a lower maximum end, whatever runs on them.
pub async fn check(cloud: &Cloud, config: &Config, names: &Names, summary: Summary<'_>) -> Vec<Diagnostic> {
    let lowered = config
        .node_groups
        .iter()
        .filter(|group| summary.changes(&node_group_address(group), "/scaling_config/max_size"));
    let found = join_all(lowered.map(|group| async move { (group, nodes(cloud, names, group).await) })).await;
    let told = found.into_iter().filter_map(|(group, nodes)| match nodes {
        Ok(nodes) => ending(group, nodes),
        Err(error) => {
            let what = format!("whether nodes of `{}` go with the new maximum", group.name);
            Some(unchecked(&what, &error))
        }
    });
    told.collect()
}

/// How many nodes are wanted now.
async fn nodes(cloud: &Cloud, names: &Names, group: &NodeGroup) -> Result<i64, Error> {
    let document = json!({ "cluster_name": names.cluster, "name": group.name });
    let target = Target::new(node_group_address(group), NODE_GROUP, document);
    let seen = read(cloud, vec![target]).await.pop();
    match seen {
        Some(seen) => match seen.status {
            Status::Unreadable(error) => Err(error),
            _ => Ok(seen.document.pointer("/scaling_config/desired_size").and_then(Value::as_i64).unwrap_or(0)),
        },
        None => Ok(0),
    }
}

fn ending(group: &NodeGroup, nodes: i64) -> Option<Diagnostic> {
    let most = i64::from(group.max);
    let ending = nodes - most;
    (ending > 0).then(|| {
        let name = &group.name;
        let detail = format!(
            "`{name}` has {nodes} nodes and may have {most}: up to {ending} of them end, and the pods on them with them"
        );
        Diagnostic::warning("NODES_END", "Nodes with running pods may end", detail)
            .at(format!("/{SECTION}/node_groups/{name}"))
            .hint("wait until the autoscaler has taken down those that nobody uses, or keep a maximum of that many")
    })
}
