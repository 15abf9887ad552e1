//! `aws.resource-group`: a saved search that shows a platform's things together in the AWS console.
//!
//! Nebari names it after the project alone, so two platforms of one project in one account and region want the same name.
//! The second one is refused, as it is by Nebari: taking the group over would take it from the first.

use aws_sdk_resourcegroups::types::{Group, QueryType, ResourceQuery};
use futures::future::{join_all, join3};
use nic_sdk::description::{self, CreateSafety};
use nic_sdk::error::{Error, Failure};
use nic_sdk::kit::change::{document, failure, gone, remote_id, same_json};
use nic_sdk::kit::settle::{complete, poll, settle};
use nic_sdk::kit::{Found, Kind, LabelEdits, Labelled, Scope, Settles, named};
use nic_sdk::report;
use nic_sdk::schema::{Normalise, map, object, string};
use nic_sdk::types::{Change, Observation, Progress, Target};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cloud::{Cloud, answered, from_aws};
use crate::tags::{Tags, visible};

/// The kind.
pub struct ResourceGroup;

/// Its document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Document {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    arn: Option<String>,
    description: String,
    /// JSON text: which tags the members bear.
    tag_filter_query: String,
    tags: Tags,
}

/// One call of an update.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    Description(String),
    Query(String),
}

impl Labelled for Document {
    fn labels(&self) -> &Tags {
        &self.tags
    }
}

impl Kind for ResourceGroup {
    type Cloud = Cloud;

    fn describe() -> description::Kind {
        description::Kind::new(
            super::RESOURCE_GROUP,
            "Resource group",
            "cloud.resource_groups[]",
            CreateSafety::Named,
            schema(),
        )
        .time_limits(300, 300, 300)
        .read_batch(20)
    }

    async fn read(cloud: &Cloud, targets: Vec<Target>) -> Vec<Observation> {
        join_all(targets.iter().map(|target| async move {
            let seen = match (target.remote_id.as_deref(), target.document.get("name").and_then(Value::as_str)) {
                (Some(arn), _) => Self::look(cloud, arn).await,
                (None, Some(name)) => by_name(cloud, name).await,
                (None, None) => Ok(None),
            };
            match seen {
                Ok(Some(found)) => named::observe(cloud, target, &found.id, &found.labels, &found.document),
                Ok(None) => Observation::absent(&target.address),
                Err(error) => Observation::unreadable(&target.address, error),
            }
        }))
        .await
    }

    async fn create(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        let desired: Document = document(&change.document)?;
        let tags = cloud.marks.mark(&desired.tags, &change.address);
        let request = cloud.resource_groups().create_group().name(&desired.name).description(&desired.description);
        let request = request.resource_query(query(&desired.tag_filter_query)?);
        let group = request.set_tags(Some(tags.into_iter().collect())).send().await.map_err(from_aws)?.group;
        let arn = answered(group, "resource group")?.group_arn;
        report::created(&arn).map_err(failure(&arn))?;
        let document = Document { arn: Some(arn.clone()), ..desired };
        complete::<Self>(cloud, change, Found::new(arn, Tags::new(), document)).await
    }

    async fn update(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        settle::<Self>(cloud, change, remote_id(change)?).await
    }

    async fn delete(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        let arn = remote_id(change)?;
        gone(change, cloud.resource_groups().delete_group().group(arn).send().await.map_err(from_aws))
    }

    async fn poll(cloud: &Cloud, change: &Change, operation: Value) -> Result<Progress, Failure> {
        poll::<Self>(cloud, change, &operation).await
    }
}

impl Settles for ResourceGroup {
    type Cloud = Cloud;
    type Document = Document;
    type Step = Step;

    async fn look(cloud: &Cloud, arn: &str) -> Result<Option<Found<Document>>, Error> {
        let (shown, query, tags) = join3(described(cloud, arn), query_of(cloud, arn), tags(cloud, arn)).await;
        match shown? {
            Some(shown) => Ok(Some(found(&shown, query?, tags?))),
            None => Ok(None),
        }
    }

