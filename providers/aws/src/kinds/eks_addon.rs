//! `aws.eks-addon`: software that EKS keeps on a cluster.
//!
//! What it would overwrite on the cluster is overwritten, at creation and later, as Nebari's templates have it: EKS has put a
//! `coredns` of its own on every new cluster.

use aws_sdk_eks::types::{Addon as Shown, AddonHealth, AddonStatus, NodegroupScalingConfig, ResolveConflicts};
use aws_smithy_types::date_time::Format;
use futures::future::join_all;
use nic_sdk::description::{self, CreateSafety};
use nic_sdk::error::{Error, Failure};
use nic_sdk::kit::change::{document, failure, present, remote_id, same_json};
use nic_sdk::kit::{Kind, LabelEdits, Scope, named};
use nic_sdk::report;
use nic_sdk::schema::{Normalise, list, map, object, string};
use nic_sdk::types::{Change, Observation, Progress, Status, Target};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::eks::{
    Id, Operation, Part, deletion, edit_tags, issue, not_shown_yet, pending, state, still_updating, update_id,
};
use crate::addon_versions::is_newer;
use crate::cloud::{Cloud, answered, from_aws};
use crate::tags::{TAGS, Tags, visible};

/// EKS's word for pods that have no place.
const FEW_REPLICAS: &str = "InsufficientNumberOfReplicas";

/// The kind.
pub struct EksAddon;

/// Its document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Document {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    arn: Option<String>,
    cluster_name: String,
    /// EKS chooses when none is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// JSON text.
    #[serde(skip_serializing_if = "Option::is_none")]
    configuration_values: Option<String>,
    /// The role of its service account; without one it acts as the node it runs on.
    #[serde(skip_serializing_if = "Option::is_none")]
    service_account_role_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    health_issues: Vec<String>,
    tags: Tags,
}

/// An add-on as EKS shows it.
struct Found {
    status: AddonStatus,
    tags: Tags,
    document: Document,
}

impl Kind for EksAddon {
    type Cloud = Cloud;

    fn describe() -> description::Kind {
        description::Kind::new(super::EKS_ADDON, "Add-on", "cloud.addons[]", CreateSafety::Named, schema())
            .time_limits(1200, 1200, 1200)
            .read_batch(20)
    }

    async fn read(cloud: &Cloud, targets: Vec<Target>) -> Vec<Observation> {
        join_all(targets.iter().map(|target| async move {
            let id = match Id::of_target(target) {
                Ok(Some(id)) => id,
                Ok(None) => return Observation::absent(&target.address),
                Err(error) => return Observation::unreadable(&target.address, error),
            };
            match look(cloud, &id).await {
                Ok(Some(found)) => observe(cloud, target, &id, &found),
                Ok(None) => Observation::absent(&target.address),
                Err(error) => Observation::unreadable(&target.address, error),
            }
        }))
        .await
    }

    async fn create(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        let desired: Document = document(&change.document)?;
        let id = Id { cluster: desired.cluster_name, name: desired.name };
        let tags = cloud.marks.mark(&desired.tags, &change.address);
        let request = cloud.eks.create_addon().cluster_name(&id.cluster).addon_name(&id.name);
        let request = request.set_addon_version(desired.version).set_configuration_values(desired.configuration_values);
        let request = request.set_service_account_role_arn(desired.service_account_role_arn);
        let request = request.resolve_conflicts(ResolveConflicts::Overwrite);
        let request = request.set_tags(Some(tags.into_iter().collect())).client_request_token(&change.token);
        request.send().await.map_err(from_aws)?;
        let id = id.to_string();
        report::created(&id).map_err(failure(&id))?;
        Ok(pending(&id, &Operation::Create, "CREATING".to_owned()))
    }

    async fn update(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        let id = remote_id(change)?;
        next(cloud, change, &Id::parse(id).map_err(failure(id))?).await.map_err(failure(id))
    }

    async fn delete(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        let text = remote_id(change)?;
        let id = Id::parse(text).map_err(failure(text))?;
        let request = cloud.eks.delete_addon().cluster_name(&id.cluster).addon_name(&id.name);
        let answer = request.send().await.map_err(from_aws);
        let status = |found: Option<Found>| found.map(|found| found.status.as_str().to_owned());
        deletion(change, answer, async { look(cloud, &id).await.map(status) }).await
    }

