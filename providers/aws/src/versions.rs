//! Which Kubernetes versions EKS offers.

use std::collections::BTreeMap;

use aws_sdk_eks::types::{AddonInfo, AddonVersionInfo, VersionStatus};
use nic_sdk::error::Error;
use nic_sdk::kit::Minor;

use crate::cloud::{Cloud, from_aws};

/// The newest version that NIC is tried with: that of the cluster autoscaler which it deploys (`cluster-autoscaler:v1.34.1` in
/// `nic-kubernetes-initialize`). Nebari has the same.
pub const NEWEST_TRIED: Minor = Minor::new(1, 34);

/// How long a version is still kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// For the usual time.
    Standard,
    /// For a higher price.
    Extended,
    /// No longer.
    Unsupported,
    /// EKS did not say.
    Unknown,
}

impl Offer {
    /// Whether a new cluster can have it.
    pub fn is_supported(self) -> bool {
        self != Self::Unsupported
    }
}

/// The versions on offer. Who may not ask EKS for its versions is often allowed to ask for those of its add-ons, which every
/// version has.
pub async fn on_offer(cloud: &Cloud) -> Result<BTreeMap<Minor, Offer>, Error> {
    match of_clusters(cloud).await {
        Err(Error::Denied { .. }) => of_addons(cloud).await,
        result => result,
    }
}

async fn of_clusters(cloud: &Cloud) -> Result<BTreeMap<Minor, Offer>, Error> {
    let pages = cloud.eks.describe_cluster_versions().into_paginator().items().send();
    let versions = pages.collect::<Result<Vec<_>, _>>().await.map_err(from_aws)?;
    let offers = versions.iter().filter_map(|version| {
        let offer = match version.version_status() {
            Some(VersionStatus::StandardSupport) => Offer::Standard,
            Some(VersionStatus::ExtendedSupport) => Offer::Extended,
            Some(VersionStatus::Unsupported) => Offer::Unsupported,
            _ => Offer::Unknown,
        };
        Some((Minor::parse(version.cluster_version()?)?, offer))
    });
    Ok(offers.collect())
}

async fn of_addons(cloud: &Cloud) -> Result<BTreeMap<Minor, Offer>, Error> {
    let pages = cloud.eks.describe_addon_versions().addon_name("coredns").into_paginator().items().send();
    let addons = pages.collect::<Result<Vec<_>, _>>().await.map_err(from_aws)?;
    let compatible = addons.iter().flat_map(AddonInfo::addon_versions).flat_map(AddonVersionInfo::compatibilities);
    let versions = compatible.filter_map(|with| Minor::parse(with.cluster_version()?));
    Ok(versions.map(|version| (version, Offer::Unknown)).collect())
}
