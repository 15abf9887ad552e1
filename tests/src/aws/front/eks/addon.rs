//! Add-ons, on both emulators: creation with what AWS checks, the waiting states, degradation for want of nodes, updates,
//! deletion. moto has none at all, ministack's are ACTIVE at once and take any name and any text as configuration.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::cluster::{Cluster, minor, text};
use super::{Countdown, Eks, Outcome, Phase, Update, check_tags, in_use, invalid, not_found, now, page};
use crate::aws::emulator::ACCOUNT;
use crate::aws::front::answer::{Fault, random_hex};
use crate::aws::front::call::Call;

/// What EKS offers here: name, default version, and whether its pods need nodes before they can run.
const OFFERED: [(&str, &str, bool); 7] = [
    ("vpc-cni", "v1.20.4-eksbuild.2", false),
    ("kube-proxy", "v1.34.0-eksbuild.2", false),
    ("coredns", "v1.12.4-eksbuild.1", true),
    ("aws-ebs-csi-driver", "v1.51.1-eksbuild.1", true),
    ("aws-efs-csi-driver", "v2.1.13-eksbuild.1", true),
    ("eks-pod-identity-agent", "v1.3.9-eksbuild.3", false),
    ("metrics-server", "v0.8.0-eksbuild.2", true),
];

/// An add-on as AWS would describe it, and what goes on in it.
#[derive(Debug)]
pub(super) struct Addon {
    pub document: Value,
    pub phase: Phase,
    pub updates: Vec<Update>,
    needs_nodes: bool,
}

impl Addon {
    /// Finishes what has taken its time; whether the add-on is gone.
    fn settle(&mut self, machines: bool) -> bool {
        if self.phase.over() {
            match self.phase {
                Phase::Deleting(_) => return true,
                Phase::Updating(_) => {
                    if let Some(update) = self.updates.last_mut() {
                        update.finish(&mut self.document);
                    }
                }
                Phase::Creating(_) | Phase::Steady => {}
            }
            self.phase = Phase::Steady;
            self.document["modifiedAt"] = now();
        }
        if matches!(self.phase, Phase::Steady) {
            let well = machines || !self.needs_nodes;
            let issue = json!({
                "code": "InsufficientNumberOfReplicas",
                "message": "The add-on is unhealthy because it doesn't have the desired number of replicas.",
                "resourceIds": [],
            });
            self.document["status"] = json!(if well { "ACTIVE" } else { "DEGRADED" });
            self.document["health"] = json!({ "issues": if well { json!([]) } else { json!([issue]) } });
        }
        false
    }
}

impl Cluster {
    pub fn settle_addons(&mut self, machines: bool) {
        self.addons.retain(|_, addon| !addon.settle(machines));
    }

    pub fn addon(&mut self, name: &str) -> Outcome<&mut Addon> {
        let cluster = self.document["name"].as_str().unwrap_or_default();
        self.addons.get_mut(name).ok_or_else(|| {
            not_found(format!("No addon: {name} found in cluster: {cluster}"))
                .with("clusterName", cluster)
                .with("addonName", name)
        })
    }
}

/// Answers the actions of add-ons; none for any other.
pub(super) fn handle(eks: &mut Eks, call: &Call, inspector: bool) -> Option<Outcome<Value>> {
    Some(match call.action.as_str() {
        "CreateAddon" => create(eks, call),
        "DescribeAddon" => describe(eks, call, inspector),
        "ListAddons" => list(eks, call),
        "UpdateAddon" => update(eks, call),
        "DeleteAddon" => delete(eks, call),
        "DescribeAddonVersions" => Ok(versions(&eks.addon_offers, call)),
        _ => return None,
    })
}

fn list(eks: &mut Eks, call: &Call) -> Outcome<Value> {
    let cluster = eks.cluster(&call.args[0])?;
    page(call, "addons", cluster.addons.keys())
}

fn describe(eks: &mut Eks, call: &Call, inspector: bool) -> Outcome<Value> {
    let addon = eks.cluster(&call.args[0])?.addon(&call.args[1])?;
    if !inspector {
        addon.phase.looked();
    }
    Ok(json!({ "addon": addon.document }))
}

fn create(eks: &mut Eks, call: &Call) -> Outcome<Value> {
    let (request, cluster_name) = (&call.json, call.args[0].as_str());
    let (wait, region, partition) = (eks.pace.addon, eks.region.clone(), eks.partition);
    let offers = eks.addon_offers.clone();
    let name = text(request, "addonName")?;
    let cluster = eks.cluster(cluster_name)?;
    if !cluster.active() {
        return Err(Fault::bad("InvalidRequestException", format!("Cluster '{cluster_name}' is not in ACTIVE status"))
            .with("clusterName", cluster_name));
    }
    if cluster.addons.contains_key(name) {
        return Err(in_use("Addon already exists.").with("clusterName", cluster_name).with("addonName", name));
    }
    let Some((.., needs_nodes)) = OFFERED.into_iter().find(|(offered, ..)| *offered == name) else {
        return Err(invalid("Addon specified is not supported").with("addonName", name));
    };
    let offered = offered(&offers, name, &cluster.document);
    let default = offered.first().map_or("", String::as_str);
    let version = request["addonVersion"].as_str().unwrap_or(default);
    check_version(version, &offered)?;
    check_conflicts(request, &["OVERWRITE", "NONE"])?;
    check_configuration(request)?;
    check_tags(&request["tags"])?;
    let id = random_hex(32);
    let mut document = json!({
        "addonName": name, "clusterName": cluster_name, "status": "CREATING", "addonVersion": version, "health": { "issues": [] },
        "addonArn": format!("arn:{}:eks:{region}:{ACCOUNT}:addon/{cluster_name}/{name}/{id}", partition.id),
        "createdAt": now(), "modifiedAt": now(), "tags": request["tags"].as_object().cloned().unwrap_or_default(),
    });
    for optional in ["configurationValues", "serviceAccountRoleArn"] {
        if request[optional].is_string() {
            document[optional] = request[optional].clone();
        }
    }
    let addon = Addon {
        document: document.clone(),
        phase: Phase::Creating(Countdown::start(wait)),
        updates: Vec::new(),
        needs_nodes,
    };
    cluster.addons.insert(name.to_owned(), addon);
    Ok(json!({ "addon": document }))
}

