//! Whether EKS can make, or move to, the cluster that is asked for.

use futures::future::join_all;
use futures::join;
use nic_sdk::error::Error;
use nic_sdk::types::{Diagnostic, Severity};
use serde_json::{Value, json};

use super::ask::Asking;
use super::{Summary, at, problem, unchecked};
use crate::cloud::{Cloud, from_aws, is_not_found};
use crate::config::Config;
use crate::names::Names;
use crate::versions::{self, Minor, Offer};

const CLUSTER: &str = "aws.cluster.main";

/// How many minor versions nodes may be behind the control plane.
const SKEW: u32 = 3;

/// Every check of this file.
pub async fn check(cloud: &Cloud, config: &Config, names: &Names, summary: &Summary<'_>) -> Vec<Diagnostic> {
    let made = summary.makes(CLUSTER);
    let moved = summary.changes(CLUSTER, "/version");
    let wanted = config.kubernetes_version.as_deref().and_then(Minor::parse).filter(|_| made || moved);
    let key = config.kms_key_arn.as_deref().filter(|_| made || summary.changes(CLUSTER, "/kms_key_arn"));
    let offered = async {
        match wanted {
            Some(wanted) => offered(cloud, wanted).await,
            None => Vec::new(),
        }
    };
    let reachable = async {
        match wanted.filter(|_| moved) {
            Some(wanted) => reachable(cloud, config, names, wanted).await,
            None => Vec::new(),
        }
    };
    let usable = async {
        match key {
            Some(key) => usable(key).await,
            None => Vec::new(),
        }
    };
    let (offered, reachable, usable) = join!(offered, reachable, usable);
    [offered, reachable, usable].concat()
}

async fn offered(cloud: &Cloud, wanted: Minor) -> Vec<Diagnostic> {
    let offers = match versions::on_offer(cloud).await {
        Ok(offers) => offers,
        Err(error) => return vec![unchecked(&format!("whether EKS offers version {wanted}"), &error)],
    };
    let pointer = Some(at("kubernetes_version"));
    match offers.get(&wanted) {
        Some(Offer::Standard | Offer::Unknown) => Vec::new(),
        Some(Offer::Extended) => vec![Diagnostic {
            severity: Severity::Warning,
            pointer,
            ..problem(
                "KUBERNETES_VERSION_OLD",
                "The Kubernetes version is in extended support",
                format!("AWS charges more for a cluster with version {wanted}"),
            )
        }],
        Some(Offer::Unsupported) | None => {
            let offers = offers.iter().filter(|(_, offer)| offer.is_supported());
            let offers: Vec<String> = offers.map(|(version, _)| version.to_string()).collect();
            vec![Diagnostic {
                pointer,
                hints: vec![format!("EKS offers {}", offers.join(", "))],
                ..problem(
                    "KUBERNETES_VERSION_NOT_OFFERED",
                    "The Kubernetes version is not on offer",
                    format!("EKS does not offer version {wanted} in this region"),
                )
            }]
        }
    }
}

/// Whether the control plane gets there from where it is, with the nodes it has.
async fn reachable(cloud: &Cloud, config: &Config, names: &Names, wanted: Minor) -> Vec<Diagnostic> {
    let groups = config.node_groups.iter().map(|group| nodes_version(cloud, &names.cluster, &group.name));
    let (cluster, groups) = join!(cluster_version(cloud, &names.cluster), join_all(groups));
    let what = format!("whether the cluster can move to version {wanted}");
    let present = match cluster {
        Ok(Some(present)) => present,
        Ok(None) => return Vec::new(),
        Err(error) => return vec![unchecked(&what, &error)],
    };
    if wanted < present {
        return vec![Diagnostic {
            pointer: Some(at("kubernetes_version")),
            hints: vec![format!("write `kubernetes_version: \"{present}\"`, or make a new platform")],
            ..problem(
                "KUBERNETES_VERSION_DOWNGRADE",
                "The Kubernetes version cannot go down",
                format!("the cluster has version {present}, and EKS cannot take it back to {wanted}"),
            )
        }];
    }
    let mut oldest = None;
    for (group, version) in config.node_groups.iter().zip(groups) {
        match version {
            Ok(Some(version)) => oldest = oldest.into_iter().chain([(version, &group.name)]).min(),
            Ok(None) => {}
            Err(error) => return vec![unchecked(&what, &error)],
        }
    }
    match oldest {
        Some((version, group)) if wanted.above(version) > SKEW => {
            let first = version.plus(SKEW);
            vec![Diagnostic {
                pointer: Some(at("kubernetes_version")),
                hints: vec![format!("deploy with `kubernetes_version: \"{first}\"` first: the nodes follow")],
                ..problem(
                    "KUBERNETES_VERSION_TOO_FAR",
                    "The nodes would be too old for the control plane",
                    format!(
                        "the node group `{group}` has version {version}, and EKS allows nodes to be {SKEW} minor versions behind"
                    ),
                )
            }]
        }
        _ => Vec::new(),
    }
}

async fn cluster_version(cloud: &Cloud, name: &str) -> Result<Option<Minor>, Error> {
    match cloud.eks.describe_cluster().name(name).send().await.map_err(from_aws) {
        Ok(answer) => Ok(answer.cluster.and_then(|cluster| Minor::parse(cluster.version()?))),
        Err(error) if is_not_found(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn nodes_version(cloud: &Cloud, cluster: &str, name: &str) -> Result<Option<Minor>, Error> {
    match cloud.eks.describe_nodegroup().cluster_name(cluster).nodegroup_name(name).send().await.map_err(from_aws) {
        Ok(answer) => Ok(answer.nodegroup.and_then(|group| Minor::parse(group.version()?))),
        Err(error) if is_not_found(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// EKS takes a symmetric key of the customer's own that is enabled.
async fn usable(arn: &str) -> Vec<Diagnostic> {
    let region = arn.split(':').nth(3).unwrap_or_default();
    let asking = Asking { region };
    let unusable = |why: String| {
        vec![Diagnostic {
            pointer: Some(at("eks_kms_arn")),
            ..problem("KMS_KEY_UNUSABLE", "The key cannot encrypt Kubernetes Secrets", format!("`{arn}`: {why}"))
        }]
    };
    let answer = match asking.json("KMS", "kms", "TrentService.DescribeKey", &json!({ "KeyId": arn })).await {
        Ok(answer) => answer,
        Err(Error::NotFound(text)) => return unusable(text),
        Err(error) => return vec![unchecked(&format!("whether the key `{arn}` can be used"), &error)],
    };
    let shown = |key: &str| answer.pointer(&format!("/KeyMetadata/{key}")).and_then(Value::as_str);
    let wanted = [
        ("KeyState", "Enabled"),
        ("KeyManager", "CUSTOMER"),
        ("KeyUsage", "ENCRYPT_DECRYPT"),
        ("KeySpec", "SYMMETRIC_DEFAULT"),
    ];
    let wrong = wanted.iter().filter_map(|(key, wanted)| {
        let shown = shown(key).filter(|shown| shown != wanted)?;
        Some(format!("its {key} is {shown} and has to be {wanted}"))
    });
    let wrong: Vec<String> = wrong.collect();
    if wrong.is_empty() { Vec::new() } else { unusable(wrong.join("; ")) }
}
