//! What stands on the cluster: its issuer and roles for service accounts, the EBS CSI driver, the objects of the document's
//! stage 03, and those that the config's section `kubernetes` asks for.

use nic_kubernetes_initialize::classic::{
    Site, aws_device_plugin, cluster_autoscaler, external_registry, traefik_definitions,
};
use nic_kubernetes_initialize::design::{DesignInput, StorageClass, objects};
use nic_sdk::types::{Resource, reference};
use serde_json::json;

use crate::classic::initialize::{autoscaler, gpu_groups};
use crate::classic::irsa::{add_autoscaler, add_provider, add_role};
use crate::classic::kubernetes::{MAIN_CLUSTER, node_group_address};
use crate::classic::{Platform, resource};
use crate::config::GROUP_LABEL;
use crate::kinds::{EKS_ADDON, IAM_ROLE_POLICY_ATTACHMENT};

pub(crate) const CSI_DRIVER: &str = "aws-ebs-csi-driver";

/// Where Kubernetes has its own.
const SYSTEM: &str = "kube-system";

/// A namespace and its service account, which gets a role beside `default` of the platform's own namespace.
const MONITORING: &str = "monitoring";

/// Adds all of it.
pub fn add(platform: &Platform<'_>, resources: &mut Vec<Resource>) {
    let names = platform.names;
    add_provider(platform, resources);
    add_csi_driver(platform, resources);

    let mut input = DesignInput::documented("aws", &names.project, &names.environment);
    input.after = vec![MAIN_CLUSTER.to_owned()];
    let general = platform.config.node_groups.iter().find(|group| group.name == "general");
    input.pods_after = general.map(node_group_address).into_iter().collect();
    input.storage_classes = vec![StorageClass::gp3()];
    // The document draws the roles without a policy: what they may do is for whoever attaches one to say.
    let mut accounts = vec![(names.environment.as_str(), "default")];
    // One role for each namespace.
    if names.environment != MONITORING {
        accounts.push((MONITORING, MONITORING));
    }
    for (namespace, account) in accounts {
        let Some(object) = input.service_account_mut(namespace, account) else { continue };
        let short = format!("service-account-{namespace}");
        let name = names.service_account_role(namespace);
        let role = add_role(platform, (&short, &name), &format!("{namespace}:{account}"), resources);
        object.assume(reference(&role, "/arn"));
    }
    platform.config.kubernetes.add_to(&mut input);
    resources.extend(objects(&input));
    // The stages after NIC make objects of these kinds, and a config's registry is meant, whatever the topology.
    let site = Site { provider: "aws", namespace: &names.environment, cluster: &input.after, nodes: &input.pods_after };
    resources.extend(traefik_definitions(&site));
    // Without it `max_size` would mean nothing. It runs wherever it is let, and no quota of the config's is about it.
    let system = Site { namespace: SYSTEM, ..site };
    add_autoscaler(platform, SYSTEM, resources);
    resources.extend(cluster_autoscaler(&system, &autoscaler(platform, None)));
    resources.extend(aws_device_plugin(&site, GROUP_LABEL, &gpu_groups(platform)));
    let registry = platform.config.external_registry.iter();
    let domain = platform.partition().dns_suffix;
    resources.extend(registry.flat_map(|registry| external_registry(&site, registry, domain)));
}

/// What makes the volumes of the storage class. Its pods need nodes, and find any that tolerates them: it is pinned to none.
fn add_csi_driver(platform: &Platform<'_>, resources: &mut Vec<Resource>) {
    let name = platform.names.ebs_csi_role();
    let role = add_role(platform, ("ebs-csi-driver", &name), "kube-system:ebs-csi-controller-sa", resources);
    let policy = platform.partition().managed_policy("service-role/AmazonEBSCSIDriverPolicy");
    let attachment = json!({ "role": reference(&role, "/name"), "policy_arn": policy });
    let address = "aws.iam-role-policy-attachment.ebs-csi-driver";
    resources.push(Resource::new(address, IAM_ROLE_POLICY_ATTACHMENT, attachment));
    let mut addon = json!({
        "name": CSI_DRIVER,
        "cluster_name": reference(MAIN_CLUSTER, "/name"),
        "service_account_role_arn": reference(&role, "/arn"),
        "tags": {},
    });
    if let Some(version) = platform.addon_versions.get(CSI_DRIVER) {
        addon["version"] = version.as_str().into();
    }
    let mut after: Vec<String> = platform.config.node_groups.iter().map(node_group_address).collect();
    after.push(address.to_owned());
    resources.push(resource(&format!("aws.eks-addon.{CSI_DRIVER}"), EKS_ADDON, addon, &after));
}
