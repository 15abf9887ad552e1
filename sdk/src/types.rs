//! The values that cross the boundary, in Rust terms: JSON members are parsed.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;

/// What a call runs for.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Context {
    /// `project_name` of the config.
    pub project: String,
    /// The Nebari environment.
    pub namespace: String,
    /// The region, for clouds that have one.
    pub region: Option<String>,
    /// `classic` or `design`, fixed at the first deploy.
    pub topology: String,
    /// Identity of the state; part of the ownership tag.
    pub lineage: String,
    /// RFC 3339 instant that the WASI wall clock also shows.
    pub now: String,
    /// Feeds the WASI random source.
    pub seed: u64,
    /// SHA-256 of the facts that `desired` was given.
    pub facts_digest: String,
    /// What `describe` picks out of the config by name. What the config does not say is absent. While anything is recorded they are as they
    /// were when it was made.
    pub settings: std::collections::BTreeMap<String, Value>,
}

impl Context {
    /// A context of this project and Nebari environment, and nothing else. The host makes the real ones.
    pub fn new(project: impl Into<String>, namespace: impl Into<String>) -> Self {
        Self { project: project.into(), namespace: namespace.into(), ..Self::default() }
    }

    /// Of this project.
    #[must_use]
    pub fn project(mut self, project: impl Into<String>) -> Self {
        self.project = project.into();
        self
    }

    /// Of this Nebari environment.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// In this region.
    #[must_use]
    pub fn region(mut self, region: impl Into<Option<String>>) -> Self {
        self.region = region.into();
        self
    }

    /// Of this topology.
    #[must_use]
    pub fn topology(mut self, topology: impl Into<String>) -> Self {
        self.topology = topology.into();
        self
    }

    /// For this state.
    #[must_use]
    pub fn lineage(mut self, lineage: impl Into<String>) -> Self {
        self.lineage = lineage.into();
        self
    }

    /// At this instant.
    #[must_use]
    pub fn now(mut self, now: impl Into<String>) -> Self {
        self.now = now.into();
        self
    }

    /// With this setting.
    #[must_use]
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.settings.insert(name.into(), value.into());
        self
    }
}

/// How bad a diagnostic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Stops the command.
    Error,
    /// Is told.
    Warning,
    /// Is told when there is room.
    Info,
}

/// Something to tell the user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Stable name.
    pub code: String,
    /// One fixed phrase.
    pub summary: String,
    /// The specifics.
    pub detail: String,
    /// RFC 6901 pointer into the given document.
    pub pointer: Option<String>,
    /// What the user can do.
    pub hints: Vec<String>,
}

impl Diagnostic {
    /// Something that stops the command: a stable name, one fixed phrase, the specifics.
    pub fn error(code: &str, summary: &str, detail: impl Into<String>) -> Self {
        Self::of(Severity::Error, code, summary, detail.into())
    }

    /// Something that is told.
    pub fn warning(code: &str, summary: &str, detail: impl Into<String>) -> Self {
        Self::of(Severity::Warning, code, summary, detail.into())
    }

    /// One of this severity.
    pub fn new(severity: Severity, code: &str, summary: &str, detail: impl Into<String>) -> Self {
        Self::of(severity, code, summary, detail.into())
    }

    // Generic code is compiled anew in every component, so as little as possible is generic.
    fn of(severity: Severity, code: &str, summary: &str, detail: String) -> Self {
        Self { severity, code: code.to_owned(), summary: summary.to_owned(), detail, pointer: None, hints: Vec::new() }
    }

    /// Says where it is, as an RFC 6901 pointer into the given document.
    #[must_use]
    pub fn at(self, pointer: impl Into<String>) -> Self {
        self.with_pointer(pointer.into())
    }

    fn with_pointer(mut self, pointer: String) -> Self {
        self.pointer = Some(pointer);
        self
    }

    /// Adds something that the user can do.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        self.with_hint(hint.into())
    }

    fn with_hint(mut self, hint: String) -> Self {
        self.hints.push(hint);
        self
    }
}

