//! Deleting, and forgetting what is gone.

use std::time::Duration;

use serde_json::Value;

use super::wait::FollowError;
use super::{Step, StepError, Subject, Worker, unexpected};
use crate::address::Address;
use crate::error::{ChangeFailure, ProviderError, Retry};
use crate::plan::{Action, Purpose, guarded, removal};
use crate::ports::{BackendError, Change, Event, Progress};
use crate::resource::{Observed, PendingAction, Record, Status};

impl Worker<'_> {
    /// Deletes it, if it is there, and then its record.
    pub(super) async fn delete(&self, step: &Step, started: Duration) -> Result<(), StepError> {
        let address =
            if step.create_first { self.deposed_now(&step.address).await } else { Some(step.address.clone()) };
        let Some(address) = &address else { return Ok(()) };
        let record = self.run.journal.record(address).await;
        let desired = self.planned.graph.get(address);
        let Some(kind) = record.as_ref().map(|r| &r.kind).or(desired.map(|d| &d.kind)) else { return Ok(()) };
        let subject = self.subject(address, kind, started, PendingAction::Delete)?;
        if step.gone || record.as_ref().is_some_and(|r| r.external) {
            return Ok(self.forget(address).await?);
        }
        let observed = self.planned.observed.get(&step.address).cloned();
        let observed = observed.map(|seen| Observed { address: address.clone(), ..seen });
        let observed = observed.unwrap_or_else(|| Observed::absent(address));
        let Some(observed) = self.still_there(&subject, record.as_ref(), observed).await? else {
            return Ok(self.forget(address).await?);
        };
        if step.action == Action::Forget
            && let Some(record) = &record
        {
            match removal(record, &observed, self.planned.purpose, &self.planned.retained) {
                (Action::Forget, _) => return self.let_go(&subject, record, observed).await,
                (action, _) if self.stays(&subject, record, action) => return Err(subject.failed(&found_again())),
                _ => {}
            }
        }
        let action = if step.action == Action::Replace { Action::Delete } else { step.action };
        self.run.reporter.report(Event::Started { address: step.address.clone(), action });

        let pending = record.as_ref().and_then(|r| r.pending.as_ref());
        let interrupted = pending.filter(|p| p.action == PendingAction::Delete);
        let token = interrupted.map_or_else(|| self.run.clock.token(), |p| p.token.clone());
        let mut change = subject.change(&last_known(record.as_ref(), &observed), token);
        change.remote_id = observed.remote_id.clone().or_else(|| record.as_ref().and_then(|r| r.remote_id.clone()));
        change.prior = observed.document;
        if interrupted.is_some()
            && let Some(found) = self.pick_up(&subject, record.as_ref(), &change.prior).await?
            && matches!(found.status, Status::Absent)
        {
            return Ok(self.forget(address).await?);
        }
        self.begin(&subject, &change).await?;
        self.delete_until_gone(&subject, &mut change).await?;
        Ok(self.forget(address).await?)
    }

    /// Whether a plan that had seen it, and does this with it, would have kept it, or asked first.
    fn stays(&self, subject: &Subject<'_>, record: &Record, action: Action) -> bool {
        // What no run has finished is nobody's yet.
        if record.pending.as_ref().is_some_and(|pending| pending.action == PendingAction::Create) {
            return false;
        }
        let asks =
            || guarded(subject.kind, Some(record)).is_some() && !self.run.settings.confirmed.contains(subject.address);
        action != Action::Delete || self.planned.purpose != Purpose::Destroy && asks()
    }

    /// Leaves it to those who use it, and forgets it.
    async fn let_go(&self, subject: &Subject<'_>, record: &Record, observed: Observed) -> Result<(), StepError> {
        let mut change = subject.change(&last_known(Some(record), &observed), self.run.clock.token());
        change.remote_id = observed.remote_id;
        let change = &change;
        self.until_done(subject, |call| async move { subject.provider.release(&call, change).await }).await?;
        Ok(self.forget(subject.address).await?)
    }

    /// Where what this run deposed is recorded: older ones have steps of their own.
    async fn deposed_now(&self, address: &Address) -> Option<Address> {
        let records = self.run.journal.records().await;
        let of_this_run = |record: &&Record| {
            record.deposed.as_ref() == Some(address) && !self.planned.recorded.contains_key(&record.address)
        };
        records.iter().find(of_this_run).map(|record| record.address.clone())
    }

    /// What there is to delete. What is recorded may be there though the last read did not show it, unless its delete had begun.
    async fn still_there(
        &self,
        subject: &Subject<'_>,
        record: Option<&Record>,
        observed: Observed,
    ) -> Result<Option<Observed>, StepError> {
        let pending = record.and_then(|r| r.pending.as_ref());
        let remote_id = record.and_then(|r| r.remote_id.as_deref());
        let observed = match (&observed.status, record) {
            (Status::Absent, Some(record)) if pending.is_none_or(|p| p.action != PendingAction::Delete) => {
                let sought = last_known(Some(record), &observed);
                self.settle_absence(subject, (remote_id, &sought), false).await?
            }
            _ => observed,
        };
        match &observed.status {
            Status::Absent => Ok(None),
            // Found by its name alone, and not ours: ours was never made.
            Status::Foreign(_) if remote_id.is_none() => Ok(None),
            status @ (Status::Foreign(_) | Status::Ambiguous(_) | Status::Unreadable(_)) => {
                Err(subject.failed(&unexpected(status)))
            }
            _ => Ok(Some(observed)),
        }
    }

    async fn delete_until_gone(&self, subject: &Subject<'_>, change: &mut Change) -> Result<(), StepError> {
        let mut attempt = 0;
        loop {
            let call = self.mutation().await?;
            let progress = subject.provider.delete(&call, change).await;
            drop(call);
            let failure = match progress {
                Ok(Progress::Done(observed)) => {
                    let observed = self.at_rest(subject, change, observed).await?;
                    return Self::gone(subject, &observed);
                }
                Ok(Progress::Pending(waiting)) => match self.follow(subject, change, waiting).await {
                    Ok(observed) => {
                        let observed = self.at_rest(subject, change, observed).await?;
                        return Self::gone(subject, &observed);
                    }
                    Err(FollowError::Step(error)) => return Err(error),
                    // Its operation is not known any more: deleting once more tells whether it is gone.
                    Err(FollowError::Change(ChangeFailure { error: ProviderError::NotFound(what), .. })) => {
                        ProviderError::TimedOut(what).into()
                    }
                    Err(FollowError::Change(failure)) => failure,
                },
                Err(ChangeFailure { error: ProviderError::NotFound(_), .. }) => return Ok(()),
                Err(failure) => failure,
            };
            if failure.error.retry() == Retry::No {
                return Err(subject.failed(&failure.error));
            }
            attempt += 1;
            self.back_off(subject, attempt, &failure.error).await?;
        }
    }

    fn gone(subject: &Subject<'_>, observed: &Observed) -> Result<(), StepError> {
        match &observed.status {
            Status::Absent => Ok(()),
            status => Err(subject.failed(&unexpected(status))),
        }
    }

    pub(super) async fn forget(&self, address: &Address) -> Result<(), BackendError> {
        self.outcomes().remove(address);
        self.run.journal.put(address, |_| None).await
    }
}

fn found_again() -> ProviderError {
    ProviderError::Other {
        code: "RESOURCE_FOUND_AGAIN".to_owned(),
        message: "it read as absent when the plan was made, and is there after all".to_owned(),
        detail: serde_json::json!({ "hint": "nothing was done to it; the next plan shows what becomes of it" }),
    }
}

/// What it looked like when it was last seen, or what was sent to make it.
fn last_known(record: Option<&Record>, observed: &Observed) -> Value {
    let sent = record.and_then(|r| r.pending.as_ref()).map(|p| &p.document);
    let known = [Some(&observed.document), sent, record.map(|r| &r.attributes), record.map(|r| &r.baseline)];
    let told = |document: &&Value| document.as_object().is_some_and(|members| !members.is_empty());
    known.into_iter().flatten().find(told).cloned().unwrap_or(Value::Null)
}
