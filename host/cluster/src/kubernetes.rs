//! The host-native kind `kubernetes.object`: providers declare objects, the host applies them.
//!
//! Objects are applied by the server, under a field manager of each platform's own. What an object looks like in a plan is settled by asking the
//! server too: a dry run says what applying would change, so defaults and other spellings of the same value never show.
//!
//! # Guarantees
//!
//! - Fields that the document does not name are not touched, and are no drift.
//! - What NIC makes bears a mark, and its uid is recorded. What stood before is shared: used, never forced, never deleted.
//! - A field that someone else owns is taken back from them only of an object of ours, and only if the plan showed it.
//! - What a `$secret` stands for is put in where the request leaves, and is shown by no observation and no error.

mod apply;
mod description;
mod name;
mod observe;
mod owner;
mod secret;
mod shared;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt as _;
use futures::stream::{self, StreamExt as _};
use kube::core::WatchEvent;
use nic_core::address::Address;
use nic_core::diagnostic::Diagnostic;
use nic_core::document::{escape, has_unknown};
use nic_core::error::{ChangeFailure, ProviderError};
use nic_core::kind::{Description, KUBERNETES_OBJECT};
use nic_core::ports::{
    Answer, Call, Change, Context, CreatedSink, Facts, Locator, Outdated, Progress, Provider, Query, Target, Waiting,
};
use nic_core::resource::{Observed, Record, Status};
use serde_json::{Value, json};

pub use self::name::{remote_id, remote_name};
pub use self::secret::SecretResolver;

use self::apply::AppliedObject;
use self::observe::Views;
use self::owner::{
    Ownership, field_manager, is_marked_for, marked, owner, shared_field_manager, unmarked, used_by, using,
};
use self::shared::{Given, give_way};
use crate::{Apply, Connected, ObjectName, RequestError};

/// How many objects are read at once: more would only queue in the API server.
const READS_AT_ONCE: usize = 16;

/// How long what takes more time than it was watched is left alone.
const POLL_AFTER: Duration = Duration::from_secs(1);

/// Where the cluster of a call is.
#[async_trait]
pub trait ClusterResolver: Send + Sync {
    /// The connection, or none while there is no cluster.
    async fn connect(&self, call: &Call) -> Result<Option<Connected>, ProviderError>;
}

/// The provider of `kubernetes.object`.
pub struct KubernetesProvider {
    description: Description,
    resolver: Arc<dyn ClusterResolver>,
    secrets: SecretResolver,
    allowed: Arc<Allowed>,
}

/// Whether a provider, by its name, may have such an object applied.
pub type Allowed = dyn Fn(&str, &ObjectName) -> bool + Send + Sync;

impl std::fmt::Debug for KubernetesProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KubernetesProvider").finish_non_exhaustive()
    }
}

impl KubernetesProvider {
    /// A provider that finds its cluster and its secrets by these, and applies what is allowed.
    pub fn new(resolver: Arc<dyn ClusterResolver>, secrets: SecretResolver, allowed: Arc<Allowed>) -> Self {
        Self { description: description::describe(), resolver, secrets, allowed }
    }

    async fn read_one(&self, call: &Call, cluster: &Connected, target: &Target) -> Observed {
        let seen = match Box::pin(self.look_under_its_names(call, cluster, target)).await {
            Ok(seen) => seen,
            Err(error) => Some(Observed::unreadable(&target.address, error)),
        };
        seen.unwrap_or_else(|| Observed::absent(&target.address))
    }

