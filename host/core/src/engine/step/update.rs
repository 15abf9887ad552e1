//! Changing in place, until nothing differs.

use std::collections::BTreeSet;

use serde_json::Value;

use super::wait::FollowError;
use super::{StepError, Subject, Worker};
use crate::diff::{AttributeChange, Truths, differences};
use crate::document::{canonical, is_mark};
use crate::error::{ProviderError, Retry};
use crate::plan::{Basis, overlay};
use crate::ports::{Change, Progress};
use crate::resource::{Observed, PendingAction};

/// How often `update` is called for one change. A managed cluster moves one minor version at a time; nothing known needs more than a dozen.
const MAX_UPDATES: usize = 24;

impl Worker<'_> {
    /// Calls `update` while differences are left and shrink. `left` is what differs from what `standing` says.
    pub(super) async fn update(
        &self,
        subject: &Subject<'_>,
        document: &Value,
        mut observed: Observed,
        (standing, mut left): (Basis, Vec<AttributeChange>),
    ) -> Result<Observed, StepError> {
        let subject = Subject { action: PendingAction::Update, ..*subject };
        let Basis { mut baseline, imported, .. } = standing;
        let edits: BTreeSet<String> = left.iter().map(|change| change.pointer.clone()).collect();
        let mut before: Option<Vec<AttributeChange>> = None;
        for _ in 0..MAX_UPDATES {
            if left.is_empty() {
                return Ok(observed);
            }
            if let Some(error) = stuck(&left, before.as_deref()) {
                return Err(subject.failed(&error));
            }
            let mut change = subject.change(document, self.run.clock.token());
            change.remote_id.clone_from(&observed.remote_id);
            change.prior.clone_from(&observed.document);
            change.paths = left.iter().map(|change| change.pointer.clone()).collect();
            self.begin(&subject, &change).await?;
            observed = self.update_once(&subject, &mut change).await?;
            before = Some(left);
            // What the user edited is acted on now; from here on only what the cloud shows counts. What is no longer asked for
            // stays in the baseline, so that it is missed if it does not go.
            baseline = overlay(&baseline, document);
            let truths = Truths { desired: document, baseline: &baseline, observed: &observed.document };
            left = differences(&subject.kind.schema, truths);
            left.retain(|change| !imported || edits.contains(&change.pointer));
        }
        let error =
            ProviderError::other("CHANGE_NOT_CONVERGING", format!("still different after {MAX_UPDATES} updates"));
        Err(subject.failed(&error))
    }

    async fn update_once(&self, subject: &Subject<'_>, change: &mut Change) -> Result<Observed, StepError> {
        let mut attempt = 0;
        loop {
            let call = self.mutation().await?;
            let progress = subject.provider.update(&call, change).await;
            drop(call);
            let failure = match progress {
                Ok(Progress::Done(observed)) => return self.there(subject, change, observed).await,
                Ok(Progress::Pending(waiting)) => match self.follow(subject, change, waiting).await {
                    Ok(observed) => return self.there(subject, change, observed).await,
                    Err(FollowError::Step(error)) => return Err(error),
                    Err(FollowError::Change(failure)) => failure,
                },
                Err(failure) => failure,
            };
            if self.retry(subject, &failure.error) == Retry::No {
                return Err(subject.failed(&failure.error));
            }
            attempt += 1;
            self.back_off(subject, attempt, &failure.error).await?;
            let found = self.read(subject, change.remote_id.clone(), &change.document).await;
            let found = self.settle_progress(subject, found, &change.document).await?;
            if found.is_present() {
                let moved = change.paths.iter().any(|path| found.document.pointer(path) != change.prior.pointer(path));
                if moved {
                    // It took effect, wholly or in part: the caller sees what is left.
                    return Ok(found);
                }
                change.prior = found.document;
            }
        }
    }
}

/// Why going on would not help.
fn stuck(left: &[AttributeChange], before: Option<&[AttributeChange]>) -> Option<ProviderError> {
    if let Some(stuck) = left.iter().find(|change| change.forces_replace) {
        let (is, wanted) = (said(stuck, &stuck.old), said(stuck, &stuck.new));
        return Some(ProviderError::Other {
            code: "CHANGE_NOT_POSSIBLE".to_owned(),
            message: format!(
                "`{}` is {is} and should be {wanted}, which this kind of thing cannot become once it is made",
                stuck.pointer
            ),
            detail: serde_json::json!({ "hint": "run `nic plan`: it shows the replacement that this takes" }),
        });
    }
    // An edit that did not take has become a drift: only the values count.
    let values = |changes: &[AttributeChange]| -> Vec<_> {
        changes.iter().map(|c| (c.pointer.clone(), c.old.clone(), c.new.clone())).collect()
    };
    if before.map(values).as_ref() != Some(&values(left)) {
        return None;
    }
    let pointers: Vec<&str> = left.iter().map(|change| change.pointer.as_str()).collect();
    Some(ProviderError::Other {
        code: "CHANGE_NOT_CONVERGING".to_owned(),
        message: format!("the update was done, and {} still differs", pointers.join(", ")),
        detail: serde_json::json!({ "hint": "see what sets it back: another tool, a policy of the account, or the cloud itself" }),
    })
}

/// Longest value that is told, in characters.
const MAX_VALUE: usize = 60;

/// A value in words; what is not to be shown is not.
fn said(change: &AttributeChange, value: &Value) -> String {
    if value.is_null() {
        return "not set".to_owned();
    }
    if change.sensitive || is_mark(value) {
        return "a secret".to_owned();
    }
    let whole = value.as_str().map_or_else(|| canonical(value), str::to_owned);
    match whole.char_indices().nth(MAX_VALUE) {
        Some((end, _)) => format!("`{}…`", &whole[..end]),
        None => format!("`{whole}`"),
    }
}
