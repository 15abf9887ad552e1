//! The host-native kind `kubernetes.object`: providers declare objects, the host applies them.
//!
//! Objects are applied by the server, under the field manager `nic`. What an object looks like in a plan is settled by asking the
//! server too: a dry run says what applying would change, so defaults and other spellings of the same value never show.
//!
//! # Guarantees
//!
//! - Fields that the document does not name are not touched, and are no drift.
//! - A field that someone else owns is not taken when an object is first found, only named in the error; once the object is
//!   recorded, a field is taken back if the plan showed it.
//! - What a `$secret` stands for is put in where the request leaves, and is shown by no observation and no error.

mod description;
mod name;
mod observe;
mod secret;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt as _;
use futures::stream::{self, StreamExt as _};
use kube::core::WatchEvent;
use nic_core::address::Address;
use nic_core::diagnostic::Diagnostic;
use nic_core::document::{escape, has_unknown};
use nic_core::error::{ChangeFailure, ProviderError};
use nic_core::kind::Description;
use nic_core::ports::{Answer, Call, Change, CreatedSink, Facts, Locator, Progress, Provider, Query, Target, Waiting};
use nic_core::resource::{Observed, Status};
use serde_json::{Value, json};

pub use self::name::{remote_id, remote_name};
pub use self::secret::SecretResolver;

use self::observe::Views;
use crate::cluster::{Apply, Connected, ObjectName, RequestError};

/// How many objects are read at once: more would only queue in the API server.
const READS_AT_ONCE: usize = 16;

/// How long what takes more time than it was watched is left alone.
const POLL_AFTER: Duration = Duration::from_secs(1);

/// These come with the cluster and go with it; the API server deletes none of them.
const BUILT_IN_NAMESPACES: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

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
}

impl std::fmt::Debug for KubernetesProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KubernetesProvider").finish_non_exhaustive()
    }
}

impl KubernetesProvider {
    /// A provider that finds its cluster and its secrets by these.
    pub fn new(resolver: Arc<dyn ClusterResolver>, secrets: SecretResolver) -> Self {
        Self { description: description::describe(), resolver, secrets }
    }

    async fn read_one(&self, cluster: &Connected, target: &Target) -> Observed {
        let document = &target.document;
        let named = name::of_document(document).or_else(|| target.remote_id.as_deref().and_then(remote_name));
        // A name that is known after apply is the name of nothing yet.
        let Some(object) = named else { return Observed::absent(&target.address) };
        let found = Box::pin(self.look(cluster, &object, document, &target.baseline)).await;
        match found {
            Ok(Some((live, shown))) => observed(&target.address, &object, document, &live, shown),
            Ok(None) => Observed::absent(&target.address),
            Err(error) => Observed::unreadable(&target.address, error),
        }
    }

    /// The live object, and what a plan shows of it.
    async fn look(
        &self,
        cluster: &Connected,
        object: &ObjectName,
        document: &Value,
        baseline: &Value,
    ) -> Result<Option<(Value, Value)>, ProviderError> {
        let Some(live) = cluster.get(object).await? else { return Ok(None) };
        let resolved = (!has_unknown(document)).then(|| self.secrets.resolve(document)).transpose();
        let resolved = resolved.ok().flatten().map(|resolved| resolved.document);
        let dry_run = match &resolved {
            None => None,
            // Applying what is there changes nothing: the server, for which a dry run is work, need not be asked.
            Some(wanted) if observe::is_there(wanted, document, baseline, &live) => Some(live.clone()),
            // Forced, it tells of every field that differs, whoever owns it.
            Some(wanted) => match cluster.apply(object, wanted, Apply { dry_run: true, force: true }).await {
                Ok(would_be) => Some(would_be),
                // No right to it, or a change that the server refuses: values are compared as they stand.
                Err(RequestError::Status(status)) if matches!(status.code, 400..=428 | 430..=499) => None,
                Err(error) => return Err(error.into()),
            },
        };
        let (live, dry_run) = (escape(live), dry_run.map(escape));
        let views = Views { document, baseline, live: &live, dry_run: dry_run.as_ref(), resolved: resolved.as_ref() };
        let shown = observe::shown(object, views);
        Ok(Some((live, shown)))
    }

    async fn cluster(&self, call: &Call) -> Result<Connected, ProviderError> {
        let found = self.resolver.connect(call).await?;
        found.ok_or_else(|| ProviderError::other("CLUSTER_NOT_READY", "there is no cluster that answers yet"))
    }

