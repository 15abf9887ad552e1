//! Waiting: for a retry, for an operation, for the cloud to come to rest, for reads to show what was made.

use std::time::Duration;

use serde_json::Value;

use super::{StepError, Subject, Worker, unexpected};
use crate::engine::{lie_in, poll};
use crate::error::{ChangeFailure, ProviderError, Retry};
use crate::ports::{Change, Event, Progress, Target, Waiting};
use crate::resource::{Observed, Record, Status};

/// Longest time between two looks for something that reads do not show yet.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// A failure of the change, or of the step around it.
pub(super) enum FollowError {
    Change(ChangeFailure),
    Step(StepError),
}

impl From<StepError> for FollowError {
    fn from(error: StepError) -> Self {
        Self::Step(error)
    }
}

impl Worker<'_> {
    /// Waits, unless the time limit would pass or the user wants to stop.
    async fn pause(&self, subject: &Subject<'_>, duration: Duration, error: &ProviderError) -> Result<(), StepError> {
        let spent = self.run.clock.elapsed().saturating_sub(subject.started);
        if spent + duration > subject.limit {
            return Err(subject.failed(error));
        }
        if self.run.wait(duration).await { Err(StepError::Interrupted) } else { Ok(()) }
    }

    /// Waits before a failed call is made again.
    pub(super) async fn back_off(
        &self,
        subject: &Subject<'_>,
        attempt: u32,
        error: &ProviderError,
    ) -> Result<(), StepError> {
        let after = match error {
            ProviderError::Throttled(Some(asked)) => (*asked).max(self.run.back_off(attempt)),
            _ => self.run.back_off(attempt),
        };
        let (address, text) = (subject.address.clone(), error.to_string());
        self.run.reporter.report(Event::Retrying { address, error: text, after });
        self.pause(subject, after, error).await
    }

    /// Reads the one resource.
    pub(super) async fn read(&self, subject: &Subject<'_>, remote_id: Option<String>, document: &Value) -> Observed {
        let target = Target {
            address: subject.address.clone(),
            kind: subject.kind.kind.clone(),
            remote_id,
            document: document.clone(),
            baseline: Value::Null,
        };
        let absent = Observed::absent(subject.address);
        self.run.read_all(vec![target]).await.pop().unwrap_or(absent)
    }

    /// Follows a pending change to its end. Errors that may pass by themselves are waited out.
    pub(super) async fn follow(
        &self,
        subject: &Subject<'_>,
        change: &mut Change,
        first: Waiting,
    ) -> Result<Observed, FollowError> {
        let mut waiting = first;
        let mut attempt = 0;
        let mut polls = 0;
        let usual = self.run.history.usual(&subject.kind.kind, subject.action.into());
        let out_of_time = ProviderError::TimedOut(format!(
            "still not done after {} s, its time limit; the cloud goes on, and the next run picks it up",
            subject.limit.as_secs()
        ));
        loop {
            if waiting.remote_id.is_some() {
                change.remote_id.clone_from(&waiting.remote_id);
            }
            self.note_operation(subject, waiting.remote_id.clone(), Some(waiting.operation.clone())).await?;
            let (address, message) = (subject.address.clone(), waiting.message.clone());
            self.run.reporter.report(Event::Waiting { address, message });
            let spent = self.run.clock.elapsed().saturating_sub(subject.started);
            let after = match waiting.poll_after {
                // What an earlier run began is asked after at once.
                Duration::ZERO if polls == 0 => Duration::ZERO,
                // No longer than what is left, unless the provider says so itself.
                asked => poll::interval(subject.action, asked, polls, spent, usual)
                    .min(subject.limit.saturating_sub(spent).max(asked)),
            };
            self.pause(subject, after, &out_of_time).await?;
            polls += 1;
            loop {
                let call = self.run.call().await;
                match subject.provider.poll(&call, change, &waiting.operation).await {
                    Ok(Progress::Done(observed)) => return Ok(observed),
                    Ok(Progress::Pending(next)) => {
                        attempt = 0;
                        waiting = next;
                        break;
                    }
                    Err(failure) if failure.error.retry() != Retry::No => {
                        attempt += 1;
                        self.back_off(subject, attempt, &failure.error).await?;
                    }
                    Err(failure) => {
                        // It has ended: the next run must not ask after it again.
                        self.note_operation(subject, failure.remote_id.clone(), None).await?;
                        return Err(FollowError::Change(failure));
                    }
                }
            }
        }
    }

    async fn note_operation(
        &self,
        subject: &Subject<'_>,
        remote_id: Option<String>,
        operation: Option<Value>,
    ) -> Result<(), StepError> {
        let noted = move |record: &mut Record| {
            if remote_id.is_some() {
                record.remote_id = remote_id;
            }
            if let Some(pending) = record.pending.as_mut() {
                pending.operation = operation;
            }
        };
        Ok(self.run.journal.change_record(subject.address, noted).await?)
    }

    /// Follows what an earlier run began. None when it began nothing that can be asked after, or when that has failed since:
    /// then reading tells what there is.
    pub(super) async fn pick_up(
        &self,
        subject: &Subject<'_>,
        record: Option<&Record>,
        prior: &Value,
    ) -> Result<Option<Observed>, StepError> {
        let Some((record, pending)) = record.and_then(|r| r.pending.as_ref().map(|p| (r, p))) else { return Ok(None) };
        let Some(operation) = pending.operation.clone() else { return Ok(None) };
        let mut change = subject.change(&pending.document, pending.token.clone());
        change.remote_id.clone_from(&record.remote_id);
        change.prior = prior.clone();
        let waiting = Waiting {
            remote_id: None,
            operation,
            poll_after: Duration::ZERO,
            message: "picked up from the last run".to_owned(),
        };
        match self.follow(subject, &mut change, waiting).await {
            Ok(observed) => Ok(Some(self.at_rest(subject, &change, observed).await?)),
            Err(FollowError::Step(error)) => Err(error),
            Err(FollowError::Change(failure)) => {
                let (address, error) = (subject.address.clone(), failure.error.to_string());
                self.run.reporter.report(Event::Retrying { address, error, after: Duration::ZERO });
                Ok(None)
            }
        }
    }

    /// Picks up what an earlier run began, and waits until the cloud has stopped changing it by itself.
    pub(super) async fn settled(
        &self,
        subject: &Subject<'_>,
        record: Option<&Record>,
        observed: Observed,
        document: &Value,
    ) -> Result<Observed, StepError> {
        if !matches!(observed.status, Status::InProgress(_)) {
            return Ok(observed);
        }
        match self.pick_up(subject, record, &observed.document).await? {
            Some(found) => Ok(found),
            None => self.settle_progress(subject, observed, document).await,
        }
    }

    /// Waits until the cloud has stopped changing it by itself.
    pub(super) async fn settle_progress(
        &self,
        subject: &Subject<'_>,
        mut observed: Observed,
        document: &Value,
    ) -> Result<Observed, StepError> {
        let mut attempt = 0;
        while let Status::InProgress(message) = &observed.status {
            let (address, message) = (subject.address.clone(), message.clone());
            self.run.reporter.report(Event::Waiting { address, message: message.clone() });
            attempt += 1;
            let error = ProviderError::TimedOut(format!("the cloud is still changing it ({message})"));
            self.pause(subject, self.run.back_off(attempt), &error).await?;
            let remote_id = observed.remote_id.clone();
            observed = self.read(subject, remote_id, document).await;
        }
        Ok(observed)
    }

    /// Looks for what an earlier call may have made.
    ///
    /// Where the call can safely be repeated one look is enough; otherwise reads must stay empty for the kind's settle time.
    pub(super) async fn settle_absence(
        &self,
        subject: &Subject<'_>,
        sought: (Option<&str>, &Value),
        once: bool,
    ) -> Result<Observed, StepError> {
        let (remote_id, document) = sought;
        let remote_id = remote_id.map(str::to_owned);
        let mut observed = self.read(subject, remote_id.clone(), document).await;
        let settle = f64::from(subject.kind.settle_seconds) * self.run.settings.pace;
        let until = self.run.clock.elapsed() + Duration::from_secs_f64(settle);
        let mut attempt = 0;
        while !once && matches!(observed.status, Status::Absent) && self.run.clock.elapsed() < until {
            attempt += 1;
            let left = until.saturating_sub(self.run.clock.elapsed());
            let after = self.run.back_off(attempt).min(LOOK_INTERVAL).min(left);
            let error = ProviderError::TimedOut("waiting to see whether an earlier create took effect".to_owned());
            self.pause(subject, after, &error).await?;
            observed = self.read(subject, remote_id.clone(), document).await;
        }
        self.settle_progress(subject, observed, document).await
    }

    /// What a call that was done shows, at rest.
    pub(super) async fn at_rest(
        &self,
        subject: &Subject<'_>,
        change: &Change,
        mut observed: Observed,
    ) -> Result<Observed, StepError> {
        if observed.address != *subject.address {
            let lie = format!("the provider answered for `{}`", observed.address);
            return Err(subject.failed(&ProviderError::other("PROVIDER_LIED", lie)));
        }
        if observed.remote_id.is_none() {
            observed.remote_id.clone_from(&change.remote_id);
        }
        if let Status::Unreadable(error) = &observed.status
            && error.retry() != Retry::No
        {
            observed = self.read(subject, observed.remote_id.clone(), &change.document).await;
        }
        self.settle_progress(subject, observed, &change.document).await
    }

    /// The same of something that must be there.
    pub(super) async fn there(
        &self,
        subject: &Subject<'_>,
        change: &Change,
        observed: Observed,
    ) -> Result<Observed, StepError> {
        let observed = self.at_rest(subject, change, observed).await?;
        match &observed.status {
            Status::Present => match lie_in(&observed) {
                Some(lie) => Err(subject.failed(&ProviderError::other("PROVIDER_LIED", lie))),
                None => Ok(observed),
            },
            status => Err(subject.failed(&unexpected(status))),
        }
    }
}
