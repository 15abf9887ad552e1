//! What must be asked before the graph is known.

use std::collections::BTreeMap;

use futures::future::{join, try_join, try_join_all};
use nic_sdk::error::Error;
use nic_sdk::kit::names::successor_of;
use nic_sdk::kit::{Minor, Sought, text_argument, unknown_query};
use nic_sdk::provider::Facts;
use nic_sdk::types::{Fact, Query};
use serde_json::{Value, json};

use crate::addon_versions;
use crate::cloud::{Cloud, filter, from_aws};
use crate::config::{Config, had_another_image};
use crate::kinds::{addon_version, describe_cluster, describe_node_group, describe_subnets, node_group_names};
use crate::names::Names;
use crate::versions::{self, NEWEST_TRIED};
use crate::zones::hosts_no_control_plane;

/// The name of the query for the region's zones.
pub const AVAILABILITY_ZONES: &str = "availability-zones";

/// The name of the query for the version of a platform whose config names none.
pub const KUBERNETES_VERSION: &str = "kubernetes-version";

/// The name of the query for the zone of a subnet that is given.
pub const SUBNET_ZONE: &str = "subnet-zone";

/// The name of the query for the image that the nodes of a group have.
pub const NODE_IMAGE: &str = "node-image";

/// The name of the query for the versions that add-ons get with a Kubernetes version.
pub const ADDON_VERSIONS: &str = "addon-versions";

const ZONES_KEY: &str = "availability_zones";
const VERSION_KEY: &str = "kubernetes_version";

/// The zones a network of its own stands in: those of the config, or the region's first two by name.
pub fn zones(config: &Config, facts: &Facts) -> Result<Sought<Vec<String>>, Error> {
    if config.availability_zones.len() >= 2 {
        return Ok(Sought::Known(config.availability_zones.clone()));
    }
    let Some(answer) = facts.get(ZONES_KEY) else {
        let arguments = json!({ "region": config.region });
        let query = Query::new(ZONES_KEY, AVAILABILITY_ZONES, arguments);
        return Ok(Sought::Ask(query));
    };
    let zones: Vec<String> =
        answer.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    let zones = first_two(zones);
    if zones.len() < 2 {
        let region = &config.region;
        return Err(Error::other(
            "ZONES_TOO_FEW",
            format!("`{region}` offers fewer than the two zones EKS needs: {answer}; name two in `availability_zones`"),
        ));
    }
    Ok(Sought::Known(zones))
}

/// The zone of a subnet of somebody else's.
pub fn zone_of(subnet: &str, facts: &Facts) -> Sought<String> {
    // Another subnet is another question.
    let key = format!("zone_of_{subnet}");
    match facts.get(&key).and_then(Value::as_str) {
        Some(zone) => Sought::Known(zone.to_owned()),
        None => Sought::Ask(Query::new(key, SUBNET_ZONE, json!({ "subnet": subnet }))),
    }
}

/// The first two zones by name.
pub fn first_two(mut zones: Vec<String>) -> Vec<String> {
    zones.sort();
    zones.truncate(2);
    zones
}

/// The version of the control plane: that of the config, or the one that was found when it was first asked for. A newer
/// version that is offered since changes nothing: that is for the user to ask for.
pub fn kubernetes_version(config: &Config, names: &Names, facts: &Facts) -> Sought<String> {
    let recorded = || facts.get(VERSION_KEY).and_then(Value::as_str).map(str::to_owned);
    match config.kubernetes_version.clone().or_else(recorded) {
        Some(version) => Sought::Known(version),
        None => Sought::Ask(Query::new(VERSION_KEY, KUBERNETES_VERSION, json!({ "cluster": names.cluster }))),
    }
}

