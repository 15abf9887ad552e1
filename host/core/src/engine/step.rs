//! One step: a resource is brought to what is wanted, or deleted, under the journal.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::lock::Mutex;
use serde_json::Value;

use super::journal::Created;
use super::{Planned, Run};
use crate::address::Address;
use crate::diagnostic::Diagnostic;
use crate::diff::{AttributeChange, Truths, differences};
use crate::document::{has_unknown, resolve};
use crate::error::{ChangeFailure, ProviderError, Retry};
use crate::kind::{CreateSafety, Kind};
use crate::plan::{Action, Outcome, look_up};
use crate::ports::{BackendError, Change, Event, Progress, Provider, Target, Waiting};
use crate::resource::{Desired, Observed, Pending, PendingAction, Record, Status};

/// Longest time of one provider call.
const CALL_DEADLINE: Duration = Duration::from_secs(120);

/// How often `update` is called for one change. EKS moves one minor version at a time; nothing known needs more than a dozen.
const MAX_UPDATES: usize = 24;

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// Delete it, or forget that it was.
    Delete,
    /// Create, update, or only record it.
    Converge,
}

/// One step of a plan.
#[derive(Debug, Clone)]
pub struct Step {
    /// The resource.
    pub address: Address,
    /// What is done now.
    pub verb: Verb,
    /// What the plan calls the whole.
    pub action: Action,
}

/// Why a step did not finish.
pub enum StepError {
    /// The change failed.
    Failed(Box<Diagnostic>),
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
    /// What a resource was recorded as needing.
    pub(super) fn recorded_needs(&self, address: &Address) -> Vec<Address> {
        self.recorded.get(address).into_iter().flatten().cloned().collect()
    }
}

/// Runs steps, and keeps what they found for the references of later ones.
pub(super) struct Worker<'a> {
    run: &'a Run,
    planned: &'a Planned,
    kinds: BTreeMap<String, Kind>,
    outcomes: Mutex<BTreeMap<Address, Outcome>>,
}

/// What one step knows about its resource.
struct Subject<'a> {
    address: &'a Address,
    kind: &'a Kind,
    provider: &'a Arc<dyn Provider>,
    started: Duration,
    limit: Duration,
    action: PendingAction,
}

impl<'a> Worker<'a> {
    pub(super) async fn new(run: &'a Run, planned: &'a Planned) -> Self {
        let outcomes = planned
            .observed
            .values()
            .filter(|observed| observed.is_present())
            .map(|o| (o.address.clone(), Outcome { document: o.document.clone(), settled: true }))
            .collect();
        Self { run, planned, kinds: run.kinds(), outcomes: Mutex::new(outcomes) }
    }

    pub(super) async fn run(&self, step: Step) -> (Step, Duration, Result<(), StepError>) {
        let started = self.run.clock.elapsed();
        let result = match step.verb {
            Verb::Delete => self.delete(&step, started).await,
            Verb::Converge => self.converge(&step, started).await,
        };
        (step, self.run.clock.elapsed().saturating_sub(started), result)
    }

