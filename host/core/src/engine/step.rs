//! One step: a resource is brought to what is wanted, or deleted, under the journal.

mod birth;
mod create;
mod delete;
mod failure;
mod update;
mod wait;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::channel::mpsc::UnboundedSender;
use serde_json::{Map, Value};

use self::birth::Birth;
pub(super) use self::failure::Failure;
use self::failure::{failed, unexpected};
use super::{Planned, Run};
use crate::address::Address;
use crate::document::{has_unknown, resolve, without_secrets};
use crate::error::{ProviderError, Retry};
use crate::kind::Kind;
use crate::plan::{Action, Basis, Outcome, Purpose, Wanted, decide, look_up, overlay};
use crate::ports::{BackendError, Call, Change, Event, Provider};
use crate::resource::{Desired, Observed, Pending, PendingAction, Record, SUFFIX_DIGITS, Status};
use crate::secret::{Accepted, Fingerprints, accepted, accepted_over, sent};
use crate::state::State;

/// Longest time of one provider call.
const CALL_DEADLINE: Duration = Duration::from_mins(2);

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum StepKind {
    /// Delete it, or forget that it was.
    Delete,
    /// Create, update, or only record it.
    Converge,
}

/// One step of a plan.
#[derive(Debug, Clone)]
pub(super) struct Step {
    /// The resource.
    pub(super) address: Address,
    /// What is done now.
    pub(super) verb: StepKind,
    /// What the plan calls the whole.
    pub(super) action: Action,
    /// A replacement whose new one is made before the old one goes.
    pub(super) create_first: bool,
    /// Of a delete: it is gone with what it was a part of.
    pub(super) gone: bool,
}

/// Why a step did not finish.
pub(super) enum StepError {
    /// The change failed.
    Failed(Box<Failure>),
    /// The user wanted to stop; what is pending is in the journal.
    Interrupted,
    /// The journal could not be written.
    Backend(BackendError),
}

impl From<BackendError> for StepError {
    fn from(error: BackendError) -> Self {
        Self::Backend(error)
    }
}

impl Planned {
    /// Of the secrets that this plan accepts: what is brought back was accepted before.
    pub(super) fn fingerprints<'a>(&self, run: &'a Run) -> &'a Fingerprints {
        static NONE: Fingerprints = Fingerprints::new();
        if self.purpose == Purpose::Restore { &NONE } else { &run.fingerprints }
    }

    /// What a resource was recorded as needing.
    pub(super) fn recorded_needs(&self, address: &Address) -> impl Iterator<Item = &Address> {
        self.recorded.get(address).into_iter().flatten()
    }
}

/// Runs steps, and keeps what they found for the references of later ones.
pub(super) struct Worker<'a> {
    run: &'a Run,
    planned: &'a Planned,
    outcomes: Mutex<BTreeMap<Address, Outcome>>,
    births: UnboundedSender<Birth>,
    /// What this run has made, or found begun, and when.
    made: Mutex<BTreeMap<Address, Duration>>,
}

/// What one step knows about its resource.
#[derive(Clone, Copy)]
struct Subject<'a> {
    address: &'a Address,
    kind: &'a Kind,
    provider: &'a Arc<dyn Provider>,
    started: Duration,
    limit: Duration,
    action: PendingAction,
}

impl Subject<'_> {
    fn failed(&self, error: &ProviderError) -> StepError {
        StepError::Failed(Box::new(failed(self.address, &self.kind.kind, self.action, error)))
    }

    /// A change of it, to be completed by its verb.
    fn change(&self, document: &Value, token: String) -> Change {
        Change {
            address: self.address.clone(),
            kind: self.kind.kind.clone(),
            remote_id: None,
            document: document.clone(),
            prior: Value::Null,
            paths: Vec::new(),
            token,
            deadline: CALL_DEADLINE,
        }
    }
}

