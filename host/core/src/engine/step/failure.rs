//! From an error to what the user is told.

use super::{StepError, Subject};
use crate::address::Address;
use crate::diagnostic::Diagnostic;
use crate::error::{NOT_IMPLEMENTED, ProviderError, Retry};
use crate::plan::another_state;
use crate::resource::{Observed, PendingAction, Status};

/// A failed change, to be told.
pub(in crate::engine) struct Failure {
    /// What the user is told of it.
    pub(in crate::engine) diagnostic: Diagnostic,
    /// What it has in common with others that failed for the same cause.
    pub(in crate::engine) cause: String,
}

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
            let diagnostic = another_state(&[marked]).at(&found.address);
            StepError::Failed(Box::new(Failure { cause: diagnostic.code.clone(), diagnostic }))
        }
        None => subject.failed(&unexpected(&found.status)),
    }
}

/// `CLUSTER_CREATE_FAILED` and the like, with the cause in the details.
pub(super) fn failed(address: &Address, kind: &str, action: PendingAction, error: &ProviderError) -> Failure {
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
    let WayOn { mend, then } = way_on(error);
    if diagnostic.hints.is_empty() {
        diagnostic.hints.extend(mend.map(str::to_owned));
    }
    diagnostic.hints.extend(then.map(str::to_owned));
    diagnostic.details = details;
    Failure { diagnostic, cause: error.cause() }
}

/// What the user can do after a failed change.
struct WayOn {
    /// What has to be another way first, where the error itself does not say it.
    mend: Option<&'static str>,
    /// What comes then; none where the same would come of it again.
    then: Option<&'static str>,
}

/// The same command again helps where the cause may pass by itself, and nowhere else before the cause is mended.
fn way_on(error: &ProviderError) -> WayOn {
    const AGAIN: &str = "what was done is recorded: run the same command again to go on";
    const MENDED: &str = "what was done is recorded: once that is mended, the same command goes on from there";
    if let ProviderError::Conflict(_) = error {
        // It was tried again for all of its time.
        let mend = "what is in the way stayed there for as long as NIC tried: remove what the message names, or wait until it has ended";
        return WayOn { mend: Some(mend), then: Some(MENDED) };
    }
    if error.retry() != Retry::No {
        return WayOn { mend: None, then: Some(AGAIN) };
    }
    let mend = match error {
        ProviderError::Remote { code, .. } if is_quota(code) => {
            Some("ask the cloud for a higher quota, or ask for less in the config")
        }
        ProviderError::Remote { .. } | ProviderError::Invalid(_) => {
            Some("change what the message names in the config, or in the account")
        }
        ProviderError::Other { code, .. } => match code.as_str() {
            "RESOURCE_FOREIGN" | "NAME_TAKEN" => {
                Some("rename or remove it, or choose another project_name or namespace")
            }
            "RESOURCE_AMBIGUOUS" => Some("delete the ones that are not in use; NIC does not guess which"),
            // Neither time nor another run changes what cannot be done.
            NOT_IMPLEMENTED | "KIND_UNKNOWN" => {
                return WayOn { mend: Some("undo the edit that asks for it: this provider cannot do it"), then: None };
            }
            code if code.ends_with("_CANNOT_CHANGE") || code.ends_with("_CANNOT_SHRINK") => {
                return WayOn { mend: Some("undo the edit that asks for it"), then: None };
            }
            _ if error.leaves_doubt() => {
                return WayOn {
                    mend: Some("this is a fault of the provider or of NIC: report it, with this message"),
                    then: Some("what was done is recorded: the next run looks at what became of it first"),
                };
            }
            _ => None,
        },
        _ => None,
    };
    WayOn { mend, then: Some(MENDED) }
}

/// Whether a cloud's own code says that something is used up. What asks to slow down has passed as that before.
fn is_quota(code: &str) -> bool {
    let says = |word: &str| code.contains(word);
    says("Quota") || says("Limit") && says("Exceeded")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hints(error: &ProviderError) -> Vec<String> {
        failed(&"aws.vpc.main".parse().unwrap(), "aws.vpc", PendingAction::Create, error).diagnostic.hints
    }

    fn remote(status: u16, code: &str) -> ProviderError {
        ProviderError::Remote { status, code: code.to_owned(), message: String::new() }
    }

    #[test]
    fn the_same_command_is_advised_where_it_helps() {
        let again = |error: &ProviderError| hints(error).iter().any(|hint| hint.contains("the same command again"));
        for passing in
            [ProviderError::Throttled(None), ProviderError::TimedOut(String::new()), remote(503, "CLOUD_UNREACHABLE")]
        {
            assert!(again(&passing), "{passing:?}");
        }
        let lasting = [
            ProviderError::Conflict("DependencyViolation: the subnet has dependencies".to_owned()),
            ProviderError::denied("AccessDenied", "no"),
            ProviderError::denied("ACTION_NOT_GRANTED", "no"),
            remote(400, "VpcLimitExceeded"),
            remote(400, "InvalidParameterValue"),
            ProviderError::Invalid(Vec::new()),
            ProviderError::other(NOT_IMPLEMENTED, "no"),
            ProviderError::other("VERSION_CANNOT_CHANGE", "no"),
            ProviderError::other("RESOURCE_FOREIGN", "no"),
            ProviderError::other("PROVIDER_LIED", "no"),
        ];
        for error in lasting {
            assert!(!again(&error) && !hints(&error).is_empty(), "{error:?}: {:?}", hints(&error));
        }
    }

    #[test]
    fn what_to_change_instead_is_said() {
        assert!(hints(&remote(400, "VpcLimitExceeded"))[0].contains("quota"));
        assert!(hints(&remote(400, "InvalidParameterValue"))[0].contains("config"));
        // What cannot be done is not done by waiting, or by running on.
        assert_eq!(hints(&ProviderError::other(NOT_IMPLEMENTED, "no")).len(), 1);
        // The error's own words go first.
        let own = ProviderError::Other {
            code: "X_FAILED".to_owned(),
            message: String::new(),
            detail: serde_json::json!({ "hint": "do this" }),
        };
        assert_eq!(hints(&own)[0], "do this");
        assert!(hints(&own)[1].contains("once that is mended"));
    }
}
