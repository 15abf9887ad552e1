//! `aws.iam-role-policy-attachment`: a managed policy attached to a role.
//!
//! Role and policy are the whole identity: attaching twice is attaching once.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use nic_sdk::description::{self, CreateSafety};
use nic_sdk::error::{Error, Failure};
use nic_sdk::kit::Kind;
use nic_sdk::kit::change::{document, failure, gone, present, remote_id};
use nic_sdk::report;
use nic_sdk::schema::{object, string};
use nic_sdk::types::{Change, Observation, Progress, Target};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cloud::{Cloud, from_aws};

/// The kind.
pub struct IamRolePolicyAttachment;

/// Its document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Document {
    role: String,
    policy_arn: String,
}

impl Document {
    /// Role names hold no slash, so the two can be told apart.
    fn remote_id(&self) -> String {
        format!("{}/{}", self.role, self.policy_arn)
    }

    fn of_target(target: &Target) -> Option<Self> {
        if let Some((role, policy_arn)) = target.remote_id.as_deref().and_then(|id| id.split_once('/')) {
            return Some(Self { role: role.to_owned(), policy_arn: policy_arn.to_owned() });
        }
        let text = |key: &str| Some(target.document.get(key)?.as_str()?.to_owned());
        Some(Self { role: text("role")?, policy_arn: text("policy_arn")? })
    }
}

impl Kind for IamRolePolicyAttachment {
    type Cloud = Cloud;

    fn describe() -> description::Kind {
        description::Kind::new(
            super::IAM_ROLE_POLICY_ATTACHMENT,
            "IAM policy attachment",
            "cloud.iam_policy_attachments[]",
            CreateSafety::Named,
            schema(),
        )
        .time_limits(300, 300, 300)
        .read_batch(100)
    }

    async fn read(cloud: &Cloud, targets: Vec<Target>) -> Vec<Observation> {
        let sought: Vec<(Target, Option<Document>)> = targets
            .into_iter()
            .map(|target| {
                let document = Document::of_target(&target);
                (target, document)
            })
            .collect();
        let roles: BTreeSet<&str> = sought.iter().filter_map(|(_, d)| d.as_ref()).map(|d| d.role.as_str()).collect();
        let attached = join_all(roles.into_iter().map(|role| async move { (role, attached(cloud, role).await) })).await;
        let attached: BTreeMap<&str, _> = attached.into_iter().collect();
        let observe = |(target, document): &(Target, Option<Document>)| {
            // Without the role's name there is no role yet.
            let Some(document) = document else { return Observation::absent(&target.address) };
            match &attached[document.role.as_str()] {
                Err(error) => Observation::unreadable(&target.address, error.clone()),
                Ok(policies) if policies.contains(&document.policy_arn) => {
                    let own = document.remote_id();
                    present(&target.address, target.remote_id.as_deref().unwrap_or(&own), document)
                }
                Ok(_) => Observation::absent(&target.address),
            }
        };
        sought.iter().map(observe).collect()
    }

    async fn create(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        let desired: Document = document(&change.document)?;
        let id = desired.remote_id();
        attach(cloud, &desired).await?;
        report::created(&id).map_err(failure(&id))?;
        Ok(Progress::Done(present(&change.address, &id, &desired)))
    }

    /// Nothing of it can change; attaching again is what an unfinished create needs.
    async fn update(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        let desired: Document = document(&change.document)?;
        let id = remote_id(change)?;
        attach(cloud, &desired).await.map_err(failure(id))?;
        Ok(Progress::Done(present(&change.address, id, &desired)))
    }

    async fn delete(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        let last: Document = document(&change.document)?;
        let request = cloud.iam.detach_role_policy().role_name(&last.role).policy_arn(&last.policy_arn);
        gone(change, request.send().await.map_err(from_aws))
    }

    async fn poll(_cloud: &Cloud, change: &Change, _operation: Value) -> Result<Progress, Failure> {
        Err(Error::not_implemented(&format!("poll of {}", change.kind)).into())
    }
}

async fn attach(cloud: &Cloud, desired: &Document) -> Result<(), Error> {
    let request = cloud.iam.attach_role_policy().role_name(&desired.role).policy_arn(&desired.policy_arn);
    request.send().await.map_err(from_aws).map(|_| ())
}

/// The policies attached to a role; none when there is no such role.
async fn attached(cloud: &Cloud, role: &str) -> Result<BTreeSet<String>, Error> {
    let pages = cloud.iam.list_attached_role_policies().role_name(role).into_paginator().items().send();
    match pages.collect::<Result<Vec<_>, _>>().await.map_err(from_aws) {
        Ok(policies) => Ok(policies.into_iter().filter_map(|policy| policy.policy_arn).collect()),
        Err(error) if error.is_not_found() => Ok(BTreeSet::new()),
        Err(error) => Err(error),
    }
}

/// The JSON Schema of the document.
fn schema() -> Value {
    object()
        .required("role", string().immutable().natural_name())
        .required("policy_arn", string().immutable().natural_name())
        .build()
}
