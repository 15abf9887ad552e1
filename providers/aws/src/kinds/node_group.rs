//! `aws.node-group`: an EKS managed node group.

mod update;

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_eks::types::{
    Nodegroup as Shown, NodegroupHealth, NodegroupResources, NodegroupScalingConfig, NodegroupStatus,
    Taint as EksTaint, TaintEffect,
};
use aws_smithy_types::date_time::Format;
use futures::future::{join, join_all, try_join_all};
use nic_sdk::description::{self, CreateSafety};
use nic_sdk::error::{Error, Failure};
use nic_sdk::kit;
use nic_sdk::kit::change::{document, failure, present, remote_id};
use nic_sdk::kit::{Claim, Kind, Topology, labels_of, named, names};
use nic_sdk::report;
use nic_sdk::schema::{Normalise, integer, list, map, object, one_of, string};
use nic_sdk::types::{Change, Observation, Progress, Status, Target};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::eks::{
    Id, Operation, Part, deletion, issue, not_shown_yet, pending, state, still_updating, while_role_spreads,
};
use crate::cloud::{Cloud, answered, from_aws};
use crate::tags::{Tags, visible};

/// The kind.
pub struct NodeGroup;

/// Its document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Document {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    arn: Option<String>,
    cluster_name: String,
    instance_types: Vec<String>,
    ami_type: String,
    capacity_type: String,
    disk_size: i32,
    scaling_config: Scaling,
    labels: BTreeMap<String, String>,
    taints: Vec<Taint>,
    subnet_ids: Vec<String>,
    node_role_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    release_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    autoscaling_groups: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    health_issues: Vec<String>,
    tags: Tags,
}

/// How many nodes.
#[expect(clippy::struct_field_names, reason = "the names of the state's document")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Scaling {
    min_size: i32,
    max_size: i32,
    /// The autoscaler's, once the group exists, unless the config names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    desired_size: Option<i32>,
}

/// One taint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Taint {
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    effect: String,
}

/// A node group as EKS shows it.
struct Found {
    id: String,
    status: NodegroupStatus,
    tags: Tags,
    document: Document,
}

impl Kind for NodeGroup {
    type Cloud = Cloud;

    fn describe() -> description::Kind {
        description::Kind::new(super::NODE_GROUP, "Node group", "cloud.node_groups[]", CreateSafety::Named, schema())
            .protected()
            .time_limits(3600, 7200, 3600)
            .read_batch(100)
    }

    async fn read(cloud: &Cloud, targets: Vec<Target>) -> Vec<Observation> {
        let plain = join_all(targets.iter().map(|target| plain(cloud, target)));
        let (plain, listed) = join(plain, listed(cloud, &targets)).await;
        let listed = &listed;
        join_all(targets.iter().zip(plain).map(|(target, plain)| async move {
            let found = match plain {
                Ok(None) => successor(cloud, target, listed).await,
                plain => plain,
            };
            match found {
                Ok(Some(found)) => observe(cloud, target, &found),
                Ok(None) => Observation::absent(&target.address),
                Err(error) => Observation::unreadable(&target.address, error),
            }
        }))
        .await
    }

    async fn create(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        let mut desired: Document = document(&change.document)?;
        if desired.scaling_config.desired_size.is_none() && names::successor_of(&desired.name).is_some() {
            desired.scaling_config.desired_size = nodes_of_old(cloud, &desired, &change.address).await?;
        }
        let id = Id { cluster: desired.cluster_name.clone(), name: desired.name.clone() }.to_string();
        let tags = cloud.marks.mark(&desired.tags, &change.address);
        let taints = desired.taints.iter().map(Taint::to_eks).collect();
        let request = cloud.eks.create_nodegroup().cluster_name(&desired.cluster_name).nodegroup_name(&desired.name);
        let request = request.node_role(&desired.node_role_arn).set_subnets(Some(desired.subnet_ids));
        let request = request.set_instance_types(Some(desired.instance_types)).disk_size(desired.disk_size);
        let request =
            request.ami_type(desired.ami_type.as_str().into()).capacity_type(desired.capacity_type.as_str().into());
        let request = request.scaling_config(desired.scaling_config.to_eks()).set_version(desired.version);
        let request = request.set_labels(Some(desired.labels.into_iter().collect())).set_taints(Some(taints));
        let request = request.set_tags(Some(tags.into_iter().collect())).client_request_token(&change.token);
        request.send().await.map_err(from_aws).map_err(while_role_spreads)?;
        report::created(&id).map_err(failure(&id))?;
        Ok(pending(&id, &Operation::Create, "CREATING".to_owned()))
    }