/// A question that must be answered before the desired graph is known.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Query {
    /// Unique and stable.
    pub key: String,
    /// A name that `lookup` knows.
    pub name: String,
    /// Its arguments.
    pub arguments: Value,
}

impl Query {
    /// A question: its own key, the name that `lookup` knows it by, its arguments.
    pub fn new(key: impl Into<String>, name: impl Into<String>, arguments: Value) -> Self {
        Self { key: key.into(), name: name.into(), arguments }
    }
}

/// A recorded answer.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Fact {
    /// The key of the query.
    pub key: String,
    /// The answer.
    pub value: Value,
}

impl Fact {
    /// The answer to the query with this key.
    pub fn new(key: impl Into<String>, value: impl Into<Value>) -> Self {
        Self { key: key.into(), value: value.into() }
    }
}

/// What `desired` answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The whole graph.
    Ready(Vec<Resource>),
    /// These first.
    Need(Vec<Query>),
}

/// One resource the config asks for.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Resource {
    /// Stable name inside NIC, such as `aws.node-group.general`.
    pub address: String,
    /// A described kind, or `kubernetes.object`.
    pub kind: String,
    /// The desired document.
    pub document: Value,
    /// Addresses needed besides those referenced.
    pub depends_on: Vec<String>,
    /// Addresses that go after it, and that it can be made without.
    pub deleted_before: Vec<String>,
    /// Not ours: only read and referenced.
    pub external: bool,
    /// Where its name stands in the document, as an RFC 6901 pointer, when a replacement may be made under another name before the
    /// old one goes. The host hangs a suffix on that name then, and keeps it from there on.
    pub create_first: Option<String>,
    /// A thing whose name nobody else can have, and whose mark says which state made it: while it is to be created, the host begins
    /// nothing else. See [`Resource::claim`].
    pub claim: bool,
}

impl Resource {
    /// A resource of ours without explicit dependencies.
    pub fn new(address: impl Into<String>, kind: impl Into<String>, document: Value) -> Self {
        Self {
            address: address.into(),
            kind: kind.into(),
            document,
            depends_on: Vec::new(),
            deleted_before: Vec::new(),
            external: false,
            create_first: None,
            claim: false,
        }
    }

    /// Makes it something that is not ours: only read and referenced.
    #[must_use]
    pub fn external(mut self) -> Self {
        self.external = true;
        self
    }

    /// Makes it the first thing that is created: of two first deploys at the same moment, the one that is refused its name stops
    /// before it has made anything else.
    #[must_use]
    pub fn claim(mut self) -> Self {
        self.claim = true;
        self
    }

    /// Lets a replacement be made, with a suffix on the name at the pointer, before the old one goes.
    #[must_use]
    pub fn create_first(mut self, name: impl Into<String>) -> Self {
        self.create_first = Some(name.into());
        self
    }

    /// Adds an explicit dependency.
    #[must_use]
    pub fn after(mut self, address: impl Into<String>) -> Self {
        self.depends_on.push(address.into());
        self
    }

    /// Deletes it before what stands at the address. Its create does not wait for that.
    #[must_use]
    pub fn before(mut self, address: impl Into<String>) -> Self {
        self.deleted_before.push(address.into());
        self
    }
}

/// A reference to an attribute of another resource; `pointer` is RFC 6901.
pub fn reference(address: &str, pointer: &str) -> Value {
    serde_json::json!({ "$ref": address, "path": pointer })
}

/// One resource as state has it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Recorded {
    /// Its address.
    pub address: String,
    /// Its kind.
    pub kind: String,
    /// The cloud's name for it.
    pub remote_id: Option<String>,
    /// The attributes as last observed.
    pub attributes: Value,
}

impl Recorded {
    /// A record without remote id.
    pub fn new(address: impl Into<String>, kind: impl Into<String>, attributes: Value) -> Self {
        Self { address: address.into(), kind: kind.into(), remote_id: None, attributes }
    }

    /// With the cloud's name for it.
    #[must_use]
    pub fn remote_id(mut self, remote_id: impl Into<Option<String>>) -> Self {
        self.remote_id = remote_id.into();
        self
    }
}