    fn subject<'s>(
        &'s self,
        address: &'s Address,
        kind: &str,
        started: Duration,
        action: PendingAction,
    ) -> Result<Subject<'s>, StepError> {
        let unknown = || {
            let error = ProviderError::other("KIND_UNKNOWN", format!("no loaded provider knows the kind `{kind}`"));
            StepError::Failed(Box::new(failed(address, kind, action, &error)))
        };
        let kind = self.kinds.get(kind).ok_or_else(unknown)?;
        let provider = self.run.provider_of(&kind.kind).map_err(|_| unknown())?;
        let seconds = match action {
            PendingAction::Create => kind.time_limits.create,
            PendingAction::Update => kind.time_limits.update,
            PendingAction::Delete => kind.time_limits.delete,
        };
        Ok(Subject { address, kind, provider, started, limit: Duration::from_secs(seconds.into()), action })
    }

    /// Waits, unless the time limit would pass or the user wants to stop.
    async fn pause(&self, subject: &Subject<'_>, duration: Duration, error: &ProviderError) -> Result<(), StepError> {
        let spent = self.run.clock.elapsed().saturating_sub(subject.started);
        if spent + duration > subject.limit {
            return Err(subject.failed(error));
        }
        if self.run.wait(duration).await { Err(StepError::Interrupted) } else { Ok(()) }
    }

    async fn back_off(&self, subject: &Subject<'_>, attempt: u32, error: &ProviderError) -> Result<(), StepError> {
        let after = match error {
            ProviderError::Throttled(Some(asked)) => (*asked).max(self.run.back_off(attempt)),
            _ => self.run.back_off(attempt),
        };
        let (address, error_text) = (subject.address.clone(), error.to_string());
        self.run.reporter.report(Event::Retrying { address, error: error_text, after });
        self.pause(subject, after, error).await
    }

    async fn read(&self, subject: &Subject<'_>, remote_id: Option<String>, document: &Value, baseline: &Value) -> Observed {
        let target = Target {
            address: subject.address.clone(),
            kind: subject.kind.kind.clone(),
            remote_id,
            document: document.clone(),
            baseline: baseline.clone(),
        };
        let absent = Observed::absent(subject.address);
        self.run.read_all(vec![target]).await.pop().unwrap_or(absent)
    }

    /// Follows a pending change to its end.
    async fn follow(&self, subject: &Subject<'_>, change: &mut Change, first: Waiting) -> Result<Observed, ChangeFailureOr> {
        let mut waiting = first;
        let mut attempt = 0;
        let out_of_time = ProviderError::TimedOut(format!(
            "still not done after {} s, its time limit; the cloud goes on, and the next run picks it up",
            subject.limit.as_secs()
        ));
        loop {
            let (operation, remote_id) = (waiting.operation.clone(), waiting.remote_id.clone());
            if remote_id.is_some() {
                change.remote_id.clone_from(&remote_id);
            }
            self.run
                .journal
                .change_record(subject.address, |record| {
                    if remote_id.is_some() {
                        record.remote_id = remote_id;
                    }
                    if let Some(pending) = record.pending.as_mut() {
                        pending.operation = Some(operation);
                    }
                })
                .await
                .map_err(StepError::from)?;
            let (address, message) = (subject.address.clone(), waiting.message.clone());
            self.run.reporter.report(Event::Waiting { address, message });
            self.pause(subject, waiting.poll_after, &out_of_time).await?;
            let call = self.run.call().await;
            match subject.provider.poll(&call, change, &waiting.operation).await {
                Ok(Progress::Done(observed)) => return Ok(observed),
                Ok(Progress::Pending(next)) => {
                    attempt = 0;
                    waiting = next;
                }
                Err(failure) if failure.error.retry() != Retry::No => {
                    attempt += 1;
                    self.back_off(subject, attempt, &failure.error).await?;
                }
                Err(failure) => return Err(ChangeFailureOr::Failure(failure)),
            }
        }
    }

    /// Waits until the cloud has stopped changing it by itself.
    async fn settle_progress(&self, subject: &Subject<'_>, mut observed: Observed, document: &Value) -> Result<Observed, StepError> {
        let mut attempt = 0;
        while let Status::InProgress(message) = &observed.status {
            let (address, message) = (subject.address.clone(), message.clone());
            self.run.reporter.report(Event::Waiting { address, message: message.clone() });
            attempt += 1;
            let error = ProviderError::TimedOut(format!("the cloud is still changing it ({message})"));
            self.pause(subject, self.run.back_off(attempt), &error).await?;
            let remote_id = observed.remote_id.clone();
            observed = self.read(subject, remote_id, document, &Value::Null).await;
        }
        Ok(observed)
    }

    /// For things without name or token: reads must stay empty for the kind's settle time before a create is repeated.
    async fn settle_absence(&self, subject: &Subject<'_>, document: &Value) -> Result<Observed, StepError> {
        let mut observed = self.read(subject, None, document, &Value::Null).await;
        if subject.kind.create != CreateSafety::Tagged {
            return Ok(observed);
        }
        let settle = f64::from(subject.kind.settle_seconds) * self.run.settings.pace;
        let until = self.run.clock.elapsed() + Duration::from_secs_f64(settle);
        while matches!(observed.status, Status::Absent) && self.run.clock.elapsed() < until {
            let error = ProviderError::TimedOut("waiting to see whether an earlier create took effect".to_owned());
            self.pause(subject, Duration::from_secs(1), &error).await?;
            observed = self.read(subject, None, document, &Value::Null).await;
        }
        Ok(observed)
    }

    // ----- delete -----

    async fn delete(&self, step: &Step, started: Duration) -> Result<(), StepError> {
        let Some(record) = self.run.journal.record(&step.address).await else { return Ok(()) };
        let subject = self.subject(&step.address, &record.kind, started, PendingAction::Delete)?;
        let absent = Observed::absent(&step.address);
        let mut observed = self.planned.observed.get(&step.address).unwrap_or(&absent).clone();
        let sent = record.pending.as_ref().map(|p| p.document.clone()).filter(|d| !d.is_null());

        if matches!(observed.status, Status::Absent) {
            let unsure = record.pending.as_ref().is_some_and(|p| p.action == PendingAction::Create) && record.remote_id.is_none();
            if let (true, Some(document)) = (unsure, &sent) {
                observed = self.settle_absence(&subject, document).await?;
            }
        }
        if record.external || matches!(observed.status, Status::Absent) {
            return Ok(self.forget(&step.address).await?);
        }
        if step.action != Action::Replace {
            self.run.reporter.report(Event::Started { address: step.address.clone(), action: step.action });
        } else {
            self.run.reporter.report(Event::Started { address: step.address.clone(), action: Action::Delete });
        }
        let document = sent.unwrap_or_else(|| if observed.document.is_null() { record.attributes.clone() } else { observed.document.clone() });
        let interrupted = record.pending.as_ref().filter(|p| p.action == PendingAction::Delete);
        let token = interrupted.map_or_else(|| self.run.clock.token(), |p| p.token.clone());
        let operation = interrupted.and_then(|p| p.operation.clone());
        let mut change = Change {
            address: step.address.clone(),
            kind: record.kind.clone(),
            remote_id: observed.remote_id.clone().or(record.remote_id.clone()),
            document: document.clone(),
            prior: observed.document.clone(),
            paths: Vec::new(),
            token: token.clone(),
            deadline: CALL_DEADLINE,
        };
        let pending = self.pending(PendingAction::Delete, &token, &document, operation.clone());
        let remote_id = change.remote_id.clone();
        self.run
            .journal
            .change_record(&step.address, |record| {
                record.remote_id = remote_id;
                record.pending = Some(pending);
            })
            .await?;

        let mut attempt = 0;
        let mut resumed = operation;
        loop {
            let progress = match resumed.take() {
                Some(operation) => Ok(Progress::Pending(Waiting {
                    remote_id: None,
                    operation,
                    poll_after: Duration::ZERO,
                    message: "deleting, from the last run".to_owned(),
                })),
                None => {
                    let call = self.run.call().await;
                    subject.provider.delete(&call, &change).await
                }
            };
            let result = match progress {
                Ok(Progress::Done(observed)) => Ok(observed),
                Ok(Progress::Pending(waiting)) => match self.follow(&subject, &mut change, waiting).await {
                    Ok(observed) => Ok(observed),
                    Err(ChangeFailureOr::Step(error)) => return Err(error),
                    Err(ChangeFailureOr::Failure(failure)) => Err(failure),
                },
                Err(failure) => Err(failure),
            };
            match result {
                Ok(_) => return Ok(self.forget(&step.address).await?),
                Err(ChangeFailure { error: ProviderError::NotFound(_), .. }) => return Ok(self.forget(&step.address).await?),
                Err(failure) if failure.error.retry() != Retry::No => {
                    attempt += 1;
                    self.back_off(&subject, attempt, &failure.error).await?;
                }
                Err(failure) => return Err(subject.failed(&failure.error)),
            }
        }
    }

    async fn forget(&self, address: &Address) -> Result<(), BackendError> {
        self.outcomes.lock().await.remove(address);
        self.run
            .journal
            .change(|state| {
                state.records.remove(address);
            })
            .await
    }

    fn pending(&self, action: PendingAction, token: &str, document: &Value, operation: Option<Value>) -> Pending {
        Pending {
            action,
            token: token.to_owned(),
            started_at: self.run.clock.now(),
            document: document.clone(),
            operation,
        }
    }

    // ----- create and update -----

    async fn converge(&self, step: &Step, started: Duration) -> Result<(), StepError> {
        let address = &step.address;
        let Some(desired) = self.planned.graph.get(address) else { return Ok(()) };
        let record = self.run.journal.record(address).await;
        let absent = Observed::absent(address);
        let observed = match (step.action, self.planned.observed.get(address)) {
            (Action::Replace, _) | (_, None) => absent,
            (_, Some(observed)) => observed.clone(),
        };
        let first = if matches!(observed.status, Status::Absent) { PendingAction::Create } else { PendingAction::Update };
        let subject = self.subject(address, &desired.kind, started, first)?;
        let document = self.resolved(&subject, desired).await?;
        if desired.external {
            return self.finish(desired, &document, observed).await;
        }
        if step.action != Action::NoOp {
            let shown = if step.action == Action::Replace { Action::Create } else { step.action };
            self.run.reporter.report(Event::Started { address: address.clone(), action: shown });
        }

        let observed = self.resume(&subject, record.as_ref(), observed, &document).await?;
        let (observed, baseline) = match observed.status {
            Status::Absent => {
                let subject = Subject { action: PendingAction::Create, ..subject_like(&subject) };
                (self.create(&subject, desired, record.as_ref(), &document).await?, document.clone())
            }
            Status::Present => {
                let baseline = record.as_ref().map_or(Value::Null, |r| r.baseline.clone());
                (observed, baseline)
            }
            status => return Err(subject.failed(&unexpected(&status))),
        };
        let observed = self.update(&subject, desired, &document, observed, baseline).await?;
        self.finish(desired, &document, observed).await
    }

    /// The desired document, whole.
    async fn resolved(&self, subject: &Subject<'_>, desired: &Desired) -> Result<Value, StepError> {
        let outcomes = self.outcomes.lock().await;
        let document = resolve(&desired.document, &|to, pointer| look_up(&outcomes, to, pointer))
            .map_err(|error| subject.failed(&ProviderError::other("GRAPH_BAD_REFERENCE", error.to_string())))?;
        drop(outcomes);
        if has_unknown(&document) {
            let error = ProviderError::other("GRAPH_BAD_REFERENCE", "a reference is still unknown after what it needs was done");
            return Err(subject.failed(&error));
        }
        if let Some((pointer, sentence)) = subject.provider.check_document(&desired.kind, &document, false).into_iter().next() {
            let error = ProviderError::other("PROVIDER_LIED", format!("its document does not fit its schema at `{pointer}`: {sentence}"));
            return Err(subject.failed(&error));
        }
        Ok(document)
    }

    /// Picks up what an earlier run began, or what the cloud is doing by itself.
    async fn resume(
        &self,
        subject: &Subject<'_>,
        record: Option<&Record>,
        observed: Observed,
        document: &Value,
    ) -> Result<Observed, StepError> {
        if !matches!(observed.status, Status::InProgress(_)) {
            return Ok(observed);
        }
        let pending = record.and_then(|r| r.pending.as_ref());
        let Some((pending, operation)) = pending.and_then(|p| p.operation.clone().map(|o| (p, o))) else {
            return self.settle_progress(subject, observed, document).await;
        };
        let mut change = Change {
            address: subject.address.clone(),
            kind: subject.kind.kind.clone(),
            remote_id: observed.remote_id.clone(),
            document: pending.document.clone(),
            prior: observed.document.clone(),
            paths: Vec::new(),
            token: pending.token.clone(),
            deadline: CALL_DEADLINE,
        };
        let waiting = Waiting {
            remote_id: None,
            operation,
            poll_after: Duration::ZERO,
            message: "picked up from the last run".to_owned(),
        };
        match self.follow(subject, &mut change, waiting).await {
            Ok(observed) => Ok(observed),
            Err(ChangeFailureOr::Step(error)) => Err(error),
            Err(ChangeFailureOr::Failure(failure)) if failure.error.retry() == Retry::No => Err(subject.failed(&failure.error)),
            Err(ChangeFailureOr::Failure(_)) => self.settle_progress(subject, observed, document).await,
        }
    }

    async fn create(
        &self,
        subject: &Subject<'_>,
        desired: &Desired,
        record: Option<&Record>,
        document: &Value,
    ) -> Result<Observed, StepError> {
        // A create that an earlier run began may have taken effect: look before it is repeated.
        let earlier = record.and_then(|r| r.pending.as_ref()).filter(|p| p.action == PendingAction::Create);
        let mut unsure = earlier.is_some();
        let token = earlier.filter(|p| p.document == *document).map_or_else(|| self.run.clock.token(), |p| p.token.clone());
        let sought = earlier.map_or_else(|| document.clone(), |p| p.document.clone());
        self.begin(subject, desired, PendingAction::Create, &token, document).await?;

        let mut change = Change {
            address: subject.address.clone(),
            kind: desired.kind.clone(),
            remote_id: None,
            document: document.clone(),
            prior: Value::Null,
            paths: Vec::new(),
            token,
            deadline: CALL_DEADLINE,
        };
        let mut attempt = 0;
        loop {
            if unsure {
                let found = self.settle_absence(subject, &sought).await?;
                let found = self.settle_progress(subject, found, document).await?;
                match found.status {
                    Status::Absent => {}
                    Status::Present => return Ok(found),
                    Status::Unreadable(error) if error.retry() != Retry::No => {
                        attempt += 1;
                        self.back_off(subject, attempt, &error).await?;
                        continue;
                    }
                    status => return Err(subject.failed(&unexpected(&status))),
                }
            }
            let call = self.run.call().await;
            let sink = Arc::new(Created { journal: self.run.journal.clone(), address: subject.address.clone() });
            let result = match subject.provider.create(&call, &change, sink).await {
                Ok(Progress::Done(observed)) => return Ok(observed),
                Ok(Progress::Pending(waiting)) => match self.follow(subject, &mut change, waiting).await {
                    Ok(observed) => return Ok(observed),
                    Err(ChangeFailureOr::Step(error)) => return Err(error),
                    Err(ChangeFailureOr::Failure(failure)) => failure,
                },
                Err(failure) => failure,
            };
            let told = self.run.journal.record(subject.address).await.and_then(|r| r.remote_id);
            if let Some(remote_id) = result.remote_id.clone().or(told) {
                // It exists in spite of the failure: it is never created again, only mended.
                self.run
                    .journal
                    .change_record(subject.address, |record| record.remote_id = Some(remote_id.clone()))
                    .await?;
                if result.error.retry() == Retry::No {
                    return Err(subject.failed(&result.error));
                }
                attempt += 1;
                self.back_off(subject, attempt, &result.error).await?;
                let found = self.read(subject, Some(remote_id), document, &Value::Null).await;
                let found = self.settle_progress(subject, found, document).await?;
                match found.status {
                    Status::Present => return Ok(found),
                    // Eventual consistency: what was just made may not show yet.
                    Status::Absent | Status::Unreadable(_) => {
                        unsure = true;
                        continue;
                    }
                    status => return Err(subject.failed(&unexpected(&status))),
                }
            }
            match result.error.retry() {
                Retry::No => {
                    // Refused outright: nothing exists, so nothing is recorded.
                    if record.is_none() {
                        self.forget(subject.address).await?;
                    }
                    return Err(subject.failed(&result.error));
                }
                Retry::Safe => {}
                Retry::AfterReading => unsure = true,
            }
            attempt += 1;
            self.back_off(subject, attempt, &result.error).await?;
        }
    }

    /// Calls `update` while differences are left and shrink.
    async fn update(
        &self,
        subject: &Subject<'_>,
        desired: &Desired,
        document: &Value,
        mut observed: Observed,
        mut baseline: Value,
    ) -> Result<Observed, StepError> {
        let subject = Subject { action: PendingAction::Update, ..subject_like(subject) };
        let mut before: Option<Vec<AttributeChange>> = None;
        for _ in 0..MAX_UPDATES {
            let truths = Truths { desired: document, baseline: &baseline, observed: &observed.document };
            let left = differences(&subject.kind.schema, truths);
            if left.is_empty() {
                return Ok(observed);
            }
            if let Some(stuck) = left.iter().find(|change| change.forces_replace) {
                let error = ProviderError::other(
                    "CHANGE_NOT_POSSIBLE",
                    format!("`{}` cannot be changed in place, and is not what was asked for", stuck.pointer),
                );
                return Err(subject.failed(&error));
            }
            if before.as_ref() == Some(&left) {
                let pointers: Vec<&str> = left.iter().map(|change| change.pointer.as_str()).collect();
                let error = ProviderError::other(
                    "CHANGE_NOT_CONVERGING",
                    format!("the update was done, and {} still differs", pointers.join(", ")),
                );
                return Err(subject.failed(&error));
            }
            let token = self.run.clock.token();
            self.begin(&subject, desired, PendingAction::Update, &token, document).await?;
            let mut change = Change {
                address: subject.address.clone(),
                kind: desired.kind.clone(),
                remote_id: observed.remote_id.clone(),
                document: document.clone(),
                prior: observed.document.clone(),
                paths: left.iter().map(|change| change.pointer.clone()).collect(),
                token,
                deadline: CALL_DEADLINE,
            };
            let remote_id = observed.remote_id.clone();
            observed = self.update_once(&subject, &mut change).await?;
            if observed.remote_id.is_none() {
                observed.remote_id = remote_id;
            }
            before = Some(left);
            // What the user edited is acted on now; from here on only what the cloud shows counts.
            baseline = document.clone();
        }
        let error = ProviderError::other("CHANGE_NOT_CONVERGING", format!("still different after {MAX_UPDATES} updates"));
        Err(subject.failed(&error))
    }

    async fn update_once(&self, subject: &Subject<'_>, change: &mut Change) -> Result<Observed, StepError> {
        let mut attempt = 0;
        loop {
            let call = self.run.call().await;
            let failure = match subject.provider.update(&call, change).await {
                Ok(Progress::Done(observed)) => return Ok(observed),
                Ok(Progress::Pending(waiting)) => match self.follow(subject, change, waiting).await {
                    Ok(observed) => return Ok(observed),
                    Err(ChangeFailureOr::Step(error)) => return Err(error),
                    Err(ChangeFailureOr::Failure(failure)) => failure,
                },
                Err(failure) => failure,
            };
            if failure.error.retry() == Retry::No {
                return Err(subject.failed(&failure.error));
            }
            attempt += 1;
            self.back_off(subject, attempt, &failure.error).await?;
            let found = self.read(subject, change.remote_id.clone(), &change.document, &Value::Null).await;
            let found = self.settle_progress(subject, found, &change.document).await?;
            if found.is_present() {
                let truths = Truths { desired: &change.document, baseline: &change.document, observed: &found.document };
                if differences(&subject.kind.schema, truths).is_empty() {
                    return Ok(found);
                }
                change.prior = found.document;
            }
        }
    }

    /// Makes the change durable before it is begun.
    async fn begin(
        &self,
        subject: &Subject<'_>,
        desired: &Desired,
        action: PendingAction,
        token: &str,
        document: &Value,
    ) -> Result<(), StepError> {
        let pending = self.pending(action, token, document, None);
        let needs = self.planned.graph.needs(subject.address).cloned().collect();
        let fresh = Record {
            address: subject.address.clone(),
            kind: desired.kind.clone(),
            remote_id: None,
            attributes: Value::Object(serde_json::Map::new()),
            baseline: Value::Null,
            dependencies: needs,
            pending: None,
            imported: false,
            external: false,
            schema_version: subject.kind.schema_version,
            component_digest: subject.provider.digest().to_owned(),
            state_path: subject.kind.state_path.clone(),
        };
        self.run
            .journal
            .change(move |state| {
                let record = state.records.entry(fresh.address.clone()).or_insert(fresh);
                if action == PendingAction::Create {
                    record.remote_id = None;
                }
                record.pending = Some(pending);
            })
            .await?;
        Ok(())
    }

    /// Records the result; from here on references to it resolve.
    async fn finish(&self, desired: &Desired, document: &Value, observed: Observed) -> Result<(), StepError> {
        let address = &desired.address;
        let kind = &self.kinds[&desired.kind];
        let digest = self.run.provider_of(&desired.kind).map_or_else(|_| String::new(), |p| p.digest().to_owned());
        let outcome = Outcome { document: observed.document.clone(), settled: true };
        let record = Record {
            address: address.clone(),
            kind: desired.kind.clone(),
            remote_id: observed.remote_id,
            attributes: observed.attributes.unwrap_or(observed.document),
            baseline: document.clone(),
            dependencies: self.planned.graph.needs(address).cloned().collect(),
            pending: None,
            imported: false,
            external: desired.external,
            schema_version: kind.schema_version,
            component_digest: digest,
            state_path: kind.state_path.clone(),
        };
        self.run
            .journal
            .change(move |state| {
                let imported = state.records.get(&record.address).is_some_and(|r| r.imported);
                state.records.insert(record.address.clone(), Record { imported, ..record });
            })
            .await?;
        self.outcomes.lock().await.insert(address.clone(), outcome);
        Ok(())
    }
}