    async fn update(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        let id = remote_id(change)?;
        update::next(cloud, change, &Id::parse(id).map_err(failure(id))?).await.map_err(failure(id))
    }

    async fn delete(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        let text = remote_id(change)?;
        let id = Id::parse(text).map_err(failure(text))?;
        let request = cloud.eks.delete_nodegroup().cluster_name(&id.cluster).nodegroup_name(&id.name);
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
        if let Some(progress) = still_updating(cloud, Part::NodeGroup(&id), text, &operation).await.map_err(&failed)? {
            return Ok(progress);
        }
        let deleting = operation == Operation::Delete;
        match look(cloud, &id).await.map_err(&failed)? {
            None if deleting => Ok(Progress::Done(Observation::absent(&change.address))),
            None => not_shown_yet(text, &told)
                .ok_or_else(|| failed(Error::NotFound(format!("the node group `{id}` does not exist")))),
            Some(found) => match found.status {
                NodegroupStatus::CreateFailed | NodegroupStatus::DeleteFailed => Err(failed(broken(&id, &found))),
                // Degraded nodes are there and can be changed; the document tells what is wrong with them.
                NodegroupStatus::Active | NodegroupStatus::Degraded if !deleting => {
                    Ok(Progress::Done(present(&change.address, text, &found.document)))
                }
                status => Ok(pending(text, &operation, status.as_str().to_owned())),
            },
        }
    }
}

/// The names of the cluster's node groups; none while there is no cluster.
pub async fn node_group_names(cloud: &Cloud, cluster: &str) -> Result<Vec<String>, Error> {
    let names = cloud.eks.list_nodegroups().cluster_name(cluster).into_paginator().items().send();
    match names.collect::<Result<Vec<_>, _>>().await.map_err(from_aws) {
        Err(error) if error.is_not_found() => Ok(Vec::new()),
        names => names,
    }
}

/// Those of these node groups that bear NIC's mark, each under the address it is marked for; `Foreign` when the mark is another's.
pub async fn marked_node_groups(cloud: &Cloud, cluster: &str, names: Vec<String>) -> Result<Vec<Observation>, Error> {
    let looks =
        names.into_iter().map(|name| async move { look(cloud, &Id { cluster: cluster.to_owned(), name }).await });
    let found = try_join_all(looks).await?.into_iter().flatten();
    let marked = found.filter_map(|found| {
        let address = cloud.marks.address_of(&found.tags)?.into_owned();
        let kind = super::NODE_GROUP.to_owned();
        let target = Target::new(address, kind, Value::Null);
        Some(observe(cloud, &target, &found))
    });
    Ok(marked.collect())
}

/// The names of node groups, or why they are not known, by cluster.
type Listed = BTreeMap<String, Result<Vec<String>, Error>>;

/// What [`successor`] looks through. In Classic names are pinned, and there is nothing to look through.
async fn listed(cloud: &Cloud, targets: &[Target]) -> Listed {
    if cloud.marks.topology() == Topology::Classic {
        return Listed::new();
    }
    let sought = targets.iter().filter(|target| target.remote_id.is_none());
    let clusters: BTreeSet<String> = sought.filter_map(|target| Some(Id::of_target(target).ok()??.cluster)).collect();
    let lists = clusters.into_iter().map(|cluster| async move {
        let names = node_group_names(cloud, &cluster).await;
        (cluster, names)
    });
    join_all(lists).await.into_iter().collect()
}

