//! `aws.ebs-volume`: a block volume. It holds data, so it goes only with the whole platform or by a typed confirmation.

use aws_sdk_ec2::types::{ResourceType, Volume as Shown, VolumeState, VolumeType};
use nic_sdk::description::{self, CreateSafety};
use nic_sdk::error::Error;
use nic_sdk::kit::{Found, LabelEdits, Labelled, LabelledKind, Scope, Selection};
use nic_sdk::schema::{boolean, integer, map, object, string};
use nic_sdk::types::Change;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cloud::{Cloud, answered, filtered, from_aws, from_ec2, tag_specification};
use crate::tags::{Tags, visible};

/// The kind.
pub struct EbsVolume;

/// Its document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Document {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// GiB.
    size: i32,
    #[serde(rename = "type")]
    sort: String,
    encrypted: bool,
    availability_zone: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    iops: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    throughput: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    tags: Tags,
}

/// A change of its size or type, in one request.
#[derive(Debug, PartialEq, Eq)]
pub struct Modify {
    size: Option<i32>,
    sort: Option<String>,
}

impl Labelled for Document {
    fn labels(&self) -> &Tags {
        &self.tags
    }
}

impl LabelledKind for EbsVolume {
    type Cloud = Cloud;
    type Document = Document;
    type Step = Modify;

    /// As long as an update may take: a volume shows its new size when it has grown, which can take minutes.
    const ATTEMPTS: u32 = 450;

    fn describe() -> description::Kind {
        description::Kind::new(
            super::EBS_VOLUME,
            "EBS volume",
            "cloud.storage.volumes[]",
            CreateSafety::Token,
            schema(),
        )
        .protected()
        .time_limits(300, 900, 900)
        .read_batch(200)
        .settle_seconds(60)
    }

    async fn list(cloud: &Cloud, selection: Selection<'_>) -> Result<Vec<Found<Document>>, Error> {
        let request = cloud.ec2.describe_volumes().filters(filtered(selection, "volume-id"));
        let shown = request.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.map_err(from_aws)?;
        Ok(shown.iter().filter_map(found).collect())
    }

    async fn make(cloud: &Cloud, change: &Change, desired: &Document, tags: &Tags) -> Result<Found<Document>, Error> {
        let request = cloud.ec2.create_volume().availability_zone(&desired.availability_zone).size(desired.size);
        let request = request.volume_type(VolumeType::from(desired.sort.as_str())).encrypted(desired.encrypted);
        let request = request.client_token(&change.token);
        let answer = request.tag_specifications(tag_specification(ResourceType::Volume, tags)).send().await;
        let id = answered(answer.map_err(from_aws)?.volume_id, "id of the volume")?;
        Ok(Found::new(id, tags.clone(), desired.clone()).usable(false))
    }

    fn steps(observed: &Document, desired: &Document, scope: &Scope<'_>) -> Vec<Modify> {
        let size = (observed.size != desired.size && scope.touches("/size")).then_some(desired.size);
        let sort = (observed.sort != desired.sort && scope.touches("/type")).then(|| desired.sort.clone());
        (size.is_some() || sort.is_some()).then_some(Modify { size, sort }).into_iter().collect()
    }

    async fn take(cloud: &Cloud, id: &str, step: Modify) -> Result<(), Error> {
        let request = cloud.ec2.modify_volume().volume_id(id).set_size(step.size);
        let request = request.set_volume_type(step.sort.as_deref().map(VolumeType::from));
        request.send().await.map_err(from_aws).map(|_| ())
    }

    fn edit_labels(cloud: &Cloud, id: &str, edits: &LabelEdits) -> impl Future<Output = Result<(), Error>> {
        cloud.edit_ec2_tags(id, edits)
    }

    async fn remove(cloud: &Cloud, id: &str, _last: Option<Document>) -> Result<(), Error> {
        cloud.ec2.delete_volume().volume_id(id).send().await.map_err(from_aws).map(|_| ())
    }
}

/// A volume on its way out is none.
fn found(volume: &Shown) -> Option<Found<Document>> {
    let id = volume.volume_id()?;
    let state = volume.state()?;
    if matches!(state, VolumeState::Deleting | VolumeState::Deleted) {
        return None;
    }
    let tags = from_ec2(volume.tags());
    let document = Document {
        id: Some(id.to_owned()),
        size: volume.size().unwrap_or_default(),
        sort: volume.volume_type().map_or_else(String::new, |sort| sort.as_str().to_owned()),
        encrypted: volume.encrypted().unwrap_or(false),
        availability_zone: volume.availability_zone().unwrap_or_default().to_owned(),
        iops: volume.iops(),
        throughput: volume.throughput(),
        status: Some(state.as_str().to_owned()),
        tags: visible(&tags),
    };
    Some(Found::new(id, tags, document).usable(*state != VolumeState::Creating))
}

/// The JSON Schema of the document.
fn schema() -> Value {
    object()
        .root()
        .optional("id", string().computed())
        .required("size", integer().minimum(1).description("GiB. AWS lets it grow, never shrink."))
        .required("type", string())
        .required("encrypted", boolean().immutable())
        .required("availability_zone", string().immutable())
        .optional("iops", integer().computed())
        .optional("throughput", integer().computed())
        .optional("status", string().computed())
        .required("tags", map(string()).natural_name())
        .build()
}
