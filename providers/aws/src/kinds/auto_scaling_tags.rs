//! `aws.auto-scaling-tags`: tags on the Auto Scaling groups behind a node group.
//!
//! EKS makes those groups and does not hand a node group's own tags on to them. The cluster autoscaler reads labels there
//! while a group has no node to look at. Nebari writes them outside of Terraform; here they are a resource like any other.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_autoscaling::types::{Filter, Tag};
use nic_sdk::description::{self, CreateSafety};
use nic_sdk::error::{Error, Failure};
use nic_sdk::kit;
use nic_sdk::kit::change::{document, failure, present, remote_id};
use nic_sdk::kit::{Kind, Scope, labels_of};
use nic_sdk::report;
use nic_sdk::schema::{boolean, list, map, object, string};
use nic_sdk::types::{Change, Observation, Progress, Target, Waiting};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cloud::{Cloud, from_aws};
use crate::tags::Tags;

/// The only type that Auto Scaling tags.
const RESOURCE_TYPE: &str = "auto-scaling-group";

/// How long Auto Scaling gets before it is asked again.
const LOOK_AFTER: Duration = Duration::from_secs(2);

/// How often it is asked. What it does not show after that is taken for what it is.
const LOOKS: u32 = 15;

/// The kind.
pub struct AutoScalingTags;

/// Its document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Document {
    cluster_name: String,
    node_group: String,
    /// EKS's names for them.
    autoscaling_groups: Vec<String>,
    tags: Tags,
    /// Whether new nodes bear the tags too.
    propagate_at_launch: bool,
}

impl Document {
    fn remote_id(&self) -> String {
        format!("{}:{}", self.cluster_name, self.node_group)
    }

    fn written(&self, keys: &[&String]) -> Vec<Tag> {
        let groups = self.autoscaling_groups.iter();
        let tags = groups.flat_map(|group| {
            let tags = self.tags.iter().filter(|(key, _)| keys.contains(key));
            tags.map(move |(key, value)| {
                let tag = Tag::builder().resource_id(group).resource_type(RESOURCE_TYPE).key(key).value(value);
                tag.propagate_at_launch(self.propagate_at_launch).build()
            })
        });
        tags.collect()
    }
}

/// What `poll` is given.
#[derive(Debug, Serialize, Deserialize)]
struct Looking {
    looks: u32,
}

/// Tags by group and key: the value, and whether it is handed on to new nodes.
type Shown = BTreeMap<String, BTreeMap<String, (String, bool)>>;

impl Kind for AutoScalingTags {
    type Cloud = Cloud;

    fn describe() -> description::Kind {
        description::Kind::new(
            super::AUTO_SCALING_TAGS,
            "Auto Scaling tags",
            "cloud.auto_scaling_tags[]",
            CreateSafety::Named,
            schema(),
        )
        .time_limits(300, 300, 300)
        .read_batch(100)
    }

    /// One request for all of them.
    async fn read(cloud: &Cloud, targets: Vec<Target>) -> Vec<Observation> {
        let groups: Vec<String> = targets.iter().flat_map(|target| groups_of(&target.document)).collect();
        let shown = look(cloud, groups).await;
        let observe = |target: &Target| match &shown {
            Err(error) => Observation::unreadable(&target.address, error.clone()),
            Ok(shown) => observe(&target.address, &target.document, shown),
        };
        targets.iter().map(observe).collect()
    }

    async fn create(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        let desired: Document = document(&change.document)?;
        let keys: Vec<&String> = desired.tags.keys().collect();
        write(cloud, &desired, &keys).await?;
        let id = desired.remote_id();
        report::created(&id).map_err(failure(&id))?;
        // What Auto Scaling has answered well is taken for done: the next plan looks.
        Ok(Progress::Done(present(&change.address, &id, &desired)))
    }

    async fn update(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        let id = remote_id(change)?;
        update(cloud, change, id).await.map_err(failure(id))
    }

    async fn delete(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        let last: Document = document(&change.document)?;
        let keys: Vec<&String> = last.tags.keys().collect();
        remove(cloud, &last.autoscaling_groups, &keys).await.map_err(failure(&last.remote_id()))?;
        Ok(Progress::Done(Observation::absent(&change.address)))
    }

    async fn poll(cloud: &Cloud, change: &Change, operation: Value) -> Result<Progress, Failure> {
        let id = remote_id(change)?;
        let operation: Looking = document(&operation).map_err(failure(id))?;
        shown(cloud, change, id, operation.looks).await.map_err(failure(id))
    }
}

async fn update(cloud: &Cloud, change: &Change, id: &str) -> Result<Progress, Error> {
    let desired: Document = document(&change.document)?;
    let scope = Scope::new(&change.paths);
    let all = scope.touches("/autoscaling_groups") || scope.touches("/propagate_at_launch");
    let keys = desired.tags.keys().filter(|key| all || scope.touches_member("/tags", key)).collect::<Vec<_>>();
    write(cloud, &desired, &keys).await?;
    let gone: Vec<String> = scope.named_members("/tags").filter(|key| !desired.tags.contains_key(key)).collect();
    remove(cloud, &desired.autoscaling_groups, &gone.iter().collect::<Vec<_>>()).await?;
    shown(cloud, change, id, 0).await
}

