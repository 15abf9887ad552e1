//! Checks just before the first mutation: what would otherwise fail minutes later, half of the platform made.
//!
//! A check that could not be made is told. Quotas alone are a courtesy: who may not read them is not told so.

mod account;
mod addons;
mod ask;
mod cluster;
mod existing;
mod nodes;
mod scaling;
mod volume;
mod zones;

use futures::join;
use nic_sdk::error::Error;
use nic_sdk::kit::preflight::{Summary, names_taken, worst_first};
use nic_sdk::types::{Context, Diagnostic};
use serde_json::Value;

use crate::cloud::Cloud;
use crate::config::{self, Config};
use crate::discover::named;
use crate::kinds::read;
use crate::names::Names;

/// Everything that is found wrong.
pub async fn preflight(
    context: &Context,
    cloud: &Cloud,
    config: &Value,
    summary: &Value,
) -> Result<Vec<Diagnostic>, Error> {
    let summary = Summary::new(summary);
    // What cannot be typed was refused by `validate`.
    let names = Names::new(context);
    let parsed = config::parse(config, names.topology).0;
    let Some(config) = parsed.filter(|_| summary.brings_anything()) else { return Ok(Vec::new()) };
    let (taken, account, zones, existing, cluster, addons, nodes, scaling, volume) = join!(
        Box::pin(taken(cloud, &names, summary)),
        Box::pin(account::check(cloud, &config, summary)),
        Box::pin(zones::check(cloud, &config, summary)),
        Box::pin(existing::check(cloud, &config, summary)),
        Box::pin(cluster::check(cloud, &config, &names, summary)),
        Box::pin(addons::check(cloud, &config, &names, summary)),
        Box::pin(nodes::check(cloud, &config, summary)),
        Box::pin(scaling::check(cloud, &config, &names, summary)),
        Box::pin(volume::check(cloud, &config, summary)),
    );
    // A version that there is not has no add-ons.
    let offered = cluster.iter().all(|told| told.code != "KUBERNETES_VERSION_NOT_OFFERED");
    let addons = if offered { addons } else { Vec::new() };
    Ok(worst_first([taken, account, zones, existing, cluster, addons, nodes, scaling, volume].concat()))
}

/// The names of things that are about to be created, and taken by something of somebody else's.
async fn taken(cloud: &Cloud, names: &Names, summary: Summary<'_>) -> Vec<Diagnostic> {
    let mut targets = named(names);
    targets.retain(|target| summary.creates(&target.address));
    names_taken(read(cloud, targets).await)
}

/// Where a key of the config stands.
fn at(key: &str) -> String {
    format!("/{}/{key}", config::SECTION)
}

/// The zones that a network of its own is going to stand in.
async fn own_zones(cloud: &Cloud, config: &Config) -> Result<Vec<String>, Error> {
    if config.availability_zones.len() >= 2 {
        return Ok(config.availability_zones.clone());
    }
    Ok(crate::facts::first_two(crate::facts::availability_zones(cloud).await?))
}
