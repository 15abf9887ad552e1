//! `aws.efs-mount-target`: the address under which one zone reaches a file system.
//!
//! It has no name and takes no tags, and needs neither: a file system has at most one in a subnet.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_efs::types::{LifeCycleState, MountTargetDescription as Shown};
use futures::future::{join, join_all};
use nic_sdk::description::{self, CreateSafety};
use nic_sdk::error::{Error, Failure};
use nic_sdk::kit::change::{document, failure, present, remote_id};
use nic_sdk::kit::{Kind, Scope};
use nic_sdk::report;
use nic_sdk::schema::{list, object, string};
use nic_sdk::types::{Change, Observation, Progress, Target};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::efs::{Operation, pending, status};
use crate::cloud::{Cloud, from_aws};

/// The kind.
pub struct EfsMountTarget;

/// Its document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Document {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    file_system_id: String,
    subnet_id: String,
    security_group_ids: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    availability_zone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network_interface_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
}

/// A mount target as EFS shows it.
struct Found {
    state: LifeCycleState,
    document: Document,
}

impl Kind for EfsMountTarget {
    type Cloud = Cloud;

    fn describe() -> description::Kind {
        description::Kind::new(
            super::EFS_MOUNT_TARGET,
            "EFS mount target",
            "cloud.storage.mount_targets[]",
            CreateSafety::Named,
            schema(),
        )
        .time_limits(1800, 600, 900)
        .read_batch(100)
    }

    /// One request for each file system, and one for the security groups of each target, at the same time where the
    /// target's id is known.
    async fn read(cloud: &Cloud, targets: Vec<Target>) -> Vec<Observation> {
        let text = |target: &Target, key: &str| target.document.get(key).and_then(Value::as_str).map(str::to_owned);
        let file_systems: BTreeSet<String> =
            targets.iter().filter_map(|target| text(target, "file_system_id")).collect();
        let listed = join_all(file_systems.into_iter().map(|id| async move {
            let listed = list_of(cloud, &id).await;
            (id, listed)
        }));
        let known: BTreeSet<&str> = targets.iter().filter_map(|target| target.remote_id.as_deref()).collect();
        let groups = join_all(known.into_iter().map(|id| async move { (id, security_groups(cloud, id).await) }));
        let (listed, groups) = join(listed, groups).await;
        let listed: BTreeMap<String, _> = listed.into_iter().collect();
        let groups: BTreeMap<&str, _> = groups.into_iter().collect();
        let (listed, groups) = (&listed, &groups);
        join_all(targets.iter().map(|target| async move {
            let seen = async {
                let shown = match (text(target, "file_system_id"), target.remote_id.as_deref()) {
                    (Some(file_system), id) => {
                        let subnet = text(target, "subnet_id");
                        let is_it = |shown: &&Shown| match id {
                            Some(id) => shown.mount_target_id() == id,
                            None => Some(shown.subnet_id()) == subnet.as_deref(),
                        };
                        listed[&file_system].clone()?.iter().find(is_it).cloned()
                    }
                    (None, Some(id)) => one(cloud, id).await?,
                    // Without a file system there is nothing to mount.
                    (None, None) => None,
                };
                let Some(shown) = shown else { return Ok(None) };
                let groups = match groups.get(shown.mount_target_id()) {
                    Some(groups) => groups.clone()?,
                    None => security_groups(cloud, shown.mount_target_id()).await?,
                };
                Ok(Some(found(&shown, groups)))
            };
            match seen.await {
                Ok(Some(found)) => observe(&target.address, &found),
                Ok(None) => Observation::absent(&target.address),
                Err(error) => Observation::unreadable(&target.address, error),
            }
        }))
        .await
    }

    async fn create(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        let desired: Document = document(&change.document)?;
        let request = cloud.efs().create_mount_target().file_system_id(desired.file_system_id);
        let request = request.subnet_id(desired.subnet_id).set_security_groups(Some(desired.security_group_ids));
        let id = request.send().await.map_err(from_aws)?.mount_target_id;
        report::created(&id).map_err(failure(&id))?;
        Ok(pending(&id, Operation::Available, "creating"))
    }

    async fn update(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        let id = remote_id(change)?;
        update(cloud, change, id).await.map_err(failure(id))
    }

    async fn delete(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        let id = remote_id(change)?;
        match cloud.efs().delete_mount_target().mount_target_id(id).send().await.map_err(from_aws) {
            Err(error) if error.is_not_found() => Ok(Progress::Done(Observation::absent(&change.address))),
            Err(error) => Err(failure(id)(error)),
            Ok(_) => Ok(pending(id, Operation::Gone, "deleting")),
        }
    }

