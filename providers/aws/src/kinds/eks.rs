//! What clusters, node groups and add-ons have in common: they take minutes, and their updates are things of their own.

use std::time::Duration;

use aws_sdk_eks::types::UpdateStatus;
use nic_sdk::error::{Error, Failure};
use nic_sdk::kit::LabelEdits;
use nic_sdk::kit::change::{failure, remote_id};
use nic_sdk::types::{Change, Observation, Progress, Target, Waiting};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cloud::{Cloud, answered, from_aws};

/// How long EKS gets before it is asked again.
const POLL_AFTER: Duration = Duration::from_secs(15);

/// How often what was just made is looked for before it is taken for gone.
const UNSEEN_LOOKS: u64 = 12;

/// EKS's word for what is on its way out.
const DELETING: &str = "DELETING";

/// A part of a cluster: `<cluster>:<name>`, as Terraform has it too. Neither holds a colon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Id {
    pub cluster: String,
    /// The part's own name.
    pub name: String,
}

impl Id {
    /// From a remote id.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (cluster, name) = text.split_once(':').ok_or_else(|| {
            Error::other("REMOTE_ID_INVALID", format!("`{text}` is not of the form `<cluster>:<name>`"))
        })?;
        Ok(Self { cluster: cluster.to_owned(), name: name.to_owned() })
    }

    /// None when the cluster is not known: then neither it nor the part exists.
    pub fn of_target(target: &Target) -> Result<Option<Self>, Error> {
        if let Some(id) = &target.remote_id {
            return Self::parse(id).map(Some);
        }
        let text = |key: &str| Some(target.document.get(key)?.as_str()?.to_owned());
        Ok(text("cluster_name").zip(text("name")).map(|(cluster, name)| Self { cluster, name }))
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.cluster, self.name)
    }
}

/// What `poll` is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "kebab-case")]
pub enum Operation {
    /// Until it is active.
    Create,
    /// Until this update ended. The thing itself is active again after a failed update too.
    Update {
        /// EKS's name for it.
        update_id: String,
    },
    /// Until it is gone.
    Delete,
}

/// Not done yet.
pub fn pending(remote_id: &str, operation: &Operation, message: String) -> Progress {
    Progress::Pending(Waiting::new(json!(operation), POLL_AFTER, message).remote_id(remote_id.to_owned()))
}

/// Goes on with a create that EKS does not show yet: it answers a little earlier than it shows everywhere. None once it has been
/// looked for often enough, or when it is no create: then it is gone.
pub fn not_shown_yet(remote_id: &str, operation: &Value) -> Option<Progress> {
    let looks = operation.get("unseen").and_then(Value::as_u64).unwrap_or(0);
    let creating = operation.get("phase") == json!(Operation::Create).get("phase");
    (creating && looks < UNSEEN_LOOKS).then(|| {
        let mut operation = operation.clone();
        operation["unseen"] = json!(looks + 1);
        let message = "waiting until EKS shows it".to_owned();
        Progress::Pending(Waiting::new(operation, POLL_AFTER, message).remote_id(remote_id.to_owned()))
    })
}

/// What a delete comes to. A second one of what is on its way out is refused, so after a refusal `shown` is asked: the
/// status now, none when it is gone.
pub async fn deletion<A>(
    change: &Change,
    answer: Result<A, Error>,
    shown: impl Future<Output = Result<Option<String>, Error>>,
) -> Result<Progress, Failure> {
    let id = remote_id(change)?;
    let going = || pending(id, &Operation::Delete, DELETING.to_owned());
    let gone = || Progress::Done(Observation::absent(&change.address));
    match answer {
        Ok(_) => Ok(going()),
        Err(error) if error.is_not_found() => Ok(gone()),
        Err(refusal) => match shown.await {
            Ok(None) => Ok(gone()),
            Ok(Some(status)) if status == DELETING => Ok(going()),
            _ => Err(failure(id)(refusal)),
        },
    }
}