    fn steps(observed: &Document, desired: &Document, scope: &Scope<'_>) -> Vec<Step> {
        let mut steps = Vec::new();
        if observed.description != desired.description && scope.touches("/description") {
            steps.push(Step::Description(desired.description.clone()));
        }
        if !same_json(&observed.tag_filter_query, &desired.tag_filter_query) && scope.touches("/tag_filter_query") {
            steps.push(Step::Query(desired.tag_filter_query.clone()));
        }
        steps
    }

    async fn take(cloud: &Cloud, arn: &str, step: Step) -> Result<(), Error> {
        match step {
            Step::Description(text) => {
                let request = cloud.resource_groups().update_group().group(arn).description(text);
                request.send().await.map_err(from_aws).map(|_| ())
            }
            Step::Query(text) => {
                let request = cloud.resource_groups().update_group_query().group(arn).resource_query(query(&text)?);
                request.send().await.map_err(from_aws).map(|_| ())
            }
        }
    }

    async fn edit_labels(cloud: &Cloud, arn: &str, edits: &LabelEdits) -> Result<(), Error> {
        if !edits.set.is_empty() {
            let tags = edits.set.clone().into_iter().collect();
            cloud.resource_groups().tag().arn(arn).set_tags(Some(tags)).send().await.map_err(from_aws)?;
        }
        if !edits.remove.is_empty() {
            let keys = edits.remove.iter().cloned().collect();
            cloud.resource_groups().untag().arn(arn).set_keys(Some(keys)).send().await.map_err(from_aws)?;
        }
        Ok(())
    }
}

fn query(text: &str) -> Result<ResourceQuery, Error> {
    let query = ResourceQuery::builder().r#type(QueryType::TagFilters10).query(text).build();
    query.map_err(|error| Error::other("REQUEST_INVALID", error.to_string()))
}

async fn described(cloud: &Cloud, group: &str) -> Result<Option<Group>, Error> {
    match cloud.resource_groups().get_group().group(group).send().await.map_err(from_aws) {
        Ok(answer) => Ok(answer.group),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The text of the query; empty for a group that has none.
async fn query_of(cloud: &Cloud, group: &str) -> Result<String, Error> {
    match cloud.resource_groups().get_group_query().group(group).send().await.map_err(from_aws) {
        Ok(answer) => {
            let query = answer.group_query.and_then(|answer| answer.resource_query);
            Ok(query.map_or_else(String::new, |query| query.query))
        }
        Err(error) if error.is_not_found() => Ok(String::new()),
        Err(error) => Err(error),
    }
}

async fn tags(cloud: &Cloud, arn: &str) -> Result<Tags, Error> {
    match cloud.resource_groups().get_tags().arn(arn).send().await.map_err(from_aws) {
        Ok(answer) => Ok(answer.tags.unwrap_or_default().into_iter().collect()),
        Err(error) if error.is_not_found() => Ok(Tags::new()),
        Err(error) => Err(error),
    }
}

async fn by_name(cloud: &Cloud, name: &str) -> Result<Option<Found<Document>>, Error> {
    match described(cloud, name).await? {
        Some(shown) => ResourceGroup::look(cloud, shown.group_arn()).await,
        None => Ok(None),
    }
}

fn found(shown: &Group, tag_filter_query: String, tags: Tags) -> Found<Document> {
    let document = Document {
        name: shown.name().to_owned(),
        arn: Some(shown.group_arn().to_owned()),
        description: shown.description().unwrap_or_default().to_owned(),
        tag_filter_query,
        tags: visible(&tags),
    };
    Found::new(shown.group_arn(), tags, document)
}

/// The JSON Schema of the document.
fn schema() -> Value {
    object()
        .required("name", string().immutable().natural_name())
        .optional("arn", string().computed())
        .required("description", string())
        .required("tag_filter_query", string().normalise(Normalise::Policy))
        .required("tags", map(string()))
        .build()
}
