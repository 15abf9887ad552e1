//! The provider's part of outputs.json, from what is recorded. What is not recorded yet is left out.

use nic_sdk::kit::Topology;
use nic_sdk::types::Recorded;
use serde_json::{Map, Value, json};

use crate::config::GROUP_LABEL;
use crate::kinds::{
    CLUSTER, EBS_VOLUME, ECR_REPOSITORY, EFS_FILE_SYSTEM, IAM_OIDC_PROVIDER, IAM_ROLE, KUBERNETES_OBJECT, NODE_GROUP,
    VPC,
};
use crate::names::Names;

/// The prefix of the addresses of namespaces.
const NAMESPACE: &str = "aws.namespace.";

/// The prefix of the addresses of storage classes.
const STORAGE_CLASS: &str = "aws.storage-class.";

/// The prefix of the addresses of service accounts.
const SERVICE_ACCOUNT: &str = "aws.service-account.";

/// The prefix of the addresses of node groups.
const GROUP: &str = "aws.node-group.";

/// The groups that later stages select nodes by, whether they exist or not.
const SELECTED_GROUPS: [&str; 3] = ["general", "user", "worker"];

/// A JSON object for the document's top level.
pub fn outputs(names: &Names, records: &[Recorded]) -> Value {
    let one = |kind: &str| records.iter().find(|record| record.kind == kind).map(|record| &record.attributes);
    let cluster = one(CLUSTER);
    let of_cluster = |key: &str| cluster.and_then(|attributes| attributes.get(key)).cloned();
    let of_vpc = |key: &str| one(VPC).and_then(|attributes| attributes.get(key)).cloned();
    let of_role = |address: &str| {
        let role = records.iter().find(|record| record.kind == IAM_ROLE && record.address == address)?;
        role.attributes.get("arn").cloned()
    };
    let objects = |prefix: &'static str| {
        let objects = records.iter().filter(|record| record.kind == KUBERNETES_OBJECT);
        objects.filter_map(move |record| record.address.strip_prefix(prefix))
    };
    // Later stages take the first one for the platform's own.
    let mut namespaces: Vec<&str> = objects(NAMESPACE).collect();
    namespaces.sort_by_key(|namespace| *namespace != names.environment);
    let label = match names.topology {
        Topology::Classic => "eks.amazonaws.com/nodegroup",
        // A replaced group has another name in EKS; the label stays.
        Topology::Design => GROUP_LABEL,
    };
    let selectors = SELECTED_GROUPS.map(|group| (group.to_owned(), json!({ "key": label, "value": group })));
    let identity_provider = one(IAM_OIDC_PROVIDER).and_then(|attributes| attributes.get("arn")).cloned();
    let mut document = json!({
        "cluster": known([
            ("name", of_cluster("name")),
            ("endpoint", of_cluster("endpoint")),
            ("ca_certificate", of_cluster("ca_certificate")),
            ("kubernetes_version", of_cluster("version")),
            ("oidc_issuer", of_cluster("oidc_issuer")),
        ]),
        "networking": known([
            // In subnets that were there before, the cluster knows whose they are.
            ("vpc_id", of_vpc("id").or_else(|| of_cluster("vpc_id"))),
            ("vpc_cidr", of_vpc("cidr")),
            ("subnet_ids", of_cluster("subnet_ids")),
            ("security_group_ids", of_cluster("security_group_ids")),
        ]),
        "kubernetes": { "namespaces": namespaces },
        "node_groups": node_groups(records),
        "node_selectors": Map::from_iter(selectors),
        "iam": known([
            ("cluster_role_arn", of_role("aws.iam-role.cluster")),
            ("node_role_arn", of_role("aws.iam-role.node-group")),
            ("ebs_csi_driver_role_arn", of_role("aws.iam-role.ebs-csi-driver")),
            ("cluster_autoscaler_role_arn", of_role("aws.iam-role.cluster-autoscaler")),
            ("oidc_provider_arn", identity_provider.clone()),
        ]),
    });
    // What Nebari's own stage 02 calls them.
    let of_stage = known([
        ("cluster_oidc_issuer_url", of_cluster("oidc_issuer")),
        ("oidc_provider_arn", identity_provider),
        ("cluster_autoscaler_role_arn", of_role("aws.iam-role.cluster-autoscaler")),
    ]);
    if let (Some(outputs), Value::Object(of_stage)) = (document.as_object_mut(), of_stage) {
        outputs.extend(of_stage);
    }
    if let Some(file_system) = one(EFS_FILE_SYSTEM) {
        let member = |key: &str| file_system.get(key).cloned();
        document["storage"] =
            known([("type", Some("efs".into())), ("file_system_id", member("id")), ("dns_name", member("dns_name"))]);
        // Later stages mount this; without it they run a server of their own.
        if let Some(name) = member("dns_name") {
            document["nfs_endpoint"] = name;
        }
    }
    if let Some(repository) = one(ECR_REPOSITORY) {
        let member = |key: &str| repository.get(key).cloned();
        document["container_registry"] =
            known([("name", member("name")), ("arn", member("arn")), ("url", member("url"))]);
    }
    if names.topology == Topology::Classic {
        // Role and account bear the same name.
        let accounts = objects(SERVICE_ACCOUNT);
        let roles = accounts.filter_map(|name| Some((name.to_owned(), of_role(&format!("aws.iam-role.{name}"))?)));
        document["kubernetes"]["service_accounts"] = Value::Object(roles.collect());
    }
    if names.topology == Topology::Design {
        // One role for each namespace: where the platform's own is `monitoring`, the role is its `default` account's.
        let monitoring = Some("monitoring").filter(|name| *name != names.environment);
        let roles = [("default", Some(names.environment.as_str())), ("monitoring", monitoring)];
        document["kubernetes"]["service_accounts"] = known(roles.map(|(account, namespace)| {
            (account, namespace.and_then(|namespace| of_role(&format!("aws.iam-role.service-account-{namespace}"))))
        }));
        let classes: Vec<&str> = objects(STORAGE_CLASS).collect();
        if let Some(class) = classes.first() {
            document["kubernetes"]["default_storage_class"] = (*class).into();
        }
        document["kubernetes"]["storage_classes"] = classes.into();
        let volumes = records.iter().filter(|record| record.kind == EBS_VOLUME);
        let volumes: Vec<&str> = volumes.filter_map(|record| record.remote_id.as_deref()).collect();
        let mut storage = json!({ "type": "ebs", "volume_ids": volumes });
        if let Some(class) = document.pointer("/kubernetes/default_storage_class") {
            storage["storage_class"] = class.clone();
        }
        document["storage"] = storage;
    }
    document
}

