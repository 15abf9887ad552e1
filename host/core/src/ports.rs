//! What the engine needs from the outside, tied to no runtime.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;
use serde_json::Value;

use crate::address::Address;
use crate::diagnostic::Diagnostic;
use crate::error::{ChangeFailure, ProviderError};
use crate::identity::Identity;
use crate::kind::Description;
use crate::plan::{Action, Plan};
use crate::resource::{Desired, Observed, Record};

/// What a call runs for. Crosses the boundary as JSON.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Context {
    /// `project_name` of the config.
    pub project: String,
    /// The Nebari environment.
    pub namespace: String,
    /// The region, for clouds that have one.
    pub region: Option<String>,
    /// `classic` or `design`.
    pub topology: String,
    /// Identity of the state.
    pub lineage: String,
    /// RFC 3339 instant of the run.
    pub now: String,
    /// Feeds the guest's random source.
    pub seed: u64,
    /// SHA-256 of the facts.
    pub facts_digest: String,
    /// What descriptions pick out of the config, by provider; each is told its own.
    #[serde(skip)]
    pub settings: BTreeMap<String, BTreeMap<String, Value>>,
}

/// A recorded document of an older schema version.
#[derive(Debug, Clone)]
pub struct Outdated<'a> {
    /// The record that it is of.
    pub address: &'a Address,
    pub kind: &'a str,
    /// The cloud's name for the resource, once known.
    pub remote_id: Option<&'a str>,
    /// The schema version that it follows.
    pub from_version: u32,
    /// Which document of the record: `attributes`, `baseline` or `pending`.
    pub role: &'static str,
    /// It, in escaped form.
    pub document: &'a Value,
}

/// A question of `desired`.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// Unique within the provider.
    pub key: String,
    /// What is asked.
    pub name: String,
    pub arguments: Value,
}

/// Recorded answers by key.
pub type Facts = BTreeMap<String, Value>;

/// What `desired` answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The whole graph.
    Ready(Vec<Desired>),
    /// These first.
    Need(Vec<Query>),
}

/// What to read.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    pub address: Address,
    pub kind: String,
    /// None: look it up by natural name and ownership tags.
    pub remote_id: Option<String>,
    /// As far as it is known.
    pub document: Value,
    /// What was last accepted; null when nothing was.
    pub baseline: Value,
}

/// One change.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    pub address: Address,
    pub kind: String,
    /// The cloud's name, once known.
    pub remote_id: Option<String>,
    /// The desired document, every reference resolved; the last known one for a delete.
    pub document: Value,
    /// As observed just before, or null.
    pub prior: Value,
    /// Pointers of the attributes that differ, for an update.
    pub paths: Vec<String>,
    /// Idempotency token.
    pub token: String,
    /// How long the call may take, in all.
    pub deadline: Duration,
}

/// How a change is doing.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// Finished.
    Done(Observed),
    /// Ask again later.
    Pending(Waiting),
}

/// Something that takes its time.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiting {
    /// The cloud's name, once known.
    pub remote_id: Option<String>,
    /// What `poll` needs.
    pub operation: Value,
    /// When to ask again.
    pub poll_after: Duration,
    /// The cloud's own words.
    pub message: String,
}

/// How the host finds the cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Locator {
    /// The sort of cluster it leads to: one of a cloud's, or `kubeconfig`.
    pub kind: String,
    pub parameters: Value,
}

/// What one call works on: the context, and the records as they are now (for host-native kinds, which need the cluster).
#[derive(Clone)]
pub struct Call {
    pub context: Context,
    /// The records as they are now.
    pub records: Arc<Vec<Record>>,
    /// What a component reads its own cluster with; none where there is nobody to ask.
    pub cluster: Option<Arc<dyn ClusterReader>>,
}

/// Where remote ids are told as soon as they are known. Durable when it returns.
#[async_trait]
pub trait CreatedSink: Send + Sync {
    /// The thing being created is called this.
    async fn created(&self, remote_id: &str) -> Result<(), BackendError>;
}

/// A provider, component or host-native. Every call may run beside others.
#[async_trait]
pub trait Provider: Send + Sync {
    /// What it says about itself, audited when it was loaded.
    fn description(&self) -> &Description;

    /// SHA-256 of the component, or the host's version for host-native kinds.
    fn digest(&self) -> &str;

