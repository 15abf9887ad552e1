//! `aws.vpc`: a virtual private cloud.

use aws_sdk_ec2::types::{AttributeBooleanValue, ResourceType, Vpc as Shown, VpcAttributeName, VpcState};
use futures::future::{join, join_all};
use nic_sdk::description::{self, CreateSafety};
use nic_sdk::error::Error;
use nic_sdk::kit::{Found, LabelEdits, Labelled, LabelledKind, Scope, Selection};
use nic_sdk::schema::{Normalise, boolean, map, object, string};
use nic_sdk::types::Change;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::in_use::with_holders;
use crate::cloud::{Cloud, answered, filtered, from_aws, from_ec2, tag_specification};
use crate::tags::{Tags, visible};

/// The kind.
pub struct Vpc;

/// Its document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Document {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    cidr: String,
    enable_dns_support: bool,
    enable_dns_hostnames: bool,
    tags: Tags,
}

/// One attribute to switch; AWS takes one at a time.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    DnsSupport(bool),
    DnsHostnames(bool),
}

impl Labelled for Document {
    fn labels(&self) -> &Tags {
        &self.tags
    }
}

impl LabelledKind for Vpc {
    type Cloud = Cloud;
    type Document = Document;
    type Step = Step;

    fn describe() -> description::Kind {
        description::Kind::new(super::VPC, "VPC", "cloud.vpc", CreateSafety::Tagged, schema())
            .protected()
            .time_limits(300, 300, 600)
            .read_batch(200)
            .settle_seconds(60)
    }

    async fn list(cloud: &Cloud, selection: Selection<'_>) -> Result<Vec<Found<Document>>, Error> {
        match selection {
            // The ids are known, so all three questions go out at once.
            Selection::Ids(ids) => {
                let attributes = join_all(ids.iter().map(|id| attributes(cloud, id)));
                let (shown, attributes) = join(describe(cloud, selection), attributes).await;
                let of = |id: &str| ids.iter().position(|known| known == id).map(|index| attributes[index].clone());
                shown?.iter().filter_map(|vpc| found(vpc, of(vpc.vpc_id()?)?).transpose()).collect()
            }
            Selection::Marked => {
                let shown = describe(cloud, selection).await?;
                let ids = shown.iter().map(|vpc| attributes(cloud, vpc.vpc_id().unwrap_or_default()));
                let attributes = join_all(ids).await;
                shown
                    .iter()
                    .zip(attributes)
                    .filter_map(|(vpc, attributes)| found(vpc, attributes).transpose())
                    .collect()
            }
        }
    }

    async fn make(cloud: &Cloud, _change: &Change, desired: &Document, tags: &Tags) -> Result<Found<Document>, Error> {
        let request = cloud.ec2.create_vpc().cidr_block(&desired.cidr);
        let answer = request.tag_specifications(tag_specification(ResourceType::Vpc, tags)).send().await;
        let vpc = answer.map_err(from_aws)?.vpc;
        let id = answered(vpc.and_then(|vpc| vpc.vpc_id), "id of the VPC")?;
        // What every new VPC is like.
        let document = Document {
            id: Some(id.clone()),
            name: tags.get("Name").cloned(),
            enable_dns_support: true,
            enable_dns_hostnames: false,
            ..desired.clone()
        };
        Ok(Found::new(id, tags.clone(), document))
    }

    fn steps(observed: &Document, desired: &Document, scope: &Scope<'_>) -> Vec<Step> {
        let support = observed.enable_dns_support != desired.enable_dns_support && scope.touches("/enable_dns_support");
        let hostnames =
            observed.enable_dns_hostnames != desired.enable_dns_hostnames && scope.touches("/enable_dns_hostnames");
        let support = support.then_some(Step::DnsSupport(desired.enable_dns_support));
        let hostnames = hostnames.then_some(Step::DnsHostnames(desired.enable_dns_hostnames));
        // Host names need support: it is switched on before them and off after them.
        if desired.enable_dns_support {
            support.into_iter().chain(hostnames).collect()
        } else {
            hostnames.into_iter().chain(support).collect()
        }
    }

    async fn take(cloud: &Cloud, id: &str, step: Step) -> Result<(), Error> {
        let value = |on| AttributeBooleanValue::builder().value(on).build();
        let request = cloud.ec2.modify_vpc_attribute().vpc_id(id);
        let request = match step {
            Step::DnsSupport(on) => request.enable_dns_support(value(on)),
            Step::DnsHostnames(on) => request.enable_dns_hostnames(value(on)),
        };
        request.send().await.map_err(from_aws).map(|_| ())
    }

    fn edit_labels(cloud: &Cloud, id: &str, edits: &LabelEdits) -> impl Future<Output = Result<(), Error>> {
        cloud.edit_ec2_tags(id, edits)
    }

    async fn remove(cloud: &Cloud, id: &str, _last: Option<Document>) -> Result<(), Error> {
        let answer = cloud.ec2.delete_vpc().vpc_id(id).send().await.map_err(from_aws);
        with_holders(cloud, answer, "vpc-id", id).await
    }
}

async fn describe(cloud: &Cloud, selection: Selection<'_>) -> Result<Vec<Shown>, Error> {
    let request = cloud.ec2.describe_vpcs().filters(filtered(selection, "vpc-id"));
    request.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.map_err(from_aws)
}

/// DNS support and host names; none for a VPC that does not exist.
type Attributes = Result<Option<(bool, bool)>, Error>;

async fn attributes(cloud: &Cloud, id: &str) -> Attributes {
    let ask = |name| cloud.ec2.describe_vpc_attribute().vpc_id(id).attribute(name).send();
    let (support, hostnames) =
        join(ask(VpcAttributeName::EnableDnsSupport), ask(VpcAttributeName::EnableDnsHostnames)).await;
    let on = |value: Option<AttributeBooleanValue>| value.and_then(|value| value.value).unwrap_or(false);
    match (support.map_err(from_aws), hostnames.map_err(from_aws)) {
        (Ok(support), Ok(hostnames)) => Ok(Some((on(support.enable_dns_support), on(hostnames.enable_dns_hostnames)))),
        (Err(error), _) | (_, Err(error)) if error.is_not_found() => Ok(None),
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

fn found(vpc: &Shown, attributes: Attributes) -> Result<Option<Found<Document>>, Error> {
    let (Some(id), Some((enable_dns_support, enable_dns_hostnames))) = (vpc.vpc_id(), attributes?) else {
        return Ok(None);
    };
    let tags = from_ec2(vpc.tags());
    let document = Document {
        id: Some(id.to_owned()),
        name: tags.get("Name").cloned(),
        cidr: vpc.cidr_block().unwrap_or_default().to_owned(),
        enable_dns_support,
        enable_dns_hostnames,
        tags: visible(&tags),
    };
    let usable = vpc.state() != Some(&VpcState::Pending);
    Ok(Some(Found::new(id, tags, document).usable(usable)))
}

/// The JSON Schema of the document.
fn schema() -> Value {
    object()
        .root()
        .optional("id", string().remote_id())
        .optional("name", string().computed().description("The Name tag."))
        .required("cidr", string().immutable().normalise(Normalise::Cidr))
        .required("enable_dns_support", boolean())
        .required("enable_dns_hostnames", boolean())
        .required("tags", map(string()).natural_name())
        .build()
}
