//! Changes: objects of ours are applied with their mark, those of others by the rules of [`super::shared`].

use kube::core::WatchEvent;
use nic_core::error::ProviderError;
use nic_core::ports::{Call, Change, Progress};
use nic_core::resource::{Observed, OtherLineage};
use serde_json::Value;

use super::owner::{
    Ownership, field_manager, is_marked_for, is_never_ours, marked, owner, recorded_uid, shared_field_manager,
    unmarked, using,
};
use super::secret::Resolved;
use super::shared::{self, give_way};
use super::{KubernetesProvider, is_definition, is_established, name, nameless, observe, observed, record_of, waiting};
use crate::{Apply, Connected, ObjectName, RequestError};

/// An object that was applied.
pub(super) struct AppliedObject {
    pub(super) cluster: Connected,
    pub(super) object: ObjectName,
    pub(super) live: Value,
    /// Whether it is of others.
    pub(super) shared: bool,
}

impl AppliedObject {
    /// Whether it serves by now what it is for.
    pub(super) async fn progress(self, change: &Change) -> Progress {
        let Self { cluster, object, mut live, shared } = self;
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
        // What was applied is what is there: the server has just said so.
        let shown = change.document.clone();
        Progress::Done(Observed { shared, ..observed(&change.address, &object, &change.document, &live, shown) })
    }
}

/// One change on its way.
struct Sent<'a> {
    call: &'a Call,
    change: &'a Change,
    cluster: Connected,
    object: ObjectName,
    resolved: Resolved,
}

impl Sent<'_> {
    fn done(self, live: Value, shared: bool) -> AppliedObject {
        AppliedObject { cluster: self.cluster, object: self.object, live, shared }
    }

    fn owner(&self, live: &Value) -> Ownership {
        let Sent { call, change, object, .. } = self;
        owner(&call.context, &change.address, record_of(call, &change.address), object, live)
    }

    /// What is sent for an object of ours: every time with the mark, since fields that are left out are dropped.
    fn ours(&self) -> Value {
        marked(self.resolved.document.clone(), &self.call.context, &self.change.address)
    }

    fn refused(&self, error: RequestError) -> ProviderError {
        if let RequestError::Status(status) = &error {
            let conflicts = observe::conflicts(status);
            if !conflicts.is_empty() {
                return observe::owned_by_others(&self.object, &conflicts);
            }
        }
        self.resolved.scrub(error.into())
    }

    /// Applies to an object of others.
    async fn share(self, live: Value) -> Result<AppliedObject, ProviderError> {
        let Sent { cluster, object, resolved, call, change, .. } = &self;
        // A create that was cut short may have left our mark on it.
        let live = if is_marked_for(&call.context, &change.address, &live) {
            let manager = field_manager(&call.context);
            let taken = shared::take_back(cluster, object, &resolved.document, &live, &manager).await;
            taken.map_err(|error| self.refused(error))?
        } else {
            live
        };
        let (document, prior) = (&self.change.document, record_of(self.call, &self.change.address));
        let baseline = prior.map_or(&Value::Null, |record| &record.baseline);
        let wanted = using(self.resolved.document.clone(), &self.call.context, &live);
        if observe::is_there(&wanted, document, baseline, &live) {
            return Ok(self.done(live, true));
        }
        let manager = shared_field_manager(&self.call.context);
        let how = Apply { manager: &manager, dry_run: false, force: false };
        match Box::pin(give_way(&self.cluster, &self.object, &wanted, &live, how)).await {
            Ok(given) => Ok(self.done(given.live.unwrap_or(live), true)),
            Err(error) => Err(self.refused(error)),
        }
    }

    async fn make(self) -> Result<AppliedObject, ProviderError> {
        let manager = field_manager(&self.call.context);
        let how = Apply { manager: &manager, dry_run: false, force: false };
        let error = match self.cluster.apply(&self.object, &self.ours(), how).await {
            Ok(applied) if applied.created => return Ok(self.done(applied.live, false)),
            Ok(applied) => return Box::pin(self.stood_by_then(applied.live)).await,
            Err(error) => error,
        };
        // Who may use what is there need not be allowed to make it, nor to decide all of it.
        if matches!(error.code(), Some(403 | 409))
            && let Ok(Some(live)) = self.cluster.get(&self.object).await
        {
            match self.owner(&live) {
                Ownership::Ours => {}
                Ownership::Shared if error.code() == Some(409) => return Box::pin(self.use_theirs(live)).await,
                Ownership::Shared => return Box::pin(self.share(live)).await,
                Ownership::Foreign(words) => return Err(foreign(words)),
                Ownership::OtherState(other) => return Err(of_another_state(&other)),
            }
        }
        Err(self.refused(error))
    }

    /// The last look did not show it, and it was there before it was applied.
    async fn stood_by_then(self, live: Value) -> Result<AppliedObject, ProviderError> {
        // The mark on it says nothing: it was put there just now.
        if self.owner(&unmarked(live.clone())) == Ownership::Ours {
            return Ok(self.done(live, false));
        }
        self.use_theirs(live).await
    }

    /// What somebody else was quicker to make is shared from the start.
    async fn use_theirs(self, live: Value) -> Result<AppliedObject, ProviderError> {
        let ObjectName { kind, name, .. } = &self.object;
        tracing::warn!("{kind} `{name}` was made by somebody else meanwhile: it is used, and not ours");
        self.share(live).await
    }

    /// Changes one of ours. `uid` is that of the object that is meant.
    async fn change(self, uid: Value, accepted: bool) -> Result<AppliedObject, ProviderError> {
        let mut wanted = self.ours();
        wanted["metadata"]["uid"].clone_from(&uid);
        let manager = field_manager(&self.call.context);
        let mut how = Apply { manager: &manager, dry_run: false, force: false };
        loop {
            let error = match self.cluster.apply(&self.object, &wanted, how).await {
                Ok(applied) => return Ok(self.done(applied.live, false)),
                Err(error) => error,
            };
            let RequestError::Status(status) = &error else { return Err(self.refused(error)) };
            if status.code != 409 {
                return Err(self.refused(error));
            }
            let conflicts = observe::conflicts(status);
            if conflicts.is_empty() {
                return match self.cluster.get(&self.object).await? {
                    None => Box::pin(self.make()).await,
                    Some(live) if live["metadata"]["uid"] == uid => Err(self.refused(error)),
                    Some(live) => match self.owner(&live) {
                        Ownership::Foreign(words) => Err(foreign(words)),
                        _ => Err(self.refused(error)),
                    },
                };
            }
            let (document, paths) = (&self.change.document, &self.change.paths);
            let shown = conflicts.iter().all(|conflict| observe::is_among(conflict, document, paths));
            if how.force || !accepted || !shown {
                return Err(self.refused(error));
            }
            how.force = true;
        }
    }

    /// Changes what stands there, whosever it is.
    async fn change_what_is_there(self, live: Value) -> Result<AppliedObject, ProviderError> {
        match self.owner(&live) {
            Ownership::Ours => {
                let uid = live["metadata"]["uid"].clone();
                let accepted =
                    record_of(self.call, &self.change.address).is_some_and(|record| !record.baseline.is_null());
                Box::pin(self.change(uid, accepted)).await
            }
            Ownership::Shared => Box::pin(self.share(live)).await,
            Ownership::Foreign(words) => Err(foreign(words)),
            Ownership::OtherState(other) => Err(of_another_state(&other)),
        }
    }
}

