//! `aws.internet-gateway`: a gateway and its attachment to the VPC.

use aws_sdk_ec2::types::{InternetGateway as Shown, ResourceType};
use nic_sdk::description::{self, CreateSafety};
use nic_sdk::error::Error;
use nic_sdk::kit::{Found, LabelEdits, Labelled, LabelledKind, Scope, Selection};
use nic_sdk::schema::{map, object, string};
use nic_sdk::types::Change;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cloud::{Cloud, answered, filtered, from_aws, from_ec2, tag_specification};
use crate::tags::{Tags, visible};

/// The kind.
pub struct InternetGateway;

/// Its document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Document {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// None while it is attached to nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    vpc_id: Option<String>,
    tags: Tags,
}

/// A change of the attachment.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    Detach(String),
    Attach(String),
}

impl Labelled for Document {
    fn labels(&self) -> &Tags {
        &self.tags
    }
}

impl LabelledKind for InternetGateway {
    type Cloud = Cloud;
    type Document = Document;
    type Step = Step;

    fn describe() -> description::Kind {
        description::Kind::new(
            super::INTERNET_GATEWAY,
            "Internet gateway",
            "cloud.internet_gateways[]",
            CreateSafety::Tagged,
            schema(),
        )
        .time_limits(300, 300, 1200)
        .read_batch(200)
        .settle_seconds(60)
    }

    async fn list(cloud: &Cloud, selection: Selection<'_>) -> Result<Vec<Found<Document>>, Error> {
        let request = cloud.ec2.describe_internet_gateways().filters(filtered(selection, "internet-gateway-id"));
        let shown = request.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.map_err(from_aws)?;
        Ok(shown.iter().filter_map(found).collect())
    }

    async fn make(cloud: &Cloud, _change: &Change, desired: &Document, tags: &Tags) -> Result<Found<Document>, Error> {
        let request = cloud.ec2.create_internet_gateway();
        let answer = request.tag_specifications(tag_specification(ResourceType::InternetGateway, tags)).send().await;
        let gateway = answer.map_err(from_aws)?.internet_gateway;
        let id = answered(gateway.and_then(|gateway| gateway.internet_gateway_id), "id of the internet gateway")?;
        let document = Document { id: Some(id.clone()), vpc_id: None, ..desired.clone() };
        Ok(Found::new(id, tags.clone(), document))
    }

    fn steps(observed: &Document, desired: &Document, scope: &Scope<'_>) -> Vec<Step> {
        if observed.vpc_id == desired.vpc_id || !scope.touches("/vpc_id") {
            return Vec::new();
        }
        let detach = observed.vpc_id.clone().map(Step::Detach);
        detach.into_iter().chain(desired.vpc_id.clone().map(Step::Attach)).collect()
    }

    async fn take(cloud: &Cloud, id: &str, step: Step) -> Result<(), Error> {
        match step {
            Step::Detach(vpc) => detach(cloud, id, &vpc).await,
            Step::Attach(vpc) => {
                let request = cloud.ec2.attach_internet_gateway().internet_gateway_id(id).vpc_id(vpc);
                request.send().await.map_err(from_aws).map(|_| ())
            }
        }
    }

    fn edit_labels(cloud: &Cloud, id: &str, edits: &LabelEdits) -> impl Future<Output = Result<(), Error>> {
        cloud.edit_ec2_tags(id, edits)
    }

    async fn remove(cloud: &Cloud, id: &str, last: Option<Document>) -> Result<(), Error> {
        if let Some(vpc) = last.and_then(|last| last.vpc_id) {
            detach(cloud, id, &vpc).await?;
        }
        let refused = match delete(cloud, id).await {
            Err(refused @ Error::Conflict(_)) => refused,
            other => return other,
        };
        // It is attached elsewhere than where it was last seen.
        let ids = [id.to_owned()];
        let found = Self::list(cloud, Selection::Ids(&ids)).await?;
        let attached: Vec<&String> = found.iter().filter_map(|found| found.document.vpc_id.as_ref()).collect();
        if attached.is_empty() {
            return Err(refused);
        }
        for vpc in attached {
            detach(cloud, id, vpc).await?;
        }
        delete(cloud, id).await
    }
}

async fn delete(cloud: &Cloud, id: &str) -> Result<(), Error> {
    cloud.ec2.delete_internet_gateway().internet_gateway_id(id).send().await.map_err(from_aws).map(|_| ())
}

async fn detach(cloud: &Cloud, id: &str, vpc: &str) -> Result<(), Error> {
    let request = cloud.ec2.detach_internet_gateway().internet_gateway_id(id).vpc_id(vpc);
    match request.send().await.map_err(from_aws) {
        // It is gone, or attached to nothing.
        Err(error) if error.is_not_found() => Ok(()),
        result => result.map(|_| ()),
    }
}

fn found(gateway: &Shown) -> Option<Found<Document>> {
    let id = gateway.internet_gateway_id()?;
    let tags = from_ec2(gateway.tags());
    let vpc_id = gateway.attachments().iter().find_map(|attachment| attachment.vpc_id());
    let document = Document { id: Some(id.to_owned()), vpc_id: vpc_id.map(str::to_owned), tags: visible(&tags) };
    Some(Found::new(id, tags, document))
}

/// The JSON Schema of the document.
fn schema() -> Value {
    object()
        .optional("id", string().remote_id())
        .optional("vpc_id", string().description("The VPC it is attached to."))
        .required("tags", map(string()).natural_name())
        .build()
}
