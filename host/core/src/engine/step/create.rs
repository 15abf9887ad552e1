//! Creating what is absent, without ever making a second one.

use std::sync::Arc;

use serde_json::Value;

use super::failure::in_the_way;
use super::wait::FollowError;
use super::{StepError, Subject, Worker};
use crate::diff::{Truths, differences};
use crate::error::{ChangeFailure, Retry};
use crate::kind::CreateSafety;
use crate::ports::{Change, Progress};
use crate::resource::{Observed, PendingAction, Record, Status};

/// What an earlier call may have made, though the last reads did not show it.
struct Doubt {
    remote_id: Option<String>,
    document: Value,
    /// Whether making the call once more cannot make a second one: the same token, or the same name.
    repeats: bool,
}

impl Worker<'_> {
    /// Creates it, and gives back what is there then, and whether this very call made it.
    pub(super) async fn create(
        &self,
        subject: &Subject<'_>,
        record: Option<&Record>,
        document: &Value,
    ) -> Result<(Observed, bool), StepError> {
        let pending = record.and_then(|r| r.pending.as_ref());
        let earlier = pending.filter(|p| p.action == PendingAction::Create);
        let same_secrets = record.is_none_or(|r| r.secret_changes(document, &self.run.fingerprints).is_empty());
        let same = earlier.filter(|p| p.document == *document && same_secrets);
        let mut change = subject.change(document, same.map_or_else(|| self.run.clock.token(), |p| p.token.clone()));
        // Whatever is recorded may be there: eventually consistent reads do not show it yet. Unless its delete had begun.
        let mut doubt = record.filter(|_| pending.is_none_or(|p| p.action != PendingAction::Delete)).map(|record| {
            let sought = earlier.map_or(&record.baseline, |p| &p.document);
            let sought = if sought.is_null() { document } else { sought };
            let repeats = match subject.kind.create {
                CreateSafety::Token => same.is_some(),
                CreateSafety::Named => sought == document,
                CreateSafety::Tagged => false,
            };
            Doubt { remote_id: record.remote_id.clone(), document: sought.clone(), repeats }
        });
        let mut refused_outright = record.is_none();
        if earlier.is_some()
            && let Some(found) = self.pick_up(subject, record, &Value::Null).await?
            && found.is_present()
        {
            return Ok((self.made(subject, &change, found).await?, false));
        }
        let mut attempt = 0;
        loop {
            if let Some(Doubt { remote_id, document: sought, repeats }) = &doubt {
                let found = self.settle_absence(subject, (remote_id.as_deref(), sought), *repeats).await?;
                match &found.status {
                    Status::Absent => {}
                    Status::Present => return Ok((self.made(subject, &change, found).await?, false)),
                    Status::Unreadable(error) if error.retry() != Retry::No => {
                        attempt += 1;
                        self.back_off(subject, attempt, error).await?;
                        continue;
                    }
                    _ => return Err(in_the_way(subject, &found)),
                }
            }
            change.remote_id = None;
            self.begin(subject, &change).await?;
            let failure = match self.create_once(subject, &mut change).await? {
                Ok(found) => return Ok((self.made(subject, &change, found).await?, true)),
                Err(failure) => failure,
            };
            let retry = self.retry(subject, &failure.error);
            let remote_id = failure.remote_id.or_else(|| change.remote_id.clone());
            if remote_id.is_some() {
                // It exists in spite of the failure: it is looked for by its name from now on.
                self.note_remote_id(subject, remote_id.clone()).await?;
            }
            if remote_id.is_some() || retry == Retry::AfterReading {
                refused_outright = false;
                let repeats = subject.kind.create != CreateSafety::Tagged;
                doubt = Some(Doubt { remote_id, document: document.clone(), repeats });
            }
            if retry == Retry::No {
                if refused_outright && !failure.error.leaves_doubt() {
                    // Nothing exists and nothing ever did, so nothing is recorded.
                    self.forget(subject.address).await?;
                }
                return Err(subject.failed(&failure.error));
            }
            attempt += 1;
            self.back_off(subject, attempt, &failure.error).await?;
        }
    }

    async fn create_once(
        &self,
        subject: &Subject<'_>,
        change: &mut Change,
    ) -> Result<Result<Observed, ChangeFailure>, StepError> {
        let call = self.mutation().await?;
        let sink = Arc::new(self.created(subject, change));
        let progress = subject.provider.create(&call, change, sink.clone()).await;
        change.remote_id = sink.told();
        let waiting = match progress {
            Ok(Progress::Done(observed)) => return Ok(Ok(observed)),
            Ok(Progress::Pending(waiting)) => waiting,
            Err(failure) => return Ok(Err(failure)),
        };
        drop(call);
        match self.follow(subject, change, waiting).await {
            Ok(observed) => Ok(Ok(observed)),
            Err(FollowError::Change(failure)) => Ok(Err(failure)),
            Err(FollowError::Step(error)) => Err(error),
        }
    }

    /// It exists. Its name is durable before anything more is done to it; when nothing is left to do, the result says it.
    async fn made(&self, subject: &Subject<'_>, change: &Change, observed: Observed) -> Result<Observed, StepError> {
        let told = observed.remote_id.clone();
        self.note_made(subject.address);
        let there = self.there(subject, change, observed).await;
        let whole = there.as_ref().is_ok_and(|observed| {
            let truths = Truths { desired: &change.document, baseline: &change.document, observed: &observed.document };
            differences(&subject.kind.schema, truths).is_empty()
        });
        if !whole && told.is_some() {
            self.note_remote_id(subject, told).await?;
        }
        there
    }

    async fn note_remote_id(&self, subject: &Subject<'_>, remote_id: Option<String>) -> Result<(), StepError> {
        // What was told while it was made is durable: nobody waits for that again.
        if self.run.journal.record(subject.address).await.is_some_and(|record| record.remote_id == remote_id) {
            return Ok(());
        }
        Ok(self.run.journal.change_record(subject.address, move |record| record.remote_id = remote_id).await?)
    }
}
