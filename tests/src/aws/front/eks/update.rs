//! Updates of clusters and node groups: objects with an id and an end, one at a time.

use serde_json::{Map, Value, json};

use super::cluster::{Cluster, logging, minor, network};
use super::nodegroup::{check_taints, check_version, scaling};
use super::{Countdown, Eks, Failure, Outcome, Phase, VERSIONS, in_use, invalid, not_found, now, strings};
use crate::aws::front::Shared;
use crate::aws::front::answer::{Fault, random_hex};
use crate::aws::front::call::Call;

/// An update; its change shows in the thing when it has succeeded.
#[derive(Debug)]
pub(super) struct Update {
    pub id: String,
    document: Value,
    /// Members of the described thing and their new values.
    change: Map<String, Value>,
    failure: Option<Failure>,
    /// What the failure is about, as `resourceIds`.
    about: Vec<String>,
}

impl Update {
    pub fn new(
        kind: &str,
        parameters: &[(&str, String)],
        change: Map<String, Value>,
        failure: Option<Failure>,
    ) -> Self {
        let digits = random_hex(32);
        let id =
            format!("{}-{}-{}-{}-{}", &digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]);
        let parameters: Vec<Value> =
            parameters.iter().map(|(kind, value)| json!({ "type": kind, "value": value })).collect();
        let document = json!({ "id": id, "status": "InProgress", "type": kind, "params": parameters, "createdAt": now(), "errors": [] });
        Self { id, document, change, failure, about: Vec::new() }
    }

    fn about(mut self, resources: Vec<String>) -> Self {
        self.about = resources;
        self
    }

    pub fn document(&self) -> &Value {
        &self.document
    }

    /// Ends the update: the change shows, or the failure does.
    pub fn finish(&mut self, thing: &mut Value) {
        if let Some((code, message)) = self.failure.take() {
            self.document["status"] = json!("Failed");
            self.document["errors"] =
                json!([{ "errorCode": code, "errorMessage": message, "resourceIds": self.about }]);
            return;
        }
        self.document["status"] = json!("Successful");
        for (member, value) in std::mem::take(&mut self.change) {
            thing[member] = value;
        }
    }
}

impl Cluster {
    pub fn finish_update(&mut self) {
        if let Some(update) = self.updates.last_mut() {
            update.finish(&mut self.document);
        }
        // An update that failed leaves the cluster ACTIVE all the same.
        self.document["status"] = json!("ACTIVE");
        self.phase = Phase::Steady;
    }

    /// Refuses what cannot be updated now.
    fn check_updatable(&self, kind: &str) -> Outcome<()> {
        let name = self.document["name"].as_str().unwrap_or_default();
        if let (Phase::Updating(_), Some(update)) = (&self.phase, self.updates.last()) {
            return Err(in_use(format!(
                "Cannot {kind} because cluster {name} currently has update {} in progress",
                update.id
            ))
            .with("clusterName", name));
        }
        if !self.active() {
            return Err(Fault::bad("InvalidRequestException", format!("Cluster '{name}' is not in ACTIVE status"))
                .with("clusterName", name));
        }
        Ok(())
    }

    fn begin(&mut self, update: Update, countdown: Countdown) -> Value {
        let body = json!({ "update": update.document });
        self.updates.push(update);
        self.document["status"] = json!("UPDATING");
        self.phase = Phase::Updating(countdown);
        body
    }
}

pub(super) fn list<'a>(eks: &'a mut Eks, call: &Call) -> Outcome<&'a [Update]> {
    let cluster = eks.cluster(&call.args[0])?;
    if let Some(addon) = call.query_parameter("addonName") {
        return Ok(&cluster.addon(&addon)?.updates);
    }
    match call.query_parameter("nodegroupName") {
        Some(group) => Ok(&cluster.group(&group)?.updates),
        None => Ok(&cluster.updates),
    }
}

pub(super) fn describe(eks: &mut Eks, call: &Call, inspector: bool) -> Outcome<Value> {
    let id = &call.args[1];
    let update = list(eks, call)?.iter().find(|update| update.id == *id);
    let document = update
        .map(|update| update.document.clone())
        .ok_or_else(|| not_found(format!("No update found for ID: {id}")))?;
    // A look at the update is a look at what it updates.
    if !inspector && document["status"] == "InProgress" {
        let cluster = eks.cluster(&call.args[0])?;
        match (call.query_parameter("addonName"), call.query_parameter("nodegroupName")) {
            (Some(addon), _) => cluster.addon(&addon)?.phase.looked(),
            (None, Some(group)) => cluster.group(&group)?.phase.looked(),
            (None, None) => cluster.phase.looked(),
        }
    }
    Ok(json!({ "update": document }))
}