    async fn poll(cloud: &Cloud, change: &Change, operation: Value) -> Result<Progress, Failure> {
        let text = remote_id(change)?;
        let failed = failure(text);
        let id = Id::parse(text).map_err(&failed)?;
        let told = operation;
        let operation: Operation = document(&told).map_err(&failed)?;
        if let Some(progress) = still_updating(cloud, Part::Addon(&id), text, &operation).await.map_err(&failed)? {
            return Ok(progress);
        }
        let deleting = operation == Operation::Delete;
        let Some(found) = look(cloud, &id).await.map_err(&failed)? else {
            if deleting {
                return Ok(Progress::Done(Observation::absent(&change.address)));
            }
            let gone = || failed(Error::NotFound(format!("the add-on `{id}` does not exist")));
            return not_shown_yet(text, &told).ok_or_else(gone);
        };
        let shown = state(found.status.as_str(), &found.document.health_issues);
        match found.status {
            AddonStatus::CreateFailed | AddonStatus::DeleteFailed => {
                Err(failed(Error::other("ADDON_FAILED", format!("the add-on `{id}` is {shown}"))))
            }
            // It is degraded for its pods' sake: the document tells why, and the host waits until the platform is ready.
            AddonStatus::Active | AddonStatus::Degraded | AddonStatus::UpdateFailed if !deleting => {
                Ok(Progress::Done(present(&change.address, text, &found.document)))
            }
            _ => Ok(pending(text, &operation, shown)),
        }
    }
}

/// Does what is due: tags at once, then the update that takes its time.
async fn next(cloud: &Cloud, change: &Change, id: &Id) -> Result<Progress, Error> {
    let desired: Document = document(&change.document)?;
    let absent = || Error::NotFound(format!("the add-on `{id}` does not exist"));
    let mut found = look(cloud, id).await?.ok_or_else(absent)?;
    let scope = Scope::new(&change.paths);
    let edits = LabelEdits::between(&found.document.tags, &desired.tags, &scope, TAGS);
    if !edits.is_empty() {
        let arn = answered(found.document.arn.clone(), "ARN of the add-on")?;
        edit_tags(cloud, &arn, &edits).await?;
    }
    if differs(&found.document, &desired, &scope) {
        // All at once: what is left out of a request may fall back to what EKS thinks best.
        let wanted = |pointer: &str| if scope.touches(pointer) { &desired } else { &found.document };
        let values = wanted("/configuration_values").configuration_values.clone();
        let request = cloud.eks.update_addon().cluster_name(&id.cluster).addon_name(&id.name);
        let version = wanted("/version").version.clone().filter(|wanted| is_behind(&found.document, wanted));
        let request = request.set_addon_version(version.or_else(|| found.document.version.clone()));
        let request = request.configuration_values(values.unwrap_or_else(|| "{}".to_owned()));
        let role = wanted("/service_account_role_arn").service_account_role_arn.clone();
        let request = request.set_service_account_role_arn(role);
        let request = request.resolve_conflicts(ResolveConflicts::Overwrite);
        let request = request.client_request_token(format!("{}-addon", change.token));
        let update_id = update_id(request.send().await.map_err(from_aws)?.update)?;
        return Ok(pending(&id.to_string(), &Operation::Update { update_id }, "updating the add-on".to_owned()));
    }
    if !edits.is_empty() {
        found = look(cloud, id).await?.ok_or_else(absent)?;
    }
    Ok(Progress::Done(present(&change.address, &id.to_string(), &found.document)))
}

/// Whether a version is above the one that runs. None goes back.
fn is_behind(shown: &Document, version: &str) -> bool {
    shown.version.as_deref().is_none_or(|running| is_newer(version, running))
}

fn differs(shown: &Document, desired: &Document, scope: &Scope<'_>) -> bool {
    let version = desired.version.as_ref().filter(|_| scope.touches("/version"));
    if version.is_some_and(|version| is_behind(shown, version)) {
        return true;
    }
    let role = desired.service_account_role_arn.as_ref().filter(|_| scope.touches("/service_account_role_arn"));
    if role.is_some_and(|role| shown.service_account_role_arn.as_ref() != Some(role)) {
        return true;
    }
    match (&shown.configuration_values, &desired.configuration_values) {
        (Some(there), Some(wanted)) => scope.touches("/configuration_values") && !same_json(there, wanted),
        (None, Some(_)) => scope.touches("/configuration_values"),
        // What was never asked for stays as it is.
        (Some(there), None) => scope.names("/configuration_values") && !same_json(there, "{}"),
        (None, None) => false,
    }
}