/// A failure of the change, or of the step around it.
enum ChangeFailureOr {
    Failure(ChangeFailure),
    Step(StepError),
}

impl From<StepError> for ChangeFailureOr {
    fn from(error: StepError) -> Self {
        Self::Step(error)
    }
}

fn subject_like<'a>(subject: &Subject<'a>) -> Subject<'a> {
    Subject { ..*subject }
}

impl Subject<'_> {
    fn failed(&self, error: &ProviderError) -> StepError {
        StepError::Failed(Box::new(failed(self.address, &self.kind.kind, self.action, error)))
    }
}

fn unexpected(status: &Status) -> ProviderError {
    match status {
        Status::Unreadable(error) => error.clone(),
        Status::Foreign(what) => ProviderError::other("RESOURCE_FOREIGN", format!("something of that name exists and is not ours: {what}")),
        Status::Ambiguous(ids) => ProviderError::other("RESOURCE_AMBIGUOUS", format!("several things bear its marks: {}", ids.join(", "))),
        Status::Failed(how) => ProviderError::other("RESOURCE_FAILED", format!("the cloud says that it failed: {how}")),
        Status::InProgress(what) => ProviderError::TimedOut(format!("the cloud is still changing it ({what})")),
        Status::Present => ProviderError::other("RESOURCE_EXISTS", "it exists, which was not expected"),
        Status::Absent => ProviderError::NotFound("it does not exist, which was not expected".to_owned()),
    }
}

