//! What is in the cluster from the beginning: Nebari's stage 03.

use nic_kubernetes_initialize::classic::{self, Autoscaler, GpuGroup, Site};
use nic_sdk::types::{Resource, reference};

use super::Platform;
use super::kubernetes::{MAIN_CLUSTER, node_group_address};

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
    resources.extend(classic::cluster_autoscaler(&site, &autoscaler(platform)));
    let gpu_groups: Vec<GpuGroup<'_>> = groups
        .iter()
        .filter(|group| group.gpu)
        .map(|group| GpuGroup { name: &group.name, address: node_group_address(group) })
        .collect();
    resources.extend(classic::aws_device_plugin(&site, &gpu_groups));
    let registry = platform.config.external_registry.iter();
    resources.extend(registry.flat_map(|registry| classic::external_registry(&site, registry)));
}

fn autoscaler<'a>(platform: &Platform<'a>) -> Autoscaler<'a> {
    Autoscaler {
        cluster_name: &platform.names.cluster,
        region: &platform.config.region,
        role_arn: reference(AUTOSCALER_ROLE, "/arn"),
    }
}
