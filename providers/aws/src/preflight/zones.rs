//! Whether EKS serves the zones that the config names.

use nic_sdk::error::Error;
use nic_sdk::kit::preflight::{Summary, unchecked};
use nic_sdk::types::Diagnostic;

use super::at;
use crate::classic::kubernetes::MAIN_CLUSTER;
use crate::cloud::{Cloud, filter, from_aws};
use crate::config::{Config, Network};
use crate::zones::hosts_no_control_plane;

/// The check of this file, about zones that the config names for a network of its own.
pub async fn check(cloud: &Cloud, config: &Config, summary: Summary<'_>) -> Vec<Diagnostic> {
    let zones = &config.availability_zones;
    let own = matches!(config.network, Network::Own(_)) && zones.len() >= 2;
    if !own || !summary.makes(MAIN_CLUSTER) {
        return Vec::new();
    }
    let shown = match described(cloud, zones).await {
        Ok(shown) => shown,
        Err(error) => return vec![unchecked("whether EKS serves the `availability_zones`", &error)],
    };
    let unfit = zones.iter().enumerate().filter_map(|(index, zone)| {
        let (code, why) = match shown.iter().find(|shown| shown.name == *zone) {
            None => {
                let region = &config.region;
                let why = format!("does not exist in the region `{region}`, or the account has not opted into it");
                ("ZONE_NOT_IN_REGION", why)
            }
            Some(shown) if shown.kind != "availability-zone" => (
                "ZONE_NOT_FOR_CLUSTERS",
                format!("is a {}: EKS places no control plane there", shown.kind.replace('-', " ")),
            ),
            Some(shown) if hosts_no_control_plane(&shown.id) => {
                ("ZONE_NOT_FOR_CLUSTERS", format!("is {} in this account, where EKS places no control plane", shown.id))
            }
            Some(_) => return None,
        };
        let told = Diagnostic::error(code, "EKS does not serve the zone", format!("`{zone}` {why}"));
        let told = told.at(at(&format!("availability_zones/{index}")));
        Some(
            told.hint(
                "name another zone of the region, or leave `availability_zones` out: two that serve are taken then",
            ),
        )
    });
    unfit.collect()
}

/// A zone as EC2 shows it.
struct Shown {
    name: String,
    id: String,
    kind: String,
}

async fn described(cloud: &Cloud, names: &[String]) -> Result<Vec<Shown>, Error> {
    // Those that have to be opted into, too.
    let request = cloud.ec2.describe_availability_zones().all_availability_zones(true);
    let answer = request.filters(filter("zone-name", names)).send().await.map_err(from_aws)?;
    let shown = answer.availability_zones.unwrap_or_default().into_iter().filter_map(|zone| {
        let kind = zone.zone_type.unwrap_or_else(|| "availability-zone".to_owned());
        Some(Shown { name: zone.zone_name?, id: zone.zone_id.unwrap_or_default(), kind })
    });
    Ok(shown.collect())
}