/// A recorded document of an older schema version.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Outdated {
    /// The address.
    pub address: String,
    /// The kind.
    pub kind: String,
    /// The cloud's name for it, once known.
    pub remote_id: Option<String>,
    /// The version that it follows.
    pub from_version: u32,
    /// Which document of the record it is.
    pub role: Role,
    /// It. References to other resources are values already; `{"$secret": "<name>"}` stands for a secret, and a literal key that starts with
    /// `$` is written `$$...`.
    pub document: Value,
}

impl Outdated {
    /// A document without remote id.
    pub fn new(
        address: impl Into<String>,
        kind: impl Into<String>,
        from_version: u32,
        role: Role,
        document: Value,
    ) -> Self {
        Self { address: address.into(), kind: kind.into(), remote_id: None, from_version, role, document }
    }

    /// With the cloud's name for it.
    #[must_use]
    pub fn remote_id(mut self, remote_id: impl Into<Option<String>>) -> Self {
        self.remote_id = remote_id.into();
        self
    }
}

/// Which document of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// As last observed, with computed members.
    Attributes,
    /// The desired one that was last accepted.
    Baseline,
    /// The one that was sent with a change whose end is not known.
    Pending,
}

/// What to read.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Target {
    /// Its address.
    pub address: String,
    /// Its kind.
    pub kind: String,
    /// None: look it up by natural name and ownership tags.
    pub remote_id: Option<String>,
    /// Baseline or desired document, as far as it is known.
    pub document: Value,
}

impl Target {
    /// Something to be looked up by natural name and ownership tags.
    pub fn new(address: impl Into<String>, kind: impl Into<String>, document: Value) -> Self {
        Self { address: address.into(), kind: kind.into(), remote_id: None, document }
    }

    /// By the cloud's name for it.
    #[must_use]
    pub fn remote_id(self, remote_id: impl Into<Option<String>>) -> Self {
        self.with_remote_id(remote_id.into())
    }

    fn with_remote_id(mut self, remote_id: Option<String>) -> Self {
        self.remote_id = remote_id;
        self
    }
}

/// What stands under an address right now.
#[derive(Debug, Clone, PartialEq)]
pub enum Status {
    /// It is there.
    Present,
    /// The cloud says that it does not exist.
    Absent,
    /// It is changing; the cloud's own status.
    InProgress(String),
    /// It is broken.
    Failed(String),
    /// Something of that name that is not ours.
    Foreign(String),
    /// Several things bear our marks.
    Ambiguous(Vec<String>),
    /// Could not be read.
    Unreadable(Error),
}

/// The answer of a read.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Observation {
    /// The address that was asked for.
    pub address: String,
    /// The cloud's name for it.
    pub remote_id: Option<String>,
    /// Whether it is there.
    pub status: Status,
    /// The whole document, `Value::Null` when there is none.
    pub document: Value,
    /// Of something foreign: the state of this very platform (project, environment, region) whose mark it bears. The user may go on
    /// with that state (`--take-over`).
    pub other_lineage: Option<OtherLineage>,
}

/// Another state of the same platform.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OtherLineage {
    /// Its lineage, as in the mark.
    pub lineage: String,
    /// RFC 3339 instant at which the thing was made, where the cloud tells.
    pub since: Option<String>,
}

impl OtherLineage {
    /// The state of this lineage.
    pub fn new(lineage: impl Into<String>) -> Self {
        Self { lineage: lineage.into(), since: None }
    }

    /// When the thing was made.
    #[must_use]
    pub fn since(mut self, since: impl Into<Option<String>>) -> Self {
        self.since = since.into();
        self
    }
}

impl Observation {
    /// It is there and looks like this.
    pub fn present(address: impl Into<String>, remote_id: impl Into<String>, document: Value) -> Self {
        Self {
            address: address.into(),
            remote_id: Some(remote_id.into()),
            status: Status::Present,
            document,
            other_lineage: None,
        }
    }