pub(super) fn cluster_version(eks: &mut Eks, call: &Call) -> Outcome<Value> {
    let (countdown, name) = (Countdown::start(eks.pace.cluster_update), call.args[0].clone());
    let failure = eks.fail_update.clone();
    let cluster = eks.cluster(&name)?;
    cluster.check_updatable("VersionUpdate")?;
    let asked = call.json["version"].as_str().unwrap_or_default();
    let present = cluster.document["version"].as_str().unwrap_or_default().to_owned();
    let fits = match (minor(&present), minor(asked)) {
        (Some(from), Some(to)) if from == to => {
            return Err(invalid(format!(
                "Cluster is already at the desired configuration with Kubernetes version: {asked}"
            ))
            .with("clusterName", name));
        }
        (Some(from), Some(to)) => to == from + 1 && VERSIONS.contains(&to),
        _ => false,
    };
    if !fits {
        return Err(invalid(format!("Unsupported Kubernetes minor version update from {present} to {asked}"))
            .with("clusterName", name));
    }
    if let Some(group) = cluster
        .groups
        .values()
        .find(|group| check_version(group.document["version"].as_str().unwrap_or_default(), asked).is_err())
    {
        return Err(invalid(format!(
            "Nodegroup {} is too old for control plane version {asked}",
            group.document["nodegroupName"]
        ))
        .with("clusterName", name));
    }
    let change = Map::from_iter([("version".to_owned(), json!(asked))]);
    let update = Update::new(
        "VersionUpdate",
        &[("Version", asked.to_owned()), ("PlatformVersion", "eks.1".to_owned())],
        change,
        failure,
    );
    let body = cluster.begin(update, countdown);
    eks.fail_update = None;
    Ok(body)
}

/// Encryption of secrets: once, and never back.
pub(super) fn encryption(eks: &mut Eks, call: &Call) -> Outcome<Value> {
    let (countdown, name) = (Countdown::start(eks.pace.cluster_update), call.args[0].clone());
    let failure = eks.fail_update.clone();
    let cluster = eks.cluster(&name)?;
    let asked = &call.json["encryptionConfig"];
    if asked.pointer("/0/provider/keyArn").and_then(Value::as_str).is_none_or(str::is_empty) {
        return Err(invalid("encryptionConfig needs the ARN of a key").with("clusterName", name));
    }
    cluster.check_updatable("AssociateEncryptionConfig")?;
    if cluster.document["encryptionConfig"].is_array() {
        let message = format!("Cluster {name} already has an encryption configuration");
        return Err(invalid(message).with("clusterName", name));
    }
    let change = Map::from_iter([("encryptionConfig".to_owned(), asked.clone())]);
    let parameters = [("EncryptionConfig", asked.to_string())];
    let body = cluster.begin(Update::new("AssociateEncryptionConfig", &parameters, change, failure), countdown);
    eks.fail_update = None;
    Ok(body)
}

/// Endpoint access, the network, logging and the authentication mode; anything else is an explicit error.
pub(super) async fn cluster_config(eks: &mut Eks, shared: &Shared, call: &Call) -> Outcome<Value> {
    let (countdown, name) = (Countdown::start(eks.pace.cluster_update), call.args[0].clone());
    let failure = eks.fail_update.clone();
    let cluster = eks.cluster(&name)?;
    let given: Vec<&String> =
        call.json.as_object().into_iter().flat_map(Map::keys).filter(|key| *key != "clientRequestToken").collect();
    let [member] = given[..] else {
        return Err(invalid("Only one type of update can be allowed").with("clusterName", name));
    };
    let asked = &call.json[member];
    let (kind, parameters, change) = match member.as_str() {
        "resourcesVpcConfig" if asked["subnetIds"].is_array() || asked["securityGroupIds"].is_array() => {
            place(shared, &cluster.document["resourcesVpcConfig"], asked).await?
        }
        "resourcesVpcConfig" => endpoint_access(&cluster.document["resourcesVpcConfig"], asked)?,
        "logging" => {
            let wanted = logging(asked);
            if wanted == cluster.document["logging"] {
                return Err(invalid("No changes needed for the logging config provided").with("clusterName", name));
            }
            (
                "LoggingUpdate",
                vec![("ClusterLogging", asked.to_string())],
                Map::from_iter([("logging".to_owned(), wanted)]),
            )
        }
        "accessConfig" => {
            let mode = asked["authenticationMode"].as_str().unwrap_or_default();
            if cluster.document["accessConfig"]["authenticationMode"] == mode {
                return Err(invalid(format!("Unsupported authentication mode update from {mode} to {mode}"))
                    .with("clusterName", name));
            }
            (
                "AccessConfigUpdate",
                vec![("AuthenticationMode", mode.to_owned())],
                Map::from_iter([("accessConfig".to_owned(), asked.clone())]),
            )
        }
        other => return Err(Fault::harness(format!("the harness does not know how to update `{other}` of a cluster"))),
    };
    cluster.check_updatable(kind)?;
    let body = cluster.begin(Update::new(kind, &parameters, change, failure), countdown);
    eks.fail_update = None;
    Ok(body)
}

