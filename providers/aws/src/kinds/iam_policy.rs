//! `aws.iam-policy`: a policy of the account's own.
//!
//! Nebari's templates give the autoscaler's policy a name that begins as told and ends at random. A name that is known
//! beforehand is what keeps a repeated create from making a second policy, so NIC's name is the beginning alone, and the
//! document asks for the beginning (`name_prefix`): a policy that Terraform made is the same by it, suffix or not. Without
//! its ARN only the bare name is looked for, so two policies never compete for one address.

use std::collections::BTreeMap;

use aws_sdk_iam::types::{Policy, PolicyScopeType, PolicyVersion};
use futures::future::{join, join_all};
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

/// How many versions IAM keeps of one policy.
const VERSIONS_KEPT: usize = 5;

/// What IAM calls the version that a policy is made with.
const FIRST_VERSION: &str = "v1";

/// The kind.
pub struct IamPolicy;

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
    #[serde(skip_serializing_if = "Option::is_none")]
    name_prefix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// JSON text of the default version.
    policy: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_version: Option<String>,
    tags: Tags,
}

impl Labelled for Document {
    fn labels(&self) -> &Tags {
        &self.tags
    }
}

impl Kind for IamPolicy {
    type Cloud = Cloud;

    fn describe() -> description::Kind {
        description::Kind::new(super::IAM_POLICY, "IAM policy", "cloud.iam_policies[]", CreateSafety::Named, schema())
            .time_limits(300, 300, 300)
            .read_batch(100)
    }

    async fn read(cloud: &Cloud, targets: Vec<Target>) -> Vec<Observation> {
        // IAM gets policies by ARN only; an ARN holds the account's number, a name does not.
        let seeks = targets.iter().any(|target| target.remote_id.is_none());
        let arns = if seeks { own(cloud).await } else { Ok(BTreeMap::new()) };
        let arns = &arns;
        join_all(targets.iter().map(|target| async move {
            let arn = match (&target.remote_id, arns) {
                (Some(arn), _) => arn,
                (None, Err(error)) => return Observation::unreadable(&target.address, error.clone()),
                (None, Ok(arns)) => match natural_name(&target.document).and_then(|name| arns.get(name)) {
                    Some(arn) => arn,
                    None => return Observation::absent(&target.address),
                },
            };
            match Self::look(cloud, arn).await {
                Ok(Some(found)) => named::observe(cloud, target, arn, &found.labels, &found.document),
                Ok(None) => Observation::absent(&target.address),
                Err(error) => Observation::unreadable(&target.address, error),
            }
        }))
        .await
    }

    async fn create(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        let desired: Document = document(&change.document)?;
        let name = natural_name(&change.document);
        let name = name.ok_or_else(|| Error::other("DOCUMENT_INVALID", "a policy needs `name` or `name_prefix`"))?;
        let tags = to_iam(&cloud.marks.mark(&desired.tags, &change.address))?;
        let request = cloud.iam.create_policy().policy_name(name).policy_document(&desired.policy);
        let request = request.set_description(desired.description.clone()).set_tags(Some(tags));
        let policy = answered(request.send().await.map_err(from_aws)?.policy, "policy")?;
        let arn = answered(policy.arn, "ARN of the policy")?;
        report::created(&arn).map_err(failure(&arn))?;
        let document = Document {
            id: policy.policy_id,
            arn: Some(arn.clone()),
            name: Some(name.to_owned()),
            name_prefix: Some(without_suffix(name).to_owned()),
            default_version: policy.default_version_id,
            ..desired
        };
        complete::<Self>(cloud, change, Found::new(arn, Tags::new(), document)).await
    }

    async fn update(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        settle::<Self>(cloud, change, remote_id(change)?).await
    }

    async fn delete(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        gone(change, delete(cloud, remote_id(change)?).await)
    }

    async fn poll(cloud: &Cloud, change: &Change, operation: Value) -> Result<Progress, Failure> {
        poll::<Self>(cloud, change, &operation).await
    }
}

impl Settles for IamPolicy {
    type Cloud = Cloud;
    type Document = Document;
    /// The text of a new default version.
    type Step = String;

    async fn look(cloud: &Cloud, arn: &str) -> Result<Option<Found<Document>>, Error> {
        // Most policies are never edited, so the first version is asked for beside the policy that says which one counts.
        let (policy, first) = join(
            async { cloud.iam.get_policy().policy_arn(arn).send().await.map_err(from_aws) },
            version(cloud, arn, FIRST_VERSION),
        )
        .await;
        let policy = match policy {
            Ok(answer) => answered(answer.policy, "policy")?,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error),
        };
        let version = match answered(policy.default_version_id(), "default version of the policy")? {
            FIRST_VERSION => first?,
            other => version(cloud, arn, other).await?,
        };
        Ok(version.map(|version| found(arn, &policy, &version)))
    }

    fn steps(observed: &Document, desired: &Document, scope: &Scope<'_>) -> Vec<String> {
        let differs = scope.touches("/policy") && !same_json(&observed.policy, &desired.policy);
        differs.then(|| desired.policy.clone()).into_iter().collect()
    }

    async fn take(cloud: &Cloud, arn: &str, policy: String) -> Result<(), Error> {
        make_room(cloud, arn).await?;
        let request = cloud.iam.create_policy_version().policy_arn(arn).policy_document(policy).set_as_default(true);
        request.send().await.map_err(from_aws).map(|_| ())
    }

    async fn edit_labels(cloud: &Cloud, arn: &str, edits: &LabelEdits) -> Result<(), Error> {
        // First, since to IAM a key in another case is the same key.
        if !edits.remove.is_empty() {
            let keys = edits.remove.iter().cloned().collect();
            cloud.iam.untag_policy().policy_arn(arn).set_tag_keys(Some(keys)).send().await.map_err(from_aws)?;
        }
        if !edits.set.is_empty() {
            let tags = to_iam(&edits.set)?;
            cloud.iam.tag_policy().policy_arn(arn).set_tags(Some(tags)).send().await.map_err(from_aws)?;
        }
        Ok(())
    }
}