fn node_groups(records: &[Recorded]) -> Value {
    let groups = records.iter().filter(|record| record.kind == NODE_GROUP).filter_map(|record| {
        let group = &record.attributes;
        // A replaced group has another name in EKS.
        let name = record.address.strip_prefix(GROUP).or_else(|| group.get("name")?.as_str())?.to_owned();
        let member = |pointer: &str| group.pointer(pointer).cloned();
        let document = known([
            ("arn", member("/arn")),
            ("instance_type", member("/instance_types/0")),
            ("min_size", member("/scaling_config/min_size")),
            ("max_size", member("/scaling_config/max_size")),
        ]);
        Some((name, document))
    });
    Value::Object(groups.collect())
}

fn known<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let known = members.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value.filter(|v| !v.is_null())?)));
    Value::Object(known.collect())
}

#[cfg(test)]
mod tests {
    use nic_sdk::types::Context;

    use super::*;

    fn names(topology: &str) -> Names {
        Names::new(&Context::new("demo", "dev").topology(topology))
    }

    fn record(address: &str, kind: &str, attributes: Value) -> Recorded {
        Recorded::new(address, kind, attributes)
    }

    #[test]
    fn outputs_show_what_is_recorded_and_leave_out_the_rest() {
        let records = [
            record("aws.vpc.main", VPC, json!({ "id": "vpc-1", "cidr": "10.10.0.0/16" })),
            record(
                "aws.cluster.main",
                CLUSTER,
                json!({ "name": "demo-dev", "endpoint": "https://e", "version": "1.31", "subnet_ids": ["subnet-1"],
                    "security_group_ids": ["sg-1"], "vpc_id": "vpc-9" }),
            ),
            record(
                "aws.node-group.general",
                NODE_GROUP,
                json!({ "name": "general", "arn": "arn:ng", "instance_types": ["m5.2xlarge"],
                    "scaling_config": { "min_size": 1, "max_size": 1, "desired_size": 1 } }),
            ),
            record(
                "aws.efs-file-system.shared",
                EFS_FILE_SYSTEM,
                json!({ "id": "fs-1", "dns_name": "fs-1.efs.us-west-2.amazonaws.com", "creation_token": "t" }),
            ),
            record(
                "aws.ecr-repository.jupyterlab",
                ECR_REPOSITORY,
                json!({ "name": "n", "arn": "arn:ecr", "url": "u" }),
            ),
            record("aws.iam-role.cluster", IAM_ROLE, json!({ "arn": "arn:role" })),
            record("aws.iam-role.cluster-autoscaler", IAM_ROLE, json!({ "arn": "arn:autoscaler" })),
            record("aws.iam-oidc-provider.main", IAM_OIDC_PROVIDER, json!({ "arn": "arn:oidc" })),
            record("aws.namespace.dev", KUBERNETES_OBJECT, json!({ "name": "dev" })),
            record("aws.service-account.cluster-autoscaler", KUBERNETES_OBJECT, json!({})),
        ];
        assert_eq!(
            outputs(&names("classic"), &records),
            json!({
                "cluster": { "name": "demo-dev", "endpoint": "https://e", "kubernetes_version": "1.31" },
                "networking": {
                    "vpc_id": "vpc-1", "vpc_cidr": "10.10.0.0/16", "subnet_ids": ["subnet-1"], "security_group_ids": ["sg-1"],
                },
                "kubernetes": {
                    "namespaces": ["dev"], "service_accounts": { "cluster-autoscaler": "arn:autoscaler" },
                },
                "node_groups": { "general": { "arn": "arn:ng", "instance_type": "m5.2xlarge", "min_size": 1, "max_size": 1 } },
                "node_selectors": {
                    "general": { "key": "eks.amazonaws.com/nodegroup", "value": "general" },
                    "user": { "key": "eks.amazonaws.com/nodegroup", "value": "user" },
                    "worker": { "key": "eks.amazonaws.com/nodegroup", "value": "worker" },
                },
                "iam": {
                    "cluster_role_arn": "arn:role",
                    "cluster_autoscaler_role_arn": "arn:autoscaler",
                    "oidc_provider_arn": "arn:oidc",
                },
                "oidc_provider_arn": "arn:oidc",
                "cluster_autoscaler_role_arn": "arn:autoscaler",
                "storage": { "type": "efs", "file_system_id": "fs-1", "dns_name": "fs-1.efs.us-west-2.amazonaws.com" },
                "nfs_endpoint": "fs-1.efs.us-west-2.amazonaws.com",
                "container_registry": { "name": "n", "arn": "arn:ecr", "url": "u" },
            })
        );
        let nothing = outputs(&names("classic"), &[]);
        assert_eq!(nothing["cluster"], json!({}));
        // A null would make later stages mount nothing: the key is absent, as it is in Nebari.
        assert_eq!((nothing.get("nfs_endpoint"), nothing.get("storage")), (None, None));
    }

