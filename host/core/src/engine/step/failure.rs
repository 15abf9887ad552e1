//! From an error to what the user is told.

use super::{StepError, Subject};
use crate::address::Address;
use crate::diagnostic::Diagnostic;
use crate::error::ProviderError;
use crate::plan::another_state;
use crate::resource::{Observed, PendingAction, Status};

/// A status that the step cannot go on from.
pub(super) fn unexpected(status: &Status) -> ProviderError {
    let other = ProviderError::other;
    match status {
        Status::Unreadable(error) => error.clone(),
        Status::Foreign(what) => {
            other("RESOURCE_FOREIGN", format!("something of that name exists and is not ours: {what}"))
        }
        Status::Ambiguous(ids) => {
            other("RESOURCE_AMBIGUOUS", format!("several things bear its marks: {}", ids.join(", ")))
        }
        Status::Failed(how) => other("RESOURCE_FAILED", format!("the cloud says that it failed: {how}")),
        Status::InProgress(what) => ProviderError::TimedOut(format!("the cloud is still changing it ({what})")),
        Status::Present => other("PROVIDER_LIED", "the provider says that it is there, where it cannot be".to_owned()),
        Status::Absent => other("PROVIDER_LIED", "the provider says that it is not there, where it must be".to_owned()),
    }
}

/// What stands in the way of a create, or cannot be gone on from.
pub(super) fn in_the_way(subject: &Subject<'_>, found: &Observed) -> StepError {
    match &found.other_lineage {
        Some(other) => {
            let marked = (found.address.clone(), other.clone());
            StepError::Failed(Box::new(another_state(&[marked]).at(&found.address)))
        }
        None => subject.failed(&unexpected(&found.status)),
    }
}

/// `CLUSTER_CREATE_FAILED` and the like, with the cause in the details.
pub(super) fn failed(address: &Address, kind: &str, action: PendingAction, error: &ProviderError) -> Diagnostic {
    let short = kind.split_once('.').map_or(kind, |(_, name)| name);
    let (verb, past) = match action {
        PendingAction::Create => ("CREATE", "created"),
        PendingAction::Update => ("UPDATE", "updated"),
        PendingAction::Delete => ("DELETE", "deleted"),
    };
    let code = format!("{}_{verb}_FAILED", short.replace(['-', '.'], "_").to_ascii_uppercase());
    let mut diagnostic =
        Diagnostic::error(&code, format!("A resource could not be {past}"), format!("`{address}`: {error}"))
            .at(address);
    let mut details = serde_json::json!({
        "provider": address.provider(),
        "phase": format!("{}_{}", short.replace(['-', '.'], "_"), verb.to_ascii_lowercase()),
        "resource": address,
        "cause": error.code(),
    });
    if let ProviderError::Remote { status, code, message } = error {
        details["remote_error"] = serde_json::json!({ "status": status, "code": code, "message": message });
    }
    diagnostic.hints = error.hints();
    diagnostic.hints.push("what was done is recorded: run the same command again to go on".to_owned());
    diagnostic.details = details;
    diagnostic
}