    /// The object of ours that is recorded, also when the document names another one by now, which is to take its place; else the one
    /// that the document names.
    async fn look_under_its_names(
        &self,
        call: &Call,
        cluster: &Connected,
        target: &Target,
    ) -> Result<Option<Observed>, ProviderError> {
        let document = &target.document;
        // An id alone says which object is meant only where no document does.
        let named = match document.get("apiVersion") {
            Some(_) => name::of_document(document),
            None => target.remote_id.as_deref().and_then(remote_name),
        };
        let record = record_of(call, &target.address);
        let recorded = record.and_then(|record| remote_name(record.remote_id.as_deref()?));
        let is_same = named.as_ref().zip(recorded.as_ref()).is_some_and(|(named, recorded)| named.is_also(recorded));
        if let Some(recorded) = recorded.as_ref().filter(|_| !is_same && record.is_some_and(|record| !record.shared))
            && let Some(seen) = self.look(call, cluster, recorded, target).await?
            && !seen.shared
            && !matches!(seen.status, Status::Foreign(_))
        {
            return Ok(Some(seen));
        }
        // A name that is known after apply is the name of nothing yet.
        let Some(named) = named else { return Ok(None) };
        if !is_same {
            cluster.check_scope(&named).await?;
        }
        self.look(call, cluster, &named, target).await
    }

    /// The object as a plan shows it.
    async fn look(
        &self,
        call: &Call,
        cluster: &Connected,
        object: &ObjectName,
        target: &Target,
    ) -> Result<Option<Observed>, ProviderError> {
        let (address, document, baseline) = (&target.address, &target.document, &target.baseline);
        let Some(live) = cluster.get(object).await? else { return Ok(None) };
        let owner = owner(&call.context, address, record_of(call, address), object, &live);
        let used_by = if owner == Ownership::Ours { used_by(&live) } else { Vec::new() };
        let (marks, live) = (live.clone(), unmarked(live));
        let resolved = (!has_unknown(document)).then(|| self.secrets.resolve(document)).transpose();
        let resolved = resolved.ok().flatten();
        let wanted = resolved.as_ref().map(|resolved| &resolved.document);
        let given = match (wanted, &owner) {
            // Applying what is there changes nothing: the server, for which a dry run is work, need not be asked.
            (Some(wanted), _) if observe::is_there(wanted, document, baseline, &live) => {
                Ok(Given::unopposed(live.clone()))
            }
            (Some(wanted), Ownership::Ours) => {
                let wanted = marked(wanted.clone(), &call.context, address);
                let manager = field_manager(&call.context);
                let live = would_be(cluster, object, &wanted, &manager).await;
                live.map(|live| Given { live, conflicts: Vec::new() })
            }
            (Some(wanted), Ownership::Shared) => {
                let wanted = using(wanted.clone(), &call.context, &marks);
                would_give_way(cluster, object, &wanted, &live, &shared_field_manager(&call.context)).await
            }
            _ => Ok(Given { live: None, conflicts: Vec::new() }),
        };
        // A server repeats what it does not like.
        let Given { live: dry_run, conflicts } = given.map_err(|error| match &resolved {
            Some(resolved) => resolved.scrub(error),
            None => error,
        })?;
        let (live, dry_run) = (escape(live), dry_run.map(unmarked).map(escape));
        let views = Views { document, baseline, live: &live, dry_run: dry_run.as_ref(), resolved: wanted };
        let shown = observe::shown(object, views);
        let seen = observed(address, object, document, &live, shown);
        Ok(Some(Observed { conflicts, used_by, ..whose(seen, owner) }))
    }

    async fn cluster(&self, call: &Call) -> Result<Connected, ProviderError> {
        let found = self.resolver.connect(call).await?;
        found.ok_or_else(|| ProviderError::other("CLUSTER_NOT_READY", "there is no cluster that answers yet"))
    }

    async fn gone(
        &self,
        cluster: &Connected,
        object: &ObjectName,
        uid: &str,
        change: &Change,
    ) -> Result<Progress, ProviderError> {
        match cluster.get(object).await? {
            Some(live) if live["metadata"]["uid"].as_str() == Some(uid) => {
                if is_stuck(object, &live) {
                    // As good as a wait when it fails: the next look tries again.
                    let _ = cluster.touch(object, &live).await;
                }
                let deleted = |event| matches!(event, WatchEvent::Deleted(_)).then_some(());
                match cluster.watch(object, &live, deleted).await {
                    Some(()) => Ok(Progress::Done(Observed::absent(&change.address))),
                    None => Ok(waiting(object, "gone", &live, &why_still_there(&live))),
                }
            }
            _ => Ok(Progress::Done(Observed::absent(&change.address))),
        }
    }
}

