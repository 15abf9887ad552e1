//! Whether the machines that node groups are made of are to be had where they are to stand.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::LocationType;
use futures::join;
use nic_sdk::error::Error;
use nic_sdk::kit::preflight::{Summary, unchecked};
use nic_sdk::types::{Diagnostic, Severity};

use super::own_zones;
use crate::cloud::{Cloud, filter, from_aws};
use crate::config::{Config, Network, SECTION};
use crate::facts::zones_of;

/// The check of this file, about node groups that are going to be made.
pub async fn check(cloud: &Cloud, config: &Config, summary: Summary<'_>) -> Vec<Diagnostic> {
    let made = |name: &str| summary.makes(&format!("aws.node-group.{name}"));
    let groups: Vec<_> = config.node_groups.iter().filter(|group| made(&group.name)).collect();
    if groups.is_empty() {
        return Vec::new();
    }
    let types: BTreeSet<&str> = groups.iter().map(|group| group.instance.as_str()).collect();
    let (places, offers) = join!(places(cloud, config), offers(cloud, &types));
    let (places, offers) = match (places, offers) {
        (Ok(places), Ok(offers)) => (places, offers),
        (Err(error), _) | (_, Err(error)) => {
            return vec![unchecked("whether the instance types of the node groups are offered", &error)];
        }
    };
    let findings = groups.into_iter().filter_map(|group| {
        let wanted = if group.single_subnet { places.get(..1).unwrap_or_default() } else { &places[..] };
        let offered = offers.get(&group.instance);
        let lacking = |zone: &&String| offered.is_none_or(|zones| !zones.contains(*zone));
        let lacking: Vec<&str> = wanted.iter().filter(lacking).map(String::as_str).collect();
        if lacking.is_empty() {
            return None;
        }
        let none = lacking.len() == wanted.len();
        let detail =
            format!("`{}` of the node group `{}` is not offered in {}", group.instance, group.name, lacking.join(", "));
        // With one zone left, nodes come up there.
        let severity = if none { Severity::Error } else { Severity::Warning };
        let summary = "An instance type is not offered where it is wanted";
        let told = Diagnostic::new(severity, "INSTANCE_NOT_OFFERED", summary, detail);
        let told = told.at(format!("/{SECTION}/node_groups/{}", group.name));
        Some(told.hint("choose an `instance` that is offered there, or zones that offer this one"))
    });
    findings.collect()
}

/// The zones of the subnets, in their order.
async fn places(cloud: &Cloud, config: &Config) -> Result<Vec<String>, Error> {
    let Network::Existing { subnet_ids, .. } = &config.network else { return own_zones(cloud, config).await };
    let subnets: Vec<&str> = subnet_ids.iter().map(String::as_str).collect();
    let zones = zones_of(cloud, &subnets).await?;
    Ok(subnet_ids.iter().filter_map(|id| zones.get(id).cloned()).collect())
}

/// The zones that have each of these types.
async fn offers(cloud: &Cloud, types: &BTreeSet<&str>) -> Result<BTreeMap<String, BTreeSet<String>>, Error> {
    let request = cloud.ec2.describe_instance_type_offerings().location_type(LocationType::AvailabilityZone);
    let request = request.filters(filter("instance-type", types.iter().copied()));
    let found = request.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.map_err(from_aws)?;
    let mut offers = BTreeMap::<String, BTreeSet<String>>::new();
    for offering in found {
        if let Some((of, zone)) = offering.instance_type.zip(offering.location) {
            offers.entry(of.as_str().to_owned()).or_default().insert(zone);
        }
    }
    Ok(offers)
}
