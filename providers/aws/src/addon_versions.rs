//! Which versions of an add-on EKS has for a Kubernetes version, and which of them follows the one that runs.

use aws_sdk_eks::types::AddonInfo;
use nic_sdk::error::Error;
use nic_sdk::kit::Minor;

use crate::cloud::{Cloud, from_aws};

/// A version of an add-on, and whether it is the one that EKS chooses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    pub version: String,
    pub is_default: bool,
}

/// Those that go with this Kubernetes version.
pub async fn on_offer(cloud: &Cloud, addon: &str, wanted: Minor) -> Result<Vec<Offered>, Error> {
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

/// What an add-on that runs as `running` becomes: EKS's own choice, or the next one above it where that would be a step back. None where it
/// stays: it is on offer itself, or newer than all.
pub fn choose<'a>(offered: &'a [Offered], running: &str) -> Option<&'a str> {
    let newer = || offered.iter().filter(|offered| is_newer(&offered.version, running));
    let default = newer().find(|offered| offered.is_default);
    let stays = || offered.iter().any(|offered| offered.version == running);
    let next = || newer().min_by_key(|offered| numbers(&offered.version)).filter(|_| !stays());
    default.or_else(next).map(|offered| offered.version.as_str())
}

/// Whether one version comes after another.
pub fn is_newer(version: &str, than: &str) -> bool {
    numbers(version) > numbers(than)
}

/// 1, 12, 1 and 2 of `v1.12.1-eksbuild.2`.
fn numbers(version: &str) -> Vec<u64> {
    version.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(versions: &[&str]) -> Vec<Offered> {
        let offered = versions.iter().enumerate();
        offered.map(|(place, version)| Offered { version: (*version).to_owned(), is_default: place == 0 }).collect()
    }

    #[test]
    fn the_default_is_taken_unless_a_newer_one_runs() {
        let versions = offered(&["v1.12.4-eksbuild.10", "v1.13.0-eksbuild.1", "v1.12.4-eksbuild.9"]);
        assert_eq!(choose(&versions, "v1.11.1-eksbuild.2"), Some("v1.12.4-eksbuild.10"));
        assert_eq!(choose(&versions, "v1.12.4-eksbuild.9"), Some("v1.12.4-eksbuild.10"));
        // What runs is on offer and newer than the default, or is the default.
        assert_eq!(choose(&versions, "v1.13.0-eksbuild.1"), None);
        assert_eq!(choose(&versions, "v1.12.4-eksbuild.10"), None);
        // It is newer than the default, and is not on offer.
        assert_eq!(choose(&versions, "v1.12.5-eksbuild.1"), Some("v1.13.0-eksbuild.1"));
        assert_eq!(choose(&versions, "v1.14.0-eksbuild.1"), None);
        assert_eq!(choose(&[], "v1.14.0-eksbuild.1"), None);
    }
}
