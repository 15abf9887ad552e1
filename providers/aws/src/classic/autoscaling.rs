//! What the cluster autoscaler reads about a node group that has no node: Nebari writes it beside Terraform.

use nic_sdk::types::{Resource, reference};
use serde_json::json;

use super::Platform;
use super::kubernetes::node_group_address;
use crate::kinds::AUTO_SCALING_TAGS;

/// Adds the tags of every node group.
pub fn add(platform: &Platform<'_>, resources: &mut Vec<Resource>) {
    for group in &platform.config.node_groups {
        let node_group = node_group_address(group);
        let tags = json!({
            "cluster_name": reference(&node_group, "/cluster_name"),
            "node_group": reference(&node_group, "/name"),
            "autoscaling_groups": reference(&node_group, "/autoscaling_groups"),
            "tags": { "k8s.io/cluster-autoscaler/node-template/label/dedicated": group.name },
            "propagate_at_launch": true,
        });
        resources.push(Resource::new(format!("aws.auto-scaling-tags.{}", group.name), AUTO_SCALING_TAGS, tags));
    }
}
