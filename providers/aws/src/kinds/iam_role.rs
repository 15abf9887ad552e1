//! `aws.iam-role`: a role, who may assume it, and the boundary of what it may do.

use aws_sdk_iam::types::Role;
use aws_smithy_types::date_time::Format;
use futures::future::join_all;
use nic_sdk::description::{self, CreateSafety};
use nic_sdk::error::{Error, Failure};
use nic_sdk::kit::change::{document, failure, gone, remote_id, same_json};
use nic_sdk::kit::settle::{complete, poll, settle};
use nic_sdk::kit::{Found, Kind, LabelEdits, Labelled, Scope, Settles, named};
use nic_sdk::report;
use nic_sdk::schema::{Normalise, map, object, string};
use nic_sdk::types::{Change, Observation, Progress, Target};
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::iam::{from_iam, to_iam};
use crate::cloud::{Cloud, answered, from_aws};
use crate::tags::{Tags, visible};

/// The kind.
pub struct IamRole;

/// Its document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Document {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    arn: Option<String>,
    /// JSON text.
    assume_role_policy: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    permissions_boundary: Option<String>,
    tags: Tags,
}

/// One call of an update.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    Trust(String),
    Bound(String),
    Unbound,
}

impl Labelled for Document {
    fn labels(&self) -> &Tags {
        &self.tags
    }
}

impl Kind for IamRole {
    type Cloud = Cloud;

    fn describe() -> description::Kind {
        description::Kind::new(super::IAM_ROLE, "IAM role", "cloud.iam_roles[]", CreateSafety::Named, schema())
            .time_limits(300, 300, 300)
            .read_batch(100)
    }

    async fn read(cloud: &Cloud, targets: Vec<Target>) -> Vec<Observation> {
        join_all(targets.iter().map(|target| async move {
            let named = target.document.get("name").and_then(Value::as_str);
            let Some(name) = target.remote_id.as_deref().or(named) else { return Observation::absent(&target.address) };
            match get(cloud, name).await {
                Ok(Some(role)) => observe(cloud, target, &role),
                Ok(None) => Observation::absent(&target.address),
                Err(error) => Observation::unreadable(&target.address, error),
            }
        }))
        .await
    }

    async fn create(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        let desired: Document = document(&change.document)?;
        let tags = to_iam(&cloud.marks.mark(&desired.tags, &change.address));
        let request = cloud.iam.create_role().role_name(&desired.name).set_tags(Some(tags?));
        let request = request.assume_role_policy_document(&desired.assume_role_policy);
        let request = request.set_permissions_boundary(desired.permissions_boundary.clone());
        let role = answered(request.send().await.map_err(from_aws)?.role, "role")?;
        report::created(role.role_name()).map_err(failure(role.role_name()))?;
        let document = Document { id: Some(role.role_id), arn: Some(role.arn), ..desired.clone() };
        complete::<Self>(cloud, change, Found::new(role.role_name, Tags::new(), document)).await
    }

    async fn update(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        settle::<Self>(cloud, change, remote_id(change)?).await
    }

    async fn delete(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        let name = remote_id(change)?;
        gone(change, cloud.iam.delete_role().role_name(name).send().await.map_err(from_aws))
    }

    async fn poll(cloud: &Cloud, change: &Change, operation: Value) -> Result<Progress, Failure> {
        poll::<Self>(cloud, change, &operation).await
    }
}

impl Settles for IamRole {
    type Cloud = Cloud;
    type Document = Document;
    type Step = Step;

    async fn look(cloud: &Cloud, name: &str) -> Result<Option<Found<Document>>, Error> {
        Ok(get(cloud, name).await?.as_ref().map(found))
    }

    fn steps(observed: &Document, desired: &Document, scope: &Scope<'_>) -> Vec<Step> {
        let mut steps = Vec::new();
        if scope.touches("/assume_role_policy") && !same_json(&observed.assume_role_policy, &desired.assume_role_policy)
        {
            steps.push(Step::Trust(desired.assume_role_policy.clone()));
        }
        match &desired.permissions_boundary {
            wanted if wanted == &observed.permissions_boundary => {}
            Some(wanted) if scope.touches("/permissions_boundary") => steps.push(Step::Bound(wanted.clone())),
            // A boundary that was never ours may be what the account's owner insists on.
            None if scope.names("/permissions_boundary") => steps.push(Step::Unbound),
            _ => {}
        }
        steps
    }

    async fn take(cloud: &Cloud, name: &str, step: Step) -> Result<(), Error> {
        match step {
            Step::Trust(policy) => {
                let request = cloud.iam.update_assume_role_policy().role_name(name).policy_document(policy);
                request.send().await.map_err(from_aws).map(|_| ())
            }
            Step::Bound(arn) => {
                let request = cloud.iam.put_role_permissions_boundary().role_name(name).permissions_boundary(arn);
                request.send().await.map_err(from_aws).map(|_| ())
            }
            Step::Unbound => {
                let request = cloud.iam.delete_role_permissions_boundary().role_name(name);
                request.send().await.map_err(from_aws).map(|_| ())
            }
        }
    }

    async fn edit_labels(cloud: &Cloud, name: &str, edits: &LabelEdits) -> Result<(), Error> {
        // First, since to IAM a key in another case is the same key.
        if !edits.remove.is_empty() {
            let keys = edits.remove.iter().cloned().collect();
            cloud.iam.untag_role().role_name(name).set_tag_keys(Some(keys)).send().await.map_err(from_aws)?;
        }
        if !edits.set.is_empty() {
            let tags = to_iam(&edits.set)?;
            cloud.iam.tag_role().role_name(name).set_tags(Some(tags)).send().await.map_err(from_aws)?;
        }
        Ok(())
    }
}

async fn get(cloud: &Cloud, name: &str) -> Result<Option<Role>, Error> {
    match cloud.iam.get_role().role_name(name).send().await.map_err(from_aws) {
        Ok(answer) => Ok(answer.role),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

fn observe(cloud: &Cloud, target: &Target, role: &Role) -> Observation {
    let found = found(role);
    let mut observation = named::observe(cloud, target, &found.id, &found.labels, &found.document);
    // A platform's first thing is a role: its age is that of the state.
    if let Some(other) = &mut observation.other_lineage {
        other.since = role.create_date().fmt(Format::DateTime).ok();
    }
    observation
}

fn found(role: &Role) -> Found<Document> {
    let tags = from_iam(role.tags());
    let boundary = role.permissions_boundary().and_then(|boundary| boundary.permissions_boundary_arn());
    // IAM answers policies in the encoding of URLs.
    let trust = percent_decode_str(role.assume_role_policy_document().unwrap_or_default()).decode_utf8_lossy();
    let document = Document {
        id: Some(role.role_id().to_owned()),
        name: role.role_name().to_owned(),
        arn: Some(role.arn().to_owned()),
        assume_role_policy: trust.into_owned(),
        permissions_boundary: boundary.map(str::to_owned),
        tags: visible(&tags),
    };
    Found::new(role.role_name(), tags, document)
}

/// The JSON Schema of the document.
fn schema() -> Value {
    object()
        .optional("id", string().computed())
        .required("name", string().immutable().natural_name())
        .optional("arn", string().computed())
        .required("assume_role_policy", string().normalise(Normalise::Policy))
        .optional("permissions_boundary", string())
        .required("tags", map(string()))
        .build()
}