    async fn poll(cloud: &Cloud, change: &Change, operation: Value) -> Result<Progress, Failure> {
        let id = remote_id(change)?;
        let failed = failure(id);
        let operation: Operation = document(&operation).map_err(&failed)?;
        match (look(cloud, id).await.map_err(&failed)?, operation) {
            (None, Operation::Gone) => Ok(Progress::Done(Observation::absent(&change.address))),
            // What was just made is not shown everywhere yet.
            (None, Operation::Available) => Ok(pending(id, operation, "waiting until EFS shows it")),
            (Some(found), _) if found.state == LifeCycleState::Error => {
                let message = format!("the mount target `{id}` is in the state `error`; EFS gives no reason");
                Err(failed(Error::other("MOUNT_TARGET_FAILED", message)))
            }
            (Some(found), Operation::Available) if found.state == LifeCycleState::Available => {
                Ok(Progress::Done(present(&change.address, id, &found.document)))
            }
            (Some(found), _) => Ok(pending(id, operation, found.state.as_str())),
        }
    }
}

async fn update(cloud: &Cloud, change: &Change, id: &str) -> Result<Progress, Error> {
    let desired: Document = document(&change.document)?;
    let absent = || Error::NotFound(format!("the mount target `{id}` does not exist"));
    let shown = look(cloud, id).await?.ok_or_else(absent)?;
    if shown.state != LifeCycleState::Available {
        return Ok(pending(id, Operation::Available, shown.state.as_str()));
    }
    let set = |groups: &[String]| groups.iter().cloned().collect::<BTreeSet<_>>();
    let same = set(&shown.document.security_group_ids) == set(&desired.security_group_ids);
    if same || !Scope::new(&change.paths).touches("/security_group_ids") {
        return Ok(Progress::Done(present(&change.address, id, &shown.document)));
    }
    let request = cloud.efs().modify_mount_target_security_groups().mount_target_id(id);
    request.set_security_groups(Some(desired.security_group_ids)).send().await.map_err(from_aws)?;
    let shown = look(cloud, id).await?.ok_or_else(absent)?;
    Ok(Progress::Done(present(&change.address, id, &shown.document)))
}

fn observe(address: &str, found: &Found) -> Observation {
    let id = found.document.id.clone().unwrap_or_default();
    match status(&found.state) {
        nic_sdk::types::Status::Absent => Observation::absent(address),
        status => present(address, &id, &found.document).status(status),
    }
}

/// The mount targets of a file system; none when there is no such file system.
async fn list_of(cloud: &Cloud, file_system: &str) -> Result<Vec<Shown>, Error> {
    let pages = cloud.efs().describe_mount_targets().file_system_id(file_system).into_paginator().items().send();
    match pages.collect::<Result<Vec<_>, _>>().await.map_err(from_aws) {
        Err(error) if error.is_not_found() => Ok(Vec::new()),
        listed => listed,
    }
}

async fn one(cloud: &Cloud, id: &str) -> Result<Option<Shown>, Error> {
    match cloud.efs().describe_mount_targets().mount_target_id(id).send().await.map_err(from_aws) {
        Ok(answer) => Ok(answer.mount_targets.unwrap_or_default().into_iter().next()),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The security groups of a mount target; EFS shows none for one that is not usable or not there.
async fn security_groups(cloud: &Cloud, id: &str) -> Result<Vec<String>, Error> {
    match cloud.efs().describe_mount_target_security_groups().mount_target_id(id).send().await.map_err(from_aws) {
        Ok(answer) => Ok(answer.security_groups),
        Err(error) if error.is_not_found() || is_changing(&error) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Whether EFS says that the mount target is still, or again, in the making.
fn is_changing(error: &Error) -> bool {
    matches!(error, Error::Remote { code, .. } if code == "IncorrectMountTargetState")
}

async fn look(cloud: &Cloud, id: &str) -> Result<Option<Found>, Error> {
    let (shown, groups) = join(one(cloud, id), security_groups(cloud, id)).await;
    match shown? {
        Some(shown) => Ok(Some(found(&shown, groups?))),
        None => Ok(None),
    }
}

fn found(shown: &Shown, security_group_ids: Vec<String>) -> Found {
    let owned = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let document = Document {
        id: Some(shown.mount_target_id().to_owned()),
        file_system_id: shown.file_system_id().to_owned(),
        subnet_id: shown.subnet_id().to_owned(),
        security_group_ids,
        ip_address: owned(shown.ip_address()),
        availability_zone: owned(shown.availability_zone_name()),
        network_interface_id: owned(shown.network_interface_id()),
        status: Some(shown.life_cycle_state().as_str().to_owned()),
    };
    Found { state: shown.life_cycle_state().clone(), document }
}

/// The JSON Schema of the document.
fn schema() -> Value {
    object()
        .optional("id", string().computed())
        .required("file_system_id", string().immutable().natural_name())
        .required("subnet_id", string().immutable().natural_name())
        .required("security_group_ids", list(string()).set())
        .optional("ip_address", string().computed())
        .optional("availability_zone", string().computed())
        .optional("network_interface_id", string().computed())
        .optional("status", string().computed())
        .build()
}
