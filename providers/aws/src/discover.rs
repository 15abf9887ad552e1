//! Things that bear this state's marks and are not recorded: left over, or made twice. Another state's are not ours to tell of.

use futures::try_join;
use nic_sdk::error::Error;
use nic_sdk::kit::Topology;
use nic_sdk::kit::discover::{self, is_recorded, ours};
use nic_sdk::types::{Context, Observation, Recorded, Target};
use serde_json::{Value, json};

use crate::classic::kubernetes::{CLUSTER_ROLE, MAIN_CLUSTER, NODE_ROLE};
use crate::classic::{ACCOUNTING, REGISTRY, SHARED_FILE_SYSTEM};
use crate::cloud::{Cloud, from_aws};
use crate::kinds::{
    self, CLUSTER, ECR_REPOSITORY, EFS_FILE_SYSTEM, EKS_ADDON, IAM_OIDC_PROVIDER, IAM_POLICY, IAM_ROLE,
    KUBERNETES_LEFTOVERS, Leftover, NODE_GROUP, RESOURCE_GROUP, describe_cluster, leftovers, marked_node_groups,
    node_group_names, oidc_providers, read,
};
use crate::names::Names;

/// What is there and not recorded, each under the address its mark names.
pub async fn discover(context: &Context, cloud: &Cloud, records: &[Recorded]) -> Result<Vec<Observation>, Error> {
    let names = Names::new(context);
    let unrecorded = |mut targets: Vec<Target>| {
        targets.retain(|target| !is_recorded(target, records));
        read(cloud, targets)
    };
    // Whatever is listed is read, each list as soon as it is there.
    let listed = async |list: Result<Vec<Target>, Error>| Ok::<_, Error>(unrecorded(list?).await);
    let (mut there, known, marked, groups, addons, issuers) = try_join!(
        Box::pin(orphans(cloud, &names.cluster)),
        Box::pin(listed(Ok(named(&names)))),
        Box::pin(async { listed(marked(cloud).await).await }),
        Box::pin(node_groups(cloud, &names.cluster, records)),
        Box::pin(async { listed(addons(cloud, &names.cluster).await).await }),
        Box::pin(async { listed(identity_providers(cloud).await).await }),
    )?;
    there.extend(discover::there([known, marked, groups, addons, issuers].concat())?);
    Ok(there)
}

/// What the cluster made, once it is gone: until then it is in use, and nobody's business.
async fn orphans(cloud: &Cloud, cluster: &str) -> Result<Vec<Observation>, Error> {
    let (there, found) = try_join!(describe_cluster(cloud, cluster), leftovers(cloud, cluster))?;
    if there.is_some() {
        return Ok(Vec::new());
    }
    let observe = |leftover: Leftover| {
        let name: String = leftover.id().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let document = json!({ "cluster_name": cluster });
        Observation::present(format!("{KUBERNETES_LEFTOVERS}.{name}"), leftover.to_string(), document)
    };
    Ok(found.into_iter().map(observe).collect())
}

/// The things with a name of their own that every platform has.
pub fn named(names: &Names) -> Vec<Target> {
    let target = |address: &str, kind: &str, document: Value| Target::new(address, kind, document);
    let mut targets = vec![
        target(MAIN_CLUSTER, CLUSTER, json!({ "name": names.cluster })),
        target(CLUSTER_ROLE, IAM_ROLE, json!({ "name": names.cluster_role() })),
        target(NODE_ROLE, IAM_ROLE, json!({ "name": names.node_role() })),
        target("aws.iam-role.ebs-csi-driver", IAM_ROLE, json!({ "name": names.ebs_csi_role() })),
        target("aws.iam-role.cluster-autoscaler", IAM_ROLE, json!({ "name": names.autoscaler_role() })),
        target("aws.iam-policy.worker-autoscaling", IAM_POLICY, json!({ "name": names.autoscaling_policy_prefix() })),
        target("aws.iam-policy.cluster-encryption", IAM_POLICY, json!({ "name": names.encryption_policy() })),
    ];
    match names.topology {
        Topology::Classic => targets.extend([
            target(REGISTRY, ECR_REPOSITORY, json!({ "name": names.registry() })),
            target(SHARED_FILE_SYSTEM, EFS_FILE_SYSTEM, json!({ "creation_token": names.shared_storage() })),
            target(ACCOUNTING, RESOURCE_GROUP, json!({ "name": names.project })),
        ]),
        Topology::Design => {
            for namespace in [names.environment.as_str(), "monitoring"] {
                let address = format!("aws.iam-role.service-account-{namespace}");
                if targets.iter().all(|target| target.address != address) {
                    targets.push(target(&address, IAM_ROLE, json!({ "name": names.service_account_role(namespace) })));
                }
            }
        }
    }
    targets
}

/// Everything of EC2 that bears our mark.
async fn marked(cloud: &Cloud) -> Result<Vec<Target>, Error> {
    let all = kinds::marked(cloud).await?.into_iter();
    Ok(all.filter_map(|(kind, id, tags)| ours(&cloud.marks, kind, id, &tags)).collect())
}

/// The node groups of the cluster of our name. A replacement is called otherwise than its address: its mark tells.
async fn node_groups(cloud: &Cloud, cluster: &str, records: &[Recorded]) -> Result<Vec<Observation>, Error> {
    let mut names = node_group_names(cloud, cluster).await?;
    let recorded = |name: &str| {
        let id = format!("{cluster}:{name}");
        records.iter().any(|record| record.kind == NODE_GROUP && record.remote_id.as_ref() == Some(&id))
    };
    names.retain(|name| !recorded(name));
    marked_node_groups(cloud, cluster, names).await
}

/// The add-ons of the cluster of our name.
async fn addons(cloud: &Cloud, cluster: &str) -> Result<Vec<Target>, Error> {
    let names = cloud.eks.list_addons().cluster_name(cluster).into_paginator().items().send();
    let names: Vec<String> = match names.collect::<Result<Vec<_>, _>>().await.map_err(from_aws) {
        Ok(names) => names,
        Err(error) if error.is_not_found() => Vec::new(),
        Err(error) => return Err(error),
    };
    let target = |name: String| {
        Target::new(format!("aws.eks-addon.{name}"), EKS_ADDON, json!({ "cluster_name": cluster, "name": name }))
    };
    Ok(names.into_iter().map(target).collect())
}

/// The issuers in IAM that bear our mark: the cluster they belong to may be gone.
async fn identity_providers(cloud: &Cloud) -> Result<Vec<Target>, Error> {
    let all = oidc_providers(cloud).await?.into_iter();
    Ok(all.filter_map(|(arn, tags)| ours(&cloud.marks, IAM_OIDC_PROVIDER, arn, &tags)).collect())
}
