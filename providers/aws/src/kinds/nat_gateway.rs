//! `aws.nat-gateway`: the way out for what has no public address. It takes minutes to come and to go, and is shown for an hour
//! after it is gone.

use std::convert::Infallible;
use std::time::Duration;

use aws_sdk_ec2::types::{NatGateway as Shown, NatGatewayState, ResourceType};
use futures::future::join;
use nic_sdk::description::{self, CreateSafety};
use nic_sdk::error::{Error, Failure};
use nic_sdk::kit::change::{document, failure, present, remote_id};
use nic_sdk::kit::named::of_another_state;
use nic_sdk::kit::settle::{poll, settle};
use nic_sdk::kit::{
    Claim, Found, Kind, LabelEdits, Labelled, Scope, Selection, Settles, ambiguous, claimed, observe_recorded,
};
use nic_sdk::report;
use nic_sdk::schema::{map, object, string};
use nic_sdk::types::{Change, Observation, Progress, Status, Target, Waiting};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cloud::{Cloud, answered, filtered, from_aws, from_ec2, tag_specification};
use crate::tags::{Tags, visible};

/// How long it gets before it is asked again.
const POLL_AFTER: Duration = Duration::from_secs(5);

/// The kind.
pub struct NatGateway;

/// Its document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Document {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    subnet_id: String,
    /// The Elastic IP it speaks from.
    allocation_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vpc_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    tags: Tags,
}

/// What `poll` is given while it comes or goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "kebab-case")]
enum Phase {
    Create,
    Delete,
}

impl Labelled for Document {
    fn labels(&self) -> &Tags {
        &self.tags
    }
}

impl Document {
    fn state(&self) -> NatGatewayState {
        self.status.as_deref().map_or(NatGatewayState::Pending, NatGatewayState::from)
    }

    fn why(&self) -> String {
        self.failure.clone().unwrap_or_else(|| "EC2 gave no reason".to_owned())
    }
}

impl Kind for NatGateway {
    type Cloud = Cloud;

    fn describe() -> description::Kind {
        description::Kind::new(super::NAT_GATEWAY, "NAT gateway", "cloud.nat_gateways[]", CreateSafety::Token, schema())
            .time_limits(900, 300, 1800)
            .read_batch(200)
            .settle_seconds(60)
    }

    async fn read(cloud: &Cloud, targets: Vec<Target>) -> Vec<Observation> {
        let (known, sought): (Vec<_>, Vec<_>) = targets.into_iter().partition(|target| target.remote_id.is_some());
        let (known, sought) = join(read_known(cloud, known), seek(cloud, sought)).await;
        known.into_iter().chain(sought).collect()
    }

    async fn create(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        let desired: Document = document(&change.document)?;
        let tags = cloud.marks.mark(&desired.tags, &change.address);
        let request =
            cloud.ec2.create_nat_gateway().subnet_id(&desired.subnet_id).allocation_id(&desired.allocation_id);
        let request = request.tag_specifications(tag_specification(ResourceType::Natgateway, &tags));
        let answer = request.client_token(&change.token).send().await.map_err(from_aws)?;
        let id = answered(answer.nat_gateway.and_then(|gateway| gateway.nat_gateway_id), "id of the NAT gateway")?;
        report::created(&id).map_err(failure(&id))?;
        Ok(pending(&id, Phase::Create, "pending"))
    }

    async fn update(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        settle::<Self>(cloud, change, remote_id(change)?).await
    }

    async fn delete(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        let id = remote_id(change)?;
        match cloud.ec2.delete_nat_gateway().nat_gateway_id(id).send().await.map_err(from_aws) {
            Ok(_) => Ok(pending(id, Phase::Delete, "deleting")),
            Err(error) if error.is_not_found() => Ok(Progress::Done(Observation::absent(&change.address))),
            Err(error) => Err(failure(id)(error)),
        }
    }

    async fn poll(cloud: &Cloud, change: &Change, operation: Value) -> Result<Progress, Failure> {
        let Ok(phase) = document::<Phase>(&operation) else { return poll::<Self>(cloud, change, &operation).await };
        let id = remote_id(change)?;
        let failed = failure(id);
        let found = Self::look(cloud, id).await.map_err(&failed)?;
        match (phase, found) {
            (Phase::Delete, None) => Ok(Progress::Done(Observation::absent(&change.address))),
            // It may not be visible yet; the time limit ends the wait.
            (Phase::Create, None) => Ok(pending(id, phase, "waiting until EC2 shows it")),
            (Phase::Delete, Some(found)) => Ok(pending(id, phase, found.document.state().as_str())),
            (Phase::Create, Some(found)) => match found.document.state() {
                NatGatewayState::Available => Ok(Progress::Done(present(&change.address, id, &found.document))),
                NatGatewayState::Failed => {
                    let text = format!("the NAT gateway `{id}` failed: {}", found.document.why());
                    Err(failed(Error::other("NAT_GATEWAY_FAILED", text)))
                }
                state => Ok(pending(id, phase, state.as_str())),
            },
        }
    }
}