/// `CLUSTER_CREATE_FAILED` and the like, with the cause in the details.
fn failed(address: &Address, kind: &str, action: PendingAction, error: &ProviderError) -> Diagnostic {
    let short = kind.split_once('.').map_or(kind, |(_, name)| name);
    let (verb, past) = match action {
        PendingAction::Create => ("CREATE", "created"),
        PendingAction::Update => ("UPDATE", "updated"),
        PendingAction::Delete => ("DELETE", "deleted"),
    };
    let code = format!("{}_{verb}_FAILED", short.replace(['-', '.'], "_").to_ascii_uppercase());
    let mut diagnostic = Diagnostic::error(&code, format!("A resource could not be {past}"), format!("`{address}`: {error}")).at(address);
    let mut details = serde_json::json!({
        "provider": address.provider(),
        "phase": format!("{}_{}", short.replace(['-', '.'], "_"), verb.to_ascii_lowercase()),
        "resource": address,
        "cause": error.code(),
    });
    match error {
        ProviderError::Remote { status, code, message } => {
            details["remote_error"] = serde_json::json!({ "status": status, "code": code, "message": message });
        }
        ProviderError::Other { detail, .. } => {
            if let Some(hints) = detail.get("hints").and_then(Value::as_array) {
                diagnostic.hints = hints.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            }
        }
        ProviderError::Denied(_) => diagnostic.hints.push("check that the credentials in use may do this".to_owned()),
        _ => {}
    }
    diagnostic.hints.push("what was done is recorded: run the same command again to go on".to_owned());
    diagnostic.details = details;
    diagnostic
}