/// The group of the target's remote id, or of the name in its document.
async fn plain(cloud: &Cloud, target: &Target) -> Result<Option<Found>, Error> {
    match Id::of_target(target)? {
        Some(id) => look(cloud, &id).await,
        None => Ok(None),
    }
}

/// The group that replaced the one the target names: its own name is longer, and only the state knows it.
async fn successor(cloud: &Cloud, target: &Target, listed: &Listed) -> Result<Option<Found>, Error> {
    let Some(id) = Id::of_target(target)?.filter(|_| target.remote_id.is_none()) else { return Ok(None) };
    let Some(names) = listed.get(&id.cluster) else { return Ok(None) };
    let succeeds = |name: &String| names::successor_of(name) == Some(id.name.as_str());
    for name in names.clone()?.into_iter().filter(succeeds) {
        let Some(found) = look(cloud, &Id { cluster: id.cluster.clone(), name }).await? else { continue };
        let wanted = labels_of(&target.document, <Cloud as kit::Cloud>::LABELS);
        if cloud.marks.claim_named(&found.tags, &target.address, &wanted) != Claim::Foreign {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// How many nodes the group has that is about to be replaced: pods have to find as many before it goes.
async fn nodes_of_old(cloud: &Cloud, desired: &Document, address: &str) -> Result<Option<i32>, Error> {
    let names = node_group_names(cloud, &desired.cluster_name).await?;
    let groups = marked_node_groups(cloud, &desired.cluster_name, names).await?;
    let old = groups.iter().filter(|shown| shown.address == address);
    let sizes = old.filter_map(|shown| shown.document.pointer("/scaling_config/desired_size")?.as_i64());
    let Scaling { min_size, max_size, .. } = desired.scaling_config;
    let most = sizes.max().and_then(|size| i32::try_from(size).ok());
    Ok(most.map(|size| size.clamp(min_size, max_size.max(min_size))))
}

fn broken(id: &Id, found: &Found) -> Error {
    let state = state(found.status.as_str(), &found.document.health_issues);
    Error::other("NODE_GROUP_FAILED", format!("the node group `{id}` is {state}"))
}

fn observe(cloud: &Cloud, target: &Target, found: &Found) -> Observation {
    let observation = named::observe(cloud, target, &found.id, &found.tags, &found.document);
    let status = match &found.status {
        NodegroupStatus::Active | NodegroupStatus::Degraded => Status::Present,
        NodegroupStatus::CreateFailed | NodegroupStatus::DeleteFailed => {
            Status::Failed(state(found.status.as_str(), &found.document.health_issues))
        }
        other => Status::InProgress(other.as_str().to_owned()),
    };
    named::in_state(observation, status)
}

async fn look(cloud: &Cloud, id: &Id) -> Result<Option<Found>, Error> {
    Ok(describe(cloud, &id.cluster, &id.name).await?.map(|group| found(id, &group)))
}

/// The group in EKS's own terms; none when it, or its cluster, does not exist.
pub async fn describe(cloud: &Cloud, cluster: &str, name: &str) -> Result<Option<Shown>, Error> {
    let request = cloud.eks.describe_nodegroup().cluster_name(cluster).nodegroup_name(name);
    match request.send().await.map_err(from_aws) {
        Ok(answer) => answered(answer.nodegroup, "node group").map(Some),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

fn found(id: &Id, group: &Shown) -> Found {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let texts = |map: Option<&std::collections::HashMap<String, String>>| -> BTreeMap<String, String> {
        map.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect()
    };
    let tags = texts(group.tags());
    let status = group.status().cloned().unwrap_or(NodegroupStatus::Creating);
    let scaling = group.scaling_config();
    let issues = group.health().map(NodegroupHealth::issues).unwrap_or_default().iter();
    let groups = group.resources().map(NodegroupResources::auto_scaling_groups).unwrap_or_default().iter();
    let document = Document {
        name: id.name.clone(),
        arn: owned(group.nodegroup_arn()),
        cluster_name: id.cluster.clone(),
        instance_types: group.instance_types().to_vec(),
        ami_type: group.ami_type().map_or_else(String::new, |ami| ami.as_str().to_owned()),
        capacity_type: group.capacity_type().map_or("ON_DEMAND", |capacity| capacity.as_str()).to_owned(),
        disk_size: group.disk_size().unwrap_or_default(),
        scaling_config: Scaling {
            min_size: scaling.and_then(NodegroupScalingConfig::min_size).unwrap_or_default(),
            max_size: scaling.and_then(NodegroupScalingConfig::max_size).unwrap_or_default(),
            desired_size: scaling.and_then(NodegroupScalingConfig::desired_size),
        },
        labels: texts(group.labels()),
        taints: group.taints().iter().map(Taint::from_eks).collect(),
        subnet_ids: group.subnets().to_vec(),
        node_role_arn: group.node_role().unwrap_or_default().to_owned(),
        version: owned(group.version()),
        release_version: owned(group.release_version()),
        status: Some(status.as_str().to_owned()),
        created_at: group.created_at().and_then(|instant| instant.fmt(Format::DateTime).ok()),
        autoscaling_groups: groups.filter_map(|group| owned(group.name())).collect(),
        health_issues: issues
            .map(|i| issue(i.code().map_or("Unknown", |code| code.as_str()), i.message(), i.resource_ids()))
            .collect(),
        tags: visible(&tags),
    };
    Found { id: id.to_string(), status, tags, document }
}

impl Scaling {
    fn to_eks(self) -> NodegroupScalingConfig {
        let config = NodegroupScalingConfig::builder().min_size(self.min_size).max_size(self.max_size);
        // A new group begins with as few nodes as it may have.
        config.desired_size(self.desired_size.unwrap_or(self.min_size)).build()
    }
}

impl Taint {
    fn to_eks(&self) -> EksTaint {
        let taint = EksTaint::builder().key(&self.key).set_value(self.value.clone());
        taint.effect(TaintEffect::from(self.effect.as_str())).build()
    }

    fn from_eks(taint: &EksTaint) -> Self {
        Self {
            key: taint.key().unwrap_or_default().to_owned(),
            value: taint.value().filter(|value| !value.is_empty()).map(str::to_owned),
            effect: taint.effect().map_or_else(String::new, |effect| effect.as_str().to_owned()),
        }
    }
}

/// The JSON Schema of the document.
fn schema() -> Value {
    let taint = object()
        .required("key", string())
        .optional("value", string())
        .required("effect", one_of(&["NO_SCHEDULE", "PREFER_NO_SCHEDULE", "NO_EXECUTE"]));
    let scaling = object()
        .required("min_size", integer().minimum(0))
        .required("max_size", integer().minimum(0))
        .optional("desired_size", integer().minimum(0).left_when_unset());
    object()
        .nodes("/name", "/scaling_config/min_size")
        .required("name", string().immutable().natural_name())
        .optional("arn", string().computed())
        .required("cluster_name", string().immutable().natural_name())
        .required("instance_types", list(string()).immutable())
        .required("ami_type", string().immutable())
        .required("capacity_type", string().immutable())
        .required("disk_size", integer().minimum(0).immutable())
        .required("scaling_config", scaling)
        .required("labels", map(string()))
        .required("taints", list(taint).set())
        .required("subnet_ids", list(string()).set().immutable())
        .required("node_role_arn", string().immutable())
        .optional("version", string().normalise(Normalise::Version))
        .optional("release_version", string().computed())
        .optional("status", string().well(&["ACTIVE"]))
        .optional("created_at", string().computed())
        .optional("autoscaling_groups", list(string()).computed())
        .optional("health_issues", list(string()).why())
        .required("tags", map(string()))
        .build()
}