    #[test]
    fn in_the_design_nodes_are_selected_by_our_label_and_the_platforms_namespace_comes_first() {
        let volume = record("aws.ebs-volume.main", EBS_VOLUME, json!({})).remote_id("vol-1".to_owned());
        let records = [
            volume,
            record("aws.namespace.a-first", KUBERNETES_OBJECT, json!({})),
            record("aws.namespace.dev", KUBERNETES_OBJECT, json!({})),
            record("aws.storage-class.gp3", KUBERNETES_OBJECT, json!({})),
            record("aws.iam-role.service-account-dev", IAM_ROLE, json!({ "arn": "arn:sa" })),
            // It was replaced: EKS calls it otherwise.
            record("aws.node-group.user", NODE_GROUP, json!({ "name": "user-0a1b2c", "arn": "arn:ng" })),
        ];
        let outputs = outputs(&names("design"), &records);
        assert_eq!(outputs["node_selectors"]["user"], json!({ "key": "nebari.dev/node-group", "value": "user" }));
        assert_eq!(outputs["node_groups"], json!({ "user": { "arn": "arn:ng" } }));
        assert_eq!(outputs["storage"], json!({ "type": "ebs", "volume_ids": ["vol-1"], "storage_class": "gp3" }));
        assert_eq!(
            outputs["kubernetes"],
            json!({ "namespaces": ["dev", "a-first"], "service_accounts": { "default": "arn:sa" },
                "storage_classes": ["gp3"], "default_storage_class": "gp3" })
        );
    }
}
