//! What roles, policies and identity providers have in common: the shape of their tags.

use crate::tags::Tags;
use aws_sdk_iam::types::Tag;
use nic_sdk::error::Error;

/// Tags as IAM takes them.
pub fn to_iam(tags: &Tags) -> Result<Vec<Tag>, Error> {
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    tags.iter().map(tag).collect::<Result<_, _>>().map_err(|error| Error::other("REQUEST_INVALID", error.to_string()))
}

/// Tags as IAM shows them.
pub fn from_iam(tags: &[Tag]) -> Tags {
    tags.iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect()
}