/// What an update is of.
#[derive(Debug, Clone, Copy)]
pub enum Part<'a> {
    /// The cluster of this name.
    Cluster(&'a str),
    /// One of its node groups.
    NodeGroup(&'a Id),
    /// One of its add-ons.
    Addon(&'a Id),
}

/// Goes on with an update that has not ended; none when it ended well, or when the operation is no update.
pub async fn still_updating(
    cloud: &Cloud,
    part: Part<'_>,
    remote_id: &str,
    operation: &Operation,
) -> Result<Option<Progress>, Error> {
    let Operation::Update { update_id } = operation else { return Ok(None) };
    let request = cloud.eks.describe_update().update_id(update_id);
    let request = match part {
        Part::Cluster(name) => request.name(name),
        Part::NodeGroup(id) => request.name(&id.cluster).nodegroup_name(&id.name),
        Part::Addon(id) => request.name(&id.cluster).addon_name(&id.name),
    };
    let answer = request.send().await.map_err(from_aws)?;
    let update = answered(answer.update, "update")?;
    let sort = update.r#type().map_or("update", |sort| sort.as_str());
    match update.status() {
        Some(UpdateStatus::Successful) => Ok(None),
        Some(word @ (UpdateStatus::Failed | UpdateStatus::Cancelled)) => {
            let issues = update.errors().iter().map(|error| {
                let code = error.error_code().map_or("Unknown", |code| code.as_str());
                issue(code, error.error_message(), error.resource_ids())
            });
            let why: Vec<String> = issues.collect();
            let why = if why.is_empty() { "EKS gave no reason".to_owned() } else { why.join("; ") };
            Err(Error::Other {
                code: "EKS_UPDATE_FAILED".to_owned(),
                message: format!("{sort} is {}: {why}", word.as_str()),
                detail: json!({ "update_id": update_id, "type": sort }),
            })
        }
        word => {
            let message = format!("{sort} {}", word.map_or("InProgress", |word| word.as_str()));
            Ok(Some(pending(remote_id, operation, message)))
        }
    }
}

/// One issue in EKS's own words.
pub fn issue(code: &str, message: Option<&str>, resource_ids: &[String]) -> String {
    let message = message.unwrap_or("no message");
    if resource_ids.is_empty() {
        format!("{code}: {message}")
    } else {
        format!("{code}: {message} ({})", resource_ids.join(", "))
    }
}

/// The id by which an update that has begun is asked after.
pub fn update_id(update: Option<aws_sdk_eks::types::Update>) -> Result<String, Error> {
    answered(update.and_then(|update| update.id), "id of the update")
}

/// A status and what is wrong, in EKS's own words.
pub fn state(status: &str, issues: &[String]) -> String {
    match issues {
        [] => status.to_owned(),
        issues => format!("{status}: {}", issues.join("; ")),
    }
}

/// Writes and takes away tags of what has this ARN.
pub async fn edit_tags(cloud: &Cloud, arn: &str, edits: &LabelEdits) -> Result<(), Error> {
    if !edits.set.is_empty() {
        let tags = edits.set.clone().into_iter().collect();
        cloud.eks.tag_resource().resource_arn(arn).set_tags(Some(tags)).send().await.map_err(from_aws)?;
    }
    if !edits.remove.is_empty() {
        let keys = edits.remove.iter().cloned().collect();
        cloud.eks.untag_resource().resource_arn(arn).set_tag_keys(Some(keys)).send().await.map_err(from_aws)?;
    }
    Ok(())
}

/// A role that was just made, or just got its policies, is not visible to EKS at once: then the same call goes well a
/// little later.
pub fn while_role_spreads(error: Error) -> Error {
    const WORDS: [&str; 5] = [
        "does not exist",
        "could not be assumed",
        "cannot be assumed",
        "trusted entity is not correct",
        "managed policies associated",
    ];
    match error {
        Error::Remote { code, message, .. }
            if code == "InvalidParameterException" && message.to_lowercase().contains("role") && {
                let message = message.to_lowercase();
                WORDS.iter().any(|words| message.contains(words))
            } =>
        {
            Error::Conflict(format!("{code}: {message}"))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_that_is_not_visible_yet_is_tried_again() {
        let error = |message: &str| Error::Remote {
            status: 400,
            code: "InvalidParameterException".into(),
            message: message.into(),
        };
        let spreading = error("Role with arn: arn:aws:iam::1:role/x, could not be assumed because it does not exist");
        assert!(matches!(while_role_spreads(spreading), Error::Conflict(_)));
        let wrong = error("unsupported Kubernetes version");
        assert_eq!(while_role_spreads(wrong.clone()), wrong);
    }
}
