//! Whether EKS can make, or move to, the cluster that is asked for.

use std::collections::BTreeMap;

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
use crate::versions::{self, NEWEST_TRIED, Offer, day, seconds_to};

/// How many minor versions nodes may be behind the control plane.
const SKEW: u32 = 3;

/// Seconds before the end of standard support in which it is told: a new platform stands longer than two months.
const SOON: i64 = 60 * 24 * 60 * 60;

/// Every check of this file.
pub async fn check(cloud: &Cloud, config: &Config, names: &Names, summary: Summary<'_>) -> Vec<Diagnostic> {
    let made = summary.makes(MAIN_CLUSTER);
    let moved = summary.changes(MAIN_CLUSTER, "/version");
    let encrypted = summary.changes(MAIN_CLUSTER, "/kms_key_arn");
    let written = config.kubernetes_version.as_deref().and_then(Minor::parse);
    let wanted = written.filter(|_| made || moved);
    let moving_to = wanted.filter(|_| moved);
    let key = config.kms_key_arn.as_deref();
    let offered = async {
        if wanted.is_some() || (made && config.kubernetes_version.is_none()) {
            offered(cloud, wanted).await
        } else {
            kept(cloud, names, written).await.into_iter().collect()
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

/// Whether EKS has the version, and at which price; of a new cluster whose config names none, that which it gets.
async fn offered(cloud: &Cloud, wanted: Option<Minor>) -> Vec<Diagnostic> {
    let offers = match versions::on_offer(cloud).await {
        Ok(offers) => offers,
        Err(error) => {
            let what = wanted.map_or_else(|| "the version".to_owned(), |wanted| format!("version {wanted}"));
            return vec![unchecked(&format!("whether EKS offers {what}"), &error)];
        }
    };
    // Without any the look-up has said so.
    let Some(wanted) = wanted.or_else(|| versions::choose(&offers)) else { return Vec::new() };
    let about_version = |told: Diagnostic| told.at(at("kubernetes_version"));
    let mut found = Vec::new();
    match offers.get(&wanted) {
        Some(offer @ (Offer::Standard(_) | Offer::Extended(_) | Offer::Unknown)) => {
            found.extend(dear(wanted, offer, &offers).map(about_version));
        }
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

/// What the version costs that a cluster stays at: its support may have ended since it was made. Who cannot ask is not told so.
async fn kept(cloud: &Cloud, names: &Names, written: Option<Minor>) -> Option<Diagnostic> {
    let running = match written {
        Some(written) => written,
        None => Minor::parse(describe_cluster(cloud, &names.cluster).await.ok()??.version()?)?,
    };
    let offers = versions::on_offer(cloud).await.ok()?;
    dear(running, offers.get(&running)?, &offers).map(|told| told.at(at("kubernetes_version")))
}

/// What is told of a version that costs more than usual, or soon will.
fn dear(wanted: Minor, offer: &Offer, offers: &BTreeMap<Minor, Offer>) -> Option<Diagnostic> {
    let when = match offer {
        Offer::Extended(None) => "is in extended support".to_owned(),
        Offer::Extended(Some(end)) => format!("is in extended support until {}", day(*end)),
        Offer::Standard(Some(end)) if seconds_to(*end) < SOON => format!("leaves standard support on {}", day(*end)),
        _ => return None,
    };
    let detail = format!(
        "version {wanted} {when}: AWS then charges 0.60 US dollars for each hour of the control plane, six times the usual 0.10"
    );
    let told = Diagnostic::warning("KUBERNETES_VERSION_OLD", "The Kubernetes version costs more than usual", detail);
    let longer = |offer: &Offer| match offer {
        Offer::Standard(end) => end.is_none_or(|end| seconds_to(end) >= SOON),
        offer => offer.is_standard(),
    };
    let newer = offers.iter().filter(|(version, offer)| **version > wanted && longer(offer));
    let newer: Vec<String> = newer.map(|(version, _)| version.to_string()).collect();
    Some(if newer.is_empty() {
        told
    } else {
        told.hint(format!("longer in standard support are {}", newer.join(", ")))
    })
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
