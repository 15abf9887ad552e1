//! What a component says about itself: `meta.describe`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The answer of `describe`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[non_exhaustive]
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

impl Description {
    /// A component of this short name and version, without sections and kinds.
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self { name: name.into(), version: version.into(), ..Self::default() }
    }

    /// Owns a section of the config, which this schema describes.
    #[must_use]
    pub fn section(mut self, key: impl Into<String>, schema: Value) -> Self {
        self.config_sections.insert(key.into(), schema);
        self
    }

    /// Manages these kinds.
    #[must_use]
    pub fn kinds(mut self, kinds: impl IntoIterator<Item = Kind>) -> Self {
        self.kinds.extend(kinds);
        self
    }

    /// Has every call told what stands in the config at this pointer.
    #[must_use]
    pub fn setting(mut self, name: impl Into<String>, pointer: impl Into<String>) -> Self {
        self.settings.insert(name.into(), pointer.into());
        self
    }
}

/// One kind of resource.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
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

/// Seconds that a change may take where the kind does not say.
const USUAL_LIMIT: u32 = 600;

impl Kind {
    /// A kind of schema version 1 that is not protected, whose changes take ten minutes at most and of which one `read` carries one
    /// target: its name, what people call it, where its records stand in the state, how a create is made safe, the schema of its
    /// document.
    pub fn new(
        kind: impl Into<String>,
        title: impl Into<String>,
        state_path: impl Into<String>,
        create: CreateSafety,
        schema: impl Into<Value>,
    ) -> Self {
        Self {
            kind: kind.into(),
            title: title.into(),
            schema: schema.into(),
            schema_version: 1,
            state_path: state_path.into(),
            protected: false,
            time_limits: TimeLimits::new(USUAL_LIMIT, USUAL_LIMIT, USUAL_LIMIT),
            read_batch: one(),
            create,
            settle_seconds: 0,
        }
    }

    /// The schema is of this version.
    #[must_use]
    pub fn schema_version(mut self, version: u32) -> Self {
        self.schema_version = version;
        self
    }

    /// Replaced or deleted only after a typed confirmation.
    #[must_use]
    pub fn protected(mut self) -> Self {
        self.protected = true;
        self
    }

    /// The longest times of a create, an update and a delete, in seconds.
    #[must_use]
    pub fn time_limits(mut self, create: u32, update: u32, delete: u32) -> Self {
        self.time_limits = TimeLimits::new(create, update, delete);
        self
    }

    /// One `read` may carry so many targets.
    #[must_use]
    pub fn read_batch(mut self, targets: u32) -> Self {
        self.read_batch = targets;
        self
    }

    /// Reads must stay empty for so long before a create of unknown outcome is repeated.
    #[must_use]
    pub fn settle_seconds(mut self, seconds: u32) -> Self {
        self.settle_seconds = seconds;
        self
    }
}

fn one() -> u32 {
    1
}

/// Longest times, in seconds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TimeLimits {
    /// Of a create.
    pub create: u32,
    /// Of an update.
    pub update: u32,
    /// Of a delete.
    pub delete: u32,
}

impl TimeLimits {
    /// Of a create, an update and a delete.
    pub const fn new(create: u32, update: u32, delete: u32) -> Self {
        Self { create, update, delete }
    }
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
