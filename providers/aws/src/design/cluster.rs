//! Two roles, the cluster and its node groups.

use nic_sdk::aws::EKS_PRINCIPAL;
use nic_sdk::types::Resource;
use serde_json::{Value, json};

use super::Place;
use crate::classic::kubernetes::{
    CLUSTER_ROLE, MAIN_CLUSTER, NODE_ROLE, attach, cluster, node_group_address, node_group_document, role,
};
use crate::classic::network::Place as ClusterPlace;
use crate::classic::{Platform, resource};
use crate::classic::{irsa, leftovers};
use crate::config::{GROUP_LABEL, NodeGroup};
use crate::kinds::{CLUSTER, IAM_ROLE, NODE_GROUP};

/// The document's label for whose node it is.
const PROJECT_LABEL: &str = "nebari.dev/project";

const CLUSTER_POLICIES: [&str; 1] = ["AmazonEKSClusterPolicy"];
const NODE_POLICIES: [&str; 3] =
    ["AmazonEKSWorkerNodePolicy", "AmazonEKS_CNI_Policy", "AmazonEC2ContainerRegistryReadOnly"];

/// Adds the cluster and what belongs to it, in the given place.
pub fn add(platform: &Platform<'_>, place: Place, resources: &mut Vec<Resource>) {
    let names = platform.names;
    resources.push(Resource::new(CLUSTER_ROLE, IAM_ROLE, role(platform, &names.cluster_role(), EKS_PRINCIPAL)).claim());
    let mut cluster_attachments = attach(platform, CLUSTER_ROLE, &CLUSTER_POLICIES, resources);
    cluster_attachments.extend(irsa::add_encryption(platform, CLUSTER_ROLE, resources));
    resources.push(Resource::new(
        NODE_ROLE,
        IAM_ROLE,
        role(platform, &names.node_role(), platform.partition().ec2_principal),
    ));
    let node_attachments = attach(platform, NODE_ROLE, &NODE_POLICIES, resources);

    let Place { cluster_subnets, node_subnets, security_group_id, routes } = place;
    let at = ClusterPlace { subnet_ids: cluster_subnets, security_group_id, routes: Vec::new() };
    let mut before_cluster = cluster_attachments;
    before_cluster.push(leftovers::add(platform, resources));
    resources.push(resource(MAIN_CLUSTER, CLUSTER, cluster(platform, &at), &before_cluster));

    // Without routes the nodes never join; without the policies EKS cannot take them down again.
    let before_nodes: Vec<String> = node_attachments.into_iter().chain(routes).collect();
    for group in &platform.config.node_groups {
        let document = node_group(platform, &node_subnets, group);
        let group = resource(&node_group_address(group), NODE_GROUP, document, &before_nodes);
        // Its pods find nodes of the new group before the old one goes: they are selected by a label that both bear.
        resources.push(group.create_first("/name"));
    }
}

fn node_group(platform: &Platform<'_>, subnets: &[Value], group: &NodeGroup) -> Value {
    let mut labels = json!({ PROJECT_LABEL: platform.names.project });
    for (key, value) in &group.labels {
        labels[key] = value.as_str().into();
    }
    labels[GROUP_LABEL] = group.name.as_str().into();
    node_group_document(platform, group, subnets, &labels, &platform.tags(None))
}
