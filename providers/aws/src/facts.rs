//! What must be asked before the graph is known.

use futures::future::try_join_all;
use nic_sdk::error::Error;
use nic_sdk::provider::Facts;
use nic_sdk::types::{Fact, Query};
use serde_json::{Value, json};

use crate::cloud::{Cloud, filter, from_aws};
use crate::config::Config;

/// The name of the query for the region's zones.
pub const AVAILABILITY_ZONES: &str = "availability-zones";

const KEY: &str = "availability_zones";

/// The zones a network of its own stands in.
pub enum Zones {
    /// These.
    Known(Vec<String>),
    /// The region has to be asked.
    Ask(Query),
}

/// The region's first two zones by name.
pub fn zones(config: &Config, facts: &Facts) -> Result<Zones, Error> {
    let Some(answer) = facts.get(KEY) else {
        let arguments = json!({ "region": config.region });
        return Ok(Zones::Ask(Query { key: KEY.to_owned(), name: AVAILABILITY_ZONES.to_owned(), arguments }));
    };
    let mut zones: Vec<String> =
        answer.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    zones.sort();
    zones.truncate(2);
    if zones.len() < 2 {
        let region = &config.region;
        return Err(Error::other(
            "ZONES_TOO_FEW",
            format!("`{region}` offers fewer than the two zones EKS needs: {answer}"),
        ));
    }
    Ok(Zones::Known(zones))
}

/// Answers queries.
pub async fn lookup(cloud: &Cloud, queries: Vec<Query>) -> Result<Vec<Fact>, Error> {
    let answers = queries.into_iter().map(|query| async move {
        match query.name.as_str() {
            AVAILABILITY_ZONES => Ok(Fact { key: query.key, value: availability_zones(cloud).await?.into() }),
            other => Err(Error::other("QUERY_UNKNOWN", format!("this provider has no query `{other}`"))),
        }
    });
    try_join_all(answers).await
}

/// The zones of the region that every account has: local zones have to be opted into.
async fn availability_zones(cloud: &Cloud) -> Result<Vec<String>, Error> {
    let request = cloud.ec2.describe_availability_zones().filters(filter("opt-in-status", ["opt-in-not-required"]));
    let answer = request.send().await.map_err(from_aws)?;
    let mut zones: Vec<String> =
        answer.availability_zones.unwrap_or_default().into_iter().filter_map(|zone| zone.zone_name).collect();
    zones.sort();
    Ok(zones)
}
