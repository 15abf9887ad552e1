//! What is in the cluster from the beginning: Nebari's stage 03.

use nic_kubernetes_initialize::classic::{self, GpuGroup, Site};
use nic_sdk::types::Resource;

use super::Platform;
use super::kubernetes::{MAIN_CLUSTER, node_group_address};

/// Adds the objects of stage 03.
pub fn add(platform: &Platform<'_>, resources: &mut Vec<Resource>) {
    let groups = &platform.config.node_groups;
    let cluster = [MAIN_CLUSTER.to_owned()];
    // Nebari pins what runs in the cluster to this group.
    let general: Vec<String> = groups.iter().filter(|group| group.name == "general").map(node_group_address).collect();
    let site = Site { provider: "aws", namespace: &platform.names.environment, cluster: &cluster, nodes: &general };
    resources.push(classic::namespace(&site));
    resources.extend(classic::traefik_definitions(&site));
    let gpu_groups: Vec<GpuGroup<'_>> = groups
        .iter()
        .filter(|group| group.gpu)
        .map(|group| GpuGroup { name: &group.name, address: node_group_address(group) })
        .collect();
    resources.extend(classic::aws_device_plugin(&site, &gpu_groups));
    let registry = platform.config.external_registry.iter();
    resources.extend(registry.flat_map(|registry| classic::external_registry(&site, registry)));
}