type Prepared = (&'static str, Vec<(&'static str, String)>, Map<String, Value>);

fn endpoint_access(present: &Value, asked: &Value) -> Outcome<Prepared> {
    let known = ["endpointPublicAccess", "endpointPrivateAccess", "publicAccessCidrs"];
    if let Some(other) = asked.as_object().into_iter().flat_map(Map::keys).find(|key| !known.contains(&key.as_str())) {
        return Err(Fault::harness(format!("the harness does not know how to update `resourcesVpcConfig.{other}`")));
    }
    let mut wanted = present.clone();
    for member in known {
        if !asked[member].is_null() {
            wanted[member] = asked[member].clone();
        }
    }
    if wanted["endpointPublicAccess"] == false && wanted["endpointPrivateAccess"] == false {
        return Err(invalid("Private and public endpoint access cannot be false"));
    }
    if wanted == *present {
        return Err(invalid(format!(
            "Cluster is already at the desired configuration with endpointPrivateAccess: {}, endpointPublicAccess: {}, and Public Endpoint Restrictions: {:?}",
            wanted["endpointPrivateAccess"],
            wanted["endpointPublicAccess"],
            strings(&wanted["publicAccessCidrs"])
        )));
    }
    let parameters = vec![
        ("EndpointPublicAccess", wanted["endpointPublicAccess"].to_string()),
        ("EndpointPrivateAccess", wanted["endpointPrivateAccess"].to_string()),
        ("PublicAccessCidrs", wanted["publicAccessCidrs"].to_string()),
    ];
    Ok(("EndpointAccessUpdate", parameters, Map::from_iter([("resourcesVpcConfig".to_owned(), wanted)])))
}

/// Other subnets and security groups, in the same VPC.
async fn place(shared: &Shared, present: &Value, asked: &Value) -> Outcome<Prepared> {
    if asked.as_object().into_iter().flatten().any(|(key, value)| key.starts_with("endpoint") && !value.is_null()) {
        return Err(invalid("Only one type of update can be allowed"));
    }
    let mut wanted = present.clone();
    for member in ["subnetIds", "securityGroupIds"] {
        if asked[member].is_array() {
            wanted[member] = asked[member].clone();
        }
    }
    let checked = network(shared, &wanted).await?;
    if checked["vpcId"] != present["vpcId"] {
        return Err(invalid("Provided subnets belong to different VPCs"));
    }
    let same = |member: &str| {
        let sorted = |value: &Value| {
            let mut texts = strings(value);
            texts.sort();
            texts
        };
        sorted(&wanted[member]) == sorted(&present[member])
    };
    if same("subnetIds") && same("securityGroupIds") {
        return Err(invalid("Cluster is already at the desired configuration"));
    }
    let parameters = vec![
        ("SubnetIds", wanted["subnetIds"].to_string()),
        ("SecurityGroupIds", wanted["securityGroupIds"].to_string()),
    ];
    Ok(("VpcConfigUpdate", parameters, Map::from_iter([("resourcesVpcConfig".to_owned(), wanted)])))
}

/// Starts an update of a node group that is ACTIVE.
fn begin_group(eks: &mut Eks, call: &Call, prepare: impl FnOnce(&Value, &str) -> Outcome<Prepared>) -> Outcome<Value> {
    let countdown = Countdown::start(eks.pace.nodegroup_update);
    let (cluster_name, name) = (call.args[0].as_str(), call.args[1].as_str());
    let (failure, about) = match eks.stuck.get(name) {
        Some((failure, nodes)) => (Some(failure.clone()), nodes.clone()),
        None => (eks.fail_update.clone(), Vec::new()),
    };
    let cluster = eks.cluster(cluster_name)?;
    let control_plane = cluster.document["version"].as_str().unwrap_or_default().to_owned();
    let group = cluster.group(name)?;
    if !matches!(group.phase, Phase::Steady)
        || !["ACTIVE", "DEGRADED"].contains(&group.document["status"].as_str().unwrap_or_default())
    {
        return Err(in_use("Nodegroup cannot be updated as it is currently not in Active State")
            .with("clusterName", cluster_name)
            .with("nodegroupName", name));
    }
    let (kind, parameters, change) = prepare(&group.document, &control_plane)?;
    let update = Update::new(kind, &parameters, change, failure).about(about);
    let body = json!({ "update": update.document });
    group.updates.push(update);
    group.document["status"] = json!("UPDATING");
    group.phase = Phase::Updating(countdown);
    if eks.stuck.remove(name).is_none() {
        eks.fail_update = None;
    }
    Ok(body)
}