fn foreign(words: impl Into<String>) -> ProviderError {
    ProviderError::other("RESOURCE_FOREIGN", words)
}

fn of_another_state(other: &OtherLineage) -> ProviderError {
    foreign(format!("it was made from the state of lineage {}", other.lineage))
}

impl KubernetesProvider {
    async fn sent<'a>(&self, call: &'a Call, change: &'a Change) -> Result<Sent<'a>, ProviderError> {
        let object = name::of_document(&change.document).ok_or_else(nameless)?;
        // References are in their places now, and the grant may be another one than when this was planned.
        if !(self.allowed)(change.address.provider(), &object) {
            let ObjectName { api_version, kind, .. } = &object;
            let what = format!("`{}` is a {api_version} {kind}, which is not granted", change.address);
            return Err(ProviderError::denied("OBJECT_NOT_GRANTED", what));
        }
        let cluster = self.cluster(call).await?;
        cluster.check_scope(&object).await?;
        Ok(Sent { call, change, cluster, object, resolved: self.secrets.resolve(&change.document)? })
    }

    /// Makes an object that is not there.
    pub(super) async fn make(&self, call: &Call, change: &Change) -> Result<AppliedObject, ProviderError> {
        Box::pin(self.sent(call, change).await?.make()).await
    }

    /// Changes an object that is there.
    pub(super) async fn change(&self, call: &Call, change: &Change) -> Result<AppliedObject, ProviderError> {
        let sent = self.sent(call, change).await?;
        // Recorded and accepted once, the object of that uid is ours to keep as the plan shows it.
        let record = record_of(call, &change.address);
        let record = record.filter(|record| !record.shared && !is_never_ours(Some(record), &sent.object));
        if let Some(uid) = record.and_then(recorded_uid) {
            return Box::pin(sent.change(uid.into(), true)).await;
        }
        match sent.cluster.get(&sent.object).await? {
            Some(live) => Box::pin(sent.change_what_is_there(live)).await,
            None => Box::pin(sent.make()).await,
        }
    }

    /// Says on an object of another platform that this one uses it.
    pub(super) async fn say_that_it_is_used(&self, call: &Call, change: &Change) -> Result<(), ProviderError> {
        let sent = self.sent(call, change).await?;
        let Some(live) = sent.cluster.get(&sent.object).await? else { return Ok(()) };
        let Sent { object, resolved, .. } = &sent;
        if sent.owner(&live) != Ownership::Shared
            || using(resolved.document.clone(), &call.context, &live) == resolved.document
        {
            return Ok(());
        }
        let name = format!("{} `{}`", object.kind, object.name);
        match sent.share(live).await {
            Err(ProviderError::Denied { message: why, .. }) => {
                tracing::warn!("{name} does not say that this platform uses it: {why}");
                Ok(())
            }
            other => other.map(drop),
        }
    }
}