/// What applying to an object of others would come to.
async fn would_give_way(
    cluster: &Connected,
    object: &ObjectName,
    wanted: &Value,
    live: &Value,
    manager: &str,
) -> Result<Given, ProviderError> {
    let how = Apply { manager, dry_run: true, force: false };
    match give_way(cluster, object, wanted, live, how).await {
        Ok(given) => Ok(given),
        Err(RequestError::Status(status)) if is_no(&status) => {
            let conflicts = observe::conflicts(&status);
            // What else differs is told by a dry run that asks nobody.
            let asked = if conflicts.is_empty() { None } else { would_be(cluster, object, wanted, manager).await? };
            Ok(Given { live: asked, conflicts })
        }
        Err(error) => Err(error.into()),
    }
}

/// What would be there after applying, whoever decides what differs. None: there is no right to it, or the server refuses the change;
/// then values are compared as they stand.
async fn would_be(
    cluster: &Connected,
    object: &ObjectName,
    wanted: &Value,
    manager: &str,
) -> Result<Option<Value>, ProviderError> {
    match cluster.apply(object, wanted, Apply { manager, dry_run: true, force: true }).await {
        Ok(applied) => Ok(Some(applied.live)),
        Err(RequestError::Status(status)) if is_no(&status) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether the cluster as a whole did not answer.
fn is_silence(error: &ProviderError) -> bool {
    match error {
        ProviderError::TimedOut(_) => true,
        ProviderError::Remote { code, .. } => code == "CLUSTER_UNREACHABLE",
        _ => false,
    }
}

/// An answer that another try would not change.
fn is_no(status: &kube::core::Status) -> bool {
    matches!(status.code, 400..=428 | 430..=499)
}

/// The record of an address, as it is now.
fn record_of<'a>(call: &'a Call, address: &Address) -> Option<&'a Record> {
    call.records.iter().find(|record| record.address == *address && record.kind == KUBERNETES_OBJECT)
}

/// What was seen, with whose it is.
fn whose(seen: Observed, owner: Ownership) -> Observed {
    match owner {
        Ownership::Ours => seen,
        Ownership::Shared => Observed { shared: true, ..seen },
        Ownership::Foreign(words) => Observed { status: Status::Foreign(words), shared: true, ..seen },
        Ownership::OtherState(other) => {
            let status = Status::Foreign("it was made from another state of this platform".to_owned());
            Observed { status, other_lineage: Some(other), ..seen }
        }
    }
}

fn nameless() -> ProviderError {
    ProviderError::other("OBJECT_NAME_INVALID", "the document lacks `apiVersion`, `kind` or `metadata.name`")
}

fn is_definition(object: &ObjectName) -> bool {
    object.kind == "CustomResourceDefinition" && object.api_version.starts_with("apiextensions.k8s.io/")
}

fn is_established(live: &Value) -> bool {
    let conditions = live["status"]["conditions"].as_array().into_iter().flatten();
    conditions.into_iter().any(|condition| condition["type"] == "Established" && condition["status"] == "True")
}

/// The API server deletes a definition's objects before the definition. When that fails, as it does while the definitions beside it come
/// and go, it may not try again until something about the definition changes.
fn is_stuck(object: &ObjectName, live: &Value) -> bool {
    let conditions = live["status"]["conditions"].as_array().into_iter().flatten();
    is_definition(object)
        && conditions.into_iter().any(|c| c["type"] == "Terminating" && c["reason"] == "InstanceDeletionFailed")
}

fn waiting(object: &ObjectName, what: &str, live: &Value, message: &str) -> Progress {
    Progress::Pending(Waiting {
        remote_id: Some(remote_id(object)),
        operation: json!({ "wait": what, "uid": live["metadata"]["uid"] }),
        poll_after: POLL_AFTER,
        message: message.to_owned(),
    })
}

