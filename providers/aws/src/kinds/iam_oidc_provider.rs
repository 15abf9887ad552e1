//! `aws.iam-oidc-provider`: whose tokens IAM trusts. With the cluster's issuer in it, service accounts can assume roles.
//!
//! The thumbprints of the issuer's certificate are left to IAM: it has its own trust in the issuers of EKS.

use std::collections::BTreeSet;

use aws_sdk_iam::operation::get_open_id_connect_provider::GetOpenIdConnectProviderOutput;
use futures::future::join_all;
use nic_sdk::description::{self, CreateSafety};
use nic_sdk::error::{Error, Failure};
use nic_sdk::kit::change::{document, failure, gone, remote_id};
use nic_sdk::kit::settle::{complete, poll, settle};
use nic_sdk::kit::{Found, Kind, LabelEdits, Labelled, Scope, Settles, named};
use nic_sdk::report;
use nic_sdk::schema::{list, map, object, string};
use nic_sdk::types::{Change, Observation, Progress, Target};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::iam::{from_iam, to_iam};
use crate::cloud::{Cloud, answered, from_aws};
use crate::tags::{Tags, visible};

/// The kind.
pub struct IamOidcProvider;

/// Its document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Document {
    #[serde(skip_serializing_if = "Option::is_none")]
    arn: Option<String>,
    url: String,
    /// The URL without its scheme: what conditions of trust policies call the issuer.
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    client_ids: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    thumbprints: Vec<String>,
    tags: Tags,
}

/// One call of an update.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    AddClient(String),
    RemoveClient(String),
}

impl Labelled for Document {
    fn labels(&self) -> &Tags {
        &self.tags
    }
}

impl Kind for IamOidcProvider {
    type Cloud = Cloud;

    fn describe() -> description::Kind {
        description::Kind::new(
            super::IAM_OIDC_PROVIDER,
            "OIDC provider",
            "cloud.iam_oidc_providers[]",
            CreateSafety::Named,
            schema(),
        )
        .time_limits(300, 300, 300)
        .read_batch(10)
    }

