//! Managed node groups: creation with what AWS checks, the waiting states, deletion.

use serde_json::{Value, json};

use super::cluster::{minor, text};
use super::{
    Countdown, Eks, Failure, Outcome, Phase, ScalingTags, Update, check_role, check_subnets, check_tags, in_use,
    invalid, now, strings,
};
use crate::aws::emulator::ACCOUNT;
use crate::aws::front::Shared;
use crate::aws::front::answer::{Fault, random_hex};
use crate::aws::front::call::Call;

const AMI_TYPES: [&str; 12] = [
    "AL2_x86_64",
    "AL2_x86_64_GPU",
    "AL2_ARM_64",
    "CUSTOM",
    "BOTTLEROCKET_x86_64",
    "BOTTLEROCKET_ARM_64",
    "BOTTLEROCKET_x86_64_NVIDIA",
    "AL2023_x86_64_STANDARD",
    "AL2023_ARM_64_STANDARD",
    "AL2023_x86_64_NVIDIA",
    "AL2023_ARM_64_NVIDIA",
    "AL2023_x86_64_NEURON",
];

/// A node group as AWS would describe it, and what goes on in it.
#[derive(Debug)]
pub(super) struct Group {
    pub document: Value,
    pub phase: Phase,
    pub updates: Vec<Update>,
    /// Set when a test ordered the creation to fail.
    pub failure: Option<Failure>,
    /// Tags of its Auto Scaling group; those of the node group itself are not handed on to it.
    pub scaling_tags: ScalingTags,
}

impl Group {
    /// Finishes what has taken its time; whether the group is gone.
    pub fn settle(&mut self) -> bool {
        if !self.phase.over() {
            return false;
        }
        match self.phase {
            Phase::Deleting(_) => return true,
            Phase::Creating(_) => self.created(),
            Phase::Updating(_) => {
                if let Some(update) = self.updates.last_mut() {
                    update.finish(&mut self.document);
                }
                self.document["status"] = json!("ACTIVE");
                self.document["modifiedAt"] = now();
            }
            Phase::Steady => {}
        }
        self.phase = Phase::Steady;
        false
    }

    fn created(&mut self) {
        self.document["modifiedAt"] = now();
        if let Some((code, message)) = self.failure.take() {
            self.document["status"] = json!("CREATE_FAILED");
            self.document["health"] = json!({ "issues": [{ "code": code, "message": message, "resourceIds": [] }] });
            return;
        }
        let text = |member: &str| self.document[member].as_str().unwrap_or_default().to_owned();
        let (arn, name, cluster) = (text("nodegroupArn"), text("nodegroupName"), text("clusterName"));
        let id = arn.rsplit('/').next().unwrap_or_default();
        self.document["resources"] = json!({ "autoScalingGroups": [{ "name": format!("eks-{name}-{id}") }] });
        self.document["status"] = json!("ACTIVE");
        let tags = [
            ("eks:cluster-name".to_owned(), cluster.clone()),
            ("eks:nodegroup-name".to_owned(), name),
            ("k8s.io/cluster-autoscaler/enabled".to_owned(), "true".to_owned()),
            (format!("k8s.io/cluster-autoscaler/{cluster}"), "owned".to_owned()),
            (format!("kubernetes.io/cluster/{cluster}"), "owned".to_owned()),
        ];
        self.scaling_tags = tags.into_iter().map(|(key, value)| (key, (value, true))).collect();
    }
}

