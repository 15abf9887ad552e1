//! `aws.elastic-ip`: a public address that stays ours until it is released.

use std::convert::Infallible;

use aws_sdk_ec2::types::{Address, DomainType, ResourceType};
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
pub struct ElasticIp;

/// Its document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Document {
    /// The allocation.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_ip: Option<String>,
    tags: Tags,
}

impl Labelled for Document {
    fn labels(&self) -> &Tags {
        &self.tags
    }
}

impl LabelledKind for ElasticIp {
    type Cloud = Cloud;
    type Document = Document;
    /// Nothing of an address changes but its tags.
    type Step = Infallible;

    fn describe() -> description::Kind {
        description::Kind::new(super::ELASTIC_IP, "Elastic IP", "cloud.elastic_ips[]", CreateSafety::Tagged, schema())
            .time_limits(300, 300, 900)
            .read_batch(200)
            .settle_seconds(60)
    }

    async fn list(cloud: &Cloud, selection: Selection<'_>) -> Result<Vec<Found<Document>>, Error> {
        // The list comes whole: EC2 has no pages of addresses.
        let answer = cloud.ec2.describe_addresses().filters(filtered(selection, "allocation-id")).send().await;
        Ok(answer.map_err(from_aws)?.addresses().iter().filter_map(found).collect())
    }

    async fn make(cloud: &Cloud, _change: &Change, desired: &Document, tags: &Tags) -> Result<Found<Document>, Error> {
        let request = cloud.ec2.allocate_address().domain(DomainType::Vpc);
        let answer = request.tag_specifications(tag_specification(ResourceType::ElasticIp, tags)).send().await;
        let answer = answer.map_err(from_aws)?;
        let id = answered(answer.allocation_id, "allocation id of the address")?;
        let document = Document { id: Some(id.clone()), public_ip: answer.public_ip, ..desired.clone() };
        Ok(Found::new(id, tags.clone(), document))
    }

    fn steps(_observed: &Document, _desired: &Document, _scope: &Scope<'_>) -> Vec<Infallible> {
        Vec::new()
    }

    async fn take(_cloud: &Cloud, _id: &str, step: Infallible) -> Result<(), Error> {
        match step {}
    }

    fn edit_labels(cloud: &Cloud, id: &str, edits: &LabelEdits) -> impl Future<Output = Result<(), Error>> {
        cloud.edit_ec2_tags(id, edits)
    }

    async fn remove(cloud: &Cloud, id: &str, _last: Option<Document>) -> Result<(), Error> {
        cloud.ec2.release_address().allocation_id(id).send().await.map_err(from_aws).map(|_| ())
    }
}

fn found(address: &Address) -> Option<Found<Document>> {
    let id = address.allocation_id()?;
    let tags = from_ec2(address.tags());
    let document =
        Document { id: Some(id.to_owned()), public_ip: address.public_ip().map(str::to_owned), tags: visible(&tags) };
    Some(Found::new(id, tags, document))
}

/// The JSON Schema of the document.
fn schema() -> Value {
    object()
        .optional("id", string().computed().description("The allocation."))
        .optional("public_ip", string().computed())
        .required("tags", map(string()).natural_name())
        .build()
}