    async fn read(cloud: &Cloud, targets: Vec<Target>) -> Vec<Observation> {
        let seeks = targets.iter().any(|target| target.remote_id.is_none() && issuer_of(&target.document).is_some());
        let arns = if seeks { arns(cloud).await } else { Ok(Vec::new()) };
        let arns = &arns;
        join_all(targets.iter().map(|target| async move {
            let arn = match (&target.remote_id, arns) {
                (Some(arn), _) => arn,
                (None, Err(error)) => return Observation::unreadable(&target.address, error.clone()),
                (None, Ok(arns)) => {
                    let wanted = issuer_of(&target.document).map(|issuer| format!(":oidc-provider/{issuer}"));
                    match wanted.and_then(|wanted| arns.iter().find(|arn| arn.ends_with(&wanted))) {
                        Some(arn) => arn,
                        None => return Observation::absent(&target.address),
                    }
                }
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
        let tags = to_iam(&cloud.marks.mark(&desired.tags, &change.address))?;
        let request = cloud.iam.create_open_id_connect_provider().url(&desired.url).set_tags(Some(tags));
        let answer = request.set_client_id_list(Some(desired.client_ids.clone())).send().await.map_err(from_aws)?;
        let arn = answered(answer.open_id_connect_provider_arn, "ARN of the OIDC provider")?;
        report::created(&arn).map_err(failure(&arn))?;
        let issuer = Some(without_scheme(&desired.url).to_owned());
        let document = Document { arn: Some(arn.clone()), issuer, ..desired };
        complete::<Self>(cloud, change, Found::new(arn, Tags::new(), document)).await
    }

    async fn update(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        settle::<Self>(cloud, change, remote_id(change)?).await
    }

    async fn delete(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        let arn = remote_id(change)?;
        let request = cloud.iam.delete_open_id_connect_provider().open_id_connect_provider_arn(arn);
        gone(change, request.send().await.map_err(from_aws))
    }

    async fn poll(cloud: &Cloud, change: &Change, operation: Value) -> Result<Progress, Failure> {
        poll::<Self>(cloud, change, &operation).await
    }
}

impl Settles for IamOidcProvider {
    type Cloud = Cloud;
    type Document = Document;
    type Step = Step;

    async fn look(cloud: &Cloud, arn: &str) -> Result<Option<Found<Document>>, Error> {
        let request = cloud.iam.get_open_id_connect_provider().open_id_connect_provider_arn(arn);
        match request.send().await.map_err(from_aws) {
            Ok(answer) => Ok(Some(found(arn, &answer))),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn steps(observed: &Document, desired: &Document, scope: &Scope<'_>) -> Vec<Step> {
        if !scope.touches("/client_ids") {
            return Vec::new();
        }
        let set = |document: &Document| document.client_ids.iter().cloned().collect::<BTreeSet<_>>();
        let (there, wanted) = (set(observed), set(desired));
        let added = wanted.difference(&there).cloned().map(Step::AddClient);
        added.chain(there.difference(&wanted).cloned().map(Step::RemoveClient)).collect()
    }

    async fn take(cloud: &Cloud, arn: &str, step: Step) -> Result<(), Error> {
        match step {
            Step::AddClient(id) => {
                let request = cloud.iam.add_client_id_to_open_id_connect_provider();
                let request = request.open_id_connect_provider_arn(arn).client_id(id);
                request.send().await.map_err(from_aws).map(|_| ())
            }
            Step::RemoveClient(id) => {
                let request = cloud.iam.remove_client_id_from_open_id_connect_provider();
                let request = request.open_id_connect_provider_arn(arn).client_id(id);
                request.send().await.map_err(from_aws).map(|_| ())
            }
        }
    }

    async fn edit_labels(cloud: &Cloud, arn: &str, edits: &LabelEdits) -> Result<(), Error> {
        // First, since to IAM a key in another case is the same key.
        if !edits.remove.is_empty() {
            let request = cloud.iam.untag_open_id_connect_provider().open_id_connect_provider_arn(arn);
            let keys = edits.remove.iter().cloned().collect();
            request.set_tag_keys(Some(keys)).send().await.map_err(from_aws)?;
        }
        if !edits.set.is_empty() {
            let request = cloud.iam.tag_open_id_connect_provider().open_id_connect_provider_arn(arn);
            request.set_tags(Some(to_iam(&edits.set)?)).send().await.map_err(from_aws)?;
        }
        Ok(())
    }
}

/// The ARNs of all of them, with their tags, for those who look for marks.
pub async fn tagged(cloud: &Cloud) -> Result<Vec<(String, Tags)>, Error> {
    let arns = arns(cloud).await?;
    let looks = arns.iter().map(|arn| async move { (arn.clone(), IamOidcProvider::look(cloud, arn).await) });
    let mut found = Vec::new();
    for (arn, look) in join_all(looks).await {
        if let Some(look) = look? {
            found.push((arn, look.labels));
        }
    }
    Ok(found)
}

/// IAM answers all of them at once: an account has a hundred at most.
async fn arns(cloud: &Cloud) -> Result<Vec<String>, Error> {
    let answer = cloud.iam.list_open_id_connect_providers().send().await.map_err(from_aws)?;
    let entries = answer.open_id_connect_provider_list.unwrap_or_default();
    Ok(entries.into_iter().filter_map(|entry| entry.arn).collect())
}

fn issuer_of(document: &Value) -> Option<&str> {
    document.get("url")?.as_str().map(without_scheme)
}

fn without_scheme(url: &str) -> &str {
    url.strip_prefix("https://").unwrap_or(url)
}

fn found(arn: &str, shown: &GetOpenIdConnectProviderOutput) -> Found<Document> {
    let tags = from_iam(shown.tags());
    // IAM shows the URL without its scheme.
    let issuer = without_scheme(shown.url().unwrap_or_default());
    let document = Document {
        arn: Some(arn.to_owned()),
        url: format!("https://{issuer}"),
        issuer: Some(issuer.to_owned()),
        client_ids: shown.client_id_list().to_vec(),
        thumbprints: shown.thumbprint_list().to_vec(),
        tags: visible(&tags),
    };
    Found::new(arn, tags, document)
}

/// The JSON Schema of the document.
fn schema() -> Value {
    object()
        .optional("arn", string().computed())
        .required("url", string().immutable().natural_name())
        .optional("issuer", string().computed())
        .required("client_ids", list(string()).set())
        .optional("thumbprints", list(string()).computed())
        .required("tags", map(string()))
        // It names an issuer, whether there is one or not.
        .outlives(super::CLUSTER)
        .build()
}