pub(super) fn nodegroup_version(eks: &mut Eks, call: &Call) -> Outcome<Value> {
    begin_group(eks, call, |present, control_plane| {
        let version = call.json["version"].as_str().unwrap_or(control_plane);
        check_version(version, control_plane)?;
        if minor(version) < minor(present["version"].as_str().unwrap_or_default()) {
            return Err(invalid(format!("Nodegroup version {version} is older than the present one")));
        }
        let release =
            call.json["releaseVersion"].as_str().map_or_else(|| format!("{version}.0-20260101"), str::to_owned);
        let change =
            Map::from_iter([("version".to_owned(), json!(version)), ("releaseVersion".to_owned(), json!(release))]);
        Ok(("VersionUpdate", vec![("Version", version.to_owned()), ("ReleaseVersion", release)], change))
    })
}

pub(super) fn nodegroup_config(eks: &mut Eks, call: &Call) -> Outcome<Value> {
    begin_group(eks, call, |present, _| {
        let (asked, mut parameters, mut change) = (&call.json, Vec::new(), Map::new());
        let known = ["labels", "taints", "scalingConfig", "updateConfig", "nodeRepairConfig", "clientRequestToken"];
        if let Some(other) =
            asked.as_object().into_iter().flat_map(Map::keys).find(|key| !known.contains(&key.as_str()))
        {
            return Err(Fault::harness(format!("the harness does not know how to update `{other}` of a node group")));
        }
        if asked["scalingConfig"].is_object() {
            let wanted = scaling(&asked["scalingConfig"], &present["scalingConfig"])?;
            for (kind, member) in [("MinSize", "minSize"), ("MaxSize", "maxSize"), ("DesiredSize", "desiredSize")] {
                parameters.push((kind, wanted[member].to_string()));
            }
            change.insert("scalingConfig".to_owned(), wanted);
        }
        if asked["labels"].is_object() {
            change.insert("labels".to_owned(), labels(&present["labels"], &asked["labels"])?);
            parameters.extend(given("LabelsToAdd", &asked["labels"]["addOrUpdateLabels"]));
            parameters.extend(given("LabelsToRemove", &asked["labels"]["removeLabels"]));
        }
        if asked["taints"].is_object() {
            change.insert("taints".to_owned(), taints(&present["taints"], &asked["taints"])?);
            parameters.extend(given("TaintsToAdd", &asked["taints"]["addOrUpdateTaints"]));
            parameters.extend(given("TaintsToRemove", &asked["taints"]["removeTaints"]));
        }
        for member in ["updateConfig", "nodeRepairConfig"] {
            if asked[member].is_object() {
                change.insert(member.to_owned(), asked[member].clone());
            }
        }
        if change.is_empty() {
            return Err(invalid("No changes were specified for the nodegroup"));
        }
        Ok(("ConfigUpdate", parameters, change))
    })
}

/// A parameter of the update object, if the request has it.
fn given(kind: &'static str, value: &Value) -> Option<(&'static str, String)> {
    (!value.is_null()).then(|| (kind, value.to_string()))
}

fn labels(present: &Value, asked: &Value) -> Outcome<Value> {
    let mut labels = present.as_object().cloned().unwrap_or_default();
    let removed = strings(&asked["removeLabels"]);
    for (key, value) in asked["addOrUpdateLabels"].as_object().into_iter().flatten() {
        if removed.contains(key) {
            return Err(invalid(format!("Label {key} cannot be both added and removed")));
        }
        labels.insert(key.clone(), value.clone());
    }
    for key in removed {
        labels.remove(&key);
    }
    Ok(Value::Object(labels))
}

/// A taint is known by key and effect.
fn taints(present: &Value, asked: &Value) -> Outcome<Value> {
    check_taints(&asked["addOrUpdateTaints"])?;
    check_taints(&asked["removeTaints"])?;
    let same = |one: &Value, other: &Value| one["key"] == other["key"] && one["effect"] == other["effect"];
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let (added, removed) = (list(&asked["addOrUpdateTaints"]), list(&asked["removeTaints"]));
    let mut taints = list(present);
    taints.retain(|taint| !added.iter().chain(&removed).any(|other| same(taint, other)));
    taints.extend(added);
    Ok(json!(taints))
}