async fn write(cloud: &Cloud, desired: &Document, keys: &[&String]) -> Result<(), Error> {
    if desired.autoscaling_groups.is_empty() {
        let message = format!(
            "EKS names no Auto Scaling group for the node group `{}`; its health issues say why it has none",
            desired.node_group
        );
        return Err(Error::other("AUTO_SCALING_GROUP_UNKNOWN", message));
    }
    let tags = desired.written(keys);
    if tags.is_empty() {
        return Ok(());
    }
    cloud.autoscaling().create_or_update_tags().set_tags(Some(tags)).send().await.map_err(from_aws).map(|_| ())
}

/// A group that is gone took its tags with it.
async fn remove(cloud: &Cloud, groups: &[String], keys: &[&String]) -> Result<(), Error> {
    if keys.is_empty() {
        return Ok(());
    }
    for group in groups {
        let tag = |key: &&String| Tag::builder().resource_id(group).resource_type(RESOURCE_TYPE).key(*key).build();
        let request = cloud.autoscaling().delete_tags().set_tags(Some(keys.iter().map(tag).collect()));
        match request.send().await.map_err(from_aws) {
            Err(Error::Remote { code, message, .. })
                if code == "ValidationError" && message.to_lowercase().contains("not found") => {}
            Err(error) => return Err(error),
            Ok(_) => {}
        }
    }
    Ok(())
}

/// Looks until what was written is shown, a bounded number of times.
async fn shown(cloud: &Cloud, change: &Change, id: &str, looks: u32) -> Result<Progress, Error> {
    let desired: Document = document(&change.document)?;
    let shown = look(cloud, desired.autoscaling_groups.clone()).await?;
    let all = desired.autoscaling_groups.iter().all(|group| {
        let of_group = |key: &String| shown.get(group).and_then(|tags| tags.get(key));
        desired.tags.iter().all(|(key, value)| {
            of_group(key).is_some_and(|(told, on)| told == value && *on == desired.propagate_at_launch)
        })
    });
    if all || looks >= LOOKS {
        return Ok(Progress::Done(observe(&change.address, &change.document, &shown)));
    }
    Ok(Progress::Pending(
        Waiting::new(json!(Looking { looks: looks + 1 }), LOOK_AFTER, "waiting until Auto Scaling shows the tags")
            .remote_id(id.to_owned()),
    ))
}

async fn look(cloud: &Cloud, groups: Vec<String>) -> Result<Shown, Error> {
    let mut shown = Shown::new();
    if groups.is_empty() {
        return Ok(shown);
    }
    let of_groups = Filter::builder().name(RESOURCE_TYPE).set_values(Some(groups)).build();
    let tags = cloud.autoscaling().describe_tags().filters(of_groups).into_paginator().items().send();
    for tag in tags.collect::<Result<Vec<_>, _>>().await.map_err(from_aws)? {
        let (Some(group), Some(key)) = (tag.resource_id, tag.key) else { continue };
        let told = (tag.value.unwrap_or_default(), tag.propagate_at_launch.unwrap_or(false));
        shown.entry(group).or_default().insert(key, told);
    }
    Ok(shown)
}

fn groups_of(document: &Value) -> Vec<String> {
    let names = document.get("autoscaling_groups").and_then(Value::as_array).into_iter().flatten();
    names.filter_map(|name| name.as_str().map(str::to_owned)).collect()
}

/// Of the tags there are, those the document is about: the rest are EKS's and the user's. A tag counts when every group
/// bears it, with the value that the first one shows.
fn observe(address: &str, asked: &Value, shown: &Shown) -> Observation {
    let text = |key: &str| asked.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let autoscaling_groups = groups_of(asked);
    let told = |group: &String, key: &String| shown.get(group)?.get(key).cloned();
    let everywhere = |key: &String| {
        let mut told = autoscaling_groups.iter().map(|group| told(group, key));
        let first = told.next()??;
        told.all(|other| other.as_ref() == Some(&first)).then_some(first)
    };
    let wanted = labels_of(asked, <Cloud as kit::Cloud>::LABELS);
    let there: BTreeMap<&String, (String, bool)> =
        wanted.keys().filter_map(|key| Some((key, everywhere(key)?))).collect();
    if there.is_empty() {
        return Observation::absent(address);
    }
    let document = Document {
        cluster_name: text("cluster_name"),
        node_group: text("node_group"),
        autoscaling_groups,
        propagate_at_launch: there.values().all(|(_, on)| *on),
        tags: there.into_iter().map(|(key, (value, _))| (key.clone(), value)).collect(),
    };
    present(address, &document.remote_id(), &document)
}

/// The JSON Schema of the document.
fn schema() -> Value {
    object()
        .goes_with(super::NODE_GROUP)
        .required("cluster_name", string().immutable())
        .required("node_group", string().immutable())
        .required("autoscaling_groups", list(string()).set().natural_name())
        .required("tags", map(string()))
        .required("propagate_at_launch", boolean())
        .build()
}
