//! Whether EKS can make, or move to, the cluster that is asked for.

use aws_sdk_eks::types::Cluster;
use futures::future::try_join_all;
use futures::join;
use nic_sdk::error::Error;
use nic_sdk::kit::Minor;
use nic_sdk::kit::preflight::{Summary, unchecked};
use nic_sdk::types::Diagnostic;
use serde_json::{Value, json};

use super::ask::Asking;
use super::at;
use crate::classic::kubernetes::MAIN_CLUSTER;
use crate::cloud::Cloud;
use crate::config::Config;
use crate::kinds::{describe_cluster, describe_node_group, node_group_names};
use crate::names::Names;
use crate::versions::{self, NEWEST_TRIED, Offer};

/// How many minor versions nodes may be behind the control plane.
const SKEW: u32 = 3;

/// Every check of this file.
pub async fn check(cloud: &Cloud, config: &Config, names: &Names, summary: Summary<'_>) -> Vec<Diagnostic> {
    let made = summary.makes(MAIN_CLUSTER);
    let moved = summary.changes(MAIN_CLUSTER, "/version");
    let encrypted = summary.changes(MAIN_CLUSTER, "/kms_key_arn");
    let wanted = config.kubernetes_version.as_deref().and_then(Minor::parse).filter(|_| made || moved);
    let moving_to = wanted.filter(|_| moved);
    let key = config.kms_key_arn.as_deref();
    let offered = async {
        match wanted {
            Some(wanted) => offered(cloud, wanted).await,
            None => Vec::new(),
        }
    };
    // Asked once, for both checks that are about the cluster there is.
    let present = async {
        if moving_to.is_some() || encrypted { describe_cluster(cloud, &names.cluster).await } else { Ok(None) }
    };
    let nodes =
        async { if moving_to.is_some() { nodes_versions(cloud, &names.cluster).await } else { Ok(Vec::new()) } };
    let usable = async {
        match key.filter(|_| made || encrypted) {
            Some(key) => usable(key).await,
            None => Vec::new(),
        }
    };
    let (offered, present, nodes, usable) = join!(offered, present, nodes, usable);
    let reachable = moving_to.map(|wanted| reachable(&present, nodes, wanted)).unwrap_or_default();
    let settable = if encrypted { settable(&present, key) } else { Vec::new() };
    [offered, reachable, settable, usable].concat()
}

async fn offered(cloud: &Cloud, wanted: Minor) -> Vec<Diagnostic> {
    let offers = match versions::on_offer(cloud).await {
        Ok(offers) => offers,
        Err(error) => return vec![unchecked(&format!("whether EKS offers version {wanted}"), &error)],
    };
    let about_version = |told: Diagnostic| told.at(at("kubernetes_version"));
    let mut found = Vec::new();
    match offers.get(&wanted) {
        Some(Offer::Standard | Offer::Unknown) => {}
        Some(Offer::Extended) => found.push(about_version(Diagnostic::warning(
            "KUBERNETES_VERSION_OLD",
            "The Kubernetes version is in extended support",
            format!("AWS charges more for a cluster with version {wanted}"),
        ))),
        Some(Offer::Unsupported) | None => {
            let offers = offers.iter().filter(|(_, offer)| offer.is_supported());
            let offers: Vec<String> = offers.map(|(version, _)| version.to_string()).collect();
            return vec![
                about_version(Diagnostic::error(
                    "KUBERNETES_VERSION_NOT_OFFERED",
                    "The Kubernetes version is not on offer",
                    format!("EKS does not offer version {wanted} in this region"),
                ))
                .hint(format!("EKS offers {}", offers.join(", "))),
            ];
        }
    }
    if wanted > NEWEST_TRIED {
        found.push(
            about_version(Diagnostic::warning(
                "KUBERNETES_VERSION_UNTRIED",
                "NIC was not tried with the Kubernetes version",
                format!("version {wanted} is newer than {NEWEST_TRIED}, the newest that NIC was tried with"),
            ))
            .hint(format!("write `kubernetes_version: \"{NEWEST_TRIED}\"` for one that it was tried with")),
        );
    }
    found
}