pub(super) async fn create(eks: &mut Eks, shared: &Shared, call: &Call) -> Outcome<Value> {
    let (request, cluster_name) = (&call.json, call.args[0].as_str());
    let (wait, region, partition) = (eks.pace.nodegroup_create, eks.region.clone(), eks.partition);
    let name = text(request, "nodegroupName")?;
    if name.len() > 63 || !name.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        return Err(invalid("The nodegroup name must have at most 63 characters and begin with a letter or digit"));
    }
    let failure = eks.fail_nodegroup.clone();
    let cluster = eks.cluster(cluster_name)?;
    if !cluster.active() {
        return Err(Fault::bad("InvalidRequestException", format!("Cluster '{cluster_name}' is not in ACTIVE status"))
            .with("clusterName", cluster_name));
    }
    if cluster.groups.contains_key(name) {
        let message = format!("NodeGroup already exists with name {name} and cluster name {cluster_name}");
        return Err(in_use(message).with("clusterName", cluster_name).with("nodegroupName", name));
    }
    let control_plane = cluster.document["version"].as_str().unwrap_or_default().to_owned();
    let version = request["version"].as_str().unwrap_or(&control_plane);
    check_version(version, &control_plane)?;
    let scaling = scaling(&request["scalingConfig"], &json!({ "minSize": 1, "maxSize": 2, "desiredSize": 2 }))?;
    check_taints(&request["taints"])?;
    check_tags(&request["tags"])?;
    let ami = request["amiType"].as_str().unwrap_or("AL2023_x86_64_STANDARD");
    if !AMI_TYPES.contains(&ami) {
        return Err(invalid(format!("AMI Type {ami} is not supported")));
    }
    let capacity = request["capacityType"].as_str().unwrap_or("ON_DEMAND");
    if !["ON_DEMAND", "SPOT", "CAPACITY_BLOCK"].contains(&capacity) {
        return Err(invalid(format!("Capacity type {capacity} is not supported")));
    }
    let role = text(request, "nodeRole")?;
    let machines = partition.machines;
    check_role(shared, role, machines, |arn| {
        invalid(format!("Following required service principals [{machines}] were not found in the trust relationships of nodeRole {arn}"))
    })
    .await?;
    let subnet_ids = strings(&request["subnets"]);
    if subnet_ids.is_empty() {
        return Err(invalid("subnets are required"));
    }
    let subnets = check_subnets(shared, &subnet_ids).await?;
    if subnets.iter().any(|subnet| subnet["vpcId"] != cluster.document["resourcesVpcConfig"]["vpcId"]) {
        return Err(invalid("Subnets are not in the VPC of the cluster"));
    }
    let mirrored = shared.upstream.forward(call).await?;
    if !mirrored.succeeded() {
        return Err(Fault::harness(format!(
            "the emulator refused a node group that the checks let pass: {}",
            String::from_utf8_lossy(&mirrored.body)
        )));
    }
    let id = random_hex(32);
    let uuid = format!("{}-{}-{}-{}-{}", &id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]);
    let mut document = json!({
        "nodegroupName": name, "clusterName": cluster_name, "status": "CREATING", "version": version, "releaseVersion": format!("{version}.0-20260101"),
        "nodegroupArn": format!("arn:{}:eks:{region}:{ACCOUNT}:nodegroup/{cluster_name}/{name}/{uuid}", partition.id),
        "createdAt": now(), "modifiedAt": now(), "capacityType": capacity, "scalingConfig": scaling, "subnets": subnet_ids, "amiType": ami, "nodeRole": role,
        "labels": request["labels"].as_object().cloned().unwrap_or_default(),
        "health": { "issues": [] },
        "updateConfig": if request["updateConfig"].is_object() { request["updateConfig"].clone() } else { json!({ "maxUnavailable": 1 }) },
        "tags": request["tags"].as_object().cloned().unwrap_or_default(),
    });
    if request["launchTemplate"].is_object() {
        document["launchTemplate"] = request["launchTemplate"].clone();
    } else {
        document["diskSize"] = json!(request["diskSize"].as_u64().unwrap_or(20));
        document["instanceTypes"] = if strings(&request["instanceTypes"]).is_empty() {
            json!(["t3.medium"])
        } else {
            request["instanceTypes"].clone()
        };
    }
    for optional in ["taints", "remoteAccess", "nodeRepairConfig"] {
        if !request[optional].is_null() && request[optional] != json!([]) {
            document[optional] = request[optional].clone();
        }
    }
    let group = Group {
        document: document.clone(),
        phase: Phase::Creating(Countdown::start(wait)),
        updates: Vec::new(),
        failure,
        scaling_tags: ScalingTags::new(),
    };
    cluster.groups.insert(name.to_owned(), group);
    eks.fail_nodegroup = None;
    Ok(json!({ "nodegroup": document }))
}

pub(super) async fn delete(eks: &mut Eks, shared: &Shared, call: &Call) -> Outcome<Value> {
    let wait = eks.pace.nodegroup_delete;
    let (cluster_name, name) = (call.args[0].as_str(), call.args[1].as_str());
    let group = eks.cluster(cluster_name)?.group(name)?;
    if !matches!(group.phase, Phase::Steady) {
        return Err(in_use("Nodegroup cannot be deleted as it is currently not in Active State")
            .with("clusterName", cluster_name)
            .with("nodegroupName", name));
    }
    shared.upstream.forward(call).await?;
    group.document["status"] = json!("DELETING");
    group.phase = Phase::Deleting(Countdown::start(wait));
    Ok(json!({ "nodegroup": group.document }))
}

/// Nodes may be older than the control plane, never newer.
pub(super) fn check_version(version: &str, control_plane: &str) -> Outcome<()> {
    match (minor(version), minor(control_plane)) {
        (Some(nodes), Some(plane)) if nodes <= plane && plane - nodes <= 3 => Ok(()),
        (Some(nodes), Some(plane)) if nodes > plane => Err(invalid(format!(
            "Nodegroup Kubernetes version should be equal to or less than control plane version {control_plane}"
        ))),
        _ => Err(invalid(format!("Requested Nodegroup version {version} is not supported"))),
    }
}

/// The scaling asked for, over the one there is.
pub(super) fn scaling(asked: &Value, present: &Value) -> Outcome<Value> {
    let size = |member: &str| -> Outcome<u64> {
        let value = if asked[member].is_null() { &present[member] } else { &asked[member] };
        value.as_u64().ok_or_else(|| invalid(format!("{member} is not valid")))
    };
    let (min, max, desired) = (size("minSize")?, size("maxSize")?, size("desiredSize")?);
    if max < 1 {
        return Err(invalid("maxSize must be at least 1"));
    }
    if min > max {
        return Err(invalid("minSize can't be greater than maxSize"));
    }
    if desired > max {
        return Err(invalid("desiredSize can't be greater than maxSize"));
    }
    if min > desired {
        return Err(invalid(format!("Minimum capacity {min} can't be greater than desired size {desired}")));
    }
    Ok(json!({ "minSize": min, "maxSize": max, "desiredSize": desired }))
}

pub(super) fn check_taints(taints: &Value) -> Outcome<()> {
    for taint in taints.as_array().into_iter().flatten() {
        if !["NO_SCHEDULE", "NO_EXECUTE", "PREFER_NO_SCHEDULE"].contains(&taint["effect"].as_str().unwrap_or_default())
        {
            return Err(invalid(format!(
                "Taint effect {} is not valid: it must be NO_SCHEDULE, NO_EXECUTE or PREFER_NO_SCHEDULE",
                taint["effect"]
            )));
        }
        if taint["key"].as_str().is_none_or(str::is_empty) {
            return Err(invalid("A taint needs a key"));
        }
    }
    Ok(())
}