impl<'a> Worker<'a> {
    pub(super) async fn new(run: &'a Run, planned: &'a Planned, births: UnboundedSender<Birth>) -> Self {
        let mut outcomes: BTreeMap<Address, Outcome> = planned
            .observed
            .values()
            .filter(|observed| observed.is_present())
            .map(|o| (o.address.clone(), Outcome { document: o.document.clone(), settled: true }))
            .collect();
        let records = run.journal.records().await;
        // What a run that was cut short has begun to make may be as fresh as what this one makes.
        let begun = |record: &&Record| record.pending.as_ref().is_some_and(|p| p.action == PendingAction::Create);
        let now = run.clock.elapsed();
        let made = records.iter().filter(begun).map(|record| (record.address.clone(), now)).collect();
        for record in records.iter().filter(|r| r.baseline.is_object()) {
            // The cloud does not show every value that was sent.
            if let Some(outcome) = outcomes.get_mut(&record.address) {
                outcome.document = overlay(&record.baseline, &outcome.document);
            }
        }
        Self { run, planned, outcomes: Mutex::new(outcomes), births, made: Mutex::new(made) }
    }

    fn fingerprints(&self) -> &Fingerprints {
        self.planned.fingerprints(self.run)
    }

    /// The call of a mutation. None is begun while somebody else may come to work on the state before it has ended.
    async fn mutation(&self) -> Result<Call, BackendError> {
        self.run.journal.holds_for(CALL_DEADLINE).await?;
        Ok(self.run.call().await)
    }

    /// Says something where it stands, which done twice is as if done once: what may pass by itself is tried again.
    async fn until_done<F: Future<Output = Result<(), ProviderError>>>(
        &self,
        subject: &Subject<'_>,
        say: impl Fn(Call) -> F,
    ) -> Result<(), StepError> {
        let attempt = async || Ok(say(self.mutation().await?).await);
        let will_do = |said: &Result<Result<(), ProviderError>, BackendError>| match said {
            Ok(Err(error)) => error.retry() == Retry::No,
            Ok(Ok(())) | Err(_) => true,
        };
        self.run.until(attempt, will_do).await?.map_err(|error| subject.failed(&error))
    }

    pub(super) async fn run(&self, step: Step) -> (Step, Duration, Result<(), StepError>) {
        let started = self.run.clock.elapsed();
        let result = match step.verb {
            StepKind::Delete => self.delete(&step, started).await,
            StepKind::Converge => self.converge(&step, started).await,
        };
        (step, self.run.clock.elapsed().saturating_sub(started), result)
    }

