//! `aws.route-table`: a route table and its routes.

use aws_sdk_ec2::types::{ResourceType, Route as ShownRoute, RouteOrigin, RouteTable as Shown};
use nic_sdk::description::{self, CreateSafety};
use nic_sdk::error::Error;
use nic_sdk::kit::{Found, LabelEdits, Labelled, LabelledKind, Scope, Selection};
use nic_sdk::schema::{Normalise, list, map, object, string};
use nic_sdk::types::Change;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cloud::{Cloud, answered, filtered, from_aws, from_ec2, tag_specification};
use crate::tags::{Tags, visible};

/// The kind.
pub struct RouteTable;

/// Its document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Document {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    vpc_id: String,
    /// Those of the VPC itself and those that gateways announce are not listed.
    routes: Vec<Route>,
    tags: Tags,
}

/// Where one destination is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Route {
    /// A network, IPv4 or IPv6, or the id of a prefix list.
    destination: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nat_gateway_id: Option<String>,
    /// Any other target; shown, never desired.
    #[serde(skip_serializing_if = "Option::is_none")]
    target_id: Option<String>,
}

/// A change of one route.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    Create(Route),
    Replace(Route),
    Delete(String),
}

impl Labelled for Document {
    fn labels(&self) -> &Tags {
        &self.tags
    }
}

impl LabelledKind for RouteTable {
    type Cloud = Cloud;
    type Document = Document;
    type Step = Step;

    fn describe() -> description::Kind {
        description::Kind::new(
            super::ROUTE_TABLE,
            "Route table",
            "cloud.route_tables[]",
            CreateSafety::Tagged,
            schema(),
        )
        .time_limits(300, 300, 300)
        .read_batch(200)
        .settle_seconds(60)
    }

    async fn list(cloud: &Cloud, selection: Selection<'_>) -> Result<Vec<Found<Document>>, Error> {
        let request = cloud.ec2.describe_route_tables().filters(filtered(selection, "route-table-id"));
        let shown = request.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.map_err(from_aws)?;
        Ok(shown.iter().filter_map(found).collect())
    }

    async fn make(cloud: &Cloud, change: &Change, desired: &Document, tags: &Tags) -> Result<Found<Document>, Error> {
        let request = cloud.ec2.create_route_table().vpc_id(&desired.vpc_id).client_token(&change.token);
        let answer = request.tag_specifications(tag_specification(ResourceType::RouteTable, tags)).send().await;
        let table = answer.map_err(from_aws)?.route_table;
        let id = answered(table.and_then(|table| table.route_table_id), "id of the route table")?;
        let document = Document { id: Some(id.clone()), routes: Vec::new(), ..desired.clone() };
        Ok(Found::new(id, tags.clone(), document))
    }

    fn steps(observed: &Document, desired: &Document, scope: &Scope<'_>) -> Vec<Step> {
        if !scope.touches("/routes") {
            return Vec::new();
        }
        let shown = |route: &Route| observed.routes.iter().find(|shown| shown.destination == route.destination);
        let wanted = desired.routes.iter().filter_map(|route| match shown(route) {
            None => Some(Step::Create(route.clone())),
            Some(shown) if shown != route => Some(Step::Replace(route.clone())),
            Some(_) => None,
        });
        let gone =
            observed.routes.iter().filter(|shown| !desired.routes.iter().any(|r| r.destination == shown.destination));
        wanted.chain(gone.map(|route| Step::Delete(route.destination.clone()))).collect()
    }

    async fn take(cloud: &Cloud, id: &str, step: Step) -> Result<(), Error> {
        match step {
            Step::Create(route) => create(cloud, id, &route).await,
            Step::Replace(route) => replace(cloud, id, &route).await,
            Step::Delete(destination) => delete(cloud, id, &destination).await,
        }
    }

    fn edit_labels(cloud: &Cloud, id: &str, edits: &LabelEdits) -> impl Future<Output = Result<(), Error>> {
        cloud.edit_ec2_tags(id, edits)
    }

    async fn remove(cloud: &Cloud, id: &str, _last: Option<Document>) -> Result<(), Error> {
        cloud.ec2.delete_route_table().route_table_id(id).send().await.map_err(from_aws).map(|_| ())
    }
}

/// EC2 has one parameter for each sort of destination.
struct Destination {
    ipv4: Option<String>,
    ipv6: Option<String>,
    prefix_list: Option<String>,
}