fn observe(cloud: &Cloud, target: &Target, id: &Id, found: &Found) -> Observation {
    let observation = named::observe(cloud, target, &id.to_string(), &found.tags, &found.document);
    let status = match &found.status {
        AddonStatus::Active | AddonStatus::Degraded | AddonStatus::UpdateFailed => Status::Present,
        AddonStatus::CreateFailed | AddonStatus::DeleteFailed => {
            Status::Failed(state(found.status.as_str(), &found.document.health_issues))
        }
        other => Status::InProgress(other.as_str().to_owned()),
    };
    named::in_state(observation, status)
}

/// The add-on; none when it, or its cluster, does not exist.
async fn look(cloud: &Cloud, id: &Id) -> Result<Option<Found>, Error> {
    let request = cloud.eks.describe_addon().cluster_name(&id.cluster).addon_name(&id.name);
    match request.send().await.map_err(from_aws) {
        Ok(answer) => {
            let mut found = found(id, &answered(answer.addon, "add-on")?);
            if found.status == AddonStatus::Degraded {
                let missing = no_node(cloud, id, &found.document).await;
                found.document.health_issues.extend(missing);
            }
            Ok(Some(found))
        }
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// What EKS does not say of pods that have no place: that the group they are placed on has no node.
async fn no_node(cloud: &Cloud, id: &Id, document: &Document) -> Option<String> {
    document.health_issues.iter().find(|issue| issue.starts_with(FEW_REPLICAS))?;
    let values: Value = serde_json::from_str(document.configuration_values.as_deref()?).ok()?;
    let mut selectors = ["/nodeSelector", "/controller/nodeSelector"].into_iter().filter_map(|at| values.pointer(at));
    let group = selectors.find_map(|selector| selector.get("eks.amazonaws.com/nodegroup")?.as_str())?;
    // Who may not look has EKS's own words.
    let shown = super::describe_node_group(cloud, &id.cluster, group).await.ok()??;
    let nodes = shown.scaling_config().and_then(NodegroupScalingConfig::desired_size)?;
    (nodes == 0).then(|| format!("no node: {group} has 0, and the pods are placed on it"))
}

/// The version that runs; none when there is no such add-on.
pub async fn version(cloud: &Cloud, cluster: &str, name: &str) -> Result<Option<String>, Error> {
    let id = Id { cluster: cluster.to_owned(), name: name.to_owned() };
    Ok(look(cloud, &id).await?.and_then(|found| found.document.version))
}

fn found(id: &Id, addon: &Shown) -> Found {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let tags: Tags = addon.tags().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect();
    let status = addon.status().cloned().unwrap_or(AddonStatus::Creating);
    let issues = addon.health().map(AddonHealth::issues).unwrap_or_default().iter();
    let document = Document {
        name: id.name.clone(),
        arn: owned(addon.addon_arn()),
        cluster_name: id.cluster.clone(),
        version: owned(addon.addon_version()),
        configuration_values: addon.configuration_values().filter(|text| !text.is_empty()).map(str::to_owned),
        service_account_role_arn: owned(addon.service_account_role_arn()),
        status: Some(status.as_str().to_owned()),
        created_at: addon.created_at().and_then(|instant| instant.fmt(Format::DateTime).ok()),
        health_issues: issues
            .map(|i| issue(i.code().map_or("Unknown", |code| code.as_str()), i.message(), i.resource_ids()))
            .collect(),
        tags: visible(&tags),
    };
    Found { status, tags, document }
}

/// The JSON Schema of the document.
fn schema() -> Value {
    // EKS deletes them with the cluster; asked to do it one by one it takes minutes for each.
    object()
        .goes_with(super::CLUSTER)
        .required("name", string().immutable().natural_name())
        .optional("arn", string().computed())
        .required("cluster_name", string().immutable().natural_name())
        // What a user, or EKS, has moved further stays there.
        .optional("version", string().normalise(Normalise::AtLeast).left_when_unset())
        // JSON as text, as policies are: white space and the order of members are no difference.
        .optional("configuration_values", string().normalise(Normalise::Policy))
        .optional("service_account_role_arn", string())
        .optional("status", string().well(&["ACTIVE"]))
        .optional("created_at", string().computed())
        .optional("health_issues", list(string()).why())
        .required("tags", map(string()))
        .build()
}
