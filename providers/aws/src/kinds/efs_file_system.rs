//! `aws.efs-file-system`: an elastic file system.
//!
//! Its creation token is its name: EFS makes one file system for one token, and answers the second request with the id of
//! the first.

use aws_sdk_efs::operation::create_file_system::CreateFileSystemError;
use aws_sdk_efs::types::{FileSystemDescription as Shown, LifeCycleState, Tag};
use aws_smithy_types::date_time::Format;
use futures::future::join_all;
use nic_sdk::description::{self, CreateSafety};
use nic_sdk::error::{Error, Failure};
use nic_sdk::kit::change::{document, failure, present, remote_id};
use nic_sdk::kit::{Kind, LabelEdits, Scope, named};
use nic_sdk::report;
use nic_sdk::schema::{boolean, map, object, string};
use nic_sdk::types::{Change, Observation, Progress, Status, Target};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::efs::{Operation, pending, status};
use crate::cloud::{Cloud, from_aws};
use crate::tags::{TAGS, Tags, visible};

/// The kind.
pub struct EfsFileSystem;

/// Its document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Document {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    creation_token: String,
    encrypted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    kms_key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    performance_mode: Option<String>,
    throughput_mode: String,
    /// What is mounted: it leads to the mount target of the client's own zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    dns_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
    tags: Tags,
}

/// A file system as EFS shows it.
struct Found {
    id: String,
    state: LifeCycleState,
    tags: Tags,
    document: Document,
}

impl Kind for EfsFileSystem {
    type Cloud = Cloud;

    fn describe() -> description::Kind {
        description::Kind::new(
            super::EFS_FILE_SYSTEM,
            "EFS file system",
            "cloud.storage.file_systems[]",
            CreateSafety::Named,
            schema(),
        )
        .protected()
        .time_limits(600, 600, 900)
        .read_batch(100)
    }

