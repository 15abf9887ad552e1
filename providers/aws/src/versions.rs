//! Which Kubernetes versions EKS offers.

use std::collections::BTreeMap;
use std::time::SystemTime;

use aws_sdk_eks::types::{AddonInfo, AddonVersionInfo, VersionStatus};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use nic_sdk::error::Error;
use nic_sdk::kit::Minor;

use crate::cloud::{Cloud, from_aws};

/// The newest version that NIC is tried with: that of the cluster autoscaler which it deploys (`cluster-autoscaler:v1.34.1` in
/// `nic-kubernetes-initialize`). Nebari has the same.
pub const NEWEST_TRIED: Minor = Minor::new(1, 34);

/// How long a version is still kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Offer {
    /// For the usual price, until this instant where EKS says one.
    Standard(Option<DateTime>),
    /// For a higher price, until this instant where EKS says one.
    Extended(Option<DateTime>),
    /// No longer.
    Unsupported,
    /// EKS did not say.
    Unknown,
}

impl Offer {
    /// Whether a new cluster can have it.
    pub fn is_supported(&self) -> bool {
        *self != Self::Unsupported
    }

    /// Whether it has the usual price, as far as is known.
    pub fn is_standard(&self) -> bool {
        matches!(self, Self::Standard(_) | Self::Unknown)
    }
}

/// The version of a new platform whose config names none: the newest that NIC was tried with and that has the usual price. When that time is
/// over for all of them, a newer one is the lesser evil: it is told, and nobody pays six times as much for not having asked.
pub fn choose(offers: &BTreeMap<Minor, Offer>) -> Option<Minor> {
    let tried = || offers.range(..=NEWEST_TRIED);
    let newer = || offers.range(NEWEST_TRIED..);
    let usual =
        tried().rfind(|(_, offer)| offer.is_standard()).or_else(|| newer().find(|(_, offer)| offer.is_standard()));
    let chosen = usual.or_else(|| tried().rfind(|(_, offer)| offer.is_supported()));
    chosen.map(|(version, _)| *version)
}

/// The versions on offer. Who may not ask EKS for its versions is often allowed to ask for those of its add-ons, which every
/// version has.
pub async fn on_offer(cloud: &Cloud) -> Result<BTreeMap<Minor, Offer>, Error> {
    match of_clusters(cloud).await {
        Err(Error::Denied { .. }) => of_addons(cloud).await,
        result => result,
    }
}

/// How long it is until then.
pub fn seconds_to(instant: DateTime) -> i64 {
    instant.secs() - DateTime::from(SystemTime::now()).secs()
}

/// The day, as AWS writes it.
pub fn day(instant: DateTime) -> String {
    let text = instant.fmt(Format::DateTime).unwrap_or_default();
    text.split('T').next().unwrap_or_default().to_owned()
}

async fn of_clusters(cloud: &Cloud) -> Result<BTreeMap<Minor, Offer>, Error> {
    let pages = cloud.eks.describe_cluster_versions().into_paginator().items().send();
    let versions = pages.collect::<Result<Vec<_>, _>>().await.map_err(from_aws)?;
    let offers = versions.iter().filter_map(|version| {
        let offer = match version.version_status() {
            Some(VersionStatus::StandardSupport) => match version.end_of_standard_support_date().copied() {
                // What EKS says of today may be of yesterday; its dates are not.
                Some(end) if seconds_to(end) <= 0 => Offer::Extended(version.end_of_extended_support_date().copied()),
                end => Offer::Standard(end),
            },
            Some(VersionStatus::ExtendedSupport) => Offer::Extended(version.end_of_extended_support_date().copied()),
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