    /// Applies it; gives the object as it is then.
    async fn apply(&self, call: &Call, change: &Change, created: bool) -> Result<Applied, ProviderError> {
        let document = &change.document;
        let object = name::of_document(document).ok_or_else(nameless)?;
        let cluster = self.cluster(call).await?;
        let resolved = self.secrets.resolve(document)?;
        // Recorded and accepted once, the object is ours to keep as the plan shows it.
        let accepted = call.records.iter().any(|record| record.address == change.address && !record.baseline.is_null());
        let mut how = Apply::default();
        loop {
            match cluster.apply(&object, &resolved.document, how).await {
                Ok(live) => return Ok(Applied { cluster, object, live }),
                Err(RequestError::Status(status)) if status.code == 409 => {
                    let conflicts = observe::conflicts(&status);
                    let shown = conflicts.iter().all(|conflict| conflict.is_among(document, &change.paths));
                    if conflicts.is_empty() {
                        return Err(resolved.scrub(RequestError::Status(status).into()));
                    }
                    if how.force || created || !accepted || !shown {
                        return Err(observe::owned_by_others(&object, &conflicts));
                    }
                    how.force = true;
                }
                Err(error) => return Err(resolved.scrub(error.into())),
            }
        }
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

/// An object that was applied.
struct Applied {
    cluster: Connected,
    object: ObjectName,
    live: Value,
}

impl Applied {
    /// Whether it serves by now what it is for.
    async fn progress(self, change: &Change) -> Progress {
        let Self { cluster, object, mut live } = self;
        if is_definition(&object) && !is_established(&live) {
            let established = |event| match event {
                WatchEvent::Modified(live) if is_established(&live) => Some(live),
                _ => None,
            };
            match cluster.watch(&object, &live, established).await {
                Some(now) => live = now,
                None => return waiting(&object, "established", &live, "waiting for the definition to be established"),
            }
        }
        Progress::Done(made(change, &object, &live))
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

/// What was applied is what is there: the server has just said so.
fn made(change: &Change, object: &ObjectName, live: &Value) -> Observed {
    observed(&change.address, object, &change.document, live, change.document.clone())
}

fn observed(address: &Address, object: &ObjectName, document: &Value, live: &Value, shown: Value) -> Observed {
    let leaving = live["metadata"].get("deletionTimestamp").is_some();
    Observed {
        address: address.clone(),
        remote_id: Some(remote_id(object)),
        status: if leaving { Status::InProgress("Terminating".to_owned()) } else { Status::Present },
        document: shown,
        attributes: Some(observe::attributes(object, document, live)),
        other_lineage: None,
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
        let mut reads = Vec::with_capacity(targets.len());
        for target in &targets {
            reads.push(self.read_one(&cluster, target).boxed());
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
        let applied = self.apply(call, change, true).await?;
        let remote_id = remote_id(&applied.object);
        sink.created(&remote_id).await.map_err(|error| ChangeFailure {
            error: ProviderError::other(error.code, error.message),
            remote_id: Some(remote_id),
        })?;
        Ok(applied.progress(change).await)
    }

    async fn update(&self, call: &Call, change: &Change) -> Result<Progress, ChangeFailure> {
        Ok(self.apply(call, change, false).await?.progress(change).await)
    }

    async fn delete(&self, call: &Call, change: &Change) -> Result<Progress, ChangeFailure> {
        let named = change.remote_id.as_deref().and_then(remote_name).or_else(|| name::of_document(&change.document));
        let object = named.ok_or_else(nameless)?;
        let absent = Progress::Done(Observed::absent(&change.address));
        // With its cluster every object is gone.
        let Some(cluster) = self.resolver.connect(call).await? else { return Ok(absent) };
        if object.kind == "Namespace" && BUILT_IN_NAMESPACES.contains(&object.name.as_str()) {
            tracing::info!(namespace = object.name, "left in place: it comes with the cluster and goes with it");
            return Ok(absent);
        }
        let Some(live) = cluster.get(&object).await? else { return Ok(absent) };
        let uid = live["metadata"]["uid"].as_str().unwrap_or_default();
        if live["metadata"].get("deletionTimestamp").is_none() {
            cluster.delete(&object, uid).await.map_err(ProviderError::from)?;
        }
        Ok(self.gone(&cluster, &object, uid, change).await?)
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
            Some(live) => Ok(Applied { cluster, object, live }.progress(change).await),
            None => Ok(Progress::Done(Observed::absent(&change.address))),
        }
    }

    async fn cluster(&self, _: &Call, _: &Value) -> Result<Option<Locator>, ProviderError> {
        Ok(None)
    }

    async fn outputs(&self, _: &Call, _: &Value) -> Result<Value, ProviderError> {
        Ok(json!({}))
    }

    async fn upgrade_document(&self, _: &str, _: u32, document: Value) -> Result<Value, ProviderError> {
        Ok(document)
    }

    fn check_document(&self, _: &str, document: &Value, partial: bool) -> Vec<(String, String)> {
        description::check(document, partial)
    }
}

#[cfg(test)]
mod cluster_tests;
#[cfg(test)]
mod tests;