    /// What is wrong with the config beyond its schema.
    async fn validate(&self, call: &Call, config: &Value) -> Result<Vec<Diagnostic>, ProviderError>;

    /// The desired graph, or what must be known first.
    async fn desired(&self, call: &Call, config: &Value, facts: &Facts) -> Result<Answer, ProviderError>;

    /// Answers queries.
    async fn lookup(&self, call: &Call, queries: Vec<Query>) -> Result<Facts, ProviderError>;

    /// One observation per target that it could answer for; audited by the caller.
    async fn read(&self, call: &Call, targets: Vec<Target>) -> Result<Vec<Observed>, ProviderError>;

    /// Things with our marks that are not recorded.
    async fn discover(&self, call: &Call) -> Result<Vec<Observed>, ProviderError>;

    /// Checks before the first mutation.
    async fn preflight(&self, call: &Call, config: &Value, summary: &Value) -> Result<Vec<Diagnostic>, ProviderError>;

    /// Creates one resource.
    async fn create(&self, call: &Call, change: &Change, sink: Arc<dyn CreatedSink>)
    -> Result<Progress, ChangeFailure>;

    /// Changes one resource in place.
    async fn update(&self, call: &Call, change: &Change) -> Result<Progress, ChangeFailure>;

    /// Deletes one resource.
    async fn delete(&self, call: &Call, change: &Change) -> Result<Progress, ChangeFailure>;

    /// Something shared is used from now on, which may be said where it stands. Done twice, it is as if done once.
    async fn claim(&self, _: &Call, _: &Change) -> Result<(), ProviderError> {
        Ok(())
    }

    /// Lets go of something that stays: what we added to what is shared, and nobody else wants, is taken away; what is ours and used by
    /// others is theirs from then on. Done twice, it is as if done once.
    async fn release(&self, _: &Call, _: &Change) -> Result<(), ProviderError> {
        Ok(())
    }

    /// How a pending change is doing.
    async fn poll(&self, call: &Call, change: &Change, operation: &Value) -> Result<Progress, ChangeFailure>;

    /// How to find the cluster.
    async fn cluster(&self, call: &Call, config: &Value) -> Result<Option<Locator>, ProviderError>;

    /// Its part of outputs.json.
    async fn outputs(&self, call: &Call, config: &Value) -> Result<Value, ProviderError>;

    /// Brings a recorded document to the current schema version of its kind.
    async fn upgrade_document(&self, context: &Context, outdated: &Outdated<'_>) -> Result<Value, ProviderError>;

    /// What is wrong with a document under its kind's schema; `partial` when references and unknown values are wildcards.
    /// Each entry is a pointer and a sentence.
    fn check_document(&self, kind: &str, document: &Value, partial: bool) -> Vec<(String, String)>;
}

/// Whose platform a run works on, asked by the user's own login and by no provider.
#[async_trait]
pub trait IdentitySource: Send + Sync {
    /// The owner; none when the platform has none that could be asked.
    async fn identity(&self, call: &Call) -> Result<Option<Identity>, ProviderError>;
}

/// Reads on the cluster of one component, of what it was granted: who calls this has checked.
#[async_trait]
pub trait ClusterReader: Send + Sync {
    /// One object, or none.
    async fn get(
        &self,
        api_version: &str,
        kind: &str,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<Option<Value>, ProviderError>;

    /// The objects of one kind as a JSON array.
    async fn list(
        &self,
        api_version: &str,
        kind: &str,
        namespace: Option<&str>,
        label_selector: &str,
    ) -> Result<Value, ProviderError>;
}

/// Why the state could not be read or written.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct BackendError {
    /// Stable name.
    pub code: &'static str,
    /// What happened, with the place.
    pub message: String,
    /// What the user can do.
    pub hints: Vec<String>,
    /// A JSON object for programs.
    pub details: Value,
}

impl BackendError {
    /// A write by who does not keep others out.
    pub fn not_locked(message: impl Into<String>) -> Self {
        let (hints, details) = (Vec::new(), Value::Object(serde_json::Map::new()));
        Self { code: "STATE_NOT_LOCKED", message: message.into(), hints, details }
    }
}

/// Where the state lives while nobody else may write it.
#[async_trait]
pub trait Backend: Send + Sync {
    /// The bytes, or none before the first write.
    async fn read(&self) -> Result<Option<Vec<u8>>, BackendError>;