impl Destination {
    fn new(text: &str) -> Self {
        let prefix_list = text.starts_with("pl-");
        let ipv6 = text.contains(':');
        let given = |this: bool| this.then(|| text.to_owned());
        Self { ipv4: given(!ipv6 && !prefix_list), ipv6: given(ipv6), prefix_list: given(prefix_list) }
    }
}

async fn create(cloud: &Cloud, id: &str, route: &Route) -> Result<(), Error> {
    let to = Destination::new(&route.destination);
    let request = cloud.ec2.create_route().route_table_id(id).set_destination_cidr_block(to.ipv4);
    let request = request.set_destination_ipv6_cidr_block(to.ipv6).set_destination_prefix_list_id(to.prefix_list);
    let request = request.set_gateway_id(route.gateway_id.clone()).set_nat_gateway_id(route.nat_gateway_id.clone());
    request.send().await.map_err(from_aws).map_err(while_it_is_attached).map(|_| ())
}

/// A gateway's id is known before it is attached, and until then EC2 takes no route to it.
fn while_it_is_attached(error: Error) -> Error {
    match error {
        Error::Remote { code, message, .. }
            if code == "InvalidParameterValue" && message.contains("belong to different networks") =>
        {
            Error::Conflict(message)
        }
        other => other,
    }
}

async fn replace(cloud: &Cloud, id: &str, route: &Route) -> Result<(), Error> {
    let to = Destination::new(&route.destination);
    let request = cloud.ec2.replace_route().route_table_id(id).set_destination_cidr_block(to.ipv4);
    let request = request.set_destination_ipv6_cidr_block(to.ipv6).set_destination_prefix_list_id(to.prefix_list);
    let request = request.set_gateway_id(route.gateway_id.clone()).set_nat_gateway_id(route.nat_gateway_id.clone());
    request.send().await.map_err(from_aws).map(|_| ())
}

async fn delete(cloud: &Cloud, id: &str, destination: &str) -> Result<(), Error> {
    let to = Destination::new(destination);
    let request = cloud.ec2.delete_route().route_table_id(id).set_destination_cidr_block(to.ipv4);
    let request = request.set_destination_ipv6_cidr_block(to.ipv6).set_destination_prefix_list_id(to.prefix_list);
    match request.send().await.map_err(from_aws) {
        Err(error) if error.is_not_found() => Ok(()),
        result => result.map(|_| ()),
    }
}

fn found(table: &Shown) -> Option<Found<Document>> {
    let id = table.route_table_id()?;
    let tags = from_ec2(table.tags());
    let document = Document {
        id: Some(id.to_owned()),
        vpc_id: table.vpc_id().unwrap_or_default().to_owned(),
        routes: table.routes().iter().filter_map(route).collect(),
        tags: visible(&tags),
    };
    Some(Found::new(id, tags, document))
}

fn route(shown: &ShownRoute) -> Option<Route> {
    if shown.gateway_id() == Some("local") || shown.origin() == Some(&RouteOrigin::EnableVgwRoutePropagation) {
        return None;
    }
    let destination =
        shown.destination_cidr_block().or(shown.destination_ipv6_cidr_block()).or(shown.destination_prefix_list_id())?;
    let target = shown
        .transit_gateway_id()
        .or(shown.vpc_peering_connection_id())
        .or(shown.egress_only_internet_gateway_id())
        .or(shown.network_interface_id())
        .or(shown.instance_id())
        .or(shown.local_gateway_id())
        .or(shown.carrier_gateway_id())
        .or(shown.core_network_arn());
    Some(Route {
        destination: destination.to_owned(),
        gateway_id: shown.gateway_id().map(str::to_owned),
        nat_gateway_id: shown.nat_gateway_id().map(str::to_owned),
        target_id: target.map(str::to_owned),
    })
}

/// The JSON Schema of the document.
fn schema() -> Value {
    let route = object()
        .required("destination", string().normalise(Normalise::Cidr))
        .optional("gateway_id", string())
        .optional("nat_gateway_id", string())
        .optional("target_id", string());
    object()
        .optional("id", string().remote_id())
        .required("vpc_id", string().immutable())
        .required("routes", list(route).set())
        .required("tags", map(string()).natural_name())
        .build()
}
