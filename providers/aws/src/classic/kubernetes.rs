//! Two roles, the cluster, its node groups and add-ons, and what is in it from the beginning.

use nic_sdk::aws::EKS_PRINCIPAL;
use nic_sdk::kit::taint::Taint;
use nic_sdk::types::{Resource, reference};
use serde_json::{Value, json};

use super::network::Place;
use super::{Platform, addons, initialize, irsa, leftovers, resource, tag_object};
use crate::config::NodeGroup;
use crate::kinds::{CLUSTER, IAM_ROLE, IAM_ROLE_POLICY_ATTACHMENT, NODE_GROUP};
use crate::tags::{Tags, add as add_tag};

pub(crate) const MAIN_CLUSTER: &str = "aws.cluster.main";
pub(crate) const CLUSTER_ROLE: &str = "aws.iam-role.cluster";
pub(crate) const NODE_ROLE: &str = "aws.iam-role.node-group";

const CLUSTER_POLICIES: [&str; 3] =
    ["AmazonEKSClusterPolicy", "AmazonEKSServicePolicy", "service-role/AmazonEBSCSIDriverPolicy"];
const NODE_POLICIES: [&str; 4] = [
    "AmazonEKSWorkerNodePolicy",
    "AmazonEKS_CNI_Policy",
    "service-role/AmazonEBSCSIDriverPolicy",
    "AmazonEC2ContainerRegistryReadOnly",
];

/// Adds the cluster and what belongs to it, in the given place.
pub fn add(platform: &Platform<'_>, place: &Place, resources: &mut Vec<Resource>) {
    let names = platform.names;
    let cluster_role = role(platform, &names.cluster_role(), EKS_PRINCIPAL);
    resources.push(Resource::new(CLUSTER_ROLE, IAM_ROLE, cluster_role).claim());
    let mut cluster_attachments = attach(platform, CLUSTER_ROLE, &CLUSTER_POLICIES, resources);
    cluster_attachments.extend(irsa::add_encryption(platform, CLUSTER_ROLE, resources));

    let node_role = role(platform, &names.node_role(), platform.partition().ec2_principal);
    resources.push(Resource::new(NODE_ROLE, IAM_ROLE, node_role));
    let node_attachments = attach(platform, NODE_ROLE, &NODE_POLICIES, resources);

    let mut before_cluster = cluster_attachments;
    before_cluster.push(leftovers::add(platform, resources));
    resources.push(resource(MAIN_CLUSTER, CLUSTER, cluster(platform, place), &before_cluster));

    // Without routes the nodes never join; without the policies EKS cannot take them down again.
    let before_nodes: Vec<String> = node_attachments.into_iter().chain(place.routes.clone()).collect();
    for group in &platform.config.node_groups {
        let document = node_group(platform, place, group);
        resources.push(resource(&node_group_address(group), NODE_GROUP, document, &before_nodes));
    }

    let node_groups: Vec<String> = platform.config.node_groups.iter().map(node_group_address).collect();
    addons::add(platform, &node_groups, resources);
    irsa::add(platform, resources);
    initialize::add(platform, resources);
}

pub(crate) fn role(platform: &Platform<'_>, name: &str, service: &str) -> Value {
    let trust = json!({
        "Statement": [{ "Action": "sts:AssumeRole", "Effect": "Allow", "Principal": { "Service": service } }],
        "Version": "2012-10-17",
    });
    platform.role(name, &trust.to_string().into(), None)
}

/// Attaches AWS's policies to a role and gives the addresses of the attachments.
pub(crate) fn attach(
    platform: &Platform<'_>,
    role: &str,
    policies: &[&str],
    resources: &mut Vec<Resource>,
) -> Vec<String> {
    let short = role.rsplit('.').next().unwrap_or(role);
    let addresses = policies.iter().map(|path| {
        let policy = path.rsplit('/').next().unwrap_or(path);
        let address = format!("aws.iam-role-policy-attachment.{short}-{}", policy.to_lowercase().replace('_', "-"));
        let document = json!({
            "role": reference(role, "/name"),
            "policy_arn": platform.partition().managed_policy(path),
        });
        resources.push(Resource::new(&address, IAM_ROLE_POLICY_ATTACHMENT, document));
        address
    });
    addresses.collect()
}

pub(crate) fn cluster(platform: &Platform<'_>, place: &Place) -> Value {
    let config = platform.config;
    let mut document = json!({
        "name": platform.names.cluster,
        "version": platform.kubernetes_version,
        "role_arn": reference(CLUSTER_ROLE, "/arn"),
        "subnet_ids": place.subnet_ids,
        "security_group_ids": [place.security_group_id],
        "endpoint_public_access": config.endpoint_public,
        "endpoint_private_access": config.endpoint_private,
        "tags": tag_object(&platform.tags(Some(&platform.names.cluster))),
    });
    // AWS keeps no list for an endpoint that is not public.
    if config.endpoint_public {
        document["public_access_cidrs"] = config.public_access_cidrs.clone().into();
    }
    if let Some(key) = &config.kms_key_arn {
        document["kms_key_arn"] = key.as_str().into();
    }
    document
}

/// Where a node group stands.
pub fn node_group_address(group: &NodeGroup) -> String {
    format!("aws.node-group.{}", group.name)
}

fn node_group(platform: &Platform<'_>, place: &Place, group: &NodeGroup) -> Value {
    let name = group.name.as_str();
    let mut labels = json!({ "dedicated": name });
    for (key, value) in &group.labels {
        labels[key] = value.as_str().into();
    }
    // The autoscaler reads these where there is no node to look at; the user's tags go over them, as in the templates.
    let mut tags = platform.tags(None);
    add_tag(&mut tags, "k8s.io/cluster-autoscaler/node-template/label/dedicated", name);
    add_tag(&mut tags, "propagate_at_launch", "true");
    node_group_document(platform, group, &place.subnet_ids, &labels, &tags)
}

/// What both topologies say of a node group, with labels and tags of their own.
pub(crate) fn node_group_document(
    platform: &Platform<'_>,
    group: &NodeGroup,
    subnets: &[Value],
    labels: &Value,
    tags: &Tags,
) -> Value {
    let subnets = if group.single_subnet { subnets.get(..1).unwrap_or_default() } else { subnets };
    json!({
        "name": group.name,
        "cluster_name": reference(MAIN_CLUSTER, "/name"),
        // Nodes follow the control plane, which therefore has to be there first.
        "version": reference(MAIN_CLUSTER, "/version"),
        "node_role_arn": reference(NODE_ROLE, "/arn"),
        "subnet_ids": subnets,
        "instance_types": [group.instance],
        "ami_type": platform.image(group),
        "capacity_type": if group.spot { "SPOT" } else { "ON_DEMAND" },
        "disk_size": group.disk_size,
        "scaling_config": scaling(group),
        "labels": labels,
        "taints": group.taints.iter().map(taint).collect::<Vec<_>>(),
        "tags": tag_object(tags),
    })
}

/// How many nodes. Where the config does not say how many at first, it is the fewest.
fn scaling(group: &NodeGroup) -> Value {
    let mut scaling = json!({ "min_size": group.min, "max_size": group.max });
    if let Some(nodes) = group.desired {
        scaling["desired_size"] = nodes.into();
    }
    scaling
}

fn taint(taint: &Taint) -> Value {
    let mut document = json!({ "key": taint.key, "effect": taint.effect.in_capitals() });
    if let Some(value) = &taint.value {
        document["value"] = value.as_str().into();
    }
    document
}
