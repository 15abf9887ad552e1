//! The clients of one call, and what is known about whom they act for.

use aws_sdk_ec2::types::{ResourceType, Tag, TagSpecification};
use aws_sdk_eks::error::{ProvideErrorMetadata, SdkError};
use nic_sdk::aws;
use nic_sdk::error::Error;
use nic_sdk::types::Context;

use crate::error::classify;
use crate::tags::{Marks, TagEdits, Tags};

/// AWS, in the region of the context.
#[derive(Debug)]
pub struct Cloud {
    /// Networks.
    pub ec2: aws_sdk_ec2::Client,
    /// Clusters.
    pub eks: aws_sdk_eks::Client,
    /// Roles.
    pub iam: aws_sdk_iam::Client,
    /// How NIC knows its own.
    pub marks: Marks,
}

impl Cloud {
    /// The clients for the context's region.
    pub fn new(context: &Context) -> Result<Self, Error> {
        let region = context.region.clone().ok_or_else(|| Error::other("REGION_REQUIRED", "no region is configured"))?;
        todo_clients(region, context)
    }

    /// Writes and takes away tags of an EC2 thing.
    pub async fn edit_ec2_tags(&self, id: &str, edits: &TagEdits) -> Result<(), Error> {
        if !edits.set.is_empty() {
            self.ec2.create_tags().resources(id).set_tags(Some(to_ec2(&edits.set))).send().await.map_err(from_aws)?;
        }
        if !edits.remove.is_empty() {
            let keys = edits.remove.iter().map(|key| Tag::builder().key(key).build()).collect();
            self.ec2.delete_tags().resources(id).set_tags(Some(keys)).send().await.map_err(from_aws)?;
        }
        Ok(())
    }
}

/// The tags a new EC2 thing is made with.
pub fn tag_specification(of: ResourceType, tags: &Tags) -> TagSpecification {
    TagSpecification::builder().resource_type(of).set_tags(Some(to_ec2(tags))).build()
}

fn to_ec2(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// The tags EC2 shows.
pub fn from_ec2(tags: &[Tag]) -> Tags {
    let pair = |tag: &Tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned()));
    tags.iter().filter_map(pair).collect()
}