fn update(eks: &mut Eks, call: &Call) -> Outcome<Value> {
    let (wait, failure) = (eks.pace.addon, eks.fail_update.clone());
    let (request, name) = (&call.json, call.args[1].as_str());
    let offers = eks.addon_offers.clone();
    let cluster = eks.cluster(&call.args[0])?;
    let offered = offered(&offers, name, &cluster.document);
    let addon = cluster.addon(name)?;
    if !matches!(addon.phase, Phase::Steady) {
        let status = addon.document["status"].as_str().unwrap_or_default();
        return Err(in_use(format!("Addon {name} cannot be updated as it is currently in {status} state"))
            .with("addonName", name));
    }
    let mut change = Map::new();
    let mut parameters = Vec::new();
    if let Some(version) = request["addonVersion"].as_str() {
        check_version(version, &offered)?;
        parameters.push(("AddonVersion", version.to_owned()));
        change.insert("addonVersion".to_owned(), json!(version));
    }
    check_conflicts(request, &["OVERWRITE", "NONE", "PRESERVE"])?;
    check_configuration(request)?;
    if let Some(values) = request["configurationValues"].as_str() {
        parameters.push(("ConfigurationValues", values.to_owned()));
        change.insert("configurationValues".to_owned(), json!(values));
    }
    let update = Update::new("AddonUpdate", &parameters, change, failure);
    let body = json!({ "update": update.document() });
    addon.updates.push(update);
    addon.document["status"] = json!("UPDATING");
    addon.phase = Phase::Updating(Countdown::start(wait));
    eks.fail_update = None;
    Ok(body)
}

fn delete(eks: &mut Eks, call: &Call) -> Outcome<Value> {
    let (wait, name) = (eks.pace.addon, call.args[1].as_str());
    let addon = eks.cluster(&call.args[0])?.addon(name)?;
    if !matches!(addon.phase, Phase::Steady) {
        let status = addon.document["status"].as_str().unwrap_or_default();
        return Err(in_use(format!("Addon {name} cannot be deleted as it is currently in {status} state"))
            .with("addonName", name));
    }
    addon.document["status"] = json!("DELETING");
    addon.phase = Phase::Deleting(Countdown::start(wait));
    Ok(json!({ "addon": addon.document }))
}

/// Versions by add-on and minor version of Kubernetes, the default first.
pub(crate) type Offers = BTreeMap<(String, u32), Vec<String>>;

/// The versions of an add-on for a minor version of Kubernetes, the default first. Where no test says otherwise it is one, the same for all.
fn for_minor(offers: &Offers, name: &str, minor: u32) -> Vec<String> {
    let usual = || OFFERED.iter().filter(|(offered, ..)| *offered == name).map(|(_, newest, _)| (*newest).to_owned());
    offers.get(&(name.to_owned(), minor)).cloned().unwrap_or_else(|| usual().collect())
}

/// The same for a cluster as it is now.
fn offered(offers: &Offers, name: &str, cluster: &Value) -> Vec<String> {
    cluster["version"].as_str().and_then(minor).map(|minor| for_minor(offers, name, minor)).unwrap_or_default()
}

fn versions(offers: &Offers, call: &Call) -> Value {
    let wanted = call.query_parameter("addonName");
    let names =
        OFFERED.iter().map(|(name, ..)| *name).filter(|name| wanted.as_deref().is_none_or(|wanted| wanted == *name));
    let addons = names.map(|name| {
        let mut versions: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for minor in super::VERSIONS.iter().rev() {
            for (place, version) in for_minor(offers, name, *minor).into_iter().enumerate() {
                versions.entry(version).or_default().push(json!({
                    "clusterVersion": format!("1.{minor}"), "defaultVersion": place == 0, "platformVersions": ["*"],
                }));
            }
        }
        let versions = versions.into_iter().rev().map(|(version, with)| {
            json!({ "addonVersion": version, "architecture": ["amd64", "arm64"], "compatibilities": with })
        });
        json!({
            "addonName": name, "type": "infra-management", "publisher": "eks", "owner": "aws",
            "addonVersions": versions.collect::<Vec<_>>(),
        })
    });
    json!({ "addons": addons.collect::<Vec<_>>() })
}

fn check_version(version: &str, offered: &[String]) -> Outcome<()> {
    if offered.iter().any(|offered| offered == version) {
        return Ok(());
    }
    Err(invalid("Addon version specified is not supported"))
}

fn check_conflicts(request: &Value, allowed: &[&str]) -> Outcome<()> {
    match request["resolveConflicts"].as_str() {
        Some(other) if !allowed.contains(&other) => Err(invalid(format!("resolveConflicts cannot be {other}"))),
        _ => Ok(()),
    }
}

fn check_configuration(request: &Value) -> Outcome<()> {
    let Some(text) = request["configurationValues"].as_str() else { return Ok(()) };
    if serde_json::from_str::<Value>(text).is_ok_and(|values| values.is_object()) {
        return Ok(());
    }
    Err(invalid("ConfigurationValue is not in valid JSON or YAML format."))
}