/// The images that node groups were made with and keep, by group. Images were not always chosen by the machine; a group that has another one
/// would be replaced if it got the one of today. What is not known is asked for.
pub fn kept_images(
    config: &Config,
    names: &Names,
    facts: &Facts,
    queries: &mut Vec<Query>,
) -> BTreeMap<String, String> {
    let doubtful = config.node_groups.iter().filter(|group| had_another_image(&group.instance, group.gpu));
    let kept = doubtful.filter_map(|group| {
        // Other machines are another question: for them the group is replaced anyway.
        let key = format!("image_of_{}_{}", group.name, group.instance);
        if let Some(answer) = facts.get(&key) {
            return Some((group.name.clone(), answer.as_str()?.to_owned()));
        }
        let arguments = json!({ "cluster": names.cluster, "group": group.name, "instance": group.instance });
        queries.push(Query::new(key, NODE_IMAGE, arguments));
        None
    });
    kept.collect()
}

/// The versions that add-ons get with the Kubernetes version of the config, by name. One that is not in it gets what EKS chooses when it is
/// made, and then stays as it is: add-ons move with the control plane, and at no other time. What is not known is asked for.
pub fn addon_versions(
    config: &Config,
    names: &Names,
    addons: &[&str],
    facts: &Facts,
    queries: &mut Vec<Query>,
) -> BTreeMap<String, String> {
    // Where none is written, none moves.
    let Some(version) = &config.kubernetes_version else { return BTreeMap::new() };
    let key = format!("addon_versions_for_{version}");
    let Some(answer) = facts.get(&key) else {
        let arguments = json!({ "cluster": names.cluster, "version": version, "addons": addons });
        queries.push(Query::new(key, ADDON_VERSIONS, arguments));
        return BTreeMap::new();
    };
    let versions = answer.as_object().into_iter().flatten();
    versions.filter_map(|(addon, version)| Some((addon.clone(), version.as_str()?.to_owned()))).collect()
}

/// An answer that a query may get, for a graph that is only looked at.
pub fn stand_in(query: &Query) -> Value {
    match query.name.as_str() {
        AVAILABILITY_ZONES => json!(["a", "b"]),
        KUBERNETES_VERSION => NEWEST_TRIED.to_string().into(),
        SUBNET_ZONE => "a".into(),
        _ => Value::Null,
    }
}

/// Answers queries.
pub async fn lookup(cloud: &Cloud, queries: Vec<Query>) -> Result<Vec<Fact>, Error> {
    let answers = queries.into_iter().map(|query| async move {
        match query.name.as_str() {
            AVAILABILITY_ZONES => Ok(Fact::new(query.key, availability_zones(cloud).await?)),
            KUBERNETES_VERSION => {
                let version = version_of(cloud, text_argument(&query, "cluster")).await?;
                Ok(Fact::new(query.key, version))
            }
            SUBNET_ZONE => {
                let zone = subnet_zone(cloud, text_argument(&query, "subnet")).await?;
                Ok(Fact::new(query.key, zone))
            }
            NODE_IMAGE => {
                let [cluster, group, instance] =
                    ["cluster", "group", "instance"].map(|name| text_argument(&query, name));
                let image = image_of(cloud, cluster, group, instance).await?;
                Ok(Fact::new(query.key, image))
            }
            ADDON_VERSIONS => {
                let addons = query.arguments.get("addons").and_then(Value::as_array).cloned().unwrap_or_default();
                let addons: Vec<&str> = addons.iter().filter_map(Value::as_str).collect();
                let [cluster, version] = ["cluster", "version"].map(|name| text_argument(&query, name));
                let versions = addons_with(cloud, cluster, Minor::parse(version), &addons).await?;
                Ok(Fact::new(query.key, versions))
            }
            other => Err(unknown_query(other)),
        }
    });
    try_join_all(answers).await
}

/// The zones of the region that every account has, and that EKS serves: local zones have to be opted into.
pub async fn availability_zones(cloud: &Cloud) -> Result<Vec<String>, Error> {
    let request = cloud.ec2.describe_availability_zones().filters(filter("opt-in-status", ["opt-in-not-required"]));
    let answer = request.send().await.map_err(from_aws)?;
    let zones = answer.availability_zones.unwrap_or_default().into_iter();
    let served = zones.filter(|zone| !zone.zone_id().is_some_and(hosts_no_control_plane));
    let mut zones: Vec<String> = served.filter_map(|zone| zone.zone_name).collect();
    zones.sort();
    Ok(zones)
}

