//! Whether the add-ons are to be had for the Kubernetes version that is asked for.

use aws_sdk_eks::types::AddonInfo;
use futures::future::join_all;
use futures::join;
use nic_sdk::error::Error;
use nic_sdk::kit::preflight::{Summary, unchecked};
use nic_sdk::kit::{Minor, Topology};
use nic_sdk::types::Diagnostic;

use super::at;
use crate::classic::addons::ADDONS;
use crate::classic::kubernetes::MAIN_CLUSTER;
use crate::cloud::{Cloud, from_aws};
use crate::config::Config;
use crate::design::kubernetes::CSI_DRIVER;
use crate::kinds::addon_version;
use crate::names::Names;

/// The check of this file, before a control plane is made or moves: add-ons come after it, and it never goes back.
pub async fn check(cloud: &Cloud, config: &Config, names: &Names, summary: Summary<'_>) -> Vec<Diagnostic> {
    let moved = summary.changes(MAIN_CLUSTER, "/version");
    let wanted = config.kubernetes_version.as_deref().and_then(Minor::parse);
    let Some(wanted) = wanted.filter(|_| moved || summary.makes(MAIN_CLUSTER)) else { return Vec::new() };
    let addons: &[&str] = match names.topology {
        Topology::Classic => &ADDONS,
        Topology::Design => std::slice::from_ref(&CSI_DRIVER),
    };
    let found = addons.iter().map(|addon| async move {
        let running = async { if moved { addon_version(cloud, &names.cluster, addon).await } else { Ok(None) } };
        match join!(versions(cloud, addon, wanted), running) {
            (Ok(versions), Ok(running)) => {
                fits((&config.region, &names.cluster), addon, wanted, &versions, running.as_deref())
            }
            (Err(error), _) | (_, Err(error)) => {
                Some(unchecked(&format!("whether EKS has the add-on `{addon}` for version {wanted}"), &error))
            }
        }
    });
    join_all(found).await.into_iter().flatten().collect()
}

/// A version of an add-on, and whether it is the one that EKS chooses.
struct Offered {
    version: String,
    is_default: bool,
}

async fn versions(cloud: &Cloud, addon: &str, wanted: Minor) -> Result<Vec<Offered>, Error> {
    let request = cloud.eks.describe_addon_versions().addon_name(addon).kubernetes_version(wanted.to_string());
    let pages = request.into_paginator().items().send();
    let addons = pages.collect::<Result<Vec<_>, _>>().await.map_err(from_aws)?;
    let wanted = wanted.to_string();
    let offered = addons.iter().flat_map(AddonInfo::addon_versions).filter_map(|version| {
        let with = version.compatibilities().iter().find(|with| with.cluster_version() == Some(&wanted))?;
        Some(Offered { version: version.addon_version()?.to_owned(), is_default: with.default_version() })
    });
    Ok(offered.collect())
}

fn fits(
    (region, cluster): (&str, &str),
    addon: &str,
    wanted: Minor,
    offered: &[Offered],
    running: Option<&str>,
) -> Option<Diagnostic> {
    if offered.is_empty() {
        let detail = format!("EKS offers no version of the add-on `{addon}` for Kubernetes {wanted} in `{region}`");
        let told = Diagnostic::error("ADDON_NOT_OFFERED", "An add-on is not on offer", detail);
        let hint = "write a `kubernetes_version` for which it is offered: `aws eks describe-addon-versions` tells";
        return Some(told.at(at("kubernetes_version")).hint(hint));
    }
    let running = running.filter(|running| offered.iter().all(|offered| offered.version != *running))?;
    let default = offered.iter().find(|offered| offered.is_default).or_else(|| offered.first());
    let default = default.map(|offered| offered.version.as_str()).unwrap_or_default();
    let detail = format!("`{addon}` runs as {running}, which EKS does not offer for Kubernetes {wanted}");
    let told = Diagnostic::warning("ADDON_VERSION_OLD", "An add-on is not made for the new version", detail);
    Some(told.at(at("kubernetes_version")).hint(format!(
        "when the cluster has moved: aws eks update-addon --cluster-name {cluster} --addon-name {addon} --addon-version {default}"
    )))
}
