//! What a component says about itself: `meta.describe`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The answer of `describe`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Description {
    /// Short name, the first part of every address: `aws`.
    pub name: String,
    /// Semantic version of the component.
    pub version: String,
    /// The config sections it owns, by key, with their JSON Schema (2020-12). Only these sections reach the component.
    pub config_sections: BTreeMap<String, Value>,
    /// The kinds it manages.
    #[serde(default)]
    pub kinds: Vec<Kind>,
    /// What every call is told of the config in [`Context::settings`](crate::types::Context::settings): a name, and an RFC 6901 pointer that
    /// begins with a section, such as `/google_cloud_platform/project`.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
}

/// One kind of resource.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Kind {
    /// `<provider>.<kind>`, such as `aws.node-group`.
    pub kind: String,
    /// For people: `Node group`.
    pub title: String,
    /// JSON Schema 2020-12 of the document, annotated by `x-nic`, see docs/provider-guide.md.
    pub schema: Value,
    /// Version of that schema, from 1.
    pub schema_version: u32,
    /// Where records stand in the state: `cloud.vpc`, `cloud.node_groups[]`.
    pub state_path: String,
    /// Replaced or deleted only after a typed confirmation, unless the whole platform is destroyed.
    #[serde(default)]
    pub protected: bool,
    /// Longest time of a change, in seconds.
    pub time_limits: TimeLimits,
    /// How many targets one `read` may carry.
    #[serde(default = "one")]
    pub read_batch: u32,
    /// How a create is made safe against doubling.
    pub create: CreateSafety,
    /// For tagged kinds: how long reads must stay empty before a create of unknown outcome is repeated.
    #[serde(default)]
    pub settle_seconds: u32,
}

fn one() -> u32 {
    1
}

/// Longest times, in seconds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct TimeLimits {
    /// Of a create.
    pub create: u32,
    /// Of an update.
    pub update: u32,
    /// Of a delete.
    pub delete: u32,
}

/// What keeps a repeated create from making a second thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CreateSafety {
    /// The cloud replays the answer of the same idempotency token.
    Token,
    /// The name is unique: a second create is refused.
    Named,
    /// Neither: it is looked for by its ownership tag.
    Tagged,
}