    /// It does not exist.
    pub fn absent(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            remote_id: None,
            status: Status::Absent,
            document: Value::Null,
            other_lineage: None,
        }
    }

    /// Could not be read.
    pub fn unreadable(address: impl Into<String>, error: Error) -> Self {
        Self::absent(address).status(Status::Unreadable(error))
    }

    /// Something that is not ours is in its place; the text says what.
    pub fn foreign(address: impl Into<String>, text: impl Into<String>) -> Self {
        Self::absent(address).status(Status::Foreign(text.into()))
    }

    /// In this state instead.
    #[must_use]
    pub fn status(mut self, status: Status) -> Self {
        self.status = status;
        self
    }

    /// With the cloud's name for it.
    #[must_use]
    pub fn remote_id(self, remote_id: impl Into<Option<String>>) -> Self {
        self.with_remote_id(remote_id.into())
    }

    fn with_remote_id(mut self, remote_id: Option<String>) -> Self {
        self.remote_id = remote_id;
        self
    }

    /// Which looks like this.
    #[must_use]
    pub fn document(mut self, document: Value) -> Self {
        self.document = document;
        self
    }

    /// Made from this other state of the same platform.
    #[must_use]
    pub fn other_lineage(mut self, other: OtherLineage) -> Self {
        self.other_lineage = Some(other);
        self
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Change {
    /// The address.
    pub address: String,
    /// The kind.
    pub kind: String,
    /// The cloud's name for it, once known.
    pub remote_id: Option<String>,
    /// The desired document with every reference resolved; the last known one for `delete`.
    pub document: Value,
    /// As observed just before, or null.
    pub prior: Value,
    /// Pointers of the attributes that differ, for `update`.
    pub paths: Vec<String>,
    /// Idempotency token, the same when this very change is repeated. 32 hexadecimal digits.
    pub token: String,
}

impl Change {
    /// A change without remote id, prior, paths and token: a create, as a test makes it. The host makes the real ones.
    pub fn new(address: impl Into<String>, kind: impl Into<String>, document: Value) -> Self {
        Self {
            address: address.into(),
            kind: kind.into(),
            remote_id: None,
            document,
            prior: Value::Null,
            paths: Vec::new(),
            token: String::new(),
        }
    }

    /// With the cloud's name for it.
    #[must_use]
    pub fn remote_id(mut self, remote_id: impl Into<Option<String>>) -> Self {
        self.remote_id = remote_id.into();
        self
    }

    /// Of what looked like this just before.
    #[must_use]
    pub fn prior(mut self, prior: Value) -> Self {
        self.prior = prior;
        self
    }

    /// About these attributes.
    #[must_use]
    pub fn paths(mut self, paths: Vec<String>) -> Self {
        self.paths = paths;
        self
    }

    /// With this idempotency token.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = token.into();
        self
    }
}

/// How a change is doing.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// Finished; `absent` after a delete.
    Done(Observation),
    /// Ask again later, with `operation`.
    Pending(Waiting),
}

/// Something that takes its time.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Waiting {
    /// The cloud's name, once known.
    pub remote_id: Option<String>,
    /// What `poll` needs; no secrets, at most 16 KiB.
    pub operation: Value,
    /// When to ask again.
    pub poll_after: std::time::Duration,
    /// The cloud's own words.
    pub message: String,
}

impl Waiting {
    /// Something without remote id: what `poll` needs, when to ask, the cloud's own words.
    pub fn new(operation: Value, poll_after: std::time::Duration, message: impl Into<String>) -> Self {
        Self { remote_id: None, operation, poll_after, message: message.into() }
    }

    /// With the cloud's name for it.
    #[must_use]
    pub fn remote_id(self, remote_id: impl Into<Option<String>>) -> Self {
        self.with_remote_id(remote_id.into())
    }

    fn with_remote_id(mut self, remote_id: Option<String>) -> Self {
        self.remote_id = remote_id;
        self
    }
}

/// How the host finds the cluster.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Locator {
    /// `eks`, `gke`, `aks`, `kubeconfig` or `kubeconfig-from`.
    pub kind: String,
    /// Its parameters.
    pub parameters: Value,
}

impl Locator {
    /// A cluster that the host finds in this way, by these parameters.
    pub fn new(kind: impl Into<String>, parameters: Value) -> Self {
        Self { kind: kind.into(), parameters }
    }
}