/// Whether the control plane gets there from where it is, with the nodes it has.
fn reachable(
    present: &Result<Option<Cluster>, Error>,
    nodes: Result<Vec<(Minor, String)>, Error>,
    wanted: Minor,
) -> Vec<Diagnostic> {
    let what = format!("whether the cluster can move to version {wanted}");
    let cluster = match present {
        Ok(cluster) => cluster.as_ref(),
        Err(error) => return vec![unchecked(&what, error)],
    };
    let Some(present) = cluster.and_then(|cluster| Minor::parse(cluster.version()?)) else { return Vec::new() };
    if wanted < present {
        return vec![
            Diagnostic::error(
                "KUBERNETES_VERSION_DOWNGRADE",
                "The Kubernetes version cannot go down",
                format!("the cluster has version {present}, and EKS cannot take it back to {wanted}"),
            )
            .at(at("kubernetes_version"))
            .hint(format!("write `kubernetes_version: \"{present}\"`, or make a new platform")),
        ];
    }
    let nodes = match nodes {
        Ok(nodes) => nodes,
        Err(error) => return vec![unchecked(&what, &error)],
    };
    match nodes.into_iter().min() {
        Some((version, group)) if wanted.above(version) > SKEW => {
            let first = version.plus(SKEW);
            vec![Diagnostic::error(
                    "KUBERNETES_VERSION_TOO_FAR",
                    "The nodes would be too old for the control plane",
                    format!(
                        "the node group `{group}` has version {version}, and EKS allows nodes to be {SKEW} minor versions behind"
                    ),
                ).at(at("kubernetes_version")).hint(format!("deploy with `kubernetes_version: \"{first}\"` first: the nodes follow"))]
        }
        _ => Vec::new(),
    }
}

/// The versions of all node groups with their names, which are not always those of the config.
async fn nodes_versions(cloud: &Cloud, cluster: &str) -> Result<Vec<(Minor, String)>, Error> {
    let names = node_group_names(cloud, cluster).await?;
    let groups = try_join_all(names.iter().map(|name| describe_node_group(cloud, cluster, name))).await?;
    let versions = groups.into_iter().map(|group| Minor::parse(group?.version()?));
    Ok(versions.zip(names).filter_map(|(version, name)| Some((version?, name))).collect())
}

/// EKS takes a key for Secrets once and keeps it.
fn settable(present: &Result<Option<Cluster>, Error>, wanted: Option<&str>) -> Vec<Diagnostic> {
    let encryption = match present {
        Ok(cluster) => cluster.as_ref().map(Cluster::encryption_config).unwrap_or_default(),
        Err(error) => return vec![unchecked("whether the cluster can get the key of `eks_kms_arn`", error)],
    };
    let present = encryption.iter().find_map(|config| config.provider()?.key_arn());
    let Some(present) = present.filter(|present| Some(*present) != wanted) else { return Vec::new() };
    let wanted = wanted.map_or_else(|| "none".to_owned(), |key| format!("`{key}`"));
    vec![
        Diagnostic::error(
            "KMS_KEY_CANNOT_CHANGE",
            "The key that encrypts Kubernetes Secrets cannot change",
            format!("the cluster has the key `{present}` for ever, and the config names {wanted}"),
        )
        .at(at("eks_kms_arn"))
        .hint(format!("write `eks_kms_arn: {present}`, or make a new platform")),
    ]
}

/// EKS takes a symmetric key of the customer's own that is enabled.
async fn usable(arn: &str) -> Vec<Diagnostic> {
    let region = arn.split(':').nth(3).unwrap_or_default();
    let asking = Asking { region };
    let unusable = |why: String| {
        vec![
            Diagnostic::error(
                "KMS_KEY_UNUSABLE",
                "The key cannot encrypt Kubernetes Secrets",
                format!("`{arn}`: {why}"),
            )
            .at(at("eks_kms_arn")),
        ]
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