    /// Replaces the bytes: durable when it returns, and all or nothing whenever it is interrupted. Once somebody else has the lease it fails
    /// with `STATE_LEASE_LOST` and leaves the bytes as they are, whatever this side believes.
    async fn write(&self, bytes: &[u8]) -> Result<(), BackendError>;

    /// Keeps bytes beside the state, under its name and `.<label>`. What else was kept there before stays: then a number follows the label.
    async fn keep(&self, label: &str, bytes: &[u8]) -> Result<(), BackendError>;

    /// What keeps other writers out and has to be renewed; none where nobody can take it away, as an operating system's lock, which lasts as
    /// long as its process.
    fn lease(&self) -> Option<Arc<dyn Lease>>;
}

/// What keeps other writers out for a while.
#[async_trait]
pub trait Lease: Send + Sync {
    /// For how long, from when it was last renewed. Longer than any call may take: what was begun under it ends under it.
    fn term(&self) -> Duration;

    /// Keeps others out for another term.
    ///
    /// # Errors
    /// `STATE_LEASE_LOST` when somebody else has it; any other error may pass by itself.
    async fn renew(&self) -> Result<(), BackendError>;

    /// Lets others in at once.
    ///
    /// # Errors
    /// What keeps it from that: then they wait until it has run out.
    async fn release(&self) -> Result<(), BackendError>;
}

/// Time, as the engine sees it.
#[async_trait]
pub trait Clock: Send + Sync {
    /// RFC 3339, UTC, seconds.
    fn now(&self) -> String;

    /// Since some fixed instant; never goes back.
    fn elapsed(&self) -> Duration;

    /// Waits.
    async fn sleep(&self, duration: Duration);

    /// A number between 0 and 1 for jitter.
    fn jitter(&self) -> f64;

    /// 32 hexadecimal digits that nobody had before.
    fn token(&self) -> String;
}

/// How long things took in earlier runs.
pub trait History: Send + Sync {
    /// How long an action on a kind usually takes; none when it was never done.
    fn usual(&self, kind: &str, action: Action) -> Option<Duration>;
}

/// No earlier run.
impl History for () {
    fn usual(&self, _kind: &str, _action: Action) -> Option<Duration> {
        None
    }
}

/// What happens, told sideways to whoever shows it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// Reading what is there: how many resources.
    Refreshing {
        /// How many.
        resources: usize,
    },
    /// The plan is made.
    Planned(Arc<Plan>),
    /// A change begins.
    Started {
        /// Which resource.
        address: Address,
        /// What is done to it.
        action: Action,
    },
    /// A change waits for the cloud.
    Waiting {
        /// Which resource.
        address: Address,
        /// The cloud's own words.
        message: String,
    },
    /// A call failed and is tried again.
    Retrying {
        /// Which resource.
        address: Address,
        /// Why.
        error: String,
        /// After how long.
        after: Duration,
    },
    /// A change is done.
    Finished {
        /// Which resource.
        address: Address,
        /// What was done to it.
        action: Action,
        /// How long it took.
        took: Duration,
    },
    /// A change failed.
    Failed {
        /// Which resource.
        address: Address,
        /// Why.
        diagnostic: Diagnostic,
        /// Another one failed for the same cause before: that was told.
        again: bool,
    },
    /// A change was not begun because something it needs failed.
    Skipped {
        /// Which resource.
        address: Address,
        /// What failed.
        because: Address,
    },
    /// All that was not begun, once everything else has ended.
    NotBegun {
        /// Which resources, each of which was [`Event::Skipped`].
        addresses: Vec<Address>,
        /// What failed.
        because: Vec<Address>,
    },
    /// Every change is done, and the platform cannot be used yet.
    NotReady {
        /// What is missing, a line each.
        causes: Vec<String>,
    },
    /// The platform, which was waited for, can be used.
    Ready,
}

/// Who shows what happens.
pub trait Reporter: Send + Sync {
    /// Something happened.
    fn report(&self, event: Event);
}

/// Whether the user wants to stop.
pub trait Interrupt: Send + Sync {
    /// True from the first interrupt on: what runs is finished and recorded, nothing new begins.
    fn requested(&self) -> bool;
}
