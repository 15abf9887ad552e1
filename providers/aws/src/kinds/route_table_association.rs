//! `aws.route-table-association`: which route table a subnet uses.
//!
//! A subnet has at most one, and EC2 gives it a new id when the table is replaced. So it is known by its subnet, and needs no
//! mark: it is ours if the subnet is.

use aws_sdk_ec2::types::{RouteTable, RouteTableAssociation as Shown};
use nic_sdk::description::{self, CreateSafety};
use nic_sdk::error::{Error, Failure};
use nic_sdk::kit::Kind;
use nic_sdk::kit::change::{document, failure, present, remote_id};
use nic_sdk::report;
use nic_sdk::schema::{object, string};
use nic_sdk::types::{Change, Observation, Progress, Target};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cloud::{Cloud, filter, from_aws};

/// The kind.
pub struct RouteTableAssociation;

/// Its document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Document {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    subnet_id: String,
    route_table_id: String,
}

impl Kind for RouteTableAssociation {
    type Cloud = Cloud;

    fn describe() -> description::Kind {
        description::Kind::new(
            super::ROUTE_TABLE_ASSOCIATION,
            "Route table association",
            "cloud.route_table_associations[]",
            CreateSafety::Named,
            schema(),
        )
        .time_limits(300, 300, 300)
        .read_batch(200)
    }

    async fn read(cloud: &Cloud, targets: Vec<Target>) -> Vec<Observation> {
        let subnets: Vec<&str> = targets.iter().filter_map(subnet_of).collect();
        let found = if subnets.is_empty() { Ok(Vec::new()) } else { list(cloud, &subnets).await };
        let observe = |target: &Target| match (&found, subnet_of(target)) {
            (Err(error), _) => Observation::unreadable(&target.address, error.clone()),
            // A subnet whose id is not known does not exist yet.
            (Ok(_), None) => Observation::absent(&target.address),
            (Ok(found), Some(subnet)) => match found.iter().find(|document| document.subnet_id == subnet) {
                Some(document) => present(&target.address, target.remote_id.as_deref().unwrap_or(subnet), document),
                None => Observation::absent(&target.address),
            },
        };
        targets.iter().map(observe).collect()
    }

    async fn create(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        let desired: Document = document(&change.document)?;
        let request = cloud.ec2.associate_route_table().subnet_id(&desired.subnet_id);
        let answer = request.route_table_id(&desired.route_table_id).send().await.map_err(from_aws)?;
        report::created(&desired.subnet_id).map_err(failure(&desired.subnet_id))?;
        let id = desired.subnet_id.clone();
        Ok(done(change, &id, &Document { id: answer.association_id, ..desired }))
    }

    async fn update(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        let known = remote_id(change)?;
        let failed = failure(known);
        let desired: Document = document(&change.document).map_err(&failed)?;
        let shown = list(cloud, &[&desired.subnet_id]).await.map_err(&failed)?.into_iter().next();
        let shown =
            shown.ok_or_else(|| Error::NotFound(format!("`{}` has no route table of its own", desired.subnet_id)));
        let shown = shown.map_err(&failed)?;
        if shown.route_table_id == desired.route_table_id {
            return Ok(done(change, known, &shown));
        }
        let request = cloud.ec2.replace_route_table_association().set_association_id(shown.id);
        let answer = request.route_table_id(&desired.route_table_id).send().await.map_err(from_aws).map_err(&failed)?;
        Ok(done(change, known, &Document { id: answer.new_association_id, ..desired }))
    }

    async fn delete(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        let failed = failure(remote_id(change)?);
        let last: Document = document(&change.document).map_err(&failed)?;
        if !disassociate(cloud, last.id).await.map_err(&failed)? {
            // Another one has taken its place, or it is gone.
            for other in list(cloud, &[&last.subnet_id]).await.map_err(&failed)? {
                disassociate(cloud, other.id).await.map_err(&failed)?;
            }
        }
        Ok(Progress::Done(Observation::absent(&change.address)))
    }

    async fn poll(_cloud: &Cloud, change: &Change, _operation: Value) -> Result<Progress, Failure> {
        Err(Error::not_implemented(&format!("poll of {}", change.kind)).into())
    }
}

/// Whether there was one of that id.
async fn disassociate(cloud: &Cloud, id: Option<String>) -> Result<bool, Error> {
    let Some(id) = id else { return Ok(false) };
    match cloud.ec2.disassociate_route_table().association_id(id).send().await.map_err(from_aws) {
        Err(error) if error.is_not_found() => Ok(false),
        result => result.map(|_| true),
    }
}

fn done(change: &Change, remote_id: &str, document: &Document) -> Progress {
    Progress::Done(present(&change.address, remote_id, document))
}

fn subnet_of(target: &Target) -> Option<&str> {
    target.document.get("subnet_id").and_then(Value::as_str)
}

/// The associations of these subnets. EC2 shows whole tables, with the associations of other subnets in them.
async fn list(cloud: &Cloud, subnets: &[&str]) -> Result<Vec<Document>, Error> {
    let filter = filter("association.subnet-id", subnets.iter().copied());
    let tables = cloud.ec2.describe_route_tables().filters(filter).into_paginator().items().send();
    let tables = tables.collect::<Result<Vec<_>, _>>().await.map_err(from_aws)?;
    let all = tables.iter().flat_map(RouteTable::associations).filter_map(shown);
    Ok(all.filter(|document| subnets.contains(&document.subnet_id.as_str())).collect())
}

fn shown(association: &Shown) -> Option<Document> {
    Some(Document {
        id: Some(association.route_table_association_id()?.to_owned()),
        subnet_id: association.subnet_id()?.to_owned(),
        route_table_id: association.route_table_id()?.to_owned(),
    })
}

/// The JSON Schema of the document.
fn schema() -> Value {
    object()
        .optional("id", string().computed())
        .required("subnet_id", string().immutable().natural_name())
        .required("route_table_id", string())
        .build()
}