async fn subnet_zone(cloud: &Cloud, subnet: &str) -> Result<String, Error> {
    let zone = zones_of(cloud, &[subnet]).await?.remove(subnet);
    let missing = || format!("`existing_subnet_ids` names `{subnet}`, which does not exist in this region");
    zone.ok_or_else(|| Error::other("EXTERNAL_NOT_FOUND", missing()))
}

/// The zones of these subnets, by id; one that does not exist has none.
pub async fn zones_of(cloud: &Cloud, subnets: &[&str]) -> Result<BTreeMap<String, String>, Error> {
    let shown = describe_subnets(cloud, filter("subnet-id", subnets.iter().copied())).await?;
    Ok(shown.into_iter().filter_map(|subnet| subnet.subnet_id.zip(subnet.availability_zone)).collect())
}

/// The image of the nodes of a group that is there, if they are such machines; a replacement bears a longer name.
async fn image_of(cloud: &Cloud, cluster: &str, group: &str, instance: &str) -> Result<Option<String>, Error> {
    let names = node_group_names(cloud, cluster).await?.into_iter();
    for name in names.filter(|name| name == group || successor_of(name) == Some(group)) {
        let shown = describe_node_group(cloud, cluster, &name).await?;
        let image = shown.filter(|shown| shown.instance_types() == [instance]).and_then(|shown| shown.ami_type);
        if let Some(image) = image {
            return Ok(Some(image.as_str().to_owned()));
        }
    }
    Ok(None)
}

/// The versions of add-ons when the cluster moves up to a Kubernetes version; none where it is not there, or does not move. Of what keeps
/// this from being known the reads and the preflight tell, which come after it and ask the same.
async fn addons_with(cloud: &Cloud, cluster: &str, wanted: Option<Minor>, addons: &[&str]) -> Result<Value, Error> {
    let none = || json!({});
    let Some(wanted) = wanted else { return Ok(none()) };
    let present = known(describe_cluster(cloud, cluster).await)?.flatten();
    let present = present.and_then(|present| Minor::parse(present.version()?));
    if present.is_none_or(|present| wanted <= present) {
        return Ok(none());
    }
    let versions = addons.iter().map(|addon| async move {
        let answers = try_join(addon_versions::on_offer(cloud, addon, wanted), addon_version(cloud, cluster, addon));
        let Some((offered, Some(running))) = known(answers.await)? else { return Ok(None) };
        let chosen = addon_versions::choose(&offered, &running);
        Ok(chosen.map(|chosen| ((*addon).to_owned(), Value::from(chosen))))
    });
    Ok(try_join_all(versions).await?.into_iter().flatten().collect())
}

/// The answer, if there is one; an error that another attempt may spare is one. Who reaches nothing at all hears it of the reads.
fn known<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        // The host's own words, such as `PROXY_REFUSED`, are in capitals; the cloud's are not.
        Err(Error::Remote { code, .. }) if !code.bytes().any(|b| b.is_ascii_lowercase()) => Ok(None),
        Err(error) if error.may_pass() => Err(error),
        Err(_) => Ok(None),
    }
}

/// The version of the cluster that is there already, as after a state was lost; else the one that a new platform gets.
async fn version_of(cloud: &Cloud, cluster: &str) -> Result<String, Error> {
    // Most often there is no cluster: both questions go out at once.
    let (present, offered) = join(describe_cluster(cloud, cluster), versions::on_offer(cloud)).await;
    if let Some(version) = present?.and_then(|cluster| cluster.version) {
        return Ok(version);
    }
    let offered = offered?;
    let none = || {
        let message = format!(
            "EKS offers no version in standard support in this region, and none up to {NEWEST_TRIED}, the newest that NIC was tried with: name one in the config"
        );
        Error::other("KUBERNETES_VERSION_NOT_OFFERED", message)
    };
    Ok(versions::choose(&offered).ok_or_else(none)?.to_string())
}