    async fn read(cloud: &Cloud, targets: Vec<Target>) -> Vec<Observation> {
        join_all(targets.iter().map(|target| async move {
            let token = target.document.get("creation_token").and_then(Value::as_str);
            let found = match (target.remote_id.as_deref(), token) {
                (Some(id), _) => look(cloud, Sought::Id(id)).await,
                (None, Some(token)) => look(cloud, Sought::Token(token)).await,
                (None, None) => Ok(None),
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
        let desired: Document = document(&change.document)?;
        let tags = to_efs(&cloud.marks.mark(&desired.tags, &change.address))?;
        let request = cloud.efs().create_file_system().creation_token(&desired.creation_token);
        let request = request.encrypted(desired.encrypted).set_kms_key_id(desired.kms_key_id.clone());
        let request = request.set_performance_mode(desired.performance_mode.as_deref().map(Into::into));
        let request = request.throughput_mode(desired.throughput_mode.as_str().into()).set_tags(Some(tags));
        let id = match request.send().await {
            Ok(made) => made.file_system_id,
            Err(error) => {
                let before = match error.as_service_error() {
                    Some(CreateFileSystemError::FileSystemAlreadyExists(exists)) => {
                        Some(exists.file_system_id().to_owned())
                    }
                    _ => None,
                };
                made_before(cloud, &change.address, before, from_aws(error)).await?
            }
        };
        report::created(&id).map_err(failure(&id))?;
        Ok(pending(&id, Operation::Available, "creating"))
    }

    async fn update(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        let id = remote_id(change)?;
        update(cloud, change, id).await.map_err(failure(id))
    }

    async fn delete(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        let id = remote_id(change)?;
        match cloud.efs().delete_file_system().file_system_id(id).send().await.map_err(from_aws) {
            Err(error) if error.is_not_found() => Ok(Progress::Done(Observation::absent(&change.address))),
            Err(error) => Err(failure(id)(error)),
            Ok(_) => Ok(pending(id, Operation::Gone, "deleting")),
        }
    }

    async fn poll(cloud: &Cloud, change: &Change, operation: Value) -> Result<Progress, Failure> {
        let id = remote_id(change)?;
        let failed = failure(id);
        let operation: Operation = document(&operation).map_err(&failed)?;
        match (look(cloud, Sought::Id(id)).await.map_err(&failed)?, operation) {
            (None, Operation::Gone) => Ok(Progress::Done(Observation::absent(&change.address))),
            // What was just made is not shown everywhere yet.
            (None, Operation::Available) => Ok(pending(id, operation, "waiting until EFS shows it")),
            (Some(found), _) if found.state == LifeCycleState::Error => {
                let message = format!("the file system `{id}` is in the state `error`; EFS gives no reason");
                Err(failed(Error::other("FILE_SYSTEM_FAILED", message)))
            }
            (Some(found), Operation::Available) if found.state == LifeCycleState::Available => {
                Ok(Progress::Done(present(&change.address, id, &found.document)))
            }
            (Some(found), _) => Ok(pending(id, operation, found.state.as_str())),
        }
    }
}

/// The id of the file system that an earlier request with this token made, if that request was for this address.
async fn made_before(cloud: &Cloud, address: &str, id: Option<String>, error: Error) -> Result<String, Error> {
    let Some(id) = id.filter(|id| !id.is_empty()) else { return Err(error) };
    match look(cloud, Sought::Id(&id)).await? {
        Some(found) if cloud.marks.is_marked_for(&found.tags, address) => Ok(id),
        _ => Err(error),
    }
}

async fn update(cloud: &Cloud, change: &Change, id: &str) -> Result<Progress, Error> {
    let desired: Document = document(&change.document)?;
    let absent = || Error::NotFound(format!("the file system `{id}` does not exist"));
    let found = look(cloud, Sought::Id(id)).await?.ok_or_else(absent)?;
    if found.state != LifeCycleState::Available {
        // It can be changed afterwards; the host then sees what is left to do.
        return Ok(pending(id, Operation::Available, found.state.as_str()));
    }
    let scope = Scope::new(&change.paths);
    let edits = LabelEdits::between(&found.document.tags, &desired.tags, &scope, TAGS);
    edit_tags(cloud, id, &edits).await?;
    if scope.touches("/throughput_mode") && found.document.throughput_mode != desired.throughput_mode {
        let request = cloud.efs().update_file_system().file_system_id(id);
        request.throughput_mode(desired.throughput_mode.as_str().into()).send().await.map_err(from_aws)?;
        return Ok(pending(id, Operation::Available, "updating"));
    }
    let found = look(cloud, Sought::Id(id)).await?.ok_or_else(absent)?;
    Ok(Progress::Done(present(&change.address, id, &found.document)))
}

async fn edit_tags(cloud: &Cloud, id: &str, edits: &LabelEdits) -> Result<(), Error> {
    if !edits.set.is_empty() {
        let tags = to_efs(&edits.set)?;
        cloud.efs().tag_resource().resource_id(id).set_tags(Some(tags)).send().await.map_err(from_aws)?;
    }
    if !edits.remove.is_empty() {
        let keys = edits.remove.iter().cloned().collect();
        cloud.efs().untag_resource().resource_id(id).set_tag_keys(Some(keys)).send().await.map_err(from_aws)?;
    }
    Ok(())
}

fn to_efs(tags: &Tags) -> Result<Vec<Tag>, Error> {
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    tags.iter().map(tag).collect::<Result<_, _>>().map_err(|error| Error::other("REQUEST_INVALID", error.to_string()))
}

fn observe(cloud: &Cloud, target: &Target, found: &Found) -> Observation {
    let observation = named::observe(cloud, target, &found.id, &found.tags, &found.document);
    if observation.status != Status::Present {
        return observation;
    }
    match status(&found.state) {
        Status::Absent => Observation::absent(&target.address),
        status => observation.status(status),
    }
}

/// How a file system is named.
enum Sought<'a> {
    Id(&'a str),
    Token(&'a str),
}

async fn look(cloud: &Cloud, sought: Sought<'_>) -> Result<Option<Found>, Error> {
    let request = cloud.efs().describe_file_systems();
    let request = match sought {
        Sought::Id(id) => request.file_system_id(id),
        Sought::Token(token) => request.creation_token(token),
    };
    match request.send().await.map_err(from_aws) {
        Ok(answer) => Ok(answer.file_systems().first().map(|shown| found(cloud, shown))),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

fn found(cloud: &Cloud, shown: &Shown) -> Found {
    let tags: Tags = shown.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect();
    let id = shown.file_system_id().to_owned();
    let document = Document {
        id: Some(id.clone()),
        arn: shown.file_system_arn().map(str::to_owned),
        name: tags.get("Name").cloned(),
        creation_token: shown.creation_token().to_owned(),
        encrypted: shown.encrypted().unwrap_or(false),
        kms_key_id: shown.kms_key_id().filter(|key| !key.is_empty()).map(str::to_owned),
        performance_mode: Some(shown.performance_mode().as_str().to_owned()),
        throughput_mode: shown.throughput_mode().map_or("bursting", |mode| mode.as_str()).to_owned(),
        dns_name: Some(format!("{id}.efs.{}.{}", cloud.region, cloud.dns_suffix())),
        status: Some(shown.life_cycle_state().as_str().to_owned()),
        created_at: shown.creation_time().fmt(Format::DateTime).ok(),
        tags: visible(&tags),
    };
    Found { id, state: shown.life_cycle_state().clone(), tags, document }
}

/// The JSON Schema of the document.
fn schema() -> Value {
    object()
        .root()
        .optional("id", string().computed())
        .optional("arn", string().computed())
        .optional("name", string().computed().description("The Name tag."))
        .required("creation_token", string().immutable().natural_name())
        .required("encrypted", boolean().immutable())
        .optional("kms_key_id", string().immutable())
        .optional("performance_mode", string().immutable())
        .required("throughput_mode", string())
        .optional("dns_name", string().computed())
        .optional("status", string().computed())
        .optional("created_at", string().computed())
        .required("tags", map(string()))
        .build()
}