impl Settles for NatGateway {
    type Cloud = Cloud;
    type Document = Document;
    /// Nothing of a NAT gateway changes but its tags.
    type Step = Infallible;

    async fn look(cloud: &Cloud, id: &str) -> Result<Option<Found<Document>>, Error> {
        Ok(list(cloud, Selection::Ids(&[id.to_owned()])).await?.into_iter().next())
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
}

fn pending(id: &str, phase: Phase, message: &str) -> Progress {
    Progress::Pending(Waiting::new(json!(phase), POLL_AFTER, message).remote_id(id.to_owned()))
}

async fn read_known(cloud: &Cloud, targets: Vec<Target>) -> Vec<Observation> {
    if targets.is_empty() {
        return Vec::new();
    }
    let ids: Vec<String> = targets.iter().filter_map(|target| target.remote_id.clone()).collect();
    let shown = list(cloud, Selection::Ids(&ids)).await;
    observe_recorded(targets, &shown, observe)
}

/// Looks for those whose id is not known. What is being deleted is not what is looked for.
async fn seek(cloud: &Cloud, targets: Vec<Target>) -> Vec<Observation> {
    if targets.is_empty() {
        return Vec::new();
    }
    let shown = list(cloud, Selection::Marked).await.map(|mut shown| {
        shown.retain(|found| found.document.state() != NatGatewayState::Deleting);
        shown
    });
    let of = |target: Target| match &shown {
        Err(error) => Observation::unreadable(target.address, error.clone()),
        Ok(shown) => {
            let (claim, found) = claimed(cloud, &target, shown);
            match (claim, found.as_slice()) {
                (_, []) => Observation::absent(target.address),
                (Claim::AnotherState, [one, ..]) => of_another_state(cloud, &target.address, &one.id, &one.labels),
                (_, [one]) => observe(&target.address, one),
                (_, several) => ambiguous(target, several),
            }
        }
    };
    targets.into_iter().map(of).collect()
}

fn observe(address: &str, found: &Found<Document>) -> Observation {
    let status = match found.document.state() {
        NatGatewayState::Available => Status::Present,
        NatGatewayState::Failed => Status::Failed(found.document.why()),
        other => Status::InProgress(other.as_str().to_owned()),
    };
    present(address, &found.id, &found.document).status(status)
}

/// All that bear a mark of NIC, whosever: ids and tags.
pub async fn marked(cloud: &Cloud) -> Result<Vec<(String, Tags)>, Error> {
    let found = list(cloud, Selection::Marked).await?;
    Ok(found.into_iter().map(|found| (found.id, found.labels)).collect())
}

/// Those that exist: EC2 shows a deleted one for an hour.
async fn list(cloud: &Cloud, selection: Selection<'_>) -> Result<Vec<Found<Document>>, Error> {
    let request = cloud.ec2.describe_nat_gateways().filter(filtered(selection, "nat-gateway-id"));
    let shown = request.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.map_err(from_aws)?;
    Ok(shown.iter().filter(|gateway| gateway.state() != Some(&NatGatewayState::Deleted)).filter_map(found).collect())
}

fn found(gateway: &Shown) -> Option<Found<Document>> {
    let id = gateway.nat_gateway_id()?;
    let tags = from_ec2(gateway.tags());
    let state = gateway.state().cloned().unwrap_or(NatGatewayState::Pending);
    let address = gateway.nat_gateway_addresses().first();
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let why = [gateway.failure_code(), gateway.failure_message()].into_iter().flatten().collect::<Vec<_>>().join(": ");
    let document = Document {
        id: Some(id.to_owned()),
        subnet_id: gateway.subnet_id().unwrap_or_default().to_owned(),
        allocation_id: address.and_then(|address| address.allocation_id()).unwrap_or_default().to_owned(),
        public_ip: owned(address.and_then(|address| address.public_ip())),
        vpc_id: owned(gateway.vpc_id()),
        status: Some(state.as_str().to_owned()),
        failure: (!why.is_empty()).then_some(why),
        tags: visible(&tags),
    };
    Some(Found::new(id, tags, document).usable(state != NatGatewayState::Pending))
}

/// The JSON Schema of the document.
fn schema() -> Value {
    object()
        .optional("id", string().computed())
        .required("subnet_id", string().immutable())
        .required("allocation_id", string().immutable().description("The Elastic IP it speaks from."))
        .optional("public_ip", string().computed())
        .optional("vpc_id", string().computed())
        .optional("status", string().computed())
        .optional("failure", string().computed())
        .required("tags", map(string()).natural_name())
        .build()
}
