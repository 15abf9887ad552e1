//! What is in the cluster from the beginning: Nebari's stage 03.

use nic_kubernetes_initialize::classic::{self, Autoscaler, GpuGroup, NodesOf, Site};
use nic_sdk::types::{Resource, reference};

use super::Platform;
use super::kubernetes::{MAIN_CLUSTER, node_group_address};

/// The label that EKS puts on every node: its group's name there.
const EKS_GROUP_LABEL: &str = "eks.amazonaws.com/nodegroup";

/// The role that the autoscaler's service account assumes.
const AUTOSCALER_ROLE: &str = "aws.iam-role.cluster-autoscaler";

/// Adds the objects of stage 03.
pub fn add(platform: &Platform<'_>, resources: &mut Vec<Resource>) {
    let groups = &platform.config.node_groups;
    let cluster = [MAIN_CLUSTER.to_owned()];
    // Nebari pins what runs in the cluster to this group.
    let general: Vec<String> = groups.iter().filter(|group| group.name == "general").map(node_group_address).collect();
    let site = Site { provider: "aws", namespace: &platform.names.environment, cluster: &cluster, nodes: &general };
    resources.push(classic::namespace(&site));
    resources.extend(classic::traefik_definitions(&site));
    let general = NodesOf { label: EKS_GROUP_LABEL, group: "general" };
    resources.extend(classic::cluster_autoscaler(&site, &autoscaler(platform, Some(general))));
    resources.extend(classic::aws_device_plugin(&site, EKS_GROUP_LABEL, &gpu_groups(platform)));
    let registry = platform.config.external_registry.iter();
    let domain = platform.partition().dns_suffix;
    resources.extend(registry.flat_map(|registry| classic::external_registry(&site, registry, domain)));
}

/// What the autoscaler of this platform must know.
pub(crate) fn autoscaler<'a>(platform: &Platform<'a>, nodes: Option<NodesOf<'a>>) -> Autoscaler<'a> {
    Autoscaler {
        cluster_name: &platform.names.cluster,
        region: &platform.config.region,
        role_arn: reference(AUTOSCALER_ROLE, "/arn"),
        nodes,
    }
}

/// The node groups whose machines have GPUs.
pub(crate) fn gpu_groups<'a>(platform: &Platform<'a>) -> Vec<GpuGroup<'a>> {
    let groups = platform.config.node_groups.iter().filter(|group| group.gpu);
    groups.map(|group| GpuGroup { name: &group.name, address: node_group_address(group) }).collect()
}
