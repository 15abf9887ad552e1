//! Which Kubernetes versions EKS offers.

use std::collections::BTreeMap;
use std::fmt;

use aws_sdk_eks::types::{AddonInfo, AddonVersionInfo, VersionStatus};
use nic_sdk::error::Error;

use crate::cloud::{Cloud, from_aws};
use crate::config::version_number;

/// A minor version; ordered by its numbers, not by its letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Minor(u32, u32);

impl Minor {
    /// From `1.34`.
    pub fn parse(text: &str) -> Option<Self> {
        version_number(text).map(|(major, minor)| Self(major, minor))
    }

    /// How many minor versions it is above another.
    pub fn above(self, other: Self) -> u32 {
        self.1.saturating_sub(other.1)
    }

    /// So many minor versions above it.
    pub fn plus(self, minors: u32) -> Self {
        Self(self.0, self.1 + minors)
    }
}

/// The newest version that NIC is tried with: that of the cluster autoscaler which it deploys (`cluster-autoscaler:v1.34.1` in
/// `nic-kubernetes-initialize`). Nebari has the same.
pub const NEWEST_TRIED: Minor = Minor(1, 34);

impl fmt::Display for Minor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers_and_not_texts() {
        let minor = |text: &str| Minor::parse(text).unwrap();
        assert!(minor("1.9") < minor("1.10"));
        assert_eq!(minor("1.34").above(minor("1.31")), 3);
        assert_eq!(minor("1.31").plus(3).to_string(), "1.34");
    }
}