/// A namespace tells what holds it; other objects list who must let go.
fn why_still_there(live: &Value) -> String {
    let conditions = live["status"]["conditions"].as_array().into_iter().flatten();
    // A definition is established and its names accepted until it is gone: that holds nothing.
    let holds = |c: &&Value| c["status"] == "True" && c["type"] != "Established" && c["type"] != "NamesAccepted";
    let told: Vec<&str> = conditions.filter(holds).filter_map(|c| c["message"].as_str()).collect();
    let finalizers: Vec<&str> =
        live["metadata"]["finalizers"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    match (told.is_empty(), finalizers.is_empty()) {
        (false, _) => told.join("; "),
        (true, false) => format!("waiting for {}", finalizers.join(", ")),
        (true, true) => "waiting for it to be gone".to_owned(),
    }
}

fn observed(address: &Address, object: &ObjectName, document: &Value, live: &Value, shown: Value) -> Observed {
    let leaving = live["metadata"].get("deletionTimestamp").is_some();
    Observed {
        remote_id: Some(remote_id(object)),
        status: if leaving { Status::InProgress("Terminating".to_owned()) } else { Status::Present },
        document: shown,
        attributes: Some(observe::attributes(object, document, live)),
        ..Observed::absent(address)
    }
}

#[async_trait]
impl Provider for KubernetesProvider {
    fn description(&self) -> &Description {
        &self.description
    }

    fn digest(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    async fn validate(&self, _: &Call, _: &Value) -> Result<Vec<Diagnostic>, ProviderError> {
        Ok(Vec::new())
    }

    async fn desired(&self, _: &Call, _: &Value, _: &Facts) -> Result<Answer, ProviderError> {
        Ok(Answer::Ready(Vec::new()))
    }

    async fn lookup(&self, _: &Call, _: Vec<Query>) -> Result<Facts, ProviderError> {
        Ok(Facts::new())
    }

    async fn read(&self, call: &Call, targets: Vec<Target>) -> Result<Vec<Observed>, ProviderError> {
        let Some(cluster) = self.resolver.connect(call).await? else {
            return Ok(targets.iter().map(|target| Observed::absent(&target.address)).collect());
        };
        // A cluster that does not answer is waited for once, and not by each of a hundred objects after another. One object may be slow.
        let (silent, in_a_row) = (OnceLock::new(), AtomicUsize::new(0));
        let mut reads = Vec::with_capacity(targets.len());
        for target in &targets {
            let (cluster, silent, in_a_row) = (&cluster, &silent, &in_a_row);
            reads.push(
                async move {
                    if let Some(error) = silent.get() {
                        return Observed::unreadable(&target.address, ProviderError::clone(error));
                    }
                    let seen = self.read_one(call, cluster, target).await;
                    match &seen.status {
                        Status::Unreadable(error) if is_silence(error) => {
                            if in_a_row.fetch_add(1, Ordering::Relaxed) > 0 {
                                let _ = silent.set(error.clone());
                            }
                        }
                        _ => in_a_row.store(0, Ordering::Relaxed),
                    }
                    seen
                }
                .boxed(),
            );
        }
        Ok(stream::iter(reads).buffer_unordered(READS_AT_ONCE).collect().await)
    }

    async fn discover(&self, _: &Call) -> Result<Vec<Observed>, ProviderError> {
        Ok(Vec::new())
    }

    async fn preflight(&self, _: &Call, _: &Value, _: &Value) -> Result<Vec<Diagnostic>, ProviderError> {
        Ok(Vec::new())
    }

    async fn create(
        &self,
        call: &Call,
        change: &Change,
        sink: Arc<dyn CreatedSink>,
    ) -> Result<Progress, ChangeFailure> {
        let applied = self.make(call, change).await?;
        let remote_id = remote_id(&applied.object);
        sink.created(&remote_id).await.map_err(|error| ChangeFailure {
            error: ProviderError::other(error.code, error.message),
            remote_id: Some(remote_id),
        })?;
        Ok(applied.progress(change).await)
    }

    async fn update(&self, call: &Call, change: &Change) -> Result<Progress, ChangeFailure> {
        Ok(self.change(call, change).await?.progress(change).await)
    }

    async fn delete(&self, call: &Call, change: &Change) -> Result<Progress, ChangeFailure> {
        let named = change.remote_id.as_deref().and_then(remote_name).or_else(|| name::of_document(&change.document));
        let object = named.ok_or_else(nameless)?;
        let absent = Progress::Done(Observed::absent(&change.address));
        // With its cluster every object is gone.
        let Some(cluster) = self.resolver.connect(call).await? else { return Ok(absent) };
        let Some(live) = cluster.get(&object).await? else { return Ok(absent) };
        let record = record_of(call, &change.address);
        if owner(&call.context, &change.address, record, &object, &live) != Ownership::Ours {
            tracing::warn!("left in place: {} `{}` is not the one that NIC made", object.kind, object.name);
            return Ok(absent);
        }
        if !used_by(&live).is_empty() {
            // Another platform has come to use it since the plan was made.
            tracing::warn!("left in place: {} `{}` is used by {}", object.kind, object.name, used_by(&live).join(", "));
            self.release(call, change).await?;
            return Ok(absent);
        }
        let uid = live["metadata"]["uid"].as_str().unwrap_or_default();
        if live["metadata"].get("deletionTimestamp").is_none() {
            cluster.delete(&object, uid).await.map_err(ProviderError::from)?;
        }
        Ok(self.gone(&cluster, &object, uid, change).await?)
    }

    async fn claim(&self, call: &Call, change: &Change) -> Result<(), ProviderError> {
        self.say_that_it_is_used(call, change).await
    }

    async fn release(&self, call: &Call, change: &Change) -> Result<(), ProviderError> {
        let named = change.remote_id.as_deref().and_then(remote_name).or_else(|| name::of_document(&change.document));
        let object = named.ok_or_else(nameless)?;
        let Some(cluster) = self.resolver.connect(call).await? else { return Ok(()) };
        let Some(live) = cluster.get(&object).await? else { return Ok(()) };
        let record = record_of(call, &change.address);
        let released = match owner(&call.context, &change.address, record, &object, &live) {
            Ownership::Ours if used_by(&live).is_empty() => Ok(()),
            Ownership::Ours => cluster.annotate(&object, &live, owner::MARK, &Value::Null).await,
            _ => {
                if is_marked_for(&call.context, &change.address, &live) {
                    // A create that was cut short left our mark on it.
                    shared::release(&cluster, &object, &live, &field_manager(&call.context)).await?;
                }
                shared::release(&cluster, &object, &live, &shared_field_manager(&call.context)).await
            }
        };
        Ok(released?)
    }

    async fn poll(&self, call: &Call, change: &Change, operation: &Value) -> Result<Progress, ChangeFailure> {
        let named = change.remote_id.as_deref().and_then(remote_name).or_else(|| name::of_document(&change.document));
        let object = named.ok_or_else(nameless)?;
        let Some(cluster) = self.resolver.connect(call).await? else {
            return Ok(Progress::Done(Observed::absent(&change.address)));
        };
        if operation["wait"] == "gone" {
            let uid = operation["uid"].as_str().unwrap_or_default();
            return Ok(self.gone(&cluster, &object, uid, change).await?);
        }
        match cluster.get(&object).await? {
            Some(live) => {
                let record = record_of(call, &change.address);
                let owner = owner(&call.context, &change.address, record, &object, &live);
                Ok(AppliedObject { cluster, object, live, shared: owner == Ownership::Shared }.progress(change).await)
            }
            None => Ok(Progress::Done(Observed::absent(&change.address))),
        }
    }

    async fn cluster(&self, _: &Call, _: &Value) -> Result<Option<Locator>, ProviderError> {
        Ok(None)
    }

    async fn outputs(&self, _: &Call, _: &Value) -> Result<Value, ProviderError> {
        Ok(json!({}))
    }

    async fn upgrade_document(&self, _: &Context, outdated: &Outdated<'_>) -> Result<Value, ProviderError> {
        Ok(outdated.document.clone())
    }

    fn check_document(&self, _: &str, document: &Value, partial: bool) -> Vec<(String, String)> {
        description::check(document, partial)
    }
}

#[cfg(test)]
mod cluster_tests;
#[cfg(test)]
mod tests;
