//! `aws.subnet`: a subnet of the VPC.

use aws_sdk_ec2::types::{AttributeBooleanValue, Filter, ResourceType, Subnet as Shown, SubnetState};
use nic_sdk::description::{self, CreateSafety};
use nic_sdk::error::Error;
use nic_sdk::kit::{Found, LabelEdits, Labelled, LabelledKind, Scope, Selection};
use nic_sdk::schema::{Normalise, boolean, map, object, one_of, string};
use nic_sdk::types::Change;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::in_use::with_holders;
use crate::cloud::{Cloud, answered, filtered, from_aws, from_ec2, tag_specification};
use crate::tags::{Tags, visible};

/// The kind.
pub struct Subnet;

/// Its document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Document {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    cidr: String,
    availability_zone: String,
    map_public_ip_on_launch: bool,
    vpc_id: String,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    reach: Option<String>,
    tags: Tags,
}

/// Whether instances get public addresses.
#[derive(Debug, PartialEq, Eq)]
pub struct MapPublicIp(bool);

/// The subnets that a filter lets through. Asking for an id outright would fail the whole request when one of them does not exist.
pub async fn describe(cloud: &Cloud, filter: Filter) -> Result<Vec<Shown>, Error> {
    let pages = cloud.ec2.describe_subnets().filters(filter).into_paginator().items().send();
    pages.collect::<Result<Vec<_>, _>>().await.map_err(from_aws)
}

impl Labelled for Document {
    fn labels(&self) -> &Tags {
        &self.tags
    }
}

impl LabelledKind for Subnet {
    type Cloud = Cloud;
    type Document = Document;
    type Step = MapPublicIp;

    fn describe() -> description::Kind {
        description::Kind::new(super::SUBNET, "Subnet", "cloud.vpc.subnets[]", CreateSafety::Tagged, schema())
            .time_limits(300, 300, 1200)
            .read_batch(200)
            .settle_seconds(60)
    }

    async fn list(cloud: &Cloud, selection: Selection<'_>) -> Result<Vec<Found<Document>>, Error> {
        let shown = describe(cloud, filtered(selection, "subnet-id")).await?;
        Ok(shown.iter().filter_map(found).collect())
    }

    async fn make(cloud: &Cloud, _change: &Change, desired: &Document, tags: &Tags) -> Result<Found<Document>, Error> {
        let request = cloud.ec2.create_subnet().vpc_id(&desired.vpc_id).cidr_block(&desired.cidr);
        let request = request.availability_zone(&desired.availability_zone);
        let answer = request.tag_specifications(tag_specification(ResourceType::Subnet, tags)).send().await;
        let subnet = answer.map_err(from_aws)?.subnet;
        let id = answered(subnet.and_then(|subnet| subnet.subnet_id), "id of the subnet")?;
        let document = Document {
            id: Some(id.clone()),
            map_public_ip_on_launch: false,
            reach: Some(reach(desired.map_public_ip_on_launch)),
            ..desired.clone()
        };
        Ok(Found::new(id, tags.clone(), document))
    }

    fn steps(observed: &Document, desired: &Document, scope: &Scope<'_>) -> Vec<MapPublicIp> {
        let wanted = desired.map_public_ip_on_launch;
        let differs = observed.map_public_ip_on_launch != wanted && scope.touches("/map_public_ip_on_launch");
        differs.then_some(MapPublicIp(wanted)).into_iter().collect()
    }

    async fn take(cloud: &Cloud, id: &str, MapPublicIp(on): MapPublicIp) -> Result<(), Error> {
        let value = AttributeBooleanValue::builder().value(on).build();
        let request = cloud.ec2.modify_subnet_attribute().subnet_id(id).map_public_ip_on_launch(value);
        request.send().await.map_err(from_aws).map(|_| ())
    }

    fn edit_labels(cloud: &Cloud, id: &str, edits: &LabelEdits) -> impl Future<Output = Result<(), Error>> {
        cloud.edit_ec2_tags(id, edits)
    }

    async fn remove(cloud: &Cloud, id: &str, _last: Option<Document>) -> Result<(), Error> {
        let answer = cloud.ec2.delete_subnet().subnet_id(id).send().await.map_err(from_aws);
        with_holders(cloud, answer, "subnet-id", id).await
    }
}

fn reach(public: bool) -> String {
    if public { "public" } else { "private" }.to_owned()
}

fn found(subnet: &Shown) -> Option<Found<Document>> {
    let id = subnet.subnet_id()?;
    let tags = from_ec2(subnet.tags());
    let public = subnet.map_public_ip_on_launch().unwrap_or(false);
    let document = Document {
        id: Some(id.to_owned()),
        cidr: subnet.cidr_block().unwrap_or_default().to_owned(),
        availability_zone: subnet.availability_zone().unwrap_or_default().to_owned(),
        map_public_ip_on_launch: public,
        vpc_id: subnet.vpc_id().unwrap_or_default().to_owned(),
        reach: Some(reach(public)),
        tags: visible(&tags),
    };
    let usable = subnet.state() != Some(&SubnetState::Pending);
    Some(Found::new(id, tags, document).usable(usable))
}

/// The JSON Schema of the document.
fn schema() -> Value {
    // Nebari never moves a subnet: a zone that changed in the config, or by another order of the region's, is let be.
    object()
        .optional("id", string().remote_id())
        .required("cidr", string().immutable().normalise(Normalise::Cidr))
        .required("availability_zone", string().immutable().left_to_cloud())
        .required("map_public_ip_on_launch", boolean())
        .required("vpc_id", string().immutable())
        .optional("type", one_of(&["public", "private"]).computed())
        .required("tags", map(string()).natural_name())
        .build()
}