    fn outcomes(&self) -> std::sync::MutexGuard<'_, BTreeMap<Address, Outcome>> {
        self.outcomes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn subject<'s>(
        &'s self,
        address: &'s Address,
        kind: &str,
        started: Duration,
        action: PendingAction,
    ) -> Result<Subject<'s>, StepError> {
        let (kind, provider) = self.run.served(kind).ok_or_else(|| {
            let error = ProviderError::other("KIND_UNKNOWN", format!("no loaded provider knows the kind `{kind}`"));
            StepError::Failed(Box::new(failed(address, kind, action, &error)))
        })?;
        let seconds = match action {
            PendingAction::Create => kind.time_limits.create,
            PendingAction::Update => kind.time_limits.update,
            PendingAction::Delete => kind.time_limits.delete,
        };
        Ok(Subject { address, kind, provider, started, limit: Duration::from_secs(seconds.into()), action })
    }

    async fn converge(&self, step: &Step, started: Duration) -> Result<(), StepError> {
        let address = &step.address;
        let Some(desired) = self.planned.graph.get(address) else { return Ok(()) };
        if step.create_first {
            self.depose(address).await?;
        }
        let record = self.run.journal.record(address).await;
        let observed = match (step.action, self.planned.observed.get(address)) {
            (Action::Replace, _) | (_, None) => Observed::absent(address),
            (_, Some(observed)) => observed.clone(),
        };
        let creating =
            record.as_ref().and_then(|r| r.pending.as_ref()).is_some_and(|p| p.action == PendingAction::Create);
        let absent = matches!(observed.status, Status::Absent);
        let action = if absent || creating { PendingAction::Create } else { PendingAction::Update };
        let subject = self.subject(address, &desired.kind, started, action)?;
        let document = self.resolved(&subject, desired, record.as_ref(), &observed)?;
        if desired.external {
            return self.finish(&subject, desired, &document, observed).await;
        }
        if step.action != Action::NoOp {
            let shown = if step.action == Action::Replace { Action::Create } else { step.action };
            self.run.reporter.report(Event::Started { address: address.clone(), action: shown });
        }

        let observed = self.settled(&subject, record.as_ref(), observed, &document).await?;
        if !matches!(observed.status, Status::Absent | Status::Present) {
            return Err(subject.failed(&unexpected(&observed.status)));
        }
        let (record_now, graph) = (record.as_ref(), &self.planned.graph);
        let wanted = Wanted { kind: subject.kind, document: &document, record: record_now, graph };
        let mut standing = Basis::of(record_now, &document, &self.run.fingerprints, self.planned.purpose);
        let decision = decide(&wanted, &observed, &standing);
        let (observed, left) = if decision.action == Action::Create {
            let subject = Subject { action: PendingAction::Create, ..subject };
            let (made, fresh) = self.create(&subject, record_now, &document).await?;
            standing.baseline = document.clone();
            if fresh {
                standing.secrets.clear();
            }
            let left = standing.difference(subject.kind, &document, &made.document).acted_on;
            (made, left)
        } else {
            (observed, decision.difference.acted_on)
        };
        let observed = self.update(&subject, &document, observed, (standing, left)).await?;
        if observed.shared && record.is_none_or(|record| !record.shared) {
            let mut change = subject.change(&document, self.run.clock.token());
            change.remote_id.clone_from(&observed.remote_id);
            let (provider, change) = (subject.provider, &change);
            self.until_done(&subject, |call| async move { provider.claim(&call, change).await }).await?;
        }
        self.finish(&subject, desired, &document, observed).await
    }

    /// Makes room for a replacement beside the old one, in one write: there is no moment at which either is not recorded.
    async fn depose(&self, address: &Address) -> Result<(), StepError> {
        let (address, token) = (address.clone(), self.run.clock.token());
        let deposed = move |state: &mut State| {
            let (_, suffix) = token.split_at(token.len().saturating_sub(SUFFIX_DIGITS));
            if let Some(record) = state.records.remove(&address) {
                let (old, new) = record.depose(suffix);
                state.records.insert(old.address.clone(), old);
                state.records.insert(new.address.clone(), new);
            }
        };
        Ok(self.run.journal.change(deposed).await?)
    }

    /// The desired document, whole.
    fn resolved(
        &self,
        subject: &Subject<'_>,
        desired: &Desired,
        record: Option<&Record>,
        observed: &Observed,
    ) -> Result<Value, StepError> {
        let bad = |what: String| subject.failed(&ProviderError::other("GRAPH_BAD_REFERENCE", what));
        let document = {
            let outcomes = self.outcomes();
            resolve(&desired.document, &|to, pointer| look_up(&outcomes, to, pointer))
                .map_err(|error| bad(error.to_string()))?
        };
        let document = desired.named(document, record, Some(observed));
        if has_unknown(&document) {
            return Err(bad("a reference is still unknown after what it needs was done".to_owned()));
        }
        if let Some((pointer, sentence)) =
            subject.provider.check_document(&desired.kind, &document, false).into_iter().next()
        {
            let what = format!("its document does not fit its schema at `{pointer}`: {sentence}");
            return Err(subject.failed(&ProviderError::other("PROVIDER_LIED", what)));
        }
        Ok(document)
    }

    fn pending(&self, action: PendingAction, token: &str, document: &Value) -> Pending {
        let started_at = self.run.clock.now();
        Pending { action, token: token.to_owned(), started_at, document: document.clone(), operation: None }
    }

    fn needs(&self, address: &Address) -> BTreeSet<Address> {
        self.planned.graph.needs(address).cloned().collect()
    }

    /// Makes a change durable before it is begun.
    async fn begin(&self, subject: &Subject<'_>, change: &Change) -> Result<(), StepError> {
        let mut pending = self.pending(subject.action, &change.token, &change.document);
        let unmade = Record {
            schema_version: subject.kind.schema_version,
            component_digest: subject.provider.digest().to_owned(),
            state_path: subject.kind.state_path_of(&change.document),
            ..Record::unmade(subject.address.clone(), subject.kind.kind.clone())
        };
        let (needs, remote_id) = (self.needs(subject.address), change.remote_id.clone());
        let now = accepted(&change.document, &self.run.fingerprints);
        let begun = move |before: Option<Record>| {
            let mut record = before.unwrap_or(unmade);
            // It may come to stand on these from now on, on the recorded ones until it is done.
            record.dependencies.extend(needs);
            match pending.action {
                // What it was called is gone: the new one is looked for by its marks until its name is told.
                PendingAction::Create => record.remote_id = None,
                _ => record.remote_id = remote_id.or(record.remote_id),
            }
            if pending.action != PendingAction::Delete {
                let fresh = record.baseline.is_null() && record.pending.is_none();
                record.secrets = sent(now, &record.secrets, fresh);
            }
            if !record.baseline.is_null() {
                record.baseline = record.claimed(&pending.document);
            }
            if let Some(before) = record.pending.filter(|p| p.action == pending.action && p.token == pending.token) {
                pending.started_at = before.started_at;
            }
            record.pending = Some(pending);
            Some(record)
        };
        Ok(self.run.journal.put(subject.address, begun).await?)
    }

    /// Records the result; from here on references to it resolve.
    async fn finish(
        &self,
        subject: &Subject<'_>,
        desired: &Desired,
        document: &Value,
        observed: Observed,
    ) -> Result<(), StepError> {
        let address = &desired.address;
        let outcome = Outcome { document: overlay(document, &observed.document), settled: true };
        let record = Record {
            address: address.clone(),
            kind: desired.kind.clone(),
            remote_id: observed.remote_id,
            attributes: without_secrets(observed.attributes.unwrap_or(observed.document), document),
            baseline: document.clone(),
            dependencies: self.needs(address),
            secrets: Accepted::new(),
            pending: None,
            imported: false,
            external: desired.external,
            schema_version: subject.kind.schema_version,
            component_digest: subject.provider.digest().to_owned(),
            state_path: subject.kind.state_path_of(document),
            name_suffix: desired.suffix_of(document).map(str::to_owned),
            deposed: None,
            shared: observed.shared,
            unknown: Map::new(),
        };
        let now = accepted(document, self.fingerprints());
        let restores = self.planned.purpose == Purpose::Restore;
        let done = move |before: Option<Record>| {
            // What is brought back is called as it was: nobody said how the config would call it.
            let name_suffix = match &before {
                Some(before) if restores => before.name_suffix.clone(),
                _ => record.name_suffix.clone(),
            };
            let imported = before.as_ref().is_some_and(|r| r.imported);
            let known = before.as_ref().map(|r| r.secrets.clone()).unwrap_or_default();
            let secrets = accepted_over(&record.baseline, &known, now);
            let unknown = before.as_ref().map(|r| r.unknown.clone()).unwrap_or_default();
            let remote_id = record.remote_id.clone().or_else(|| before.and_then(|r| r.remote_id));
            Some(Record { remote_id, secrets, imported, name_suffix, unknown, ..record })
        };
        self.run.journal.put(address, done).await?;
        self.outcomes().insert(address.clone(), outcome);
        Ok(())
    }
}