/// What a document calls its policy; a new one is called by the bare prefix.
fn natural_name(document: &Value) -> Option<&str> {
    ["name", "name_prefix"].into_iter().find_map(|key| document.get(key)?.as_str())
}

/// The ARNs of the account's own policies, by name.
async fn own(cloud: &Cloud) -> Result<BTreeMap<String, String>, Error> {
    let pages = cloud.iam.list_policies().scope(PolicyScopeType::Local).into_paginator().items().send();
    let policies = pages.collect::<Result<Vec<_>, _>>().await.map_err(from_aws)?;
    Ok(policies.into_iter().filter_map(|policy| policy.policy_name.zip(policy.arn)).collect())
}

async fn version(cloud: &Cloud, arn: &str, id: &str) -> Result<Option<PolicyVersion>, Error> {
    match cloud.iam.get_policy_version().policy_arn(arn).version_id(id).send().await.map_err(from_aws) {
        Ok(answer) => answered(answer.policy_version, "version of the policy").map(Some),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

async fn versions(cloud: &Cloud, arn: &str) -> Result<Vec<PolicyVersion>, Error> {
    let pages = cloud.iam.list_policy_versions().policy_arn(arn).into_paginator().items().send();
    pages.collect::<Result<Vec<_>, _>>().await.map_err(from_aws)
}

/// Deletes the oldest version when there is no room for one more.
async fn make_room(cloud: &Cloud, arn: &str) -> Result<(), Error> {
    let versions = versions(cloud, arn).await?;
    if versions.len() < VERSIONS_KEPT {
        return Ok(());
    }
    let spare = versions.iter().filter(|version| !version.is_default_version());
    let oldest = spare.min_by_key(|version| (version.create_date().copied(), number(version)));
    match oldest {
        Some(version) => delete_version(cloud, arn, version).await,
        None => Ok(()),
    }
}

/// The number in `v12`.
fn number(version: &PolicyVersion) -> Option<u32> {
    version.version_id()?.strip_prefix('v')?.parse().ok()
}

async fn delete_version(cloud: &Cloud, arn: &str, version: &PolicyVersion) -> Result<(), Error> {
    let id = version.version_id().unwrap_or_default();
    let request = cloud.iam.delete_policy_version().policy_arn(arn).version_id(id);
    match request.send().await.map_err(from_aws) {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(()),
    }
}

/// IAM deletes a policy only when its default version is the last one.
async fn delete(cloud: &Cloud, arn: &str) -> Result<(), Error> {
    for version in versions(cloud, arn).await?.iter().filter(|version| !version.is_default_version()) {
        delete_version(cloud, arn, version).await?;
    }
    cloud.iam.delete_policy().policy_arn(arn).send().await.map_err(from_aws).map(|_| ())
}

/// A name without the random end that Terraform gives a `name_prefix`: 18 digits of time and a counter of 8 hexadecimal
/// digits.
fn without_suffix(name: &str) -> &str {
    let Some(at) = name.len().checked_sub(26).filter(|at| name.is_char_boundary(*at)) else { return name };
    let (start, end) = name.split_at(at);
    let (time, counter) = end.split_at(18);
    let random = time.starts_with("20")
        && time.bytes().all(|b| b.is_ascii_digit())
        && counter.bytes().all(|b| b.is_ascii_hexdigit());
    if random && !start.is_empty() { start } else { name }
}

fn found(arn: &str, policy: &Policy, version: &PolicyVersion) -> Found<Document> {
    let tags = from_iam(policy.tags());
    let name = policy.policy_name().unwrap_or_default();
    // IAM answers policies in the encoding of URLs.
    let text = percent_decode_str(version.document().unwrap_or_default()).decode_utf8_lossy();
    let document = Document {
        id: policy.policy_id().map(str::to_owned),
        arn: Some(arn.to_owned()),
        name: Some(name.to_owned()),
        name_prefix: Some(without_suffix(name).to_owned()),
        description: policy.description().filter(|text| !text.is_empty()).map(str::to_owned),
        policy: text.into_owned(),
        default_version: policy.default_version_id().map(str::to_owned),
        tags: visible(&tags),
    };
    Found::new(arn, tags, document)
}

/// The JSON Schema of the document.
fn schema() -> Value {
    object()
        .optional("id", string().computed())
        .optional("arn", string().computed())
        .optional("name", string().immutable().natural_name())
        .optional("name_prefix", string().immutable().natural_name())
        // IAM cannot change it, and it is not worth a new policy.
        .optional("description", string().immutable().left_to_cloud())
        .required("policy", string().normalise(Normalise::Policy))
        .optional("default_version", string().computed())
        .required("tags", map(string()))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_told_from_terraforms_random_end() {
        assert_eq!(
            without_suffix("eks-worker-autoscaling-x-dev20240405123456789000000001"),
            "eks-worker-autoscaling-x-dev"
        );
        for whole in
            ["eks-worker-autoscaling-x-dev", "x", "20240405123456789000000001", "eks-2024040512345678900000000z"]
        {
            assert_eq!(without_suffix(whole), whole);
        }
    }
}
